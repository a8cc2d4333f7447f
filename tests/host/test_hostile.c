/* SPDX-License-Identifier: MIT */
/*
 * A hostile memory (hazard H2): every word that the guest could change is read once. Whatever is read
 * a second time has another value then; what is decided and what is stored follow the first.
 */
#include "machine.h"

#include "pt/descriptor.h"
#include "pt/pte_check.h"

#define REQUESTS 40u
#define SLOTS    (PT_ENTRIES < REQUESTS ? PT_ENTRIES : REQUESTS)
#define CODE     (DESC_P | DESC_S | DESC_CODE)

static struct machine_tree t;
static mfn_t page;

static int hostile(void **state)
{
    machine_setup(state);
    t = machine_tree(&machine_guest, LEAF_RW);
    page = machine_page(&machine_guest);
    op_first_root(t.l[4]);
    hooks_reset();
    hooks.flip = true;
    return 0;
}

static void read_once(void)
{
    assert_int_equal(hooks.double_reads, 0);
    assert_int_equal(hooks.table_rereads, 0);
}

/* Entries that hold no reference: what a batch can write on any machine. */
static uint64_t entry_absent(unsigned i)
{
    return (i + 1ul) << 12 | 0x80;
}

static void requests_of_a_batch(void **state)
{
    struct mmu_update *req = machine_requests();

    (void)state;
    for (unsigned i = 0; i < SLOTS; i++)
        req[i] = (struct mmu_update){ mfn_to_ma(t.l[1]) + i * 8, entry_absent(i) };
    assert_int_equal(machine_hypercall(hc_mmu_update, GUEST_REQUESTS, SLOTS, 0, DOMID_SELF), 0);
    read_once();
    for (unsigned i = 0; i < SLOTS; i++)
        assert_int_equal(machine_peek(t.l[1], i), entry_absent(i));
}

static void requests_of_a_list(void **state)
{
    struct mmuext_op *ops = machine_requests();

    (void)state;
    for (unsigned i = 0; i < REQUESTS; i++)
        ops[i] = (struct mmuext_op){ .cmd = i % 2 ? MMUEXT_UNPIN_TABLE : MMUEXT_PIN_L1_TABLE,
                                     .arg1.mfn = page.n };
    assert_int_equal(machine_hypercall(hc_mmuext_op, GUEST_REQUESTS, REQUESTS, 0, DOMID_SELF), 0);
    assert_int_equal(hooks.double_reads, 0); /* of the list; the table is another one each time */
    assert_int_equal(frame_type_refs(page), 0);
}

/* Entries as a guest writes them, without the bits that the hypervisor adds: each is stored again. */
static uint64_t entry_written(unsigned level, unsigned slot)
{
    return pte_make(t.l[level - 1], PTE_P | PTE_RW) | (slot % 2 ? PTE_A : 0);
}

static void entries_of_a_new_table(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        mfn_t table = machine_page(&machine_guest);

        for (unsigned slot = 0; slot < PT_ENTRIES; slot++)
            if (!slot_is_hv(level, slot))
                machine_poke(table, slot, entry_written(level, slot));
        hooks_reset();
        hooks.flip = true;
        assert_int_equal(op_pin(table, level), 0);
        read_once();
        for (unsigned slot = 0; slot < PT_ENTRIES; slot++)
            if (!slot_is_hv(level, slot))
                assert_int_equal(machine_peek(table, slot),
                                 pte_adjust(entry_written(level, slot), level));
        assert_int_equal(op_unpin(table), 0);
    }
}

static void descriptors_of_a_new_page(void **state)
{
    (void)state;
    for (unsigned slot = 0; slot < PT_ENTRIES; slot++)
        machine_poke(page, slot, CODE | slot);
    assert_int_equal(page_get_typed(page, machine_guest.id, PT_SEG), 0);
    machine_hold(page, PT_SEG);
    read_once();
    for (unsigned slot = 0; slot < PT_ENTRIES; slot++)
        assert_int_equal(machine_peek(page, slot), CODE | DESC_DPL_MASK | slot);
}

static void an_entry_that_is_replaced(void **state)
{
    (void)state;
    for (unsigned general = 0; general < 2; general++) {
        hooks_reset();
        hooks.flip = true;
        hooks.general = general;
        assert_int_equal(op_update_va(0, pte_make(page, LEAF_RO), 0), 0);
        read_once();
        assert_int_equal(machine_peek(t.l[1], 0), pte_make(page, LEAF_RO));
        assert_int_equal(op_update(t.l[1], 0, pte_make(t.l[0], LEAF_RW)), 0);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, hostile, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(requests_of_a_batch),       T(requests_of_a_list),        T(entries_of_a_new_table),
        T(descriptors_of_a_new_page), T(an_entry_that_is_replaced),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
