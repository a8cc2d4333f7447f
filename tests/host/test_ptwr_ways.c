/* SPDX-License-Identifier: MIT */
/*
 * A store to a live L1 by the short way of pv/ptwr_fault.c and by the general one, from the same state: the
 * same entry, the same references, the same registers and flags, or the same fault.
 */
#include "machine.h"

#include <string.h>

#include "pv/emulate.h"
#include "reflect.h"

#define TABLE_SLOT 2u
#define DATA_SLOT  5u

static struct machine_tree tree;
static uint64_t entry_va; /* where the guest sees the entry */

static int setup(void **state)
{
    struct vcpu *v;

    if (machine_setup(state))
        return -1;
    tree = machine_tree(&machine_guest, LEAF_RO);
    op_first_root(tree.l[4]);
    assert_int_equal(op_update(tree.l[1], TABLE_SLOT, pte_make(tree.l[1], LEAF_RO)), 0);
    v = vcpu_current();
    v->domain->vm_assist = 1ul << VMASST_TYPE_writable_pagetables;
    v->in_user = 0;
    entry_va = TABLE_SLOT * PAGE_SIZE + DATA_SLOT * 8;
    return 0;
}

static const struct {
    uint8_t bytes, code[8];
} stores[] = {
#define CODE(...)                                 \
    {                                             \
        sizeof((const uint8_t[]){ __VA_ARGS__ }), \
        {                                         \
            __VA_ARGS__                           \
        }                                         \
    }
    CODE(0x48, 0x87, 0x03),                   /* xchg [rbx], rax */
    CODE(0x4c, 0x87, 0x74, 0x24, 0x08),       /* xchg [rsp+8], r14 */
    CODE(0x48, 0x89, 0x0b),                   /* mov [rbx], rcx */
    CODE(0x49, 0x89, 0x8c, 0xd5, 0, 1, 0, 0), /* mov [r13+rdx*8+0x100], rcx */
    CODE(0x48, 0xc7, 0x03, 0, 0x02, 0, 0),    /* mov qword [rbx], 0x200 */
    CODE(0xf0, 0x48, 0x0f, 0xb1, 0x0b),       /* lock cmpxchg [rbx], rcx */
    CODE(0xf0, 0x80, 0x23, 0xfd),             /* lock and byte [rbx], ~2 */
    CODE(0xf0, 0x80, 0x63, 0x01, 0x0f),       /* lock and byte [rbx+1], 15 */
    CODE(0x80, 0x0b, 0x02),                   /* or byte [rbx], 2 */
    CODE(0xf0, 0x48, 0x0f, 0xba, 0x33, 0x05), /* lock btr qword [rbx], 5 */
    CODE(0x48, 0x0f, 0xba, 0x2b, 0x3f),       /* bts qword [rbx], 63 */
    CODE(0xf0, 0x48, 0x89, 0x0b),             /* lock mov: none */
#undef CODE
};

struct outcome {
    bool done;
    struct reflected fault;
    struct cpu_regs regs;
    uint64_t entry;
    uint32_t refs, type_refs;
};

/* The store by one of the ways, where the entry is was, and what comes of it. */
static struct outcome outcome_of(unsigned store, uint64_t was, uint64_t value, uint64_t rax,
                                 mfn_t page, uint64_t cs, bool general)
{
    uint64_t va = entry_va + (stores[store].code[2] == 0x63); /* the one with another byte */
    struct cpu_regs regs = { .rax = rax,
                             .rcx = value,
                             .rdx = 4,
                             .r14 = value,
                             .rbx = entry_va,
                             .rsp = entry_va - 8,
                             .r13 = entry_va - 0x120,
                             .rip = GUEST_VA + 8 * store,
                             .cs = cs,
                             .rflags = 0x10ad5 };
    struct outcome o;

    memset(&o, 0, sizeof(o)); /* compared as a whole */
    assert_int_equal(op_update(tree.l[1], DATA_SLOT, was), 0);
    hooks_reset();
    hooks.general = general;
    reflected = (struct reflected){ 0 };
    ptwr_fault(&regs, va);
    machine_check("store to a table");
    o.done = !reflected.count;
    o.fault = reflected;
    o.regs = regs;
    o.entry = machine_peek(tree.l[1], DATA_SLOT);
    o.refs = frame_refs(page);
    o.type_refs = frame_type_refs(page);
    return o;
}

static void both_ways_are_one(void **state)
{
    mfn_t page = machine_page(&machine_guest);
    const uint64_t values[] = {
        0,
        PTE_AVAIL0 | 0x123000,
        pte_make(page, LEAF_RO),
        pte_make(page, LEAF_RW),
        pte_make(page, LEAF_RO | PTE_PCD),
        pte_make(page, PTE_P | PTE_RW),
        pte_make(tree.l[2], LEAF_RW),
        pte_make(machine_page(&machine_control), LEAF_RO),
        PTE_P | PTE_ADDR_MASK,
    };
    const unsigned count = sizeof(values) / sizeof(values[0]), legal = 4;
    unsigned done = 0;

    (void)state;
    for (unsigned n = 0; n < sizeof(stores) / sizeof(stores[0]); n++)
        memcpy(machine_guest_memory + 8 * n, stores[n].code, stores[n].bytes);
    for (unsigned n = 0; n < sizeof(stores) / sizeof(stores[0]); n++)
        for (unsigned i = 0; i < legal * count * 2; i++) {
            uint64_t was = values[i % legal], value = values[i / legal % count];
            uint64_t rax = i / legal / count ? value : was;
            struct outcome by_short = outcome_of(n, was, value, rax, page, FLAT_RING3_CS64, false);
            struct outcome in_general = outcome_of(n, was, value, rax, page, FLAT_RING3_CS64, true);

            assert_memory_equal(&by_short, &in_general, sizeof(by_short));
            done += by_short.done;
        }
    assert_true(done > 400);
}

/* The forms are those of 64-bit code: the same bytes are others where REX is INC or DEC. */
static void other_code_segments(void **state)
{
    const uint16_t selectors[] = { FLAT_RING3_CS32, FLAT_RING3_CS64 & ~3u, 0 };
    mfn_t page = machine_page(&machine_guest);

    (void)state;
    for (unsigned n = 0; n < sizeof(stores) / sizeof(stores[0]); n++)
        memcpy(machine_guest_memory + 8 * n, stores[n].code, stores[n].bytes);
    for (unsigned n = 0; n < sizeof(stores) / sizeof(stores[0]); n++)
        for (unsigned i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
            struct outcome by_short = outcome_of(n, 0, 2, 0, page, selectors[i], false);
            struct outcome in_general = outcome_of(n, 0, 2, 0, page, selectors[i], true);

            assert_memory_equal(&by_short, &in_general, sizeof(by_short));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_ways_are_one, setup, machine_teardown),
        cmocka_unit_test_setup_teardown(other_code_segments, setup, machine_teardown),
    };

    return cmocka_run_group_tests_name("ptwr_ways", tests, 0, 0);
}
