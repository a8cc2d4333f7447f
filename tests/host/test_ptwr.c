/* SPDX-License-Identifier: MIT */
/*
 * Stores to a live L1, from the fault to the entry: what is emulated, what is the guest's fault, and what
 * another CPU may do in between. The guest's code lies at GUEST_VA, its L1 is mapped read-only in slot
 * TABLE_SLOT of itself. Everything is asked of the short way first, and then of the general one alone.
 */
#include "machine.h"

#include <string.h>

#include "pt/walk.h"
#include "pv/emulate.h"
#include "reflect.h"

#define TABLE_SLOT 2u
#define DATA_SLOT  5u /* the entry that is written */
#define RFLAGS_TF  0x100u

static struct machine_tree tree;
static uint64_t entry_va; /* where the guest sees the entry */
static bool generally;    /* not by the short way */

static int setup(void **state)
{
    struct vcpu *v;

    if (machine_setup(state))
        return -1;
    tree = machine_tree(&machine_guest, LEAF_RO);
    op_first_root(tree.l[4]);
    assert_int_equal(op_update(tree.l[1], TABLE_SLOT, pte_make(tree.l[1], LEAF_RO)), 0);
    assert_int_equal(op_update(tree.l[1], DATA_SLOT, pte_make(tree.l[0], LEAF_RO)), 0);
    v = vcpu_current();
    v->domain->vm_assist = 1ul << VMASST_TYPE_writable_pagetables;
    v->in_user = 0;
    entry_va = TABLE_SLOT * PAGE_SIZE + DATA_SLOT * 8;
    reflected = (struct reflected){ 0 };
    generally = false;
    return 0;
}

static int setup_general(void **state)
{
    int rc = setup(state);

    generally = true;
    return rc;
}

/* A write to va that faulted. False: that fault was reflected to the guest. */
static bool write_fault(struct cpu_regs *regs, uint64_t va)
{
    unsigned before = reflected.count;

    hooks.general = generally;
    ptwr_fault(regs, va);
    assert_null(
        this_cpu()->refusal.rule); /* it would explain the next refusal, of another request */
    machine_check("write to a page that may only be read");
    if (reflected.count == before || reflected.vector != 14 ||
        reflected.error_code != (PFEC_P | PFEC_W))
        return true;
    assert_int_equal(reflected.count, before + 1);
    assert_int_equal(reflected.cr2, va);
    reflected.count = before;
    return false;
}

/* The guest's store: code at RIP, RAX the value, RBX the operand. True when it was carried out. */
static bool fault_with(const void *code, size_t bytes, struct cpu_regs *regs)
{
    memcpy(machine_guest_memory, code, bytes);
    regs->rip = GUEST_VA;
    regs->cs = FLAT_RING3_CS64;
    return write_fault(regs, entry_va);
}

static bool fault(const void *code, size_t bytes, struct cpu_regs *regs)
{
    regs->rbx = entry_va;
    return fault_with(code, bytes, regs);
}
#define SEGMENT_STORE(regs, prefix) \
    fault_with((const uint8_t[]){ prefix, 0x48, 0x89, 0x03 }, 4, regs)
#define STORE(regs, ...) \
    fault((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), regs)
#define MOV_RBX_RAX 0x48, 0x89, 0x03

static uint64_t entry(void)
{
    return machine_peek(tree.l[1], DATA_SLOT);
}

static void a_store_is_carried_out(void **state)
{
    mfn_t page = machine_page(&machine_guest);
    struct cpu_regs regs = { .rax = pte_make(page, LEAF_RW) };

    (void)state;
    assert_true(STORE(&regs, MOV_RBX_RAX));
    assert_int_equal(regs.rip, GUEST_VA + 3);
    assert_int_equal(entry(), pte_make(page, LEAF_RW));
    assert_int_equal(frame_type(page), PT_WRITABLE);
    regs.rax = 0;
    assert_true(STORE(&regs, MOV_RBX_RAX));
    assert_int_equal(frame_type_refs(page), 0);
    assert_int_equal(reflected.count, 0);
}

