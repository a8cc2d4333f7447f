/*
 * SPDX-License-Identifier: MIT
 *
 * call_memory.c - hypercalls on memory: tables, types, roots, descriptors' frames, reservations.
 *
 * Invariant: what is written to, cleared, given away or retyped is the pool's; roots that are loaded
 * are the kernel's own, or refused.
 */
#include "fuzz.h"

static uint64_t domain_of(void)
{
    static const uint64_t odd[] = {
        0, 1, 2, 0x7ff1, 0x7ff2, 0x7ff3, 0x7ff4, 0x7fff, 0x10000, ~0UL
    };

    return chance(12) ? PICK(odd) : DOMID_SELF;
}

static void make_mmu_update(struct call *c)
{
    uint64_t count = 1 + below(6);
    mmu_update_t *reqs = args_at(count * sizeof(*reqs));
    unsigned int *done = args_at(8);

    for (uint64_t i = 0; i < count; i++) {
        if (chance(8)) {
            uint64_t mfn = pool_mfn();

            reqs[i] = (mmu_update_t){ mfn_to_ma(mfn_of(mfn)) | MMU_MACHPHYS_UPDATE, hostile() };
        } else {
            static const uint8_t commands[] = { 0, 0, 0, 2, 2, 3, 4, 7 };

            reqs[i] = (mmu_update_t){ pte_slot() | PICK(commands), pte_value() };
        }
    }
    c->nr = __HYPERVISOR_mmu_update;
    c->arg[0] = list_pointer(reqs);
    c->arg[1] = chance(16) ? count | 0x80000000 : count;
    if (c->arg[0] != (uint64_t)reqs && chance(4))
        c->arg[1] = hostile() & 0xff;
    c->arg[2] = chance(2) ? 0 : args_pointer(done);
    c->arg[3] = chance(24) ? hostile() : domain_of();
}

static void make_mmuext_one(mmuext_op_t *op)
{
    static const uint8_t commands[] = {
        MMUEXT_PIN_L1_TABLE,
        MMUEXT_PIN_L2_TABLE,
        MMUEXT_PIN_L3_TABLE,
        MMUEXT_PIN_L4_TABLE,
        MMUEXT_PIN_L1_TABLE,
        MMUEXT_PIN_L2_TABLE,
        MMUEXT_UNPIN_TABLE,
        MMUEXT_UNPIN_TABLE,
        MMUEXT_NEW_BASEPTR,
        MMUEXT_TLB_FLUSH_LOCAL,
        MMUEXT_INVLPG_LOCAL,
        MMUEXT_TLB_FLUSH_MULTI,
        MMUEXT_INVLPG_MULTI,
        MMUEXT_TLB_FLUSH_ALL,
        MMUEXT_INVLPG_ALL,
        MMUEXT_FLUSH_CACHE,
        MMUEXT_SET_LDT,
        14,
        MMUEXT_NEW_USER_BASEPTR,
        MMUEXT_CLEAR_PAGE,
        MMUEXT_COPY_PAGE,
        MMUEXT_FLUSH_CACHE_GLOBAL,
        19,
        20,
    };
    static const uint16_t entries[] = { 0, 1, 2, 512, 513, 8191, 8192, 8193 };

    *op = (mmuext_op_t){ .cmd = chance(32) ? (uint32_t)hostile() : PICK(commands) };
    op->arg1.mfn = any_mfn();
    op->arg2.src_mfn = any_mfn();
    switch (op->cmd) {
    case MMUEXT_NEW_BASEPTR: /* one of the pool's would be a root without this kernel */
        op->arg1.mfn = chance(2) ? world_root().n : hostile() | 1UL << 45;
        break;
    case MMUEXT_NEW_USER_BASEPTR:
        roots_dirty = true;
        op->arg1.mfn = chance(3) ? world_user_root().n : chance(3) ? 0 : op->arg1.mfn;
        break;
    case MMUEXT_INVLPG_LOCAL:
    case MMUEXT_INVLPG_ALL:
    case MMUEXT_INVLPG_MULTI:
        op->arg1.linear_addr = hostile_va();
        break;
    case MMUEXT_SET_LDT:
        roots_dirty = true;
        op->arg1.linear_addr = chance(2) ? VOLATILE_VA + below(16) * PAGE_SIZE : hostile_va();
        op->arg2.nr_ents = chance(8) ? (unsigned int)hostile() : PICK(entries);
        break;
    case MMUEXT_CLEAR_PAGE:
    case MMUEXT_COPY_PAGE:
        op->arg1.mfn = chance(8) ? hostile() | 1UL << 30 : pool_mfn();
        break;
    default:
        break;
    }
    if (op->cmd == MMUEXT_TLB_FLUSH_MULTI || op->cmd == MMUEXT_INVLPG_MULTI)
        op->arg2.src_mfn = args_pointer(args_at(8));
}

static void make_mmuext(struct call *c)
{
    uint64_t count = 1 + below(4);
    mmuext_op_t *ops = args_at(count * sizeof(*ops));

    for (uint64_t i = 0; i < count; i++)
        make_mmuext_one(&ops[i]);
    c->nr = __HYPERVISOR_mmuext_op;
    c->arg[0] = list_pointer(ops);
    c->arg[1] = chance(24) ? count | 0x80000000 : count;
    c->arg[2] = chance(2) ? 0 : args_pointer(args_at(8));
    c->arg[3] = domain_of();
}

