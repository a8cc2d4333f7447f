/* SPDX-License-Identifier: MIT */
/*
 * GDT and LDT of a vCPU (hazards P3, P7, D2, D3, M1): which pages they may be, what a refused one
 * leaves, when the windows no longer show a page that was given back, and which descriptor a selector
 * finds.
 */
#include "machine.h"

#include <string.h>

#include "mm/hv_map.h"
#include "pv/descriptor.h"
#include "pv/emulate.h"

#define PER_PAGE   (PAGE_SIZE / 8)
#define LDT_VA     0ul /* mapped by slot 0 and 1 of the tree's L1 */
#define LDT_WINDOW (PERDOMAIN_VA + PERDOMAIN_LDT_OFFSET)
#define DATA       (DESC_P | DESC_S | DESC_DPL_MASK)

static struct machine_tree t;
static mfn_t page[3];

static int stage(void **state)
{
    machine_setup(state);
    t = machine_tree(&machine_guest, LEAF_RO);
    for (unsigned i = 0; i < 3; i++) {
        page[i] = machine_page(&machine_guest);
        for (unsigned k = 0; k < PER_PAGE; k++)
            machine_poke(page[i], k, DATA | i << 8 | k);
    }
    op_first_root(t.l[4]);
    assert_int_equal(op_update(t.l[1], 0, pte_make(page[0], LEAF_RO)), 0);
    assert_int_equal(op_update(t.l[1], 1, pte_make(page[1], LEAF_RO)), 0);
    hooks_reset();
    return 0;
}

static long set_gdt(const uint64_t *frames, unsigned entries)
{
    long rc;

    memcpy(machine_requests(), frames, (entries + PER_PAGE - 1) / PER_PAGE * sizeof(*frames));
    rc = machine_hypercall(hc_set_gdt, GUEST_REQUESTS, entries, 0, 0);
    machine_check("set_gdt");
    return rc;
}

static uint64_t window(unsigned at)
{
    return machine_window[machine_guest.id][0][at];
}

/* ---- the GDT ---- */

static void frames_of_a_gdt(void **state)
{
    uint64_t frames[3] = { page[0].n, page[1].n, page[2].n };

    (void)state;
    assert_int_equal(set_gdt(frames, 2 * PER_PAGE + 1), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(frame_type(page[i]), PT_SEG);
        assert_true(mfn_eq(pte_mfn(window(i)), page[i]));
    }
    frames[0] = page[2].n;
    assert_int_equal(set_gdt(frames, PER_PAGE), 0);
    assert_int_equal(frame_type_refs(page[0]), 0);
    assert_int_equal(frame_type_refs(page[1]), 0);
    assert_true(mfn_eq(pte_mfn(window(0)), page[2]));
    assert_true(mfn_eq(pte_mfn(window(1)), ma_to_mfn(idle_root_pa)));
    assert_int_equal(set_gdt(frames, 0), 0);
    assert_int_equal(frame_type_refs(page[2]), 0);
}

/* Refused at any of its frames, a GDT holds none of them, and the old one is in force. */
static void refused_at_any_frame(void **state)
{
    const mfn_t bad[] = { t.l[1], machine_page(&machine_control), mfn_of(frame_limit) };
    uint64_t old = page[2].n;

    (void)state;
    assert_int_equal(set_gdt(&old, 1), 0);
    for (unsigned at = 0; at < 3; at++) {
        uint64_t frames[3] = { page[0].n, page[1].n, page[0].n };

        for (unsigned i = 0; i < 3; i++) {
            frames[at] = bad[i].n;
            assert_refused(-EINVAL, set_gdt(frames, 3 * PER_PAGE));
        }
    }
    assert_refused(-EINVAL, machine_hypercall(hc_set_gdt, GUEST_REQUESTS, 14 * PER_PAGE + 1, 0, 0));
    assert_refused(-EFAULT,
                   machine_hypercall(hc_set_gdt, GUEST_VA + GUEST_BYTES - 8, PER_PAGE + 1, 0, 0));
}

/* No memory for the window, at whichever page. */
static void no_memory_for_the_window(void **state)
{
    uint64_t frames[2] = { page[0].n, page[1].n }, old = page[2].n;
    unsigned refusals = 0;

    (void)state;
    assert_int_equal(set_gdt(&old, 1), 0);
    for (unsigned long k = 1; !refusals || hooks.fallible_steps >= k; k++) {
        struct snapshot *before = snapshot_take();
        long rc;

        hooks_reset();
        hooks.fail_at = k;
        rc = set_gdt(frames, 2 * PER_PAGE);
        if (rc) {
            refusals++;
            assert_int_equal(rc, rc == -EINVAL ? -EINVAL : -ENOMEM);
            assert_true(snapshot_same(before));
            assert_true(mfn_eq(pte_mfn(window(0)), page[2]));
        } else {
            assert_int_equal(set_gdt(&old, 1), 0);
        }
        snapshot_free(before);
    }
}

/* ---- one descriptor ---- */