static void a_byte_is_merged(void **state)
{
    struct cpu_regs regs = { .rax = LEAF_RW & 0xff };

    (void)state;
    assert_true(STORE(&regs, 0x88, 0x03)); /* mov [rbx], al */
    assert_int_equal(entry() & ~PTE_D, pte_make(tree.l[0], LEAF_RW) & ~PTE_D);
}

/* Any part of an entry that is not present; the rest stays. */
static void parts_of_an_entry(void **state)
{
    const uint64_t was = 0x00f0000000000000ul | PTE_AVAIL;
    uint64_t at = entry_va;

    (void)state;
    for (unsigned offset = 0; offset < 8; offset++) {
        struct cpu_regs regs = { .rax = 0x0e };

        assert_int_equal(op_update(tree.l[1], DATA_SLOT, was), 0);
        entry_va = at + offset;
        assert_true(STORE(&regs, 0x88, 0x03)); /* mov [rbx], al */
        assert_int_equal(entry(), (was & ~(0xfful << offset * 8)) | 0x0eul << offset * 8);
    }
    entry_va = at;
}

/* What the instruction leaves in registers, once it was carried out. */
static void registers_change(void **state)
{
    uint64_t was = entry();
    struct cpu_regs regs = { .rax = PTE_AVAIL0 };

    (void)state;
    assert_true(STORE(&regs, 0x48, 0x87, 0x03)); /* xchg [rbx], rax */
    assert_int_equal(regs.rax, was);
    assert_int_equal(entry(), PTE_AVAIL0);
    regs.rax = 0;
    assert_true(STORE(&regs, 0xf0, 0x48, 0x0f, 0xc1, 0x03)); /* lock xadd [rbx], rax */
    assert_int_equal(regs.rax, PTE_AVAIL0);
    regs.rax = was;
    assert_true(
        STORE(&regs, 0xf0, 0x48, 0x0f, 0xb1, 0x0b)); /* lock cmpxchg [rbx], rcx: is another */
    assert_int_equal(regs.rax, PTE_AVAIL0);
    assert_false(regs.rflags & 0x40);
    assert_int_equal(entry(), PTE_AVAIL0);
}

/* The new entry is refused: the guest's fault, registers and entry as they were. */
static void refused_is_the_guests_fault(void **state)
{
    struct cpu_regs regs = { .rax = pte_make(tree.l[2], LEAF_RW) }, before;
    uint64_t was = entry();

    (void)state;
    assert_false(STORE(&regs, MOV_RBX_RAX));
    assert_int_equal(entry(), was);
    before = regs;
    assert_false(STORE(&regs, 0x48, 0x87, 0x03)); /* xchg */
    assert_memory_equal(&regs, &before, sizeof(regs));
    regs.rax = pte_make(machine_page(&machine_control), LEAF_RO); /* another domain's */
    assert_false(STORE(&regs, MOV_RBX_RAX));
    regs.rax = pte_make(tree.l[0], LEAF_RO | PTE_PCD);
    assert_false(STORE(&regs, MOV_RBX_RAX));
    assert_int_equal(entry(), was);
}

/* Each condition of the emulation, missing once. */
static void conditions(void **state)
{
    struct vcpu *v = vcpu_current();
    struct cpu_regs regs = { .rax = 0 };
    uint64_t was = entry(), assist = v->domain->vm_assist;

    (void)state;
    log_clear();
    v->domain->vm_assist = 0;
    assert_false(STORE(&regs, MOV_RBX_RAX));
    v->domain->vm_assist = assist;
    regs.rbx = entry_va;
    assert_false(write_fault(&regs, entry_va + 8)); /* not the operand */
    assert_false(write_fault(&regs, HV_VA_START));
    assert_false(write_fault(&regs, 0));          /* no table mapped there */
    assert_false(STORE(&regs, 0x48, 0x8b, 0x03)); /* a load */
    assert_string_equal(log_text(), "");
    assert_false(STORE(&regs, 0xf0, 0x48, 0x89, 0x03)); /* LOCK MOV */
    assert_int_equal(entry(), was);
    assert_int_equal(reflected.count, 0);
}

