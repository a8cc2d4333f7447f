/* SPDX-License-Identifier: MIT */
/*
 * update_va_mapping: which addresses have an entry, what is flushed and whose, by oneself and for
 * another domain.
 */
#include "machine.h"

static struct machine_tree t;
static mfn_t page;

static int tree(void **state)
{
    (void)state;
    machine_begin(256);
    t = machine_tree(&machine_guest, LEAF_RO);
    page = machine_page(&machine_guest);
    op_first_root(t.l[4]);
    hooks_reset();
    return 0;
}

static void by_address(void **state)
{
    const uint64_t bad[] = { 0x800000000000, 0xffff800000000000, 0xffff87fffffff000,
                             0x7fffffffffff & ~0xffful, PAGE_SIZE << PT_INDEX_BITS };
    uint64_t value = pte_make(page, LEAF_RW);

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(-EINVAL, op_update_va(bad[i], value, 0));
    assert_refused(-EBUSY, op_update_va(0, pte_make(t.l[1], LEAF_RW), UVMF_TLB_FLUSH));
    assert_int_equal(op_update_va(PAGE_SIZE, value, 0), 0);
    assert_int_equal(machine_peek(t.l[1], 1), value);
    assert_int_equal(op_update_va(PAGE_SIZE, 0, 0), 0);
}

static void flush_flags(void **state)
{
    unsigned long all, one;

    (void)state;
    for (unsigned flags = 0; flags < 8; flags++) {
        all = ghost_flushes;
        one = ghost_va_flushes;
        assert_int_equal(op_update_va(0, 0, flags), 0);
        assert_int_equal(ghost_flushes - all, (flags & 3) == UVMF_TLB_FLUSH);
        assert_int_equal(ghost_va_flushes - one, (flags & 3) == UVMF_INVLPG);
        /* Refused: no flush either. */
        all = ghost_flushes;
        assert_refused(-EINVAL, op_update_va(0, ~0ul, flags));
        assert_int_equal(ghost_flushes, all);
    }
    /* For a set of vCPUs: here, if this one is among them. */
    for (unsigned i = 0; i < 3; i++) {
        all = ghost_flushes;
        *(uint64_t *)machine_requests() = (uint64_t)(i + 1) << vcpu_current()->id;
        assert_int_equal(op_update_va(0, 0, GUEST_REQUESTS | UVMF_TLB_FLUSH | UVMF_MULTI), 0);
        assert_int_equal(ghost_flushes - all, i != 1);
    }
    /* The set of vCPUs cannot be read: the entry has changed all the same. */
    assert_int_equal(op_update_va(0, pte_make(page, LEAF_RO), 0x10 | UVMF_INVLPG), -EFAULT);
    assert_int_equal(machine_peek(t.l[1], 0), pte_make(page, LEAF_RO));
}

static void by_address_for_another(void **state)
{
    uint64_t value = pte_make(page, LEAF_RO);
    struct machine_tree own;

    (void)state;
    assert_int_equal(machine_hypercall(hc_update_va_mapping_otherdomain, 0, value, 0, 0), -EPERM);
    assert_int_equal(machine_hypercall(hc_update_va_mapping_otherdomain, 0, value, 0, 77), -ESRCH);
    assert_int_equal(machine_hypercall(hc_update_va_mapping_otherdomain, 0, value, 0, DOMID_SELF),
                     0);
    machine_check("own");
    assert_int_equal(machine_peek(t.l[1], 0), value);
    machine_run(2);
    own = machine_tree(&machine_control, LEAF_RO);
    op_first_root(own.l[4]);
    assert_int_equal(machine_hypercall(hc_update_va_mapping, 0, value, 0, 0), -EBUSY);
    assert_int_equal(machine_hypercall(hc_update_va_mapping_otherdomain, 0, value, 0, 1), 0);
    assert_int_equal(machine_peek(own.l[1], 0), value);
    assert_int_equal(frame_refs(page), 3);
    assert_int_equal(op_update_va(0, 0, 0), 0);
    machine_run(0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, tree, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(by_address),
        T(flush_flags),
        T(by_address_for_another),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
