/* SPDX-License-Identifier: MIT */
/*
 * The forms that emulated stores are kept in, against the decoder and the arithmetic of which they are an
 * abstract: every opcode with every ModRM byte and REX prefix, with and without LOCK. What a form takes on
 * means the same to the last flag; what is to be taken on is, and nothing else.
 */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "pv/rmw.h"
#include "pv/store_form.h"

#define FLAGS_STATUS 0x8d5ull

static uint64_t random_state = 88172645463325252ull;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct insn insn_of(uint64_t code, enum decode_status *status)
{
    struct insn insn = { .fetched = 8 };

    memcpy(insn.bytes, &code, 8);
    *status = decode_insn(&insn, true);
    return insn;
}

/* The list in store_form.h, said another way. */
static bool in_list(const struct insn *insn)
{
    unsigned group = insn->reg & 7;

    if (!insn->memory || insn->rip_relative || insn->base == INSN_NO_REG || insn->segment ||
        insn->addr_bytes != 8 || (insn->prefixes & (INSN_REP | INSN_REPNE)))
        return false;
    if (insn->opcode == 0x80)
        return group == 1 || group == 4;
    if (insn->op_bytes != 8)
        return false;
    switch (insn->opcode) {
    case 0x89:
        return !(insn->prefixes & INSN_LOCK);
    case 0xc7:
        return !(insn->prefixes & INSN_LOCK) && group == 0;
    case OP_0F | 0xba:
        return group == 5 || group == 6;
    default:
        return insn->opcode == 0x87 || insn->opcode == (OP_0F | 0xb1);
    }
}

static void regs_random(struct cpu_regs *regs)
{
    for (unsigned n = 0; n < 16; n++)
        *insn_register(regs, n) = random64();
    regs->rflags = random64() & (FLAGS_STATUS | 0x600);
}

/* As pv/ptwr_fault.c goes about it. False: memory was not to be changed. */
static bool form_execute(const struct store_form *f, struct cpu_regs *regs, uint64_t va,
                         uint64_t old, uint64_t *new)
{
    if (f->kind == STORE_XCHG || f->kind == STORE_MOV)
        *new = *store_register(regs, f->reg);
    else if (f->kind == STORE_IMM)
        *new = f->value;
    else if (!store_modify(f, regs, va, old, new))
        return false;
    if (f->kind == STORE_XCHG)
        *store_register(regs, f->reg) = old;
    else if (f->kind >= STORE_CMPXCHG)
        store_flags(f, regs, va, old, *new);
    return true;
}

static void compare(const struct insn *insn, const struct store_form *f)
{
    struct cpu_regs by_form, by_insn;
    uint64_t old = random64(), va, new = 0, value = 0;
    enum rmw_result kind;
    bool done;

    regs_random(&by_form);
    if (random64() & 1)
        by_form.rax = old; /* of CMPXCHG */
    by_insn = by_form;
    va = store_va(f, &by_form);
    assert_int_equal(f->length, insn->length);
    assert_int_equal(va, insn_address(insn, &by_insn, 0));
    assert_int_equal(store_fits(f, va), va % 8 + insn->op_bytes <= 8);
    if (!store_fits(f, va))
        return;
    kind = rmw_execute(insn, &by_insn, 0, old >> va % 8 * 8, &value);
    done = form_execute(f, &by_form, va, old, &new);
    assert_int_equal(done, kind == RMW_STORE || kind == RMW_MODIFY);
    if (!done)
        return;
    assert_int_equal(new, rmw_merge(old, va % 8, insn->op_bytes, value));
    assert_memory_equal(&by_form, &by_insn, sizeof(by_form));
}

static unsigned taken;

static void check(uint64_t code)
{
    struct store_form form;
    enum decode_status status;
    struct insn insn = insn_of(code, &status);

    memset(&form, 0xa5, sizeof(form));
    store_form_make(&form, code);
    assert_int_equal(form.code, code);
    assert_int_equal(form.kind != STORE_NONE, status == DECODE_OK && in_list(&insn));
    if (form.kind == STORE_NONE)
        return;
    taken++;
    for (unsigned n = 0; n < 4; n++)
        compare(&insn, &form);
}

/* The bytes in their order, and random ones after them. */
static uint64_t code_of(const uint8_t *bytes, unsigned n)
{
    uint64_t code = random64();

    memcpy(&code, bytes, n);
    return code;
}

/* prefix and rex: 0 = none. */
static void check_encodings(uint8_t prefix, uint8_t rex, bool two_byte)
{
    for (unsigned n = 0; n < 256 * 256; n++) {
        uint8_t bytes[8];
        unsigned at = 0;

        if (prefix)
            bytes[at++] = prefix;
        if (rex)
            bytes[at++] = rex;
        if (two_byte)
            bytes[at++] = 0x0f;
        bytes[at++] = (uint8_t)(n >> 8);
        bytes[at++] = (uint8_t)n;
        check(code_of(bytes, at));
    }
}

static void forms_are_what_the_decoder_says(void **state)
{
    (void)state;
    taken = 0;
    for (unsigned rex = 0x3f; rex < 0x50; rex++)
        for (unsigned way = 0; way < 4; way++)
            check_encodings(way & 1 ? 0xf0 : 0, rex == 0x3f ? 0 : (uint8_t)rex, way & 2);
    assert_true(taken > 8000);
}

static void other_prefixes(void **state)
{
    static const uint8_t prefixes[] = { 0x26, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3 };

    (void)state;
    for (unsigned n = 0; n < sizeof(prefixes); n++) {
        check_encodings(prefixes[n], 0x48, false);
        check_encodings(prefixes[n], 0, true);
    }
}

/* Bytes that decode to nothing of the list are kept as such, an empty place as well. */
static void what_is_kept(void **state)
{
    static struct vcpu v;
    const uint64_t mov = 0x9090909090038948, load = 0x9090909090038b48;
    const struct store_form *f = store_form_of(&v, 0x1000, 0);

    (void)state;
    assert_int_equal(f->kind, STORE_NONE); /* ADD [RAX], AL */
    f = store_form_of(&v, 0x1000, mov);
    assert_int_equal(f->kind, STORE_MOV);
    assert_ptr_equal(store_form_of(&v, 0x1000, mov), f);
    assert_int_equal(store_form_of(&v, 0x1001, load)->kind, STORE_NONE);
    assert_int_equal(f->kind, STORE_MOV);
    assert_int_equal(store_form_of(&v, 0x1000 + (STORE_FORMS << 4), load)->kind, STORE_NONE);
    assert_int_equal(f->code, load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_what_the_decoder_says),
        cmocka_unit_test(other_prefixes),
        cmocka_unit_test(what_is_kept),
    };

    return cmocka_run_group_tests_name("store_form", tests, 0, 0);
}
