/* SPDX-License-Identifier: MIT */
/* One change of one entry; see entry.h. */
#include "pt/entry.h"

#include "hooks.h"
#include "lib/errno.h"
#include "mm/refusal.h"
#include "pt/entry_fast.h"
#include "pt/pte_check.h"

/*
 * Stores the entry. The lock keeps other requests out; only the CPU's own A and D updates race, so
 * a value that was read changes in those two bits at most.
 */
static bool entry_store(uint64_t *entry, struct entry_change *c, uint64_t new)
{
    uint64_t old = c->old;

    hook_shared_access();
    if (c->mode == ENTRY_STORE) {
        __atomic_store_n(entry, new, __ATOMIC_RELEASE);
        return true;
    }
    if (c->mode == ENTRY_COMPARE)
        return __atomic_compare_exchange_n(entry, &c->old, new, false, __ATOMIC_ACQ_REL,
                                           __ATOMIC_ACQUIRE);
    while (!__atomic_compare_exchange_n(entry, &old, new | (old & (PTE_A | PTE_D)), false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
    return true;
}

int entry_change(struct entry_change *c)
{
    uint64_t *entry = (uint64_t *)frame_va(c->table) + c->slot;
    uint64_t new = c->new;
    int rc = 0;

    c->old = hook_guest_read64(entry);
    if (slot_is_hv(c->level, c->slot))
        return refuse(-EINVAL, "hypervisor-slot", c->table, new);
    if (c->mode == ENTRY_COMPARE && c->old != c->expected)
        return -EBUSY;
    if (new &PTE_P) {
        rc = pte_flags_check(new, c->level);
        if (!rc) {
            new = pte_adjust(new, c->level);
            if (entry_change_is_soft(c->old, new, c->level))
                return entry_store(entry, c, new) ? 0 : -EBUSY;
            rc = pte_get_refs(new, c->level, c->page_owner);
        }
        if (rc && c->level == 1)
            rc = l1_firmware_get_refs(&new, c->page_owner, rc);
        if (rc)
            return rc;
        if (c->level > 1)
            entry_span_add(frame_of(c->table), c->slot);
    }
    if (!entry_store(entry, c, new)) {
        pte_put_refs(new, c->level);
        return -EBUSY;
    }
    pte_put_refs(c->old, c->level);
    return 0;
}

void entry_fast_drop(uint64_t drop)
{
    mfn_t mfn = pte_mfn(drop);

    if (drop & PTE_P)
        l1_entry_put_refs(drop);
    else
        frame_put_last(mfn, frame_of(mfn)->ref + 1);
}
