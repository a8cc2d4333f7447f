/* SPDX-License-Identifier: MIT */
/*
 * mmu_update: how far a batch came, what a bad request in the middle leaves, whose frames a caller may
 * name, which guest pointers are refused.
 */
#include "machine.h"

#include <string.h>

#include "mm/m2p.h"

#define BATCH 70u /* more than two chunks of the hypervisor's */

static struct machine_tree t;
static mfn_t l1[BATCH / PT_ENTRIES + 1], page;

/* L1 tables with room for the batch, all hooked or pinned; entries to one page. */
static int tables(void **state)
{
    (void)state;
    machine_begin(256);
    t = machine_tree(&machine_guest, LEAF_RO);
    page = machine_page(&machine_guest);
    op_first_root(t.l[4]);
    for (unsigned i = 0; i < sizeof(l1) / sizeof(l1[0]); i++) {
        l1[i] = machine_page(&machine_guest);
        assert_int_equal(op_pin(l1[i], 1), 0);
    }
    hooks_reset();
    return 0;
}

static uint64_t entry_ma(unsigned i)
{
    return mfn_to_ma(l1[i / PT_ENTRIES]) + i % PT_ENTRIES * 8;
}

static uint64_t entry_now(unsigned i)
{
    return machine_peek(l1[i / PT_ENTRIES], i % PT_ENTRIES);
}

/* Entries that hold no reference: what a batch of any size can write on any machine. */
static uint64_t entry_absent(unsigned i)
{
    return (i + 1ul) << 12 | 0x80;
}

static void batch_fill(void)
{
    struct mmu_update *req = machine_requests();

    for (unsigned i = 0; i < BATCH; i++)
        req[i] = (struct mmu_update){ entry_ma(i), entry_absent(i) };
}

static long batch_run(unsigned count, uint64_t foreigndom)
{
    long rc = machine_hypercall(hc_mmu_update, GUEST_REQUESTS, count, GUEST_DONE, foreigndom);

    machine_check("batch");
    return rc;
}

/* Stores to one L1 go by the short way, which looks for others once in a chunk. */
static void all_done(void **state)
{
    (void)state;
    batch_fill();
    assert_int_equal(batch_run(BATCH, DOMID_SELF), 0);
    if (PT_ENTRIES > BATCH)
        assert_in_range(hooks.preempt_checks, 1, 8);
    assert_int_equal(machine_done(), BATCH);
    for (unsigned i = 0; i < BATCH; i++)
        assert_int_equal(entry_now(i), entry_absent(i));
}

static void nothing_to_do(void **state)
{
    (void)state;
    assert_int_equal(batch_run(0, DOMID_SELF), 0);
    assert_int_equal(machine_done(), 0);
}

static void bad_request_at(unsigned bad, struct mmu_update req, long error)
{
    batch_fill();
    ((struct mmu_update *)machine_requests())[bad] = req;
    assert_int_equal(batch_run(BATCH, DOMID_SELF), error);
    assert_int_equal(machine_done(), bad);
    for (unsigned i = 0; i < BATCH; i++)
        assert_int_equal(entry_now(i), i < bad ? entry_absent(i) : 0);
    for (unsigned i = 0; i < bad; i++)
        assert_int_equal(op_update(l1[i / PT_ENTRIES], i % PT_ENTRIES, 0), 0);
}

static void a_bad_request_anywhere(void **state)
{
    (void)state;
    for (unsigned bad = 0; bad < BATCH; bad++) {
        uint64_t ma = entry_ma(bad);

        bad_request_at(bad, (struct mmu_update){ ma, pte_make(page, LEAF_RO | PTE_PCD) }, -EINVAL);
        bad_request_at(bad, (struct mmu_update){ ma, pte_make(t.l[2], LEAF_RW) }, -EBUSY);
        bad_request_at(bad, (struct mmu_update){ ma, pte_make(mfn_of(frame_limit), LEAF_RO) },
                       -EPERM);
        bad_request_at(bad, (struct mmu_update){ 0, 0 }, -EINVAL);
        bad_request_at(bad, (struct mmu_update){ ~0ul, 0 }, -ENOSYS);
        bad_request_at(bad, (struct mmu_update){ ~7ul, 0 }, -EINVAL);
        bad_request_at(bad, (struct mmu_update){ frame_limit << 12, 0 }, -EINVAL);
        bad_request_at(bad, (struct mmu_update){ ma + 4 + bad % 4, 0 }, -ENOSYS);
    }
}

/* The general way looks after each request, the short one after each chunk that it was given. */
static void preempted_anywhere(void **state)
{
    (void)state;
    for (unsigned long k = 0; k < 2 * BATCH; k++) {
        unsigned restarts;

        batch_fill();
        hooks_reset();
        hooks.general = k % 2;
        hooks.preempt_at = k / 2 ? k / 2 : ALWAYS;
        assert_int_equal(batch_run(BATCH, DOMID_SELF), 0);
        assert_int_equal(machine_done(), BATCH);
        restarts = machine_restarts;
        if (k % 2)
            assert_int_equal(restarts, k / 2 ? 1 : BATCH - 1);
        else
            assert_in_range(restarts, k / 2 <= 1, k / 2 ? 1 : BATCH - 1);
        for (unsigned i = 0; i < BATCH; i++) {
            assert_int_equal(entry_now(i), entry_absent(i));
            assert_int_equal(op_update(l1[i / PT_ENTRIES], i % PT_ENTRIES, 0), 0);
        }
    }
}

