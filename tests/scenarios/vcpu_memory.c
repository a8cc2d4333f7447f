/*
 * SPDX-License-Identifier: MIT
 *
 * vcpu-flush, vcpu-race-…: several vCPUs and one set of page tables.
 *
 * Background: a right that is taken from an entry is gone from a vCPU once the flush that was asked
 * for names it, by a set of vCPUs or as all of them. A frame's type is one at a time whoever asks.
 *
 * Steps: vCPU 1 writes a page without end, and when that faults waits until it is writable again;
 * vCPU 0 makes it read-only by each kind of request with each kind of flush, and looks whether it
 * still changes. Then both fight: one pins and unpins a page as a table while the other maps and
 * unmaps it writable; one unmaps pages while the other maps them in its fault handler.
 *
 * Expected: after the flush no store arrives; pin and writable mapping exclude each other each time,
 * and one of them succeeds; at the end every page is as it was.
 */
#include "second.h"

static uint64_t shared_va;
static pte_t rw, ro;
static mmu_update_t slot;
static volatile uint64_t stop, faults, other_faults;

/* ---- flushes --------------------------------------------------------------------------------- */

static bool wait_writable(struct second *self, uint64_t cr2, uint32_t error)
{
    (void)self;
    if (cr2 != shared_va || !(error & PFEC_W))
        other_faults++;
    faults++;
    second_yield();
    return true;
}

static void write_on(struct second *self)
{
    volatile uint64_t *word = (volatile uint64_t *)shared_va;

    self->fault = wait_writable;
    while (!stop)
        ++*word;
}

static uint64_t vcpu_set = 1U << 1; /* vCPU 1, not the caller */

static void protect(unsigned int how)
{
    struct mmuext_op op = { .arg1.linear_addr = shared_va };
    mmu_update_t update = { .ptr = slot.ptr, .val = ro };
    static const unsigned int flushes[] = { MMUEXT_INVLPG_MULTI, MMUEXT_INVLPG_ALL,
                                            MMUEXT_TLB_FLUSH_MULTI, MMUEXT_TLB_FLUSH_ALL };

    switch (how) {
    case 0:
        EXPECT_EQ(hypercall_update_va_mapping(shared_va, ro, UVMF_INVLPG | UVMF_ALL), 0);
        return;
    case 1:
        EXPECT_EQ(hypercall_update_va_mapping(shared_va, ro, UVMF_TLB_FLUSH | (uint64_t)&vcpu_set),
                  0);
        return;
    default:
        EXPECT_EQ(hypercall_mmu_update(&update, 1, NULL, DOMID_SELF), 0);
        op.cmd = flushes[how - 2];
        if (how == 2 || how == 4)
            set_xen_guest_handle(op.arg2.vcpumask, (void *)&vcpu_set);
        EXPECT_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    }
}

SCENARIO(vcpu_flush, "vcpu-flush",
         "a flush of another vCPU ends its stores to a page that became read-only")
{
    pfn_t page = scenario_page();
    struct walk w;
    struct second *s;

    seconds_require(1);
    stop = faults = other_faults = 0;
    shared_va = scenario_va();
    EXPECT_EQ(pt_map(&kernel_aspace, shared_va, p2m(page), PTE_P | PTE_RW | PTE_NX), 0);
    w = pt_walk(aspace_root(&kernel_aspace), shared_va);
    slot.ptr = walk_slot_ma(&w, 1);
    rw = w.entry[1];
    ro = rw & ~PTE_RW;
    s = second_start(1, write_on, NULL);
    for (unsigned int round = 0; round < 60; round++) {
        volatile uint64_t *word = (volatile uint64_t *)shared_va;
        uint64_t seen = *word, fault_count;

        while (*word == seen)
            second_yield();
        fault_count = faults;
        protect(round % 6);
        seen = *word;
        while (faults < fault_count + 3) {
            EXPECT_EQ(*word, seen);
            second_yield();
        }
        EXPECT_EQ(*word, seen);
        slot.val = rw;
        EXPECT_EQ(hypercall_mmu_update(&slot, 1, NULL, DOMID_SELF), 0);
    }
    stop = 1;
    second_join(s);
    EXPECT_EQ(other_faults, 0);
    EXPECT_EQ(pt_unmap(&kernel_aspace, shared_va, NULL), 0);
    scenario_reason("%lu faults", faults);
}

/* ---- types ----------------------------------------------------------------------------------- */

static mfn_t fought;
static volatile uint64_t maps, maps_refused, odd_results, pins, pins_refused;

static void map_again(struct second *self)
{
    (void)self;
    while (!stop) {
        mmu_update_t update = { .ptr = slot.ptr, .val = rw };
        long rc = hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);

        if (rc == 0) {
            maps++;
            *(volatile uint64_t *)(shared_va + 8) = 0;
            if (maps % 4 == 0)
                second_yield();
            update.val = 0;
            if (hypercall_mmu_update(&update, 1, NULL, DOMID_SELF))
                odd_results++;
        } else if (rc == -XEN_EBUSY || rc == -XEN_EINVAL) {
            maps_refused++;
        } else {
            odd_results++;
        }
        if (maps % 7 == 0 || rc)
            second_yield();
    }
}

