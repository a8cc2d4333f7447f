/* SPDX-License-Identifier: MIT */
/*
 * What is fetched for an emulated instruction (hazards M1, M3): through which segments, and across the
 * ends of pages, of memory and of the address space.
 */
#include "machine.h"

#include <string.h>

#include "pt/descriptor.h"
#include "pv/fetch.h"
#include "reflect.h"

#define SELECTOR (5u << 3 | 3u)
#define CODE     (DESC_P | DESC_S | DESC_CODE | DESC_DPL_MASK)
#define LAST     (GUEST_VA + GUEST_BYTES)

static mfn_t gdt;

static int stage(void **state)
{
    machine_setup(state);
    gdt = machine_page(&machine_guest);
    assert_int_equal(page_get_typed(gdt, machine_guest.id, PT_SEG), 0);
    vcpu_current()->gdt_mfn[0] = gdt;
    vcpu_current()->gdt_entries = PT_ENTRIES;
    reflected = (struct reflected){ 0 };
    return 0;
}

/* True if code can run in the segment of this descriptor. */
static bool code(uint64_t desc, struct code_segment *cs)
{
    struct cpu_regs regs = { .cs = SELECTOR }, beyond = { .cs = 0xfff8 };
    struct code_segment none;

    ((uint64_t *)frame_va(gdt))[SELECTOR >> 3] = desc;
    (void)code_segment_read(vcpu_current(), &regs, cs);
    assert_false(code_segment_read(vcpu_current(), &beyond, &none));
    return code_segment_read(vcpu_current(), &regs, cs);
}

/* Loaded once, a descriptor may have been changed since: nothing but code is code. */
static void code_segments(void **state)
{
    const uint64_t base = 0x12ull << 56 | 0x345678ull << 16;
    struct code_segment cs;

    (void)state;
    assert_true(code(CODE | DESC_L | base, &cs));
    assert_true(cs.long_mode);
    assert_int_equal(cs.base, 0);
    assert_true(code(CODE | DESC_D | base, &cs));
    assert_false(cs.long_mode);
    assert_int_equal(cs.base, 0x12345678);
    assert_false(code(CODE | base, &cs)); /* 16-bit */
    for (unsigned bits = 0; bits < 7; bits++) {
        uint64_t desc = (bits & 1 ? DESC_P : 0) | (bits & 2 ? DESC_S : 0) |
                        (bits & 4 ? DESC_CODE : 0);

        assert_false(code(desc | DESC_DPL_MASK | DESC_L, &cs));
        assert_false(code(desc | DESC_DPL_MASK | DESC_D, &cs));
    }
    assert_false(code(0, &cs));
}

/* MOV $imm64, %rax and what follows, so that it ends at any place around a page's end. */
static enum fetch_status fetch_at(uint64_t va, struct insn *insn)
{
    static const uint8_t text[] = { 0x48, 0x89, 0x84, 0x91, 1, 2, 3, 4 }; /* mov %rax, d32(...) */
    struct cpu_regs regs = { .cs = FLAT_RING3_CS64, .rip = va };
    struct code_segment cs;

    for (unsigned i = 0; i < sizeof(text) && va + i < LAST; i++)
        machine_guest_memory[va + i - GUEST_VA] = text[i];
    return fetch_insn(vcpu_current(), &regs, insn, &cs);
}

static void across_the_end_of_a_page(void **state)
{
    struct insn insn;

    (void)state;
    for (unsigned before = 0; before <= 20; before++) {
        assert_int_equal(fetch_at(GUEST_VA + PAGE_SIZE - before, &insn), FETCH_OK);
        assert_int_equal(insn.fetched, INSN_MAX);
        assert_int_equal(insn.length, 8);
        assert_int_equal(insn.bytes[7], 4);
    }
    assert_int_equal(reflected.count, 0);
}

/* Cut off where nothing is: the guest's page fault, at the first byte that is missing. */
static void cut_off(void **state)
{
    struct insn insn;

    (void)state;
    for (unsigned left = 8; left <= 20; left++)
        assert_int_equal(fetch_at(LAST - left, &insn), FETCH_OK);
    assert_int_equal(reflected.count, 0);
    for (unsigned left = 0; left < 8; left++) {
        assert_int_equal(fetch_at(LAST - left, &insn), FETCH_FAULTED);
        assert_int_equal(insn.fetched, left);
        assert_int_equal(reflected.count, left + 1);
        assert_int_equal(reflected.cr2, LAST);
        assert_int_equal(reflected.error_code, 0);
    }
    /* Into the hole there is no page fault. */
    assert_int_equal(fetch_at(0x800000000000, &insn), FETCH_UNKNOWN);
    assert_int_equal(reflected.count, 8);
}

static void through_a_base(void **state)
{
    struct cpu_regs regs = { .cs = SELECTOR, .rip = 0xffffffff00000010 };
    struct code_segment cs;
    struct insn insn;

    (void)state;
    ((uint64_t *)frame_va(gdt))[SELECTOR >> 3] = CODE | DESC_D | (GUEST_VA & 0xffffff) << 16;
    machine_guest_memory[0x10] = 0x89; /* mov %eax, (%ebx) */
    machine_guest_memory[0x11] = 0x03;
    assert_int_equal(fetch_insn(vcpu_current(), &regs, &insn, &cs), FETCH_OK);
    assert_int_equal(insn.length, 2);
    regs.cs = 0;
    assert_int_equal(fetch_insn(vcpu_current(), &regs, &insn, &cs), FETCH_UNKNOWN);
}

static void the_end_of_an_instruction(void **state)
{
    struct vcpu *v = vcpu_current();
    struct cpu_regs regs = { .rip = 100, .rflags = 0x10002 };

    (void)state;
    insn_retire(v, &regs, 3, 0);
    assert_int_equal(regs.rip, 103);
    assert_int_equal(regs.rflags, 2);
    assert_int_equal(reflected.count, 0);
    insn_retire(v, &regs, 1, 4);
    assert_int_equal(v->dr[6], 4);
    assert_int_equal(reflected.vector, 1);
    regs.rflags |= 0x100;
    insn_retire(v, &regs, 1, 0);
    assert_int_equal(v->dr[6], 0x4004);
    assert_int_equal(reflected.count, 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(code_segments),  T(across_the_end_of_a_page),  T(cut_off),
        T(through_a_base), T(the_end_of_an_instruction),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