static long update(uint64_t ma, uint64_t desc)
{
    long rc = machine_hypercall(hc_update_descriptor, ma, desc, 0, 0);

    machine_check("update_descriptor");
    return rc;
}

/* Into a page in use, or one that is plain memory; nowhere else, and never askew. */
static void one_descriptor(void **state)
{
    uint64_t gdt = page[0].n;
    const uint64_t code = DESC_P | DESC_S | DESC_CODE;
    mfn_t foreign = machine_page(&machine_control);

    (void)state;
    assert_int_equal(set_gdt(&gdt, PER_PAGE), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(update(mfn_to_ma(page[i]) + 40, code), 0);
        assert_int_equal(((uint64_t *)frame_va(page[i]))[5], code | DESC_DPL_MASK);
        assert_int_equal(((uint64_t *)frame_va(page[i]))[4] & 0xfff, i << 8 | 4);
        assert_int_equal(frame_type_refs(page[i]), i ? 0 : 1);
        for (unsigned askew = 1; askew < 8; askew++)
            assert_refused(-EINVAL, update(mfn_to_ma(page[i]) + 40 + askew, code));
        assert_refused(-EINVAL, update(mfn_to_ma(page[i]) + 40, DESC_P | 9ul << 40));
    }
    assert_refused(-EINVAL, update(mfn_to_ma(t.l[1]) + 40, code));
    assert_refused(-EINVAL, update(mfn_to_ma(foreign), code));
    assert_refused(-EINVAL, update(frame_limit << PAGE_SHIFT, code));
    /* Descriptors once, and nobody's any more: plain memory. */
    assert_int_equal(set_gdt(&gdt, 0), 0);
    assert_int_equal(update(mfn_to_ma(page[0]), code), 0);
    assert_int_equal(frame_type_refs(page[0]), 0);
}

/* ---- the LDT ---- */

static long set_ldt(uint64_t va, uint64_t entries)
{
    struct mmuext_op *op = machine_requests();
    long rc;

    *op = (struct mmuext_op){ .cmd = MMUEXT_SET_LDT,
                              .arg1.linear_addr = va,
                              .arg2.nr_ents = (unsigned)entries };
    rc = machine_hypercall(hc_mmuext_op, GUEST_REQUESTS, 1, 0, DOMID_SELF);
    machine_check("set_ldt");
    if (!rc) { /* in the CPU too */
        assert_int_equal(machine_ldt_loaded.va, vcpu_current()->ldt_va);
        assert_int_equal(machine_ldt_loaded.entries, vcpu_current()->ldt_entries);
    }
    return rc;
}

static bool fault_at(unsigned index)
{
    bool handled = ldt_fault(vcpu_current(), LDT_WINDOW + index * 8ul);

    machine_check("LDT fault");
    return handled;
}

static void pages_come_with_faults(void **state)
{
    (void)state;
    assert_int_equal(set_ldt(LDT_VA, PER_PAGE + 10), 0);
    assert_true(fault_at(0));
    assert_false(fault_at(1)); /* its page is there: the fault has another reason */
    assert_int_equal(frame_type(page[0]), PT_SEG);
    assert_true(mfn_eq(pte_mfn(window(MACHINE_WINDOW_LDT)), page[0]));
    assert_true(fault_at(PER_PAGE + 9));
    assert_false(fault_at(PER_PAGE + 10)); /* behind its end */
    assert_int_equal(frame_type_refs(page[1]), 1);
}

/* Nothing there, a table, and no memory for the window. */
static void faults_that_stay(void **state)
{
    struct snapshot *before;

    (void)state;
    assert_int_equal(set_ldt(LDT_VA, 2 * PER_PAGE), 0);
    before = snapshot_take();
    hooks_reset();
    hooks.fail_at = ALWAYS;
    assert_false(fault_at(0));
    hooks_reset();
    assert_true(snapshot_same(before));
    assert_int_equal(op_update(t.l[1], 0, pte_make(t.l[1], LEAF_RO)), 0);
    log_clear();
    assert_false(fault_at(0));
    assert_non_null(strstr(log_text(), "frame-has-other-type"));
    assert_int_equal(op_update(t.l[1], 1, 0), 0);
    assert_false(fault_at(PER_PAGE));
    assert_int_equal(vcpu_current()->ldt_mapped, 0);
    snapshot_free(before);
}

/* The window shows nothing and every translation of it is gone before the references go. */
static void dropped_after_a_flush(void **state)
{
    const struct {
        uint64_t va, entries;
    } next[] = { { LDT_VA, PER_PAGE }, { PAGE_SIZE, 1 }, { 0, 0 } };

    (void)state;
    for (unsigned i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
        unsigned long flushes;

        assert_int_equal(set_ldt(LDT_VA, 2 * PER_PAGE), 0);
        assert_true(fault_at(0));
        assert_true(fault_at(PER_PAGE));
        flushes = ghost_flushes;
        assert_int_equal(set_ldt(next[i].va, next[i].entries), 0);
        assert_int_not_equal(ghost_flushes, flushes);
        assert_int_equal(window(MACHINE_WINDOW_LDT), 0);
        assert_int_equal(window(MACHINE_WINDOW_LDT + 1), 0);
        assert_int_equal(frame_type_refs(page[0]), 0);
        assert_int_equal(frame_type_refs(page[1]), 0);
        /* Nothing was shown: nothing to flush. */
        flushes = ghost_flushes;
        assert_int_equal(set_ldt(LDT_VA, 1), 0);
        assert_int_equal(ghost_flushes, flushes);
    }
}

