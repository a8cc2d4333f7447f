/*
 * SPDX-License-Identifier: MIT
 *
 * pool.c - the frames and the addresses that requests may do anything to.
 *
 * A pool frame has no mapping in the direct map, so that nothing stands in the way of any type. The
 * tables of VOLATILE_VA and the L4 slots from VOLATILE_L4 on are the places to hang them into.
 */
#include "fuzz.h"

#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pt_update.h"

#define MAPPED (POOL / 2) /* of the pool, at VOLATILE_VA, when an epoch starts */

struct walk volatile_walk;

static pfn_t pool[POOL];
static unsigned int lost; /* frames given away in this epoch */

static void must(long rc, const char *what)
{
    if (rc)
        guest_panic("guest-fuzz: %s: %ld", what, rc);
}

pfn_t pool_pfn(void)
{
    return pool[below(POOL)];
}

uint64_t pool_mfn(void)
{
    return p2m(pool_pfn()).n;
}

uint64_t any_mfn(void)
{
    static const uint64_t numbers[] = { 0,
                                        1,
                                        0x200, /* the hypervisor's image */
                                        0x210,
                                        0x7ffe,
                                        0xfec00,
                                        0xfee00,
                                        0x1ffff,
                                        0x20000,
                                        MFN_INVALID_BITS - 1,
                                        MFN_INVALID_BITS,
                                        1UL << 40,
                                        (1UL << 52) - 1,
                                        ~0UL };

    switch (below(12)) {
    case 0:
        return kernel_table_mfn();
    case 1:
        return PICK(numbers);
    case 2:
        return below(0x20000);
    default:
        return pool_mfn();
    }
}

uint64_t pte_value(void)
{
    static const uint64_t flags[] = { 0,
                                      PTE_P,
                                      PTE_P | PTE_RW,
                                      PAGE_RW,
                                      PTE_P | PTE_RW | PTE_U,
                                      PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D,
                                      PTE_P | PTE_U | PTE_NX,
                                      PTE_P | PTE_NX };
    uint64_t value = pte_make(mfn_of(any_mfn()), PICK(flags));

    if (chance(6))
        value ^= 1UL << below(64);
    return chance(16) ? hostile() : value;
}

uint64_t pte_slot(void)
{
    uint64_t entry = below(8) ? below(16) : below(PT_ENTRIES);

    switch (below(8)) {
    case 0: /* never entry 0, where the volatile L1 hangs */
        return mfn_to_ma(volatile_walk.table[2]) + (entry ? entry : 1) * 8;
    case 1:
        return mfn_to_ma(chance(2) ? world_root() : world_user_root()) +
               (chance(8) ? HV_L4_SLOT_FIRST + below(16) : VOLATILE_L4 + below(4)) * 8;
    case 2:
    case 3:
    case 4:
        return mfn_to_ma(volatile_walk.table[1]) + entry * 8;
    default:
        return mfn_to_ma(mfn_of(pool_mfn())) + entry * 8;
    }
}

void pool_took(uint64_t mfn)
{
    for (unsigned int i = 0; i < POOL; i++)
        if (p2m(pool[i]).n == mfn)
            lost++;
}

void pool_make(void)
{
    for (unsigned int i = 0; i < POOL; i++) {
        pool[i] = page_alloc_zero(PAGE_KERNEL);
        if (page_none(pool[i]))
            guest_panic("guest-fuzz: no page");
        must(hypercall_update_va_mapping((uint64_t)page_va(pool[i]), 0, UVMF_INVLPG | UVMF_ALL),
             "unmapping the pool");
    }
    must(pt_tables_ensure(&kernel_aspace, VOLATILE_VA, 1, &volatile_walk), "volatile tables");
}

static void slot_clear(uint64_t ma)
{
    mmu_update_t req = { ma | MMU_NORMAL_PT_UPDATE, 0 };

    must(hypercall_mmu_update(&req, 1, NULL, DOMID_SELF), "clearing a slot");
}

/* The whole table, but for what is in it already. */
static void table_clear(mfn_t table, const pte_t *entries, unsigned int first)
{
    for (unsigned int i = first; i < PT_ENTRIES; i++)
        if (entries[i])
            slot_clear(mfn_to_ma(table) + i * 8);
}

static const pte_t *table_of(const struct walk *w, unsigned int level)
{
    return (const pte_t *)((uint64_t)w->slot[level] & PAGE_MASK);
}

/* A frame given away comes back, as another. */
static void frame_replace(pfn_t pfn)
{
    uint64_t extent = pfn.n;
    struct xen_memory_reservation res = { .nr_extents = 1, .domid = DOMID_SELF };

    set_xen_guest_handle(res.extent_start, (xen_pfn_t *)&extent);
    if (hypercall_memory_op(XENMEM_populate_physmap, &res) != 1)
        guest_panic("guest-fuzz: a frame of the pool does not come back");
    p2m_list[pfn.n] = extent;
}

static void frame_reset(unsigned int i)
{
    mmuext_op_t unpin = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = p2m(pool[i]).n };
    mmuext_op_t clear = { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = p2m(pool[i]).n };
    mmu_update_t back = { mfn_to_ma(p2m(pool[i])) | MMU_MACHPHYS_UPDATE, pool[i].n };

    (void)hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
    if (hypercall_mmuext_op(&clear, 1, NULL, DOMID_SELF))
        frame_replace(pool[i]);
    else
        must(hypercall_mmu_update(&back, 1, NULL, DOMID_SELF), "the M2P");
}

void pool_reset(void)
{
    table_clear(volatile_walk.table[1], table_of(&volatile_walk, 1), 0);
    table_clear(volatile_walk.table[2], table_of(&volatile_walk, 2), 1);
    for (unsigned int slot = VOLATILE_L4; slot < VOLATILE_L4 + 4; slot++) {
        slot_clear(mfn_to_ma(world_root()) + slot * 8);
        slot_clear(mfn_to_ma(world_user_root()) + slot * 8);
    }
    /* Twice: what an L4 of the pool's held is free when that is unpinned. */
    for (unsigned int i = 0; i < POOL; i++) {
        mmuext_op_t unpin = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = p2m(pool[i]).n };

        (void)hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
    }
    for (unsigned int i = 0; i < POOL; i++)
        frame_reset(i);
    for (unsigned int i = 0; i < MAPPED; i++)
        must(hypercall_update_va_mapping(VOLATILE_VA + i * PAGE_SIZE,
                                         pte_make(p2m(pool[i]), PAGE_RW), UVMF_INVLPG),
             "mapping the pool");
}

/* The way to the volatile L1 is no step's to change. */
void pool_check(void)
{
    for (unsigned int level = 2; level <= 4; level++)
        if (pte_mfn(*volatile_walk.slot[level]).n != volatile_walk.table[level - 1].n)
            finding("L%u entry of the kernel's own is %lx now", level, *volatile_walk.slot[level]);
}