SCENARIO(vcpu_race_types, "vcpu-race-types",
         "a page is pinned as a table or mapped writable, by two vCPUs at once")
{
    pfn_t page = scenario_page();
    struct walk w;
    struct second *s;

    seconds_require(1);
    stop = maps = maps_refused = odd_results = pins = pins_refused = 0;
    shared_va = scenario_va();
    fought = p2m(page);
    EXPECT_EQ(pt_map(&kernel_aspace, shared_va, p2m(page), PTE_P | PTE_RW | PTE_NX), 0);
    w = pt_walk(aspace_root(&kernel_aspace), shared_va);
    slot.ptr = walk_slot_ma(&w, 1);
    rw = w.entry[1];
    slot.val = 0;
    EXPECT_EQ(hypercall_mmu_update(&slot, 1, NULL, DOMID_SELF), 0);
    /* The direct map must not show it writable either. */
    EXPECT_EQ(hypercall_update_va_mapping((uint64_t)page_va(page),
                                          (fought.n << PAGE_SHIFT) | PTE_P | PTE_NX, UVMF_INVLPG),
              0);
    s = second_start(1, map_again, NULL);
    while (pins < 300 || maps < 300 || !maps_refused || !pins_refused) {
        long rc = mmuext_one(MMUEXT_PIN_L1_TABLE, fought);

        if (rc == 0) {
            pins++;
            if (pins % 5 == 0)
                second_yield();
            EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, fought), 0);
        } else {
            EXPECT_EQ(rc, -XEN_EINVAL);
            pins_refused++;
        }
        if (pins % 3 == 0)
            second_yield();
    }
    stop = 1;
    second_join(s);
    EXPECT_EQ(odd_results, 0);
    EXPECT_EQ(hypercall_update_va_mapping((uint64_t)page_va(page),
                                          (fought.n << PAGE_SHIFT) | PTE_P | PTE_RW | PTE_NX,
                                          UVMF_INVLPG),
              0);
    EXPECT_EQ(pt_unmap(&kernel_aspace, shared_va, NULL), 0);
    scenario_reason("%lu pins, %lu refused; %lu mappings, %lu refused", pins, pins_refused, maps,
                    maps_refused);
}

/* ---- faults ---------------------------------------------------------------------------------- */

#define PAGES 8

static mmu_update_t slots[PAGES];
static pte_t entries[PAGES];
static volatile uint64_t touched, resolved, unresolved;

static bool map_missing(struct second *self, uint64_t cr2, uint32_t error)
{
    uint64_t n = (cr2 - shared_va) / PAGE_SIZE;
    mmu_update_t update;

    (void)self;
    (void)error;
    if (n >= PAGES) {
        unresolved++;
        return false;
    }
    update = (mmu_update_t){ .ptr = slots[n].ptr, .val = entries[n] };
    if (hypercall_mmu_update(&update, 1, NULL, DOMID_SELF))
        unresolved++;
    resolved++;
    return true;
}

static void touch_all(struct second *self)
{
    self->fault = map_missing;
    while (!stop) {
        for (unsigned int i = 0; i < PAGES; i++)
            ++*(volatile uint64_t *)(shared_va + i * PAGE_SIZE + 8UL * self->id);
        touched++;
    }
}

SCENARIO(vcpu_race_faults, "vcpu-race-faults",
         "pages are unmapped by one vCPU while two map them when they fault")
{
    struct second *s[2];
    struct walk w;
    pfn_t page[PAGES];

    seconds_require(2);
    stop = touched = resolved = unresolved = 0;
    shared_va = scenario_va();
    for (unsigned int i = 0; i < PAGES; i++) {
        page[i] = scenario_page();
        EXPECT_EQ(pt_map(&kernel_aspace, shared_va + i * PAGE_SIZE, p2m(page[i]),
                         PTE_P | PTE_RW | PTE_NX),
                  0);
        w = pt_walk(aspace_root(&kernel_aspace), shared_va + i * PAGE_SIZE);
        slots[i].ptr = walk_slot_ma(&w, 1);
        entries[i] = w.entry[1];
    }
    for (unsigned int i = 0; i < 2; i++)
        s[i] = second_start(i + 1, touch_all, NULL);
    for (unsigned int round = 0; round < 120; round++) {
        mmu_update_t clear = { .ptr = slots[round % PAGES].ptr };
        struct mmuext_op flush = { .cmd = MMUEXT_INVLPG_ALL,
                                   .arg1.linear_addr = shared_va + round % PAGES * PAGE_SIZE };

        EXPECT_EQ(hypercall_mmu_update(&clear, 1, NULL, DOMID_SELF), 0);
        EXPECT_EQ(hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF), 0);
        second_yield();
    }
    stop = 1;
    second_join(s[0]);
    second_join(s[1]);
    EXPECT_EQ(unresolved, 0);
    EXPECT(resolved > 0);
    for (unsigned int i = 0; i < PAGES; i++)
        EXPECT_EQ(pt_unmap(&kernel_aspace, shared_va + i * PAGE_SIZE, NULL), 0);
    scenario_reason("%lu faults resolved", resolved);
}