static void make_update_va(struct call *c)
{
    bool other = chance(8);

    c->nr = other ? __HYPERVISOR_update_va_mapping_otherdomain : __HYPERVISOR_update_va_mapping;
    c->arg[0] = VOLATILE_VA + (chance(8) ? below(PT_ENTRIES) : below(16)) * PAGE_SIZE;
    if (chance(8))
        c->arg[0] += below(PAGE_SIZE);
    if (chance(8)) /* where no table of the kernel's is */
        c->arg[0] = chance(2) ? (uint64_t)VOLATILE_L4 << L4_SHIFT
                              : HV_VA_START + (random64() >> 17);
    c->arg[1] = pte_value();
    c->arg[2] = chance(8) ? hostile() : below(8);
    c->arg[3] = domain_of();
}

static void make_set_gdt(struct call *c)
{
    static const uint16_t entries[] = { 0, 1, 8, 512, 513, 1024, 7167, 7168, 7169 };
    uint64_t *frames = args_at(16 * 8);

    for (unsigned int i = 0; i < 16; i++)
        frames[i] = chance(4) ? any_mfn() : pool_mfn();
    c->nr = __HYPERVISOR_set_gdt;
    c->arg[0] = args_pointer(frames);
    c->arg[1] = chance(8) ? hostile() : PICK(entries);
    roots_dirty = true;
}

static void make_update_descriptor(struct call *c)
{
    c->nr = __HYPERVISOR_update_descriptor;
    c->arg[0] = mfn_to_ma(mfn_of(pool_mfn())) + below(PT_ENTRIES) * 8 + (chance(16) ? below(8) : 0);
    if (chance(16))
        c->arg[0] = chance(2) ? hostile() | 1UL << 45 : mfn_to_ma(mfn_of(kernel_table_mfn()));
    c->arg[1] = random64();
}

/* Frames given away are the pool's, one by one; frames asked for take the place of lost ones. */
static void make_reservation(struct call *c)
{
    struct xen_memory_reservation *res = args_at(sizeof(*res));
    uint64_t *extents = args_at(4 * 8);
    bool takes = chance(2);

    for (unsigned int i = 0; i < 4; i++)
        extents[i] = takes && !chance(4) ? pool_mfn() : hostile() | 1UL << 41;
    *res = (struct xen_memory_reservation){ .nr_extents = below(4), .domid = (domid_t)domain_of() };
    res->extent_order = chance(16) ? (unsigned int)hostile() | 16 : 0;
    if (chance(16))
        res->nr_extents = hostile();
    if (res->nr_extents > 4) /* what lies behind the list must not be a kernel frame's number */
        res->nr_extents |= 1UL << 50;
    set_xen_guest_handle(res->extent_start, (xen_pfn_t *)list_pointer(extents));
    c->arg[0] = takes ? XENMEM_decrease_reservation : XENMEM_populate_physmap;
    if (!takes) /* what it gave would be lost in the epoch */
        res->extent_order |= 12;
    c->arg[1] = list_pointer(res);
}

static void make_memory_op(struct call *c)
{
    static const uint8_t queries[] = { XENMEM_maximum_ram_page,    XENMEM_current_reservation,
                                       XENMEM_maximum_reservation, XENMEM_machphys_mfn_list,
                                       XENMEM_machphys_mapping,    XENMEM_add_to_physmap,
                                       XENMEM_memory_map,          XENMEM_machine_memory_map,
                                       XENMEM_maximum_gpfn,        XENMEM_remove_from_physmap };
    void *buffer = args_at(128);

    c->nr = __HYPERVISOR_memory_op;
    if (chance(3)) {
        make_reservation(c);
        return;
    }
    args_fill(buffer, 128);
    c->arg[0] = PICK(queries) | (chance(16) ? hostile() << 6 : 0);
    if (chance(16)) /* not a reservation by accident: those number 0, 1, 6 */
        c->arg[0] = 16 + below(48);
    c->arg[1] = args_pointer(buffer);
}

/* About the table; what is done by its entries is in call_grants.c. */
static void make_grants(struct call *c)
{
    static const uint8_t commands[] = { 2, 3, 4, 6, 8, 9, 10, 12, 13, 15 };
    void *buffer = args_at(256);

    args_fill(buffer, 256);
    c->nr = __HYPERVISOR_grant_table_op;
    c->arg[0] = PICK(commands);
    c->arg[1] = args_pointer(buffer);
    c->arg[2] = chance(4) ? hostile() : below(4);
}

void call_memory(struct call *c)
{
    switch (below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        make_mmu_update(c);
        return;
    case 5:
    case 6:
    case 7:
        make_mmuext(c);
        return;
    case 8:
    case 9:
    case 10:
        make_update_va(c);
        return;
    case 11:
        make_set_gdt(c);
        return;
    case 12:
        make_update_descriptor(c);
        return;
    case 13:
    case 14:
        make_memory_op(c);
        return;
    default:
        make_grants(c);
        return;
    }
}