/* Preempted and refused: done counts from the first request of all. */
static void preempted_then_bad(void **state)
{
    (void)state;
    hooks.preempt_at = ALWAYS;
    bad_request_at(50, (struct mmu_update){ entry_ma(50), ~0ul }, -EINVAL);
}

static void commands(void **state)
{
    struct mmu_update *req = machine_requests();
    uint64_t value = pte_make(page, LEAF_RO);

    (void)state;
    for (unsigned cmd = 0; cmd < 8; cmd++) {
        *req = (struct mmu_update){ entry_ma(3) + cmd, value };
        m2p_set(l1[3 / PT_ENTRIES], 77);
        assert_int_equal(batch_run(1, DOMID_SELF), cmd < 4 ? 0 : -ENOSYS);
        assert_int_equal(machine_done(), cmd < 4);
        assert_int_equal(entry_now(3), cmd < 4 && cmd != MMU_MACHPHYS_UPDATE ? value : 0);
        assert_int_equal(m2p_get(l1[3 / PT_ENTRIES]), cmd == MMU_MACHPHYS_UPDATE ? value : 77);
        assert_int_equal(op_update(l1[3 / PT_ENTRIES], 3 % PT_ENTRIES, 0), 0);
    }
}

static void machine_to_physical(void **state)
{
    struct mmu_update *req = machine_requests();
    mfn_t foreign = machine_page(&machine_control);
    const uint64_t bad[] = { 0, 1, foreign.n, frame_limit, ~0ul >> 12 };
    const uint64_t odd[] = { 0, ~0ul, 1ul << 63, frame_limit };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        *req = (struct mmu_update){ bad[i] << 12 | MMU_MACHPHYS_UPDATE, 5 };
        assert_refused(-EINVAL, batch_run(1, DOMID_SELF));
    }
    for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        *req = (struct mmu_update){ mfn_to_ma(page) | MMU_MACHPHYS_UPDATE, odd[i] };
        assert_int_equal(batch_run(1, DOMID_SELF), 0);
        assert_int_equal(m2p_get(page), odd[i]);
    }
    assert_int_equal(m2p_get(mfn_of(frame_limit)), M2P_INVALID);
}

/* A frame without a type is written like memory; every address in it, rounded down to a word. */
static void frames_that_are_no_tables(void **state)
{
    struct mmu_update *req = machine_requests();

    (void)state;
    for (unsigned at = 0; at < PAGE_SIZE; at += 8) {
        *req = (struct mmu_update){ mfn_to_ma(page) + at, at + 1 };
        assert_int_equal(batch_run(1, DOMID_SELF), 0);
        assert_int_equal(machine_peek(page, at / 8), at + 1);
    }
    assert_int_equal(frame_type_refs(page), 0);
    /* Mapped writable, it is still plain memory; descriptors are not. */
    assert_int_equal(op_update(l1[0], 0, pte_make(page, LEAF_RW)), 0);
    *req = (struct mmu_update){ mfn_to_ma(page), 5 };
    assert_int_equal(batch_run(1, DOMID_SELF), 0);
    assert_int_equal(op_update(l1[0], 0, 0), 0);
    memset(frame_va(page), 0, PAGE_SIZE);
    assert_int_equal(page_get_typed(page, machine_guest.id, PT_SEG), 0);
    machine_hold(page, PT_SEG);
    *req = (struct mmu_update){ mfn_to_ma(page), 5 };
    assert_refused(-EINVAL, batch_run(1, DOMID_SELF));
}

static void whose_frames(void **state)
{
    const struct {
        unsigned vcpu;
        uint16_t domid;
        long expected; /* for an L1 entry that names a frame of the guest */
    } cases[] = {
        { 0, DOMID_SELF, 0 },      { 0, 1, -ESRCH },
        { 0, 0, -EPERM },          { 0, DOMID_IO, -EPERM },
        { 0, DOMID_XEN, -EPERM },  { 0, DOMID_COW, -ESRCH },
        { 0, 77, -ESRCH },         { 0, 0xffff, -ESRCH },
        { 2, DOMID_SELF, -EBUSY }, { 2, 1, 0 },
        { 2, 0, -ESRCH },          { 2, DOMID_IO, -EBUSY },
        { 2, DOMID_XEN, -EBUSY },  { 2, 77, -ESRCH },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t tables_of = cases[i].vcpu == 2 ? (machine_guest.id + 1ul) << 16 : 0;
        struct mmu_update *req;

        machine_note("case %u", i);
        machine_run(cases[i].vcpu);
        req = machine_requests();
        *req = (struct mmu_update){ entry_ma(0), pte_make(page, LEAF_RO) };
        assert_int_equal(batch_run(1, tables_of | cases[i].domid), cases[i].expected);
        assert_int_equal(machine_done(), cases[i].expected == 0);
        machine_run(0);
        assert_int_equal(op_update(l1[0], 0, 0), 0);
    }
}

