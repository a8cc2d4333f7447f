/*
 * SPDX-License-Identifier: MIT
 *
 * batches: a bad request in the middle; what came before is done, what comes after is not begun.
 *
 * Background: mmu_update and mmuext_op carry lists.  They stop at the first error and report, in
 * `done`, how many requests were carried out; a multicall goes on and gives each call its result.
 *
 * Steps: 512 updates with a bad one at the start, in the middle and at the end; the same for pins; a
 * list that runs into an unmapped page; a multicall with a refused, an unknown and a nested call.
 *
 * Expected: the error of the bad one; `done` exact; entries before it new, it and those after it old.
 */
#include "hostile.h"

#include <string.h>

#define COUNT 512U

static mmu_update_t *requests_make(const struct ground *g)
{
    /* Three pages, of which the third is never there: the list may end at its edge. */
    struct region *r = scenario_region(2, REGION_R | REGION_W, &region_anon);
    mmu_update_t *req = (mmu_update_t *)r->start;

    for (unsigned int i = 0; i < COUNT; i++)
        req[i] = (mmu_update_t){ walk_slot_ma(&g->w, 1) + i * sizeof(pte_t), g->entry };
    return req;
}

/* Slots [from, to) hold the page with these AVAIL bits, or nothing. */
static bool slots_are(const struct ground *g, unsigned int from, unsigned int to, bool mapped)
{
    for (unsigned int i = from; i < to; i++)
        if ((g->w.slot[1][i] & PTE_P) != (mapped ? PTE_P : 0) ||
            (mapped && !mfn_eq(pte_mfn(g->w.slot[1][i]), p2m(g->page))))
            return false;
    return true;
}

static void slots_clear(const struct ground *g)
{
    static mmu_update_t clear[COUNT];
    unsigned int done = 0;

    for (unsigned int i = 0; i < COUNT; i++)
        clear[i] = (mmu_update_t){ walk_slot_ma(&g->w, 1) + i * sizeof(pte_t), 0 };
    EXPECT_EQ(hypercall_mmu_update(clear, COUNT, &done, DOMID_SELF), 0);
    EXPECT_EQ(done, COUNT);
    EXPECT(slots_are(g, 0, COUNT, false));
}

SCENARIO(batches_middle, "batches-middle",
         "512 updates, a bad one in the middle: done right, nothing after it changed")
{
    static const unsigned int places[] = { 256, 0, 511, 1, 37 };
    struct ground g = ground_make();
    mmu_update_t *req = requests_make(&g);
    unsigned int done = 0;

    EXPECT_EQ(hypercall_mmu_update(req, COUNT, &done, DOMID_SELF), 0);
    EXPECT_EQ(done, COUNT);
    EXPECT(slots_are(&g, 0, COUNT, true));
    slots_clear(&g);

    for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        unsigned int bad = places[i];
        mmu_update_t good = req[bad];

        req[bad].val = pte_make(g.w.table[1], PTE_P | PTE_RW);
        done = 0xdead;
        EXPECT_EQ(hypercall_mmu_update(req, COUNT, &done, DOMID_SELF), -XEN_EBUSY);
        EXPECT_EQ(done, bad);
        EXPECT(slots_are(&g, 0, bad, true));
        EXPECT(slots_are(&g, bad, COUNT, false));
        slots_clear(&g);
        /* Commands nobody knows, and places that are nobody's. */
        req[bad] = (mmu_update_t){ good.ptr | 7, good.val };
        EXPECT_EQ(hypercall_mmu_update(req, COUNT, NULL, DOMID_SELF), -XEN_ENOSYS);
        EXPECT(slots_are(&g, 0, bad, true) && slots_are(&g, bad, COUNT, false));
        slots_clear(&g);
        req[bad] = (mmu_update_t){ mfn_to_ma(hypervisor_frame()), good.val };
        EXPECT_EQ(hypercall_mmu_update(req, COUNT, &done, DOMID_SELF), -XEN_EINVAL);
        EXPECT_EQ(done, bad);
        EXPECT(slots_are(&g, 0, bad, true) && slots_are(&g, bad, COUNT, false));
        slots_clear(&g);
        req[bad] = good;
    }
    done = 9;
    EXPECT_EQ(hypercall_mmu_update(req, 0, &done, DOMID_SELF), 0);
    EXPECT_EQ(done, 0);
    EXPECT(slots_are(&g, 0, COUNT, false));
}

SCENARIO(batches_edge, "batches-edge",
         "a list that runs into an unmapped page: what could be read is done")
{
    struct ground g = ground_make();
    mmu_update_t *req = requests_make(&g);
    unsigned int done = 0xdead;

    /* 512 requests of 16 bytes are two pages: shift them so that 100 stick out. */
    memmove(req + 100, req, (COUNT - 100) * sizeof(*req));
    EXPECT_EQ(hypercall_mmu_update(req + 100, COUNT, &done, DOMID_SELF), -XEN_EFAULT);
    EXPECT_EQ(done, COUNT - 100);
    EXPECT(slots_are(&g, 0, COUNT - 100, true) && slots_are(&g, COUNT - 100, COUNT, false));
    slots_clear(&g);
    /* Where `done` cannot be written, the work is done all the same. */
    EXPECT_EQ(hypercall_mmu_update(req + 100, 5, (unsigned int *)HV_VA_START, DOMID_SELF), 0);
    EXPECT(slots_are(&g, 0, 5, true) && slots_are(&g, 5, COUNT, false));
    slots_clear(&g);
}

