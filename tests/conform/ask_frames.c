/*
 * SPDX-License-Identifier: MIT
 *
 * ask_frames.c - exceptions: which one an instruction raises, and the frame that the handler gets.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"
#include "trial.h"

#include "hypercall.h"

#include <string.h>

#define CODE(name, text) TRIAL_INSN(name, text);
#define EXCEPTIONS(X)                                                                            \
    X(divide, "xor %ecx, %ecx; div %ecx")                                                        \
    X(divide_overflow, "mov $-1, %rdx; mov $2, %ecx; div %ecx")                                  \
    X(icebp, ".byte 0xf1")                                                                       \
    X(breakpoint, "int3")                                                                        \
    X(breakpoint_cd, ".byte 0xcd, 3")                                                            \
    X(overflow_cd, ".byte 0xcd, 4")                                                              \
    X(undefined, "ud2")                                                                          \
    X(undefined_1, "ud1 %eax, %eax")                                                             \
    X(invalid_06, ".byte 0x06")                                                                  \
    X(invalid_lock, ".byte 0xf0, 0x90")                                                          \
    X(read_absent, "mov 0x10003000, %rax")                                                       \
    X(read_absent_end, "mov 0x10003ffc, %eax")                                                   \
    X(read_straddling, "mov 0x10002ffc, %rax")                                                   \
    X(write_absent, "movb $1, 0x10003123")                                                       \
    X(write_readonly, "movl $1, 0x10002010")                                                     \
    X(add_readonly, "addl $1, 0x10002010")                                                       \
    X(cmp_absent, "cmpl $1, 0x10003010")                                                         \
    X(xchg_absent, "xchg %eax, 0x10003010")                                                      \
    X(sp_push_readonly, "mov $0x10002800, %esp; push %rax")                                      \
    X(sp_push_absent, "mov $0x10003800, %esp; push %rax")                                        \
    X(sp_pop_absent, "mov $0x10003800, %esp; pop %rax")                                          \
    X(call_absent, "mov $0x10003100, %eax; call *%rax")                                          \
    X(jump_absent, "mov $0x10003100, %eax; jmp *%rax")                                           \
    X(jump_nx, "mov $0x10001100, %eax; jmp *%rax")                                               \
    X(jump_kernel_page, "mov $0x10004100, %eax; jmp *%rax")                                      \
    X(read_kernel_page, "mov 0x10004000, %rax")                                                  \
    X(write_kernel_page, "mov %rax, 0x10004000")                                                 \
    X(movs_absent, "mov $0x10001000, %esi; mov $0x10003000, %edi; mov $4, %ecx; rep movsb")      \
    X(movs_into, "mov $0x10001000, %esi; mov $0x10002000, %edi; mov $4, %ecx; rep movsb")        \
    X(read_noncanonical, "mov $0x800000000000, %rax; mov (%rax), %rbx")                          \
    X(write_noncanonical, "mov $0x800000000000, %rax; mov %rbx, (%rax)")                         \
    X(sp_push_noncanonical, "mov $0x800000000008, %rsp; push %rax")                              \
    X(stack_noncanonical, "mov $0x800000000008, %rbp; mov (%rbp), %rax")                         \
    X(jump_noncanonical, "mov $0x800000000000, %rax; jmp *%rax")                                 \
    X(ret_noncanonical, "mov $0x800000000000, %rax; push %rax; ret")                             \
    X(read_hypervisor, "mov $0xffff82d000000000, %rax; mov (%rax), %rbx")                        \
    X(read_hv_last_slot, "mov $0xffff87fffffff000, %rax; mov (%rax), %rbx")                      \
    X(read_linear, "mov $0xffff820000000000, %rax; mov (%rax), %rbx")                            \
    X(write_m2p, "mov $0xffff800000000000, %rax; mov %rbx, (%rax)")                              \
    X(jump_m2p, "mov $0xffff800000000000, %rax; jmp *%rax")                                      \
    X(read_image, "mov $0xffffffff80000000, %rax; mov (%rax), %bl")                              \
    X(ds_bad, "mov $0x18, %eax; mov %eax, %ds")                                                  \
    X(ds_bad_ldt, "mov $0x1f, %eax; mov %eax, %ds")                                              \
    X(ds_null, "mov $0, %eax; mov %eax, %ds; mov (%rsp), %rax")                                  \
    X(ds_null_3, "mov $3, %eax; mov %eax, %ds; mov (%rsp), %rax")                                \
    X(es_hypervisor, "mov $0xe008, %eax; mov %eax, %es")                                         \
    X(es_far, "mov $0xfff8, %eax; mov %eax, %es")                                                \
    X(fs_behind_gdt, "mov $0x1003, %eax; mov %eax, %fs")                                         \
    X(fs_xen_code, "mov $0xe013, %eax; mov %eax, %fs")                                           \
    X(fs_flat, "mov $0xe02b, %eax; mov %eax, %fs; mov %fs, %ebx; xor %eax, %eax; mov %eax, %fs") \
    X(ss_null, "xor %eax, %eax; mov %eax, %ss")                                                  \
    X(ss_code, "mov $0xe033, %eax; mov %eax, %ss")                                               \
    X(ss_kernel, "mov $0xe028, %eax; mov %eax, %ss")                                             \
    X(lss_flat, "mov $0xe02b, %eax; mov %eax, %ss")                                              \
    X(far_jump_bad, "push $0x18; push $0; rex.W ljmp *(%rsp)")                                   \
    X(lar_flat, "mov $0xe033, %ecx; xor %eax, %eax; lar %ecx, %eax; pushfq; pop %rbx")           \
    X(lar_xen, "mov $0xe008, %ecx; xor %eax, %eax; lar %ecx, %eax; pushfq; pop %rbx")            \
    X(lar_guest, "mov $0x8, %ecx; xor %eax, %eax; lar %ecx, %eax; pushfq; pop %rbx")             \
    X(hlt, "hlt")                                                                                \
    X(sti, "sti")                                                                                \
    X(cli, "cli")                                                                                \
    X(popf_if, "pushfq; andq $~0x200, (%rsp); popfq; pushfq; pop %rax")                          \
    X(popf_iopl, "pushfq; orq $0x3000, (%rsp); popfq; pushfq; pop %rax")                         \
    X(popf_tf, "pushfq; orq $0x100, (%rsp); popfq; nop; nop")                                    \
    X(popf_ac, "pushfq; orq $0x40000, (%rsp); popfq; mov 0x10001001, %eax")                      \
    X(popf_all, "pushq $0x7fffed5; popfq; pushfq; pop %rax")                                     \
    X(std, "std")                                                                                \
    X(x87_divide, "fninit; pushq $0x37b; fldcw (%rsp); fld1; fldz; fdivrp; fwait")               \
    X(sse_divide, "pushq $0x1d80; ldmxcsr (%rsp); xorps %xmm0, %xmm0; divss %xmm0, %xmm0; "      \
                  "pushq $0x1f80; ldmxcsr (%rsp)")                                               \
    X(ldmxcsr_bad, "pushq $-1; ldmxcsr (%rsp)")                                                  \
    X(movaps_unaligned, "mov $0x10001008, %eax; movaps (%rax), %xmm0")                           \
    X(into_64, ".byte 0xce")                                                                     \
    X(bound_64, ".byte 0x62, 0x00")                                                              \
    X(too_long,                                                                                  \
      ".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90")   \
    X(int_80, ".byte 0xcd, 0x80")                                                                \
    X(iretq_bad, "push $0x18; pushfq; push $0x18; push $0; push $0; iretq")                      \
    X(cmpxchg16b_unaligned, "mov $0x10001008, %eax; lock cmpxchg16b (%rax)")                     \
    X(rdtsc, "rdtsc; xor %eax, %eax; xor %edx, %edx")                                            \
    X(rdpmc, "xor %ecx, %ecx; rdpmc")                                                            \
    X(monitor, ".byte 0x0f, 0x01, 0xc8")                                                         \
    X(vmcall, ".byte 0x0f, 0x01, 0xc1")                                                          \
    X(vmmcall, ".byte 0x0f, 0x01, 0xd9")                                                         \
    X(clac, ".byte 0x0f, 0x01, 0xca")                                                            \
    X(stac, ".byte 0x0f, 0x01, 0xcb")                                                            \
    X(sp_sysenter, "sysenter")                                                                   \
    X(sysexit, "sysexit")                                                                        \
    X(rsm, "rsm")                                                                                \
    X(str, "str %eax")                                                                           \
    X(smsw_low, "smsw %ax; and $0xff7, %eax")

EXCEPTIONS(CODE)

#define ROW(name, text) { #name, insn_##name, insn_##name##_end },
static const struct {
    const char *name, *start, *end;
} exceptions[] = { EXCEPTIONS(ROW) };
#define COUNT (sizeof(exceptions) / sizeof(exceptions[0]))

static const char *const modes[] = { "kernel", "user" };

static void every_exception(void)
{
    for (unsigned int i = 0; i < COUNT; i++)
        for (unsigned int mode = 0; mode < 2; mode++) {
            struct trial t = trial_of(mode);

            /* A kernel whose stack cannot take the frame dies. */
            if (mode == IN_KERNEL && !strncmp(exceptions[i].name, "sp_", 3))
                continue;
            trial_code(exceptions[i].start,
                       (unsigned int)(exceptions[i].end - exceptions[i].start));
            ask("frame/%s/%s", exceptions[i].name, modes[mode]);
            trial_run(&t);
            tell_frame(&t);
            told();
        }
}

