/* SPDX-License-Identifier: MIT */
/*
 * Jobs of two domains that share pages by grants: one gives, the other takes, uses and tries what it
 * may not. What they tell each other stands in words of the first page:
 *
 *      word 1   the giver: all is granted     word 2   the taker: all is mapped and written to
 *      word 3   the giver: unmap now
 *
 * Every second page is granted for reading only.
 */
#include "domains.h"

#include "grants.h"
#include "guest.h"
#include "hypercall.h"
#include "kprint.h"
#include "mm/aspace.h"
#include "mm/p2m.h"
#include "mm/page.h"
#include "mm/pt_update.h"
#include "scenario.h"

#define PAGES_MAX 500U
#define FIRST_REF GNTTAB_NR_RESERVED_ENTRIES

static unsigned int pages;
static pfn_t given_pfn[PAGES_MAX];
static volatile uint64_t *given[PAGES_MAX];

static void check(bool good, const char *what, long n)
{
    if (!good)
        guest_panic("%s: %ld", what, n);
}

static void wait_word(const volatile uint64_t *word)
{
    while (!*word)
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
}

static bool writable(unsigned int i)
{
    return i % 2 == 0;
}

/* ---- who gives ------------------------------------------------------------------- */

static void give_all(domid_t to)
{
    for (unsigned int i = 0; i < pages; i++) {
        given_pfn[i] = page_alloc_zero(PAGE_KERNEL);
        given[i] = page_va(given_pfn[i]);
        given[i][0] = 0xa000 + i;
        check(grant_give(to, p2m(given_pfn[i]), writable(i)) == FIRST_REF + i, "reference", i);
    }
    given[0][1] = 1;
}

static unsigned int busy_now(void)
{
    unsigned int busy = 0;

    for (unsigned int i = 0; i < pages; i++)
        busy += (grant_flags(FIRST_REF + i) & (GTF_reading | GTF_writing)) != 0;
    return busy;
}

/* Not granted any more, each is an ordinary page again, fit for a page table. */
static void pages_are_own_again(void)
{
    for (unsigned int i = 0; i < pages; i++) {
        pfn_t pfn = given_pfn[i];

        page_clear(pfn);
        check(!hypercall_update_va_mapping((uint64_t)given[i], pte_make(p2m(pfn), PTE_P | PTE_NX),
                                           UVMF_INVLPG),
              "read-only", i);
        check(!mmuext_one(MMUEXT_PIN_L1_TABLE, p2m(pfn)), "a page table", i);
        check(!mmuext_one(MMUEXT_UNPIN_TABLE, p2m(pfn)), "no page table", i);
    }
}

void job_give(void)
{
    domid_t to = (domid_t)number("to", 2);

    pages = (unsigned int)number("pages", 16);
    check(pages <= PAGES_MAX && !grants_init(1), "grants", pages);
    give_all(to);
    wait_word(&given[0][2]);
    for (unsigned int i = 0; i < pages; i++)
        check(given[i][4] == (writable(i) ? ~(uint64_t)i : 0), "what was written", i);
    kprint("give: busy=%u\n", busy_now());
    if (!number("wait", 1))
        return;
    given[0][3] = 1;
    while (busy_now())
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
    for (unsigned int i = 0; i < pages; i++)
        check(grant_end(FIRST_REF + i), "in use", i);
    pages_are_own_again();
    kprint("give: back=%u\n", pages);
}

/* ---- who takes ------------------------------------------------------------------- */

static uint64_t base;
static grant_handle_t handle[PAGES_MAX];

static volatile uint64_t *taken(unsigned int i)
{
    return (volatile uint64_t *)(base + i * PAGE_SIZE);
}

/* The giver may not be there yet, nor have granted. */
static void take(unsigned int i, domid_t from)
{
    while (grant_map((uint64_t)taken(i), from, FIRST_REF + i, writable(i) ? 0 : GNTMAP_readonly,
                     &handle[i]))
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
}

static mfn_t frame_of_entry(unsigned int i)
{
    struct walk w = pt_walk(aspace_root(&kernel_aspace), (uint64_t)taken(i));

    return pte_mfn(*w.slot[1]);
}