SCENARIO(batches_plain, "batches-plain", "an update may name an ordinary page: a plain store")
{
    struct ground g = ground_make();
    mmu_update_t req[3] = {
        { mfn_to_ma(p2m(g.page)) + 8, 0x1111 },
        { walk_slot_ma(&g.w, 1), g.entry },
        { mfn_to_ma(p2m(g.page)) + 4088, ~0UL },
    };
    unsigned int done;

    EXPECT_EQ(hypercall_mmu_update(req, 3, &done, DOMID_SELF), 0);
    EXPECT_EQ(done, 3);
    EXPECT_EQ(((volatile uint64_t *)g.va)[1], 0x1111);
    EXPECT_EQ(((volatile uint64_t *)g.va)[511], ~0UL);
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), 0), 0);
}

SCENARIO(batches_ext, "batches-ext", "mmuext_op: a bad operation between two pins")
{
    pfn_t first = scenario_page(), second = scenario_page();
    unsigned int done = 0xdead;
    mmuext_op_t op[4] = {
        { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = p2m(first).n },
        { .cmd = MMUEXT_TLB_FLUSH_LOCAL },
        { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = p2m(first).n },
        { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = p2m(second).n },
    };

    EXPECT_EQ(direct_rights(first, 0), 0);
    EXPECT_EQ(direct_rights(second, 0), 0);
    EXPECT_EQ(hypercall_mmuext_op(op, 4, &done, DOMID_SELF), -XEN_EINVAL);
    EXPECT_EQ(done, 2);
    EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, p2m(second)), -XEN_EINVAL); /* never pinned */
    op[2].cmd = 99;
    EXPECT_EQ(hypercall_mmuext_op(op + 2, 2, &done, DOMID_SELF), -XEN_ENOSYS);
    EXPECT_EQ(done, 0);
    op[2] = (mmuext_op_t){ .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = p2m(first).n };
    EXPECT_EQ(hypercall_mmuext_op(op + 2, 2, &done, DOMID_SELF), 0);
    EXPECT_EQ(done, 2);
    EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, p2m(second)), 0);
    EXPECT_EQ(direct_rights(first, PTE_RW), 0);
    EXPECT_EQ(direct_rights(second, PTE_RW), 0);
}

SCENARIO(batches_multicall, "batches-multicall",
         "a multicall goes on after a failed call; no nesting")
{
    struct ground g = ground_make();
    struct region *r = scenario_region(1, REGION_R | REGION_W, &region_anon);
    multicall_entry_t *call = (multicall_entry_t *)r->start;
    uint64_t next = g.va + PAGE_SIZE;

    call[0] =
        (multicall_entry_t){ __HYPERVISOR_update_va_mapping, 7, { g.va, g.entry, UVMF_INVLPG } };
    call[1] = (multicall_entry_t){ __HYPERVISOR_update_va_mapping,
                                   7,
                                   { next, pte_make(g.w.table[1], PTE_P | PTE_RW), UVMF_INVLPG } };
    call[2] = (multicall_entry_t){ .op = 63, .result = 7 };
    call[3] = (multicall_entry_t){ __HYPERVISOR_multicall, 7, { (uint64_t)call, 1 } };
    call[4] = (multicall_entry_t){ .op = ~0UL, .result = 7 };
    call[5] =
        (multicall_entry_t){ __HYPERVISOR_update_va_mapping, 7, { next, g.entry, UVMF_INVLPG } };
    EXPECT_EQ(hypercall_multicall(call, 6), 0);
    EXPECT_EQ(call[0].result, 0);
    EXPECT_EQ(call[1].result, -XEN_EBUSY);
    EXPECT_EQ(call[2].result, -XEN_ENOSYS);
    EXPECT_EQ(call[3].result, -XEN_EINVAL);
    EXPECT_EQ(call[4].result, -XEN_ENOSYS);
    EXPECT_EQ(call[5].result, 0);
    EXPECT(slots_are(&g, 0, 2, true));

    /* The list runs off its page: the calls on it are made, the next cannot be read. */
    multicall_entry_t *last = (multicall_entry_t *)r->end - 1;
    *last = (multicall_entry_t){ __HYPERVISOR_update_va_mapping, 7, { g.va, 0, UVMF_INVLPG } };
    EXPECT_EQ(hypercall_multicall(last, 2), -XEN_EFAULT);
    EXPECT_EQ(last->result, 0);
    EXPECT(slots_are(&g, 0, 1, false) && slots_are(&g, 1, 2, true));
    EXPECT_EQ(hypercall_multicall(NULL, 0), 0);
    slots_clear(&g);
}