/* Events masked or not, before and by the handler; the frame's place on the stack; the flags. */
static void shapes(void)
{
    static const struct {
        const char *name, *start, *end;
    } some[] = { ROW(undefined, 0) ROW(read_absent, 0) ROW(breakpoint, 0) ROW(int_80, 0)
                     ROW(read_noncanonical, 0) };

    for (unsigned int flags = 0; flags < 8; flags++) {
        trial_vectors(flags);
        for (unsigned int i = 0; i < 5; i++)
            for (unsigned int mode = 0; mode < 2; mode++)
                for (unsigned int masked = 0; masked < 2; masked++) {
                    struct trial t = trial_of(mode);

                    t.in.rflags = masked ? 0x2 : 0x202;
                    trial_code(some[i].start, (unsigned int)(some[i].end - some[i].start));
                    ask("frame/shape/%s/%s/flags-%u/%s", some[i].name, modes[mode], flags,
                        masked ? "masked" : "open");
                    trial_run(&t);
                    tell_frame(&t);
                    told();
                }
    }
    trial_vectors(0);
    for (unsigned int offset = 0; offset < 32; offset++)
        for (unsigned int i = 0; i < 2; i++) {
            struct trial t = trial_of(IN_KERNEL);

            t.in.rsp = TRIAL_STACK - 64 - offset;
            trial_code(some[i].start, (unsigned int)(some[i].end - some[i].start));
            ask("frame/stack/%s/-%u", some[i].name, offset);
            trial_run(&t);
            tell_frame(&t);
            told();
        }
    for (unsigned int offset = 0; offset < 32; offset++) {
        struct trial t = trial_of(IN_USER);

        must(hypercall_stack_switch(0xe02b, TRIAL_KSTACK - offset), "stack_switch");
        trial_code(some[1].start, (unsigned int)(some[1].end - some[1].start));
        ask("frame/kernel-stack/-%u", offset);
        trial_run(&t);
        tell_frame(&t);
        told();
    }
    must(hypercall_stack_switch(0xe02b, TRIAL_KSTACK), "stack_switch");
}