/* The operand is where its segment's base and its registers say. */
static void operands_of_segments(void **state)
{
    struct cpu_regs regs = { .rax = PTE_AVAIL1 };
    uint64_t va = entry_va;

    (void)state;
    for (unsigned base = 0; base < 3; base++) {
        assert_int_equal(op_update(tree.l[1], DATA_SLOT, 0), 0);
        regs.rbx = va - base * 0x1000; /* config/lib/x86.h */
        assert_int_equal(base == 0   ? SEGMENT_STORE(&regs, 0x3e)
                         : base == 1 ? SEGMENT_STORE(&regs, 0x64)
                                     : SEGMENT_STORE(&regs, 0x65),
                         1);
        assert_int_equal(entry(), PTE_AVAIL1);
    }
    assert_int_equal(SEGMENT_STORE(&regs, 0x64), 0);
}

/* Across entries, and tables of upper levels. */
static void operands_that_do_not_fit(void **state)
{
    struct cpu_regs regs = { .rax = 0 };
    uint64_t was = entry();

    (void)state;
    entry_va += 4;
    assert_false(STORE(&regs, MOV_RBX_RAX));
    entry_va -= 4;
    assert_int_equal(op_update(tree.l[1], TABLE_SLOT, pte_make(tree.l[2], LEAF_RO)), 0);
    assert_false(STORE(&regs, MOV_RBX_RAX));
    assert_int_equal(entry(), was);
}

/* An L1 of another domain, which only that domain's control shows this one, is nobody's to write here. */
static void another_domains_table(void **state)
{
    struct machine_tree other = machine_tree(&machine_control, LEAF_RO);
    struct cpu_regs regs = { .rax = 0 };
    uint64_t *entries = frame_va(tree.l[1]);

    (void)state;
    machine_run(2);
    assert_int_equal(op_pin(other.l[1], 1), 0);
    machine_run(0);
    /* No request makes this entry: it stands for the moment in which the frame changes its owner. */
    machine_checks_off = true;
    entries[TABLE_SLOT] = pte_make(other.l[1], LEAF_RO);
    assert_false(STORE(&regs, MOV_RBX_RAX));
    entries[TABLE_SLOT] = pte_make(tree.l[1], LEAF_RO);
    machine_checks_off = false;
    machine_check("another domain's table");
    assert_int_equal(reflected.count, 0);
}

/* Code that ends with its page: the fault at the first byte that cannot be read. */
static void code_across_a_missing_page(void **state)
{
    struct cpu_regs regs = { .cs = FLAT_RING3_CS64,
                             .rip = GUEST_VA + GUEST_BYTES - 2,
                             .rbx = entry_va };

    (void)state;
    memcpy(machine_guest_memory + GUEST_BYTES - 2, (const uint8_t[]){ 0x48, 0x89 }, 2);
    assert_true(write_fault(&regs, entry_va));
    assert_int_equal(reflected.count, 1);
    assert_int_equal(reflected.vector, 14);
    assert_int_equal(reflected.cr2, GUEST_VA + GUEST_BYTES);
    assert_int_equal(frame_refs(tree.l[1]), 3); /* its own, the L2's, the mapping's */
}

static void a_single_step_follows(void **state)
{
    struct cpu_regs regs = { .rax = 0, .rflags = RFLAGS_TF };

    (void)state;
    vcpu_current()->dr[6] = 0;
    assert_true(STORE(&regs, MOV_RBX_RAX));
    assert_int_equal(reflected.vector, 1);
    assert_int_equal(vcpu_current()->dr[6], 1u << 14);
}

static void set_accessed(void)
{
    ((uint64_t *)frame_va(tree.l[1]))[DATA_SLOT] |= PTE_AVAIL0;
}

/* Another CPU changes the entry at any moment: nothing of it is lost, or the guest faults again. */
static void a_lost_race_is_repeated(void **state)
{
    (void)state;
    for (unsigned long at = 1; at < 40; at++) {
        struct cpu_regs regs = { .rax = PTE_AVAIL1 };

        assert_int_equal(op_update(tree.l[1], DATA_SLOT, pte_make(tree.l[0], LEAF_RO)), 0);
        hooks_reset();
        hooks.interrupt = set_accessed;
        hooks.interrupt_at = at;
        assert_true(STORE(&regs, 0xf0, 0x48, 0x09, 0x03)); /* lock or [rbx], rax */
        if (hooks.shared_accesses >= at)
            assert_int_equal(entry() & PTE_AVAIL, PTE_AVAIL0 | PTE_AVAIL1);
        hooks_reset();
    }
}

