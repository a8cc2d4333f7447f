/* SPDX-License-Identifier: MIT */
/*
 * Entries of host mappings; see grant_pte.h.
 *
 * Invariant: the table is locked as an L1 of the current domain's while its entry is exchanged, and
 * the entry is looked at under that lock (hazard G2): no address and no earlier look is trusted.
 */
#include "pv/grant_pte.h"

#include "dom/gnttab.h"
#include "dom/vcpu.h"
#include "hooks.h"
#include "mm/guest_copy.h"
#include "mm/refusal.h"
#include "pt/pte_check.h"
#include "pt/walk.h"

struct place {
    mfn_t table; /* locked, with a general reference */
    uint64_t *entry;
};

static int place_refused(const char *rule, mfn_t table, uint64_t entry)
{
    return refuse(GNTST_general_error, rule, table, entry);
}

/* The machine address of the entry that addr names, in no table that is known yet. */
static int place_find(uint64_t addr, uint32_t flags, uint64_t *ma)
{
    uint64_t l1;

    *ma = addr;
    if (flags & GNTMAP_contains_pte)
        return addr % sizeof(uint64_t) ? place_refused("entry-address-unaligned", MFN_NONE, addr)
                                       : GNTST_okay;
    if (!guest_va_ok(addr))
        return place_refused("address-not-the-guest's", MFN_NONE, addr);
    l1 = walk_to_l1(vcpu_current()->cr3_kernel, addr);
    if (l1 == WALK_NO_L1)
        return place_refused("no-L1-for-address", MFN_NONE, addr);
    *ma = l1 + walk_offset(addr, 1);
    return GNTST_okay;
}

static int place_lock(struct place *p, uint64_t addr, uint32_t flags)
{
    uint64_t ma;
    int status = place_find(addr, flags, &ma);

    if (status)
        return status;
    p->table = (mfn_t){ ma >> PAGE_SHIFT };
    if (!frame_get(p->table, domain_current()->id))
        return GNTST_general_error;
    if (!page_type_lock(p->table, PT_L1)) {
        frame_put(p->table);
        return place_refused("frame-is-no-L1", p->table, ma);
    }
    p->entry = (uint64_t *)((char *)frame_va(p->table) + ma % PAGE_SIZE);
    return GNTST_okay;
}

static void place_unlock(const struct place *p)
{
    page_type_unlock(p->table);
    frame_put(p->table);
}

/* The CPU may set A and D in between: what is returned is what was there. */
static uint64_t entry_exchange(const struct place *p, uint64_t new)
{
    hook_shared_access();
    return __atomic_exchange_n(p->entry, new, __ATOMIC_ACQ_REL);
}

static uint64_t entry_of(mfn_t frame, uint32_t flags)
{
    uint64_t pte = mfn_to_ma(frame) | PTE_P | PTE_A | PTE_D | PTE_NX;

    if (!(flags & GNTMAP_readonly))
        pte |= PTE_RW;
    if (flags & GNTMAP_application_map)
        pte |= PTE_U;
    pte |= (uint64_t)(flags >> _GNTMAP_guest_avail0) * PTE_AVAIL0 & PTE_AVAIL;
    return pte_adjust(pte, 1);
}

int grant_pte_create(uint64_t addr, mfn_t frame, uint32_t flags)
{
    struct place p;
    uint64_t old;
    int status = place_lock(&p, addr, flags);

    if (status)
        return status;
    old = entry_exchange(&p, entry_of(frame, flags));
    place_unlock(&p);
    pte_put_refs(old, 1);
    return GNTST_okay;
}

/* Takes the entry that maps va out of its table, with its references. */
static int entry_steal(uint64_t va, uint64_t *pte)
{
    struct place p;
    int status = place_lock(&p, va, 0);

    if (status)
        return status;
    *pte = entry_exchange(&p, 0);
    place_unlock(&p);
    return GNTST_okay;
}

/* The locked place holds the mapping: replaces it. */
static int entry_replace(const struct place *p, mfn_t frame, uint32_t flags, uint64_t new)
{
    const uint64_t same = PTE_ADDR_MASK | PTE_P | PTE_RW;
    uint64_t old = hook_guest_read64(p->entry);

    if ((old ^ entry_of(frame, flags)) & same)
        return place_refused("entry-is-not-the-mapping", p->table, old);
    (void)entry_exchange(p, new);
    return GNTST_okay;
}

int grant_pte_remove(uint64_t addr, mfn_t frame, uint32_t flags, uint64_t new_addr)
{
    uint64_t new = 0;
    struct place p;
    int status = GNTST_okay;

    if (new_addr && (flags & GNTMAP_contains_pte))
        return place_refused("replacement-of-entry-by-address", MFN_NONE, addr);
    if (new_addr)
        status = entry_steal(new_addr, &new);
    if (status)
        return status;
    status = place_lock(&p, addr, flags);
    if (!status) {
        status = entry_replace(&p, frame, flags, new);
        place_unlock(&p);
    }
    if (status)
        pte_put_refs(new, 1);
    return status;
}