/*
 * Each flag of RFLAGS, as the iret hypercall loads it, as the frame shows it, as the handler finds
 * it.
 */
static void flags(void)
{
    for (unsigned int mode = 0; mode < 2; mode++)
        for (unsigned int bit = 0; bit < 64; bit++)
            for (unsigned int i = 0; i < 2; i++) {
                static const uint8_t code[2][3] = { { 0x90, 0x0f, 0x0b }, { 0x9c, 0x58, 0x90 } };
                struct trial t = trial_of(mode);

                t.in.rflags = 1UL << bit;
                trial_code(code[i], 3);
                ask("frame/rflags/%u/%s/%s", bit, modes[mode], i ? "pushf" : "ud2");
                trial_run(&t);
                tell_frame(&t);
                told();
            }
}

/* INT n by vector, privilege and mode. */
static void software(void)
{
    for (unsigned int dpl = 0; dpl < 4; dpl++) {
        trial_vectors(dpl);
        for (unsigned int n = 0; n < 256; n += (dpl == 3 || n < 33) ? 1 : 31)
            for (unsigned int mode = 0; mode < 2; mode++) {
                uint8_t code[] = { 0xcd, (uint8_t)n };
                struct trial t = trial_of(mode);

                trial_code(code, sizeof(code));
                ask("frame/int/%u-%x/dpl-%u/%s", n, n * 8 + 2, dpl, modes[mode]);
                trial_run(&t);
                tell_frame(&t);
                told();
            }
    }
    trial_vectors(0);
    for (unsigned int mode = 0; mode < 2; mode++)
        for (unsigned int n = 0x80; n < 0x84; n++) {
            uint8_t code[] = { 0x66, 0x2e, 0xcd, (uint8_t)n };
            struct trial t = trial_of(mode);

            trial_code(code, sizeof(code));
            ask("frame/int/%u-%x/prefixed/%s", n, n * 8 + 2, modes[mode]);
            trial_run(&t);
            tell_frame(&t);
            told();
        }
}

void ask_frames(void)
{
    trial_begin();
    every_exception();
    shapes();
    flags();
    software();
    trial_end();
}