/* The same again is no change: what is shown stays. */
static void the_same_again(void **state)
{
    (void)state;
    assert_int_equal(set_ldt(LDT_VA, PER_PAGE), 0);
    assert_true(fault_at(0));
    assert_int_equal(set_ldt(LDT_VA, PER_PAGE), 0);
    assert_int_equal(frame_type_refs(page[0]), 1);
    assert_refused(-EINVAL, set_ldt(LDT_VA, 8193));
    assert_int_equal(set_ldt(LDT_VA, 8192), 0);
    assert_refused(-EINVAL, set_ldt(LDT_VA + 8, 1));
    assert_refused(-EINVAL, set_ldt(0xffff800000000000, 1));
    assert_int_equal(set_ldt(LDT_VA + 8, 0), 0);
}

/* A failure at any step of the fault gives back what was taken. */
static void faults_that_fail(void **state)
{
    unsigned failures = 0;

    (void)state;
    assert_int_equal(set_ldt(LDT_VA, PER_PAGE), 0);
    for (unsigned long k = 1;; k++) {
        bool shown;

        hooks_reset();
        hooks.fail_at = k;
        shown = fault_at(0);
        machine_check("fault of the LDT");
        assert_int_equal(frame_type_refs(page[0]), shown);
        if (shown)
            break;
        failures++;
    }
    assert_true(failures >= 2);
}

/* ---- selectors ---- */

static void descriptors_of_selectors(void **state)
{
    const struct vcpu *v = vcpu_current();
    uint64_t frames[2] = { page[2].n, page[0].n }, desc = 0;

    (void)state;
    assert_false(segment_descriptor(v, 3, &desc));
    assert_int_equal(set_gdt(frames, PER_PAGE + 4), 0);
    assert_true(segment_descriptor(v, 5 << 3 | 3, &desc));
    assert_int_equal(desc, DATA | 2 << 8 | 5);
    assert_true(segment_descriptor(v, (PER_PAGE + 1) << 3, &desc));
    assert_int_equal(desc, DATA | 1);
    assert_false(segment_descriptor(v, (2 * PER_PAGE) << 3, &desc));
    assert_false(segment_descriptor(v, 0xfff8, &desc));
    assert_true(segment_descriptor(v, FLAT_RING3_CS64 & ~3u, &desc));
    assert_int_equal(desc, DATA | DESC_CODE | DESC_L);
    assert_true(segment_descriptor(v, FLAT_RING3_CS32, &desc));
    assert_int_equal(desc, DATA | DESC_CODE | DESC_D);
    assert_int_equal(set_gdt(frames, 0), 0);

    /* The LDT's: up to its last entry, and only what the CPU could have loaded. */
    assert_false(segment_descriptor(v, 4, &desc));
    assert_int_equal(set_ldt(LDT_VA, 10), 0);
    assert_false(segment_descriptor(v, 4, &desc));
    assert_true(fault_at(0));
    for (unsigned i = 0; i < 10; i++) {
        assert_true(segment_descriptor(v, (uint16_t)(i << 3 | 7), &desc));
        assert_int_equal(desc, DATA | i);
    }
    assert_false(segment_descriptor(v, 10 << 3 | 7, &desc));
    assert_false(segment_descriptor(v, 0xffff, &desc));
}

/* Of another guest's vCPU: the window of its own number. */
static void windows_of_each_vcpu(void **state)
{
    uint64_t frame = page[0].n;

    (void)state;
    machine_run(1);
    op_first_root(t.l[4]);
    assert_int_equal(set_gdt(&frame, 1), 0);
    assert_true(mfn_eq(pte_mfn(machine_window[machine_guest.id][1][0]), page[0]));
    assert_int_equal(window(0), 0);
    assert_int_equal(set_ldt(PAGE_SIZE, 1), 0);
    assert_false(ldt_fault(vcpu_current(), LDT_WINDOW));
    assert_true(ldt_fault(vcpu_current(), LDT_WINDOW + PERDOMAIN_VCPU_SIZE));
    machine_run(0);
    assert_int_equal(frame_type(page[1]), PT_SEG);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(frames_of_a_gdt),          T(refused_at_any_frame),   T(no_memory_for_the_window),
        T(one_descriptor),           T(pages_come_with_faults), T(faults_that_stay),
        T(faults_that_fail),         T(dropped_after_a_flush),  T(the_same_again),
        T(descriptors_of_selectors), T(windows_of_each_vcpu),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