/* The tables of another: the high half of the argument, for a privileged caller only. */
static void whose_tables(void **state)
{
    const struct {
        unsigned vcpu;
        uint32_t half;
        long expected;
    } cases[] = { { 0, 1, -EPERM },  { 0, 2, 0 },       { 0, 78, -ESRCH },
                  { 2, 78, -ESRCH }, { 2, 1, -EINVAL }, { 0, DOMID_SELF + 1, -ESRCH } };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        machine_run(cases[i].vcpu);
        *(struct mmu_update *)machine_requests() = (struct mmu_update){ entry_ma(0), 0 };
        assert_int_equal(batch_run(0, DOMID_SELF), 0);
        assert_int_equal(batch_run(1, (uint64_t)cases[i].half << 16 | DOMID_SELF),
                         cases[i].expected);
        assert_int_equal(machine_done(), cases[i].expected == 0);
    }
    /* A privileged caller: the guest's table, the guest's frame; tables above L1 only so. */
    machine_run(2);
    *(struct mmu_update *)machine_requests() =
        (struct mmu_update){ mfn_to_ma(t.l[2]) + 8, pte_make(l1[0], BRANCH) };
    assert_int_equal(batch_run(1, 2 << 16 | 1), 0);
    *(struct mmu_update *)machine_requests() = (struct mmu_update){ mfn_to_ma(t.l[2]) + 8, 0 };
    assert_int_equal(batch_run(1, 2 << 16 | DOMID_SELF), -EINVAL);
    assert_int_equal(batch_run(1, 2 << 16 | 1), 0);
    *(struct mmu_update *)machine_requests() =
        (struct mmu_update){ mfn_to_ma(page) | MMU_MACHPHYS_UPDATE, 0 };
    assert_int_equal(batch_run(1, 2 << 16 | 1), -EPERM);
    machine_run(0);
}

static void guest_pointers(void **state)
{
    const uint64_t bad[] = {
        0, 0x800000000000, 0xffff800000000000, 0xffff87ffffffffff, GUEST_VA + GUEST_BYTES, ~0ul - 7
    };
    struct mmu_update *last = (void *)(machine_guest_memory + GUEST_BYTES - sizeof(*last));

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(-EFAULT, machine_hypercall(hc_mmu_update, bad[i], 1, 0, DOMID_SELF));
    /* The last readable request is done, the next one is not there. */
    *last = (struct mmu_update){ entry_ma(0), entry_absent(0) };
    assert_int_equal(machine_hypercall(hc_mmu_update, GUEST_VA + GUEST_BYTES - sizeof(*last), 5,
                                       GUEST_DONE, DOMID_SELF),
                     -EFAULT);
    assert_int_equal(machine_done(), 1);
    assert_int_equal(entry_now(0), entry_absent(0));
    /* Where the count cannot be written, it is not. */
    *(struct mmu_update *)machine_requests() = (struct mmu_update){ entry_ma(0), 0 };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(machine_hypercall(hc_mmu_update, GUEST_REQUESTS, 1, bad[i], DOMID_SELF),
                         0);
}

static void explained(mfn_t table, uint64_t flags, const char *rule)
{
    log_clear();
    assert_int_equal(op_update(table, 1, pte_make(page, flags)), -EINVAL);
    if (!strstr(log_text(), rule))
        fail_msg("not %s but: %s", rule, log_text());
}

/* Each refusal leaves one line that names the rule, the frame and the error. */
static void refusals_are_explained(void **state)
{
    (void)state;
    log_clear();
    assert_int_equal(op_update(l1[0], 1, pte_make(t.l[2], LEAF_RW)), -EBUSY);
    assert_non_null(strstr(log_text(), "refused mmu_update"));
    assert_non_null(strstr(log_text(), "frame-has-other-type"));
    assert_non_null(strstr(log_text(), "EBUSY"));
    explained(t.l[2], BRANCH | PTE_PS, "superpage-refused");
    explained(t.l[2], BRANCH | PTE_G, "global-above-L1");
    explained(t.l[2], BRANCH | PTE_PCD, "entry-flags-not-allowed");
    explained(l1[0], LEAF_RO | PTE_PAT, "entry-flags-not-allowed");
    explained(l1[0], LEAF_RO | PTE_PWT, "entry-flags-not-allowed");
    log_clear();
    assert_int_equal(op_pin(mfn_of(frame_limit), 4), -EINVAL);
    assert_non_null(strstr(log_text(), "frame-beyond-memory"));
    log_clear();
    assert_int_equal(op_update(l1[0], 1, 0), 0);
    assert_string_equal(log_text(), "");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, tables, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(all_done),
        T(nothing_to_do),
        T(a_bad_request_anywhere),
        T(preempted_anywhere),
        T(preempted_then_bad),
        T(commands),
        T(machine_to_physical),
        T(frames_that_are_no_tables),
        T(whose_frames),
        T(whose_tables),
        T(guest_pointers),
        T(refusals_are_explained),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