/* What a grant does not give: to be tried with a page of each kind. */
static void try_more(unsigned int i, domid_t from)
{
    mfn_t mfn = frame_of_entry(i);
    uint64_t va = (uint64_t)taken(pages);
    xen_pfn_t frame = mfn.n;
    struct xen_memory_reservation back = { .nr_extents = 1, .domid = DOMID_SELF };
    grant_handle_t none;

    set_xen_guest_handle(back.extent_start, &frame);
    check(hypercall_update_va_mapping(va, pte_make(mfn, PTE_P | PTE_NX), 0) == -XEN_EBUSY,
          "an entry of one's own", i);
    check(hypercall_update_va_mapping((uint64_t)taken(i), pte_make(mfn, PTE_P | PTE_RW | PTE_NX),
                                      0) == (writable(i) ? 0 : -XEN_EBUSY),
          "another entry", i);
    check(hypercall_update_va_mapping_otherdomain(va, pte_make(mfn, PTE_P | PTE_NX), 0, from) ==
              -XEN_EPERM,
          "an entry for the other", i);
    check(mmuext_one(MMUEXT_PIN_L1_TABLE, mfn) < 0, "a pin", i);
    check(mmu_update_one(mfn_to_ma(mfn), 0) < 0, "a store", i);
    check(hypercall_memory_op(XENMEM_decrease_reservation, &back) == 0, "a frame given back", i);
    if (!writable(i))
        check(grant_map(va, from, FIRST_REF + i, 0, &none) == GNTST_general_error, "to write", i);
    check(grant_map(va, from, grants_count() + 100000, 0, &none) == GNTST_bad_gntref, "no entry",
          i);
}

static void copy(unsigned int i, domid_t from)
{
    pfn_t page = page_alloc_zero(PAGE_KERNEL);
    struct gnttab_copy op = { .len = 64, .flags = GNTCOPY_source_gref };

    op.source.u.ref = FIRST_REF + i;
    op.source.domid = from;
    op.dest.u.gmfn = p2m(page).n;
    op.dest.domid = DOMID_SELF;
    check(!hypercall_grant_table_op(GNTTABOP_copy, &op, 1) && !op.status, "copy", op.status);
    check(*(volatile uint64_t *)page_va(page) == 0xa000 + i, "copied", i);
    page_put(page);
}

static void unmap_all(void)
{
    for (unsigned int i = 0; i < pages; i++)
        check(!grant_unmap((uint64_t)taken(i), handle[i]), "unmap", i);
}

/* Until the giver is dead: its number names no domain, and its pages stand. */
static void wait_death(domid_t from)
{
    grant_handle_t none;

    while (grant_map((uint64_t)taken(pages), from, 0, 0, &none) != GNTST_bad_domain)
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
    for (unsigned int i = 0; i < pages; i++) {
        check(taken(i)[0] == 0xa000 + i, "a page of the dead", i);
        if (writable(i))
            taken(i)[5] = i;
    }
    kprint("take: held=%u\n", pages);
}

void job_take(void)
{
    domid_t from = (domid_t)number("from", 1);

    pages = (unsigned int)number("pages", 16);
    base = scenario_va();
    check(pages < PAGES_MAX && !pt_tables_ensure(&kernel_aspace, base, 1, NULL), "L1", pages);
    for (unsigned int i = 0; i < pages; i++)
        take(i, from);
    wait_word(&taken(0)[1]);
    for (unsigned int i = 0; i < pages; i++) {
        check(taken(i)[0] == 0xa000 + i, "what was given", i);
        if (writable(i))
            taken(i)[4] = ~(uint64_t)i;
        copy(i, from);
    }
    try_more(0, from);
    try_more(1, from);
    taken(0)[2] = 1;
    kprint("take: mapped=%u\n", pages);
    if (number("hold", 0))
        wait_death(from);
    else if (number("wait", 1))
        wait_word(&taken(0)[3]);
    if (number("unmap", 1))
        unmap_all();
}
