/* SPDX-License-Identifier: MIT */
/*
 * Extended operations, as hypercalls: how far a list of them came, what each refuses, what may be done
 * to another domain's frames and by whom, which guest pointers are refused.
 */
#include "machine.h"

#include <string.h>

static struct machine_tree t;
static mfn_t l1, page;

static int tables(void **state)
{
    (void)state;
    machine_begin(128);
    t = machine_tree(&machine_guest, LEAF_RO);
    page = machine_page(&machine_guest);
    l1 = machine_page(&machine_guest);
    op_first_root(t.l[4]);
    assert_int_equal(op_pin(l1, 1), 0);
    hooks_reset();
    return 0;
}

static long ext_run(const struct mmuext_op *ops, unsigned count, uint64_t foreigndom)
{
    long rc;

    memcpy(machine_requests(), ops, count * sizeof(*ops));
    rc = machine_hypercall(hc_mmuext_op, GUEST_REQUESTS, count, GUEST_DONE, foreigndom);
    machine_check("mmuext_op");
    return rc;
}

/* The order in which kernels change their first tables for their own. */
static void pin_load_unpin(void **state)
{
    (void)state;
    for (unsigned long preempt = 0; preempt < 12; preempt++) {
        struct machine_tree u = machine_tree(&machine_guest, LEAF_RW);
        mfn_t old = ma_to_mfn(vcpu_current()->cr3_kernel);
        struct mmuext_op ops[3] = {
            { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = u.l[4].n },
            { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = u.l[4].n },
            { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = old.n },
        };

        if (!preempt)
            assert_int_equal(op_pin(old, 4), 0);
        hooks_reset();
        hooks.preempt_at = preempt == 1 ? ALWAYS : preempt;
        assert_int_equal(ext_run(ops, 3, DOMID_SELF), 0);
        assert_int_equal(machine_done(), 3);
        assert_int_equal(frame_type_refs(old), 0);
        assert_int_equal(vcpu_current()->cr3_kernel, mfn_to_ma(u.l[4]));
    }
}

static void a_bad_operation_in_the_middle(void **state)
{
    struct mmuext_op ops[4] = {
        { .cmd = MMUEXT_TLB_FLUSH_LOCAL },
        { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = page.n },
        { .cmd = 14 },
        { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = page.n },
    };

    (void)state;
    assert_int_equal(ext_run(ops, 4, DOMID_SELF), -ENOSYS);
    assert_int_equal(machine_done(), 2);
    assert_int_equal(frame_type_refs(page), 1);
    ops[2].cmd = MMUEXT_PIN_L1_TABLE;
    ops[2].arg1.mfn = page.n;
    assert_int_equal(ext_run(ops, 4, DOMID_SELF), -EINVAL);
    assert_int_equal(machine_done(), 1);
    assert_int_equal(ext_run(ops + 3, 1, DOMID_SELF), 0);
}

static void errors_of_operations(void **state)
{
    const struct {
        struct mmuext_op op;
        long error;
    } cases[] = {
        { { .cmd = MMUEXT_FLUSH_CACHE }, -EACCES },
        { { .cmd = MMUEXT_FLUSH_CACHE_GLOBAL }, -EINVAL },
        { { .cmd = MMUEXT_MARK_SUPER }, -EOPNOTSUPP },
        { { .cmd = MMUEXT_UNMARK_SUPER }, -EOPNOTSUPP },
        { { .cmd = 14 }, -ENOSYS },
        { { .cmd = 21 }, -ENOSYS },
        { { .cmd = ~0u }, -ENOSYS },
        { { .cmd = MMUEXT_TLB_FLUSH_MULTI, .arg2.vcpumask.p = (void *)8 }, -EINVAL },
        { { .cmd = MMUEXT_INVLPG_MULTI, .arg2.vcpumask.p = (void *)8 }, -EINVAL },
        { { .cmd = MMUEXT_TLB_FLUSH_MULTI, .arg2.vcpumask.p = (void *)GUEST_VA }, 0 },
        { { .cmd = MMUEXT_INVLPG_MULTI, .arg2.vcpumask.p = (void *)GUEST_VA }, 0 },
        { { .cmd = MMUEXT_INVLPG_ALL, .arg1.linear_addr = 0xffff800000000000 }, 0 },
        { { .cmd = MMUEXT_TLB_FLUSH_ALL }, 0 },
        { { .cmd = MMUEXT_INVLPG_LOCAL }, 0 },
        { { .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = 0x1001, .arg2.nr_ents = 1 }, -EINVAL },
        { { .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = 0x1000, .arg2.nr_ents = 8193 }, -EINVAL },
        { { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = l1.n }, -EINVAL },
        { { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = frame_limit }, -EINVAL },
        { { .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = l1.n, .arg2.src_mfn = page.n }, -EINVAL },
        { { .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = page.n, .arg2.src_mfn = frame_limit }, -EINVAL },
        { { .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = page.n, .arg2.src_mfn = 0 }, -EINVAL },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snapshot *before = snapshot_take();

        machine_note("case %u", i);
        assert_int_equal(ext_run(&cases[i].op, 1, DOMID_SELF), cases[i].error);
        assert_int_equal(machine_done(), !cases[i].error);
        assert_true(snapshot_same(before));
        snapshot_free(before);
    }
}

