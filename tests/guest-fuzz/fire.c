/*
 * SPDX-License-Identifier: MIT
 *
 * fire.c - one shot: the snippet made harmless to QEMU, fired, and what must be true where it lands.
 */
#include "fuzz.h"

#include "kprint.h"

#define FLAG_IF   (1UL << 9)
#define FLAG_IOPL (3UL << 12)
#define FLAG_VM   (1UL << 17)

struct shot shot;
struct plan plan;
struct result result;

#define FLAGS_KEPT 0xcd5UL /* a hypercall leaves them as they were: CF PF AF ZF SF DF OF */

/* A hypercall came back: what it may have changed, and nothing else. */
static void check_hypercall(void)
{
    static const uint8_t kept[] = { RBX, RBP, RSP, R12, R13, R14, R15 };
    static const uint8_t arguments[] = { RDI, RSI, RDX, R10, R8, R9 };

    shot.in[RSP] = shot.frame.rsp;
    for (unsigned int i = 0; i < sizeof(kept); i++)
        if (shot.out[kept[i]] != shot.in[kept[i]])
            finding("hypercall: register %u was %lx, is %lx", kept[i], shot.in[kept[i]],
                    shot.out[kept[i]]);
    for (unsigned int i = 0; i < sizeof(arguments); i++)
        if (shot.out[arguments[i]] && !was_given(shot.out[arguments[i]]))
            finding("hypercall: argument register %u was %lx, is %lx", arguments[i],
                    shot.in[arguments[i]], shot.out[arguments[i]]);
    if (va_in_hv(shot.out[RAX]))
        finding("hypercall: result %lx", shot.out[RAX]);
    if (plan.rip_after && shot.out[RCX] != plan.rip_after)
        finding("hypercall: RCX %lx, SYSCALL ended at %lx", shot.out[RCX], plan.rip_after);
    if ((shot.out_flags ^ shot.frame.rflags) & FLAGS_KEPT)
        finding("hypercall: RFLAGS were %lx, are %lx", shot.frame.rflags, shot.out_flags);
}

static void check_landing(void)
{
    for (unsigned int i = 0; i < REGS; i++)
        check_leak("landing", i, shot.out[i]);
    if (!(shot.out_flags & FLAG_IF) || (shot.out_flags & (FLAG_IOPL | FLAG_VM)))
        finding("landing: RFLAGS %lx", shot.out_flags);
    if ((shot.out_segment[SEG_CS] & 3) != 3 || (shot.out_segment[SEG_SS] & 3) != 3)
        finding("landing: CS %x SS %x", shot.out_segment[SEG_CS], shot.out_segment[SEG_SS]);
    if (!plan.segments_change && (shot.out_segment[SEG_ES] | shot.out_segment[SEG_DS] |
                                  shot.out_segment[SEG_FS] | shot.out_segment[SEG_GS]))
        finding("landing: ES %x DS %x FS %x GS %x", shot.out_segment[SEG_ES],
                shot.out_segment[SEG_DS], shot.out_segment[SEG_FS], shot.out_segment[SEG_GS]);
    if (plan.hypercall)
        check_hypercall();
}

bool verbose;

static void shot_print(void)
{
    static const char *const names[REGS] = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"
    };
    const struct iret_context *f = &shot.frame;
    bool readable = f->rip - CODE_VA < PAGE_SIZE - 24;
    const uint8_t *code = (const uint8_t *)f->rip;

    kprint("fuzz:   %s: rip %lx cs %lx rflags %lx rsp %lx ss %lx flags %lx mask %u\n", step_name(),
           f->rip, f->cs, f->rflags, f->rsp, f->ss, f->flags, info->evtchn_upcall_mask);
    for (unsigned int i = 0; i < REGS; i++)
        kprint("%s%s %016lx",
               i % 4 ? " "
               : i   ? "\nfuzz:     "
                     : "fuzz:     ",
               names[i], shot.in[i]);
    if (f->rip - USER_CODE < PAGE_SIZE - 24)
        code = (const uint8_t *)(f->rip - USER_CODE + CODE_VA), readable = true;
    kprint("\nfuzz:     code");
    for (unsigned int i = 0; readable && i < 24; i++)
        kprint(" %02x", code[i]);
    kprint("\n");
}

/*
 * QEMU lets ring 3 enter virtual-8086 mode by a 32-bit IRET, which no CPU does in long mode: nothing
 * survives that. So there is no IRET but the 64-bit one, and that in 64-bit code only.
 */
static void code_tame(void)
{
    uint8_t *code = (uint8_t *)CODE_VA;
    bool wide = (shot.frame.cs | 3) == FLAT_KERNEL_CS && !plan.nonsense;

    for (unsigned int i = 0; i < PAGE_SIZE; i = i == 127 ? PAGE_SIZE - 64 : i + 1)
        if (code[i] == 0xcf && !(wide && i && code[i - 1] == 0x48))
            code[i] = 0x90;
}

void shot_run(void)
{
    code_tame();
    if (verbose)
        shot_print();
    result = (struct result){ .end = END_LANDED };
    calls_in_all += 2;
    step_begins();
    shot_fire();
    step_ends();
    if (result.end == END_LANDED)
        check_landing();
}
