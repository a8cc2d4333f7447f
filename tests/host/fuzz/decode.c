/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target "decode": the instruction decoder and the arithmetic of emulated stores, against the CPU
 * that runs this. An input is registers, an operand and an instruction. If the emulator would carry it
 * out, it runs for real as well, on the same values, and must leave the same memory, registers, flags.
 */
#include "fuzz.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pv/decode.h"
#include "pv/rmw.h"

#define RSP          4u
#define FLAG_CF      0x001u
#define FLAG_AF      0x010u
#define FLAG_ZF      0x040u
#define FLAGS_STATUS 0x8d5u
#define FLAG_DF      0x400u
#define OPERAND_AT   2048u /* in the arena's memory */
#define SOURCE_AT    1024u

/* Below 2 GiB, so that code reaches all of it by an address of 32 bits. */
struct arena {
    uint8_t code[4096];
    uint8_t memory[4096];
    uint64_t reg[16];
    uint64_t flags;
};

struct input {
    uint64_t reg[16], old, source;
    uint16_t flags;
    uint8_t mode;    /* bit 0: 32-bit code, only decoded */
    uint8_t fetched; /* bytes that are there */
    uint8_t bytes[INSN_MAX];
} __attribute__((packed));

static struct arena *arena;
static sigjmp_buf faulted;
static volatile sig_atomic_t running;