/* Each flushes what it says, at once: here, if this vCPU is among those that it names. */
static void flushes(void **state)
{
    static const struct {
        unsigned cmd, all, one;
        bool named; /* by a set of vCPUs */
    } cases[] = { { MMUEXT_TLB_FLUSH_LOCAL, 1, 0, false }, { MMUEXT_TLB_FLUSH_MULTI, 1, 0, true },
                  { MMUEXT_TLB_FLUSH_ALL, 1, 0, false },   { MMUEXT_INVLPG_LOCAL, 0, 1, false },
                  { MMUEXT_INVLPG_MULTI, 0, 1, true },     { MMUEXT_INVLPG_ALL, 0, 1, false } };
    const uint64_t self = 1ul << vcpu_current()->id, sets[] = { self, 0, ~self, ~0ul };
    uint64_t *set = (uint64_t *)((char *)machine_requests() + 0x800);

    (void)state;
    for (unsigned n = 0; n < 6 * 2 * 4; n++) {
        unsigned i = n / 8, address = n & 1;
        struct mmuext_op op = { .cmd = cases[i].cmd,
                                .arg2.vcpumask.p = (void *)(GUEST_REQUESTS + 0x800) };
        unsigned long all = ghost_flushes, one = ghost_va_flushes;
        bool here;

        *set = sets[n / 2 % 4];
        here = !cases[i].named || *set & self;
        op.arg1.linear_addr = address ? HV_VA_START : PAGE_SIZE; /* ours is left alone */
        machine_note("command %u, set %lx", op.cmd, *set);
        assert_int_equal(ext_run(&op, 1, DOMID_SELF), 0);
        assert_int_equal(ghost_flushes - all, here && cases[i].all);
        assert_int_equal(ghost_va_flushes - one, here && cases[i].one && !address);
    }
}

static void clear_and_copy(void **state)
{
    mfn_t to = machine_page(&machine_guest);

    (void)state;
    memset(frame_va(page), 0x77, PAGE_SIZE);
    assert_int_equal(ext_run(&(struct mmuext_op){ .cmd = MMUEXT_COPY_PAGE,
                                                  .arg1.mfn = to.n,
                                                  .arg2.src_mfn = page.n },
                             1, DOMID_SELF),
                     0);
    assert_memory_equal(frame_va(to), frame_va(page), PAGE_SIZE);
    assert_int_equal(
        ext_run(&(struct mmuext_op){ .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = to.n }, 1, DOMID_SELF),
        0);
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        assert_int_equal(machine_peek(to, i), 0);
    assert_int_equal(frame_type_refs(to), 0);
    assert_int_equal(frame_refs(to), 1);
}

/* What may be done to another's frames, and by whom. */
static void operations_on_foreign_frames(void **state)
{
    (void)state;
    for (unsigned cmd = 0; cmd <= 20; cmd++) {
        struct mmuext_op op = { .cmd = cmd, .arg1.mfn = page.n, .arg2.src_mfn = page.n };
        bool may = cmd <= MMUEXT_UNPIN_TABLE || cmd == MMUEXT_CLEAR_PAGE || cmd == MMUEXT_COPY_PAGE;

        if (cmd == 14)
            continue;
        machine_run(0);
        assert_int_equal(ext_run(&op, 1, 0), -EPERM);
        assert_int_equal(ext_run(&op, 1, 1), -ESRCH);
        machine_run(2);
        if (cmd <= MMUEXT_PIN_L4_TABLE) {
            assert_int_equal(ext_run(&op, 1, 1), 0);
            assert_int_equal(ext_run(&op, 1, DOMID_XEN), -EINVAL);
            op.cmd = MMUEXT_UNPIN_TABLE;
            assert_int_equal(ext_run(&op, 1, 1), 0);
        } else if (may && cmd != MMUEXT_UNPIN_TABLE) {
            assert_int_equal(ext_run(&op, 1, 1), 0);
        } else if (cmd == MMUEXT_UNPIN_TABLE) {
            assert_int_equal(ext_run(&op, 1, 1), -EINVAL);
        } else if (cmd < MMUEXT_MARK_SUPER) {
            assert_int_equal(ext_run(&op, 1, 1), -EPERM);
        }
    }
    machine_run(0);
}

static void pointers_of_operations(void **state)
{
    const uint64_t bad[] = { 0, 0x800000000000, 0xffff800000000000, ~0ul - 7 };
    struct mmuext_op *last = (void *)(machine_guest_memory + GUEST_BYTES - sizeof(*last));

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(-EFAULT, machine_hypercall(hc_mmuext_op, bad[i], 1, 0, DOMID_SELF));
    *last = (struct mmuext_op){ .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = page.n };
    assert_int_equal(machine_hypercall(hc_mmuext_op, GUEST_VA + GUEST_BYTES - sizeof(*last), 2,
                                       GUEST_DONE, DOMID_SELF),
                     -EFAULT);
    assert_int_equal(machine_done(), 1);
    assert_int_equal(op_unpin(page), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, tables, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(pin_load_unpin), T(a_bad_operation_in_the_middle), T(errors_of_operations),   T(flushes),
        T(clear_and_copy), T(operations_on_foreign_frames),  T(pointers_of_operations),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
