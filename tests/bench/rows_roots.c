/*
 * SPDX-License-Identifier: MIT
 *
 * rows_roots.c - L4 tables: pinned, unpinned, switched to.
 */
#include "bench.h"

#include "mm/aspace.h"
#include "mm/page.h"

static pte_t *entries_of(pfn_t table)
{
    return page_va(table);
}

/* An L4 with the live one's guest slots, read-only, not pinned. */
static pfn_t root_like_ours(void)
{
    pfn_t root = bench_page();
    const pte_t *live = page_va(m2p(aspace_root(aspace_active)));

    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (i < HV_L4_SLOT_FIRST || i > HV_L4_SLOT_LAST)
            entries_of(root)[i] = live[i];
    bench_protect(root, false);
    return root;
}

static void table_free(pfn_t table)
{
    bench_protect(table, true);
    page_put(table);
}

static void measure_pin(const char *name, pfn_t root, unsigned int rounds)
{
    mmuext_op_t pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = p2m(root).n };
    mmuext_op_t unpin = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = p2m(root).n };

    bench_check(hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF), "pin L4");
    bench_check(hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF), "unpin L4");
    MEASURE(name, rounds, 1, {
        hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
        hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
    });
}

static void row_pin(const char *name)
{
    pfn_t root = root_like_ours();

    measure_pin(name, root, 200);
    table_free(root);
}

static void row_baseptr(const char *name)
{
    pfn_t root = root_like_ours();
    mmuext_op_t there = { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = p2m(root).n };
    mmuext_op_t back = { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = aspace_root(aspace_active).n };

    bench_mmuext(MMUEXT_PIN_L4_TABLE, p2m(root));
    MEASURE(name, 200, 1, {
        hypercall_mmuext_op(&there, 1, NULL, DOMID_SELF);
        hypercall_mmuext_op(&back, 1, NULL, DOMID_SELF);
    });
    bench_mmuext(MMUEXT_UNPIN_TABLE, p2m(root));
    table_free(root);
}

/* ---- an L4 with full L1s of its own, and nothing else: all of it validated, and dropped again ---- */

#define L1S_MAX 256U

static pfn_t tree[L1S_MAX + 3]; /* L4, L3, L2, then the L1s */

static void row_tree(const char *name, unsigned int l1s, unsigned int rounds)
{
    static pfn_t pages[PT_ENTRIES];

    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        pages[i] = bench_page();
    for (unsigned int i = 0; i < l1s + 3; i++)
        tree[i] = bench_page();
    entries_of(tree[0])[0] = pte_make(p2m(tree[1]), TABLE_FLAGS);
    entries_of(tree[1])[0] = pte_make(p2m(tree[2]), TABLE_FLAGS);
    for (unsigned int n = 0; n < l1s; n++) {
        entries_of(tree[2])[n] = pte_make(p2m(tree[3 + n]), TABLE_FLAGS);
        for (unsigned int i = 0; i < PT_ENTRIES; i++)
            entries_of(tree[3 + n])[i] = pte_make(p2m(pages[i]), AREA_FLAGS | PTE_U);
    }
    for (unsigned int i = 0; i < l1s + 3; i++)
        bench_protect(tree[i], false);
    measure_pin(name, tree[0], rounds);
    for (unsigned int i = 0; i < l1s + 3; i++)
        table_free(tree[i]);
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        page_put(pages[i]);
}

static void row_tree_1(const char *name)
{
    row_tree(name, 1, 100);
}

static void row_tree_16(const char *name)
{
    row_tree(name, 16, 20);
}

static void row_tree_256(const char *name)
{
    row_tree(name, 256, 4);
}

const struct bench_row bench_rows_roots[] = {
    { "pin-unpin-l4", row_pin },           { "pin-unpin-l4-1-l1", row_tree_1 },
    { "pin-unpin-l4-16-l1", row_tree_16 }, { "pin-unpin-l4-256-l1", row_tree_256 },
    { "baseptr-pair", row_baseptr },       { NULL, NULL },
};