/* The same of a writable page that is mapped: its references are taken once. */
static void a_lost_race_keeps_no_reference(void **state)
{
    mfn_t page = machine_page(&machine_guest);
    uint64_t value = pte_make(page, LEAF_RW);

    (void)state;
    for (unsigned long at = 1; at < 40; at++) {
        struct cpu_regs regs = { .rax = value };

        assert_int_equal(op_update(tree.l[1], DATA_SLOT, value), 0);
        assert_int_equal(op_update(tree.l[1], DATA_SLOT, 0), 0); /* writable, and idle */
        hooks_reset();
        hooks.interrupt = set_accessed;
        hooks.interrupt_at = at;
        assert_true(STORE(&regs, 0x48, 0x87, 0x03)); /* xchg */
        if (hooks.shared_accesses >= at)
            assert_int_equal((entry() | regs.rax) & PTE_AVAIL0, PTE_AVAIL0);
        assert_int_equal(frame_type_refs(page), 1);
        hooks_reset();
    }
}

/* And of values for which none is taken: no page, and the page that is there already. */
static void a_lost_race_of_plain_values(void **state)
{
    const uint64_t was = pte_make(tree.l[0], LEAF_RO), values[] = { 0, was | PTE_AVAIL1 };

    (void)state;
    for (unsigned long at = 2; at < 80; at++) {
        struct cpu_regs regs = { .rax = values[at % 2] };

        assert_int_equal(op_update(tree.l[1], DATA_SLOT, was), 0);
        hooks_reset();
        hooks.interrupt = set_accessed;
        hooks.interrupt_at = at / 2;
        assert_true(STORE(&regs, 0x48, 0x87, 0x03)); /* xchg */
        if (hooks.shared_accesses >= at / 2)
            assert_int_equal((entry() | regs.rax) & PTE_AVAIL0, PTE_AVAIL0);
        assert_int_equal(entry() & ~PTE_AVAIL0 & (PTE_ADDR_MASK | PTE_P | PTE_AVAIL),
                         values[at % 2] & (PTE_ADDR_MASK | PTE_P | PTE_AVAIL));
        hooks_reset();
    }
}

/* The entry is looked at once for each attempt, whatever it reads the second time. */
static void the_entry_is_read_once(void **state)
{
    struct cpu_regs regs = { .rax = PTE_AVAIL1 };

    (void)state;
    assert_true(STORE(&regs, 0x48, 0x09, 0x03));
    assert_int_equal(entry(), pte_make(tree.l[0], LEAF_RO | PTE_AVAIL1));
    assert_false(regs.rflags & 0x40);
}

static void a_string_store_goes_on(void **state)
{
    struct cpu_regs regs = { .rax = 0, .rcx = 2, .rdi = entry_va };

    (void)state;
    assert_true(STORE(&regs, 0xf3, 0x48, 0xab)); /* rep stosq */
    assert_int_equal(regs.rcx, 1);
    assert_int_equal(regs.rdi, entry_va + 8);
    assert_int_equal(regs.rip, GUEST_VA); /* the next iteration faults by itself */
    entry_va += 8;
    assert_true(STORE(&regs, 0xf3, 0x48, 0xab));
    assert_int_equal(regs.rcx, 0);
    assert_int_equal(regs.rip, GUEST_VA + 3);
}

#define test(name)                                                  \
    cmocka_unit_test_setup_teardown(name, setup, machine_teardown), \
        cmocka_unit_test_setup_teardown(name, setup_general, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_store_is_carried_out),      test(a_byte_is_merged),
        test(refused_is_the_guests_fault), test(conditions),
        test(operands_of_segments),        test(operands_that_do_not_fit),
        test(code_across_a_missing_page),  test(a_single_step_follows),
        test(a_lost_race_is_repeated),     test(a_lost_race_keeps_no_reference),
        test(a_lost_race_of_plain_values), test(the_entry_is_read_once),
        test(a_string_store_goes_on),      test(another_domains_table),
        test(parts_of_an_entry),           test(registers_change),
    };

    return cmocka_run_group_tests_name("ptwr", tests, 0, 0);
}
