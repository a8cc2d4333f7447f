/* SPDX-License-Identifier: MIT */
/*
 * The auditor's own rules, one by one, where damage to a running machine (test_audit.c) does not lead:
 * what a descriptor may be, which flags go together, lists that name no frame, blocks that are none.
 */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/m2p.h"
#include "mm/page_alloc.h"
#include "pt/descriptor.h"

#define CODE (DESC_P | DESC_S | DESC_CODE)
#define GATE (DESC_P | 0xcull << 40)

static struct machine_tree t;
static mfn_t page;

static int staged(void **state)
{
    machine_setup(state);
    t = machine_tree(&machine_guest, LEAF_RW);
    page = machine_page(&machine_guest);
    op_first_root(t.l[4]);
    return 0;
}

/* The word has this value for one audit, which must have something to say. */
#define finds(word, value)                    \
    do {                                      \
        uint64_t was = (word);                \
                                              \
        (word) = (value);                     \
        assert_true(machine_audit(true) > 0); \
        (word) = was;                         \
        machine_check("the word is back");    \
    } while (0)

static void descriptors(void **state)
{
    const uint64_t right[] = {
        0,
        CODE | DESC_DPL_MASK,
        DESC_P, /* of type 0: nothing to the CPU */
        DESC_P | DESC_DPL_MASK,
        GATE | 7ull << 16, /* into the LDT */
        GATE | (uint64_t)(GDT_RESERVED_BYTE | 7) << 16,
        GATE | 3ull << 16,
        GATE | 0xbull << 16,
        GATE | (uint64_t)FLAT_RING3_CS64 << 16,
    };
    const uint64_t wrong[] = {
        CODE,
        DESC_P | 9ull << 40,
        GATE | 3ull << 16 | DESC_DPL_MASK,
        GATE | 8ull << 16,
        GATE | (uint64_t)(GDT_RESERVED_BYTE | 3) << 16,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        machine_poke(page, PT_ENTRIES - 1, right[i]);
        assert_true(audit_descriptors_right(page.n));
    }
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        machine_poke(page, PT_ENTRIES - 1, wrong[i]);
        assert_false(audit_descriptors_right(page.n));
    }
    machine_poke(page, PT_ENTRIES - 1, 0);
    assert_int_equal(page_get_typed(page, machine_guest.id, PT_SEG), 0);
    machine_hold(page, PT_SEG);
    machine_check("descriptors in use");
    for (unsigned slot = 0; slot < PT_ENTRIES; slot += PT_ENTRIES - 1)
        finds(((uint64_t *)frame_va(page))[slot], CODE);
    machine_unhold(page, PT_SEG);
}

static void states(void **state)
{
#define TYPE(t) ((uint64_t)(t) << FRAME_TYPE_SHIFT)
    (void)state;
    assert_true(audit_state_right(TYPE(PT_SEG) | FRAME_VALIDATED | 2));
    assert_false(audit_state_right(TYPE(PT_SEG) | FRAME_VALIDATED | FRAME_PINNED | 2));
    assert_false(audit_state_right(TYPE(PT_SEG) | FRAME_PARTIAL | 1));
    assert_true(audit_state_right(TYPE(PT_L1) | FRAME_PARTIAL | 1));
    assert_false(audit_state_right(TYPE(PT_L1) | FRAME_PARTIAL | 2));
    assert_false(audit_state_right(TYPE(PT_L1) | FRAME_PARTIAL | FRAME_PINNED | 1));
    assert_false(audit_state_right(TYPE(PT_NONE) | FRAME_VALIDATED | 1));
    assert_false(audit_state_right(TYPE(6) | FRAME_VALIDATED | 1));
    finds(frame_of(page)->type, TYPE(PT_L1) | FRAME_VALIDATED);
}

static void counts_beyond_their_fields(void **state)
{
    (void)state;
    if (FRAME_REF_BITS == 32)
        return; /* the field is as wide as its half of the word: nothing is beyond */
    finds(frame_of(page)->ref, frame_of(page)->ref + FRAME_REF_MAX);
    finds(frame_of(t.l[0])->type, frame_of(t.l[0])->type + FRAME_TYPE_MAX);
}

/* A list of the caller's that names frames beyond memory, or tables that are none. */
static void references_to_nothing(void **state)
{
    struct audit_ref refs[] = { { mfn_of(frame_limit), PT_L1, "test" },
                                { mfn_of(frame_limit + 9), PT_NONE, "test" },
                                { page, PT_L1, "test" },
                                { t.l[0], PT_WRITABLE, "test" } };
    struct audit_roots roots = { .refs = refs,
                                 .scratch = calloc(frame_limit, sizeof(struct audit_count)) };

    (void)state;
    for (roots.refs_count = 0; roots.refs_count <= 4; roots.refs_count++)
        assert_true(audit_run(&roots) > 0); /* the base pointer is not in the list */
    free(roots.scratch);
    finds(frame_of(t.l[4])->type, frame_of(t.l[4])->type & ~FRAME_VALIDATED);
}