static void on_fault(int signal_number)
{
    if (running)
        siglongjmp(faulted, signal_number);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void arena_make(void)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
    struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

    arena = mmap(0, sizeof(*arena), PROT_READ | PROT_WRITE | PROT_EXEC,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    fuzz_assert(arena != MAP_FAILED);
    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigaction(faults[i], &action, 0);
}

/* ---- code ---- */

static uint8_t *emit(uint8_t *at, const void *bytes, size_t n)
{
    memcpy(at, bytes, n);
    return at + n;
}

/* opcode reg, [address]: 8B loads, 89 stores, FF /6 and 8F /0 push and pop. */
static uint8_t *emit_absolute(uint8_t *at, uint8_t rex, uint8_t opcode, unsigned reg,
                              const void *address)
{
    uint32_t where = (uint32_t)(uintptr_t)address;
    uint8_t head[4] = { (uint8_t)(rex | (reg & 8 ? 4 : 0)), opcode, (uint8_t)((reg & 7) << 3 | 4),
                        0x25 };

    at = emit(at, head, sizeof(head));
    return emit(at, &where, sizeof(where));
}

/* All registers but RSP from the arena, the instruction, all of them back. */
static void emit_all(const uint8_t *insn, unsigned length)
{
    static const uint8_t save[] = { 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57 };
    static const uint8_t restore[] = { 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d,
                                       0x41, 0x5c, 0x5d, 0x5b, 0xc3 };
    static const uint8_t popf = 0x9d, pushf_cld[] = { 0x9c, 0xfc };
    uint8_t *at = emit(arena->code, save, sizeof(save));

    at = emit_absolute(at, 0x40, 0xff, 6, &arena->flags);
    at = emit(at, &popf, 1);
    for (unsigned r = 0; r < 16; r++)
        if (r != RSP)
            at = emit_absolute(at, 0x48, 0x8b, r, &arena->reg[r]);
    at = emit(at, insn, length);
    at = emit(at, pushf_cld, sizeof(pushf_cld));
    for (unsigned r = 0; r < 16; r++)
        if (r != RSP)
            at = emit_absolute(at, 0x48, 0x89, r, &arena->reg[r]);
    at = emit_absolute(at, 0x40, 0x8f, 0, &arena->flags);
    (void)emit(at, restore, sizeof(restore));
}

/* ---- the comparison ---- */

/* Makes the operand lie at the arena's: by RDI, or the base register. False: it cannot. */
static bool operand_place(const struct insn *insn, struct cpu_regs *regs, uint64_t where)
{
    if (rmw_is_string(insn)) {
        regs->rdi = where;
        regs->rsi = where - OPERAND_AT + SOURCE_AT;
        regs->rcx = 1;
        return true;
    }
    if (insn->base == INSN_NO_REG || insn->base == RSP || insn->index == RSP || insn->rip_relative)
        return false;
    *insn_register(regs, insn->base) += where - insn_address(insn, regs, 0);
    return insn_address(insn, regs, 0) == where;
}

/* Flags that the architecture defines after the instruction. */
static uint64_t flags_defined(const struct insn *insn)
{
    uint64_t flags = FLAGS_STATUS;
    unsigned alu = insn->opcode <= 0x31                           ? insn->opcode >> 3
                   : insn->opcode >= 0x80 && insn->opcode <= 0x83 ? insn->reg & 7u
                                                                  : 0;

    if (alu == 1 || alu == 4 || alu == 6)
        flags &= ~(uint64_t)FLAG_AF;
    if (insn->opcode == (OP_0F | 0xab) || insn->opcode == (OP_0F | 0xb3) ||
        insn->opcode == (OP_0F | 0xbb) || insn->opcode == (OP_0F | 0xba))
        flags = FLAG_CF | FLAG_ZF;
    return flags;
}

static void cpu_run(const struct insn *insn, const struct cpu_regs *regs)
{
    struct cpu_regs *r = (struct cpu_regs *)regs; /* read only */
    int fault;

    for (unsigned n = 0; n < 16; n++)
        arena->reg[n] = *insn_register(r, n);
    arena->flags = 2 | (regs->rflags & (FLAGS_STATUS | FLAG_DF));
    emit_all(insn->bytes, insn->length);
    fault = sigsetjmp(faulted, 1);
    if (fault)
        fuzz_fail("the CPU raises signal %d where the emulator goes on", fault);
    running = 1;
    ((void (*)(void))(uintptr_t)arena->code)();
    running = 0;
}

static void compare(const struct insn *insn, const struct input *in)
{
    uint8_t *operand = arena->memory + OPERAND_AT;
    struct cpu_regs regs = { .rflags = in->flags & (FLAGS_STATUS | FLAG_DF) }, before;
    uint64_t value = 0, memory, found, defined = flags_defined(insn);
    enum rmw_result kind;

    for (unsigned n = 0; n < 16; n++)
        *insn_register(&regs, n) = in->reg[n];
    if (insn->segment != SEGMENT_DEFAULT || (insn->reg == RSP && insn->op_bytes > 1) ||
        !operand_place(insn, &regs, (uintptr_t)operand))
        return;
    before = regs;
    kind = rmw_execute(insn, &regs, in->source, in->old, &value);
    if (kind == RMW_UNKNOWN || (insn->reg == RSP && insn->rex))
        return;
    if (rmw_is_string(insn))
        fuzz_assert(rmw_string_step(insn, &regs));
    memory = kind == RMW_KEEP ? in->old : rmw_merge(in->old, 0, insn->op_bytes, value);
    memcpy(operand, &in->old, 8);
    memcpy(arena->memory + SOURCE_AT, &in->source, 8);
    cpu_run(insn, &before);
    memcpy(&found, operand, 8);
    if (found != memory)
        fuzz_fail("memory is %016lx, emulated %016lx", found, memory);
    for (unsigned n = 0; n < 16; n++)
        if (n != RSP && arena->reg[n] != *insn_register(&regs, n))
            fuzz_fail("register %u is %016lx, emulated %016lx", n, arena->reg[n],
                      *insn_register(&regs, n));
    if ((arena->flags ^ regs.rflags) & defined)
        fuzz_fail("flags are %lx, emulated %lx", arena->flags & defined, regs.rflags & defined);
}

/* ---- the target ---- */

static enum decode_status decode(const struct input *in, struct insn *insn)
{
    enum decode_status status;

    memset(insn, 0, sizeof(*insn));
    insn->fetched = in->fetched % (INSN_MAX + 1);
    memcpy(insn->bytes, in->bytes, insn->fetched);
    status = decode_insn(insn, !(in->mode & 1));
    if (status == DECODE_TRUNCATED)
        fuzz_assert(insn->fetched < INSN_MAX);
    if (status != DECODE_OK)
        return status;
    fuzz_assert(insn->length && insn->length <= insn->fetched);
    fuzz_assert(insn->op_bytes == 1 || insn->op_bytes == 2 || insn->op_bytes == 4 ||
                insn->op_bytes == 8);
    fuzz_assert(insn->addr_bytes == 8 || insn->addr_bytes == 4);
    fuzz_assert(insn->reg < 16 && insn->rm < 16 && insn->scale < 4);
    fuzz_assert(insn->base == INSN_NO_REG || insn->base < 16);
    fuzz_assert(insn->index == INSN_NO_REG || insn->index < 16);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { 0 };
    struct insn insn;

    if (!arena)
        arena_make();
    memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
    if (decode(&in, &insn) == DECODE_OK && !(in.mode & 1))
        compare(&insn, &in);
    fuzz_count(1);
    return 0;
}

void fuzz_describe(const uint8_t *data, size_t size)
{
    static const char *const said[] = { "decoded", "cut off", "unknown" };
    struct input in = { 0 };
    struct insn insn;
    enum decode_status status;

    memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
    status = decode(&in, &insn);
    for (unsigned i = 0; i < insn.fetched; i++)
        fprintf(stderr, "%02x ", insn.bytes[i]);
    fprintf(stderr, ": %s, %u bytes, operand of %u, old %016lx, flags %x\n", said[status],
            insn.length, insn.op_bytes, in.old, in.flags);
    for (unsigned n = 0; n < 16; n++)
        fprintf(stderr, "%s%016lx", n % 4 ? " " : "\n", in.reg[n]);
    fprintf(stderr, "\n");
    (void)LLVMFuzzerTestOneInput(data, size);
}
