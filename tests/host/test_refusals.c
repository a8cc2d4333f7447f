/* SPDX-License-Identifier: MIT */
/*
 * The line that explains a refusal: which request of which hypercall, the entry, the frame as it is, the
 * rule, the error; and when the same is said no more.
 */
#include "machine.h"

#include <stdio.h>
#include <string.h>

#include "mm/m2p.h"
#include "pv/refuse.h"

static struct machine_tree t;
static mfn_t l1, page;

static int stage(void **state)
{
    machine_setup(state);
    t = machine_tree(&machine_guest, LEAF_RO);
    page = machine_page(&machine_guest);
    l1 = machine_page(&machine_guest);
    op_first_root(t.l[4]);
    assert_int_equal(op_pin(l1, 1), 0);
    hooks_reset();
    log_clear();
    return 0;
}

/* The log has exactly this line. */
static void line_is(const char *fmt, ...)
{
    char line[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    assert_string_equal(log_text(), line);
    log_clear();
}

static void frames_as_they_are(void **state)
{
    uint64_t rw = pte_make(t.l[2], LEAF_RW), ro = pte_make(page, LEAF_RO | PTE_PCD);
    mfn_t spare = mfn_of(frame_limit - 1);

    (void)state;
    m2p_set(t.l[2], 0x123);
    assert_int_equal(op_update(l1, 1, rw), -EBUSY);
    line_is("d1v0 refused mmu_update[0]: L1[1] old=0000000000000000 new=%016lx mfn=%lx pfn=123 "
            "owner=d1 type=L2/1 refs=2 rule frame-has-other-type: -EBUSY\n",
            rw, t.l[2].n);
    assert_int_equal(op_update(l1, 0, pte_make(page, LEAF_RO)), 0);
    assert_int_equal(op_update(l1, 0, ro), -EINVAL);
    line_is("d1v0 refused mmu_update[0]: L1[0] old=%016lx new=%016lx mfn=%lx pfn=%lx owner=d1 "
            "type=none/0 refs=2 rule entry-flags-not-allowed: -EINVAL\n",
            pte_make(page, LEAF_RO), ro, page.n, m2p_get(page));
    assert_int_equal(op_pin(l1, 1), -EINVAL);
    line_is("d1v0 refused mmuext_op PIN_L1[0]: mfn=%lx pfn=%lx owner=d1 type=L1/1 refs=2 pinned "
            "rule pinned-already: -EINVAL\n",
            l1.n, m2p_get(l1));
    assert_int_equal(op_pin(mfn_of(frame_limit), 4), -EINVAL);
    line_is("d1v0 refused mmuext_op PIN_L4[0]: mfn=%lx (beyond memory) rule frame-beyond-memory: "
            "-EINVAL\n",
            frame_limit);
    assert_int_equal(op_pin(mfn_of(1), 4), -EINVAL);
    line_is("d1v0 refused mmuext_op PIN_L4[0]: mfn=1 (not memory) rule frame-not-owned: -EINVAL\n");
    assert_int_equal(op_pin(mfn_of(2), 4), -EINVAL);
    line_is("d1v0 refused mmuext_op PIN_L4[0]: mfn=2 pfn=%lx owner=hypervisor type=none/0 refs=0 "
            "rule frame-not-owned: -EINVAL\n",
            M2P_INVALID);
    assert_int_equal(op_pin(spare, 4), -EINVAL);
    line_is("d1v0 refused mmuext_op PIN_L4[0]: mfn=%lx (free) rule frame-not-owned: -EINVAL\n",
            spare.n);
}

/* The entry of the table that could not be validated. */
static void an_entry_within(void **state)
{
    uint64_t bad = pte_make(page, BRANCH | PTE_PS);

    (void)state;
    machine_poke(page, 1, bad);
    m2p_set(page, 0x55);
    assert_int_equal(op_pin(page, 2), -EINVAL);
    line_is("d1v0 refused mmuext_op PIN_L2[0]: at L2[1]=%016lx mfn=%lx pfn=55 owner=d1 type=L2/0 "
            "refs=1 rule superpage-refused: -EINVAL\n",
            bad, page.n);
}

static void half_a_table(void **state)
{
    mfn_t l3 = machine_page(&machine_guest);

    (void)state;
    machine_poke(l3, 0, pte_make(t.l[2], BRANCH));
    machine_poke(l3, 1, pte_make(t.l[2], BRANCH));
    hooks.general = true;
    hooks.preempt_at = ALWAYS;
    assert_int_equal(page_get_typed(l3, machine_guest.id, PT_L3), -ERESTART);
    hooks_reset();
    log_clear();
    assert_int_equal(op_unpin(l3), -EINVAL);
    line_is("d1v0 refused mmuext_op UNPIN[0]: mfn=%lx pfn=%lx owner=d1 type=L3/1 refs=2 partial "
            "rule not-pinned: -EINVAL\n",
            l3.n, m2p_get(l3));
    assert_int_equal(op_pin(l3, 3), 0);
}

static void which_of_a_list(void **state)
{
    struct mmu_update *req = machine_requests();

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        req[i] = (struct mmu_update){ mfn_to_ma(l1) + i % 2 * 8, 0 };
    req[2].ptr |= 4;
    assert_int_equal(machine_hypercall(hc_mmu_update, GUEST_REQUESTS, 3, 0, DOMID_SELF), -ENOSYS);
    assert_non_null(strstr(log_text(), "d1v0 refused mmu_update[2]: "));
    assert_non_null(strstr(log_text(), " rule unknown-command: -ENOSYS\n"));
}

/* Hypercalls whose requests have a status of their own. */
static void a_status(void **state)
{
    (void)state;
    refuse(-EINVAL, "some-rule", MFN_NONE, 0);
    refuse_status("grant", 3, -7);
    line_is("d1v0 refused grant[3]: rule some-rule: status -7\n");
}

static unsigned lines(void)
{
    unsigned n = 0;

    for (const char *c = log_text(); *c; c++)
        n += *c == '\n';
    return n;
}

static void ask_unknown(unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        assert_int_equal(machine_hypercall(hc_memory_op, 63, 0, 0, 0), -ENOSYS);
}

/* A kernel that probes: four lines, then one for each power of two. Anything else begins anew. */
static void the_same_again(void **state)
{
    (void)state;
    ask_unknown(40);
    assert_int_equal(lines(), 7); /* 1 2 3 4 8 16 32 */
    assert_non_null(strstr(log_text(), "-ENOSYS (8 times in a row)\n"));
    assert_non_null(strstr(log_text(), "-ENOSYS (32 times in a row)\n"));
    assert_null(strstr(log_text(), "(4 times"));
    log_clear();
    assert_int_equal(machine_hypercall(hc_memory_op, XENMEM_exchange, 0x10, 0, 0), -EFAULT);
    assert_int_equal(lines(), 1);
    ask_unknown(5);
    assert_int_equal(lines(), 5);
    log_clear();
    machine_run(2); /* another domain */
    ask_unknown(3);
    assert_int_equal(lines(), 3);
    machine_run(0);
    log_clear();
    /* About a frame: always. */
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(op_pin(mfn_of(frame_limit), 4), -EINVAL);
    assert_int_equal(lines(), 6);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(frames_as_they_are), T(an_entry_within), T(half_a_table),
        T(which_of_a_list),    T(a_status),        T(the_same_again),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