/* Mapped across domains: right only where the caller says so. */
static bool may_map_all(uint16_t table_owner, mfn_t frame, bool writable)
{
    return table_owner != frame_owner(frame) && !writable;
}

static bool may_map_none(uint16_t table_owner, mfn_t frame, bool writable)
{
    return table_owner == frame_owner(frame) || writable;
}

static void mapped_across_domains(void **state)
{
    bool (*const rights[])(uint16_t, mfn_t, bool) = { 0, may_map_none, may_map_all };
    mfn_t theirs = machine_page(&machine_control);
    uint64_t *entry = (uint64_t *)frame_va(t.l[1]) + 1;
    struct audit_roots roots = { .scratch = calloc(frame_limit, sizeof(struct audit_count)) };
    unsigned found[3];

    (void)state;
    *entry = pte_make(theirs, LEAF_RO);
    for (unsigned i = 0; i < 3; i++) {
        roots.may_map = rights[i];
        found[i] = audit_run(&roots);
    }
    *entry = 0;
    assert_int_equal(found[0], found[1]);
    assert_int_equal(found[0], found[2] + 1);
    free(roots.scratch);
}

static void line_about(const char *rule, const char *what)
{
    char line[96];

    snprintf(line, sizeof(line), "audit: %s: L2 %lx[0]: %s is ", rule, t.l[2].n, what);
    machine_audit(true);
    if (!strstr(log_text(), line))
        fail_msg("no %s in:\n%s", line, log_text());
    log_clear();
}

/* Each side of a branch that is wrong has its own line. */
static void targets_of_entries(void **state)
{
    struct frame *f = frame_of(t.l[1]);
    struct frame was = *f;

    (void)state;
    log_clear();
    f->ref = (f->ref & ~FRAME_OWNER_MASK) | (uint64_t)machine_control.id << FRAME_OWNER_SHIFT;
    line_about("owner", "target's owner");
    *f = was;
    f->type &= ~FRAME_VALIDATED;
    line_about("validated", "target's validated flag");
    *f = was;
    machine_check("mended");
}

static bool never_written(const void *at)
{
    (void)at;
    return false;
}

/* What was never looked at is looked at, whatever the dirty bits say. */
static void sums_of_what_is_clean(void **state)
{
    struct audit_sums sums = {
        .written = never_written,
        .tables = calloc(frame_limit, sizeof(*sums.tables)),
        .pages = calloc(frame_limit / AUDIT_PAGE_FRAMES + 1, sizeof(*sums.pages)),
    };
    struct audit_ref root = { ma_to_mfn(vcpu_current()->cr3_kernel), PT_L4, "root" };
    struct audit_roots roots = { .refs = &root, .refs_count = 1 };

    (void)state;
    assert_true(audit_sums_agree(&sums, &roots));
    free(sums.tables);
    free(sums.pages);
}

static void owner_that_is_gone(void **state)
{
    (void)state;
    owner_unregister(&machine_guest.owner);
    assert_true(machine_audit(true) > 0);
    assert_true(owner_register(&machine_guest.owner));
    machine_check("registered again");
}

static void words_of_nobody(void **state)
{
    mfn_t spare = mfn_of(frame_limit - 1);

    (void)state;
    assert_int_equal(frame_owner(spare), OWNER_NONE);
    finds(m2p_table[0], 5);
    finds(m2p_table[1], 5);
    finds(m2p_table[spare.n], 5);
}

/* The allocator's blocks: every bit of a head's order, and a frame in the middle. */
static void blocks(void **state)
{
    uint64_t head = frame_limit / 2;

    (void)state;
    assert_true(page_block_order(head) > 1);
    for (unsigned bit = 58; bit < 64; bit++)
        finds(frame_table[head].type, frame_table[head].type ^ 1ull << bit);
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++)
        if ((int)order != page_block_order(head))
            finds(frame_table[head].type,
                  (frame_table[head].type & ~(31ull << 58)) | (uint64_t)order << 58);
    finds(frame_table[head + 1].type, 1);
    finds(frame_table[head + 1].ref, (uint64_t)OWNER_HV << FRAME_OWNER_SHIFT);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, staged, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(descriptors),
        T(states),
        T(counts_beyond_their_fields),
        T(references_to_nothing),
        T(mapped_across_domains),
        T(targets_of_entries),
        T(sums_of_what_is_clean),
        T(owner_that_is_gone),
        T(words_of_nobody),
        T(blocks),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
