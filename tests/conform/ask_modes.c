/*
 * SPDX-License-Identifier: MIT
 *
 * ask_modes.c - between kernel and user mode: system calls, segment bases, the kernel's stack,
 * events.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"
#include "trial.h"

#include "guest.h"
#include "hypercall.h"

static const char *const modes[] = { "kernel", "user" };

static void run_told(struct trial *t)
{
    trial_run(t);
    tell_frame(t);
    told();
}

/* ---- system calls ---- */

static void callback(unsigned int type, unsigned int flags, uint64_t address)
{
    struct callback_register reg = { .type = (uint16_t)type,
                                     .flags = (uint16_t)flags,
                                     .address = address };

    must(hypercall_callback_op(CALLBACKOP_register, &reg), "callback");
}

static void system_calls(void)
{
    static const struct {
        const char *name;
        const char *code;
        unsigned int length;
    } calls[] = { { "syscall", "\x0f\x05", 2 }, { "sysenter", "\x0f\x34", 2 },
                  { "int-80", "\xcd\x80", 2 },  { "prefixed-syscall", "\x66\x0f\x05", 3 },
                  { "sysret", "\x0f\x07", 2 },  { "sysretq", "\x48\x0f\x07", 3 } };
    static const uint64_t cs[] = { 0xe033, 0xe023 };

    for (unsigned int flags = 0; flags < 4; flags++) {
        trial_callbacks(flags & 1);
        if (flags & 2) {
            callback(CALLBACKTYPE_syscall, 0, 0);
            callback(CALLBACKTYPE_syscall32, 0, 0);
            callback(CALLBACKTYPE_sysenter, 0, 0);
        }
        for (unsigned int c = 0; c < 2; c++)
            for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
                for (unsigned int masked = 0; masked < 2; masked++) {
                    struct trial t = trial_of(IN_USER);

                    t.in.cs = cs[c];
                    t.in.rflags = masked ? 2 : 0x202;
                    trial_code(calls[i].code, calls[i].length);
                    ask("mode/call/%s/cs-%lx/%s%s/%s", calls[i].name, cs[c],
                        flags & 1 ? "masks" : "plain", flags & 2 ? "-none" : "",
                        masked ? "masked" : "open");
                    run_told(&t);
                }
    }
    trial_callbacks(0);
    for (unsigned int c = 0; c < 2; c++)
        for (unsigned int bit = 0; bit < 22; bit++)
            for (unsigned int i = 0; i < 2; i++) {
                struct trial t = trial_of(IN_USER);

                t.in.cs = cs[c];
                t.in.rflags = 0x202 | 1UL << bit;
                trial_code(calls[i].code, calls[i].length);
                ask("mode/call/%s/cs-%lx/rflags-%u", calls[i].name, cs[c], bit);
                run_told(&t);
            }
}

/* ---- bases of FS and GS ---- */

TRIAL_INSN(bases, "mov %fs:0, %rax; mov %gs:0, %rbx");
TRIAL_INSN(null_gs, "xor %eax, %eax; mov %eax, %gs; mov %gs:0x10001010, %rbx; mov %fs:0, %rax");
TRIAL_INSN(flat_gs, "mov $0xe02b, %eax; mov %eax, %gs; mov %gs:0x10001010, %rbx; mov %gs, %ecx");
TRIAL_INSN(flat_fs, "mov $0xe02b, %eax; mov %eax, %fs; mov %fs:0x10001010, %rbx; mov %fs, %ecx");

static void base_set(unsigned int which, uint64_t base)
{
    must(hypercall_set_segment_base(which, base), "base");
}

static void bases_back(void)
{
    base_set(SEGBASE_FS, TRIAL_DATA);
    base_set(SEGBASE_GS_USER, TRIAL_DATA + 8);
    base_set(SEGBASE_GS_KERNEL, TRIAL_DATA + 16);
}

static void bases(void)
{
    static const uint64_t values[] = { 0,
                                       1,
                                       0x00007fffffffffff,
                                       0x0000800000000000,
                                       0xffff7fffffffffff,
                                       0xffff800000000000,
                                       0xffff830000000000,
                                       0xffff880000000000,
                                       ~0UL };
    static const uint64_t selectors[] = { 0,
                                          1,
                                          3,
                                          0xe02b,
                                          0xe028,
                                          0xe033,
                                          0x18,
                                          0x1b,
                                          0x1003,
                                          0xe043,
                                          0xffff,
                                          0x1e02b,
                                          0xffffffff0000e02b };
    uint64_t *data = trial_page(TRIAL_DATA);

    for (unsigned int i = 0; i < 3; i++)
        data[i] = 0xba5e0000 + i;
    bases_back();
    trial_insn(bases);
    for (unsigned int mode = 0; mode < 2; mode++) {
        struct trial t = trial_of(mode);

        ask("mode/bases/%s", modes[mode]);
        run_told(&t);
    }
    for (unsigned int mode = 0; mode < 2; mode++)
        for (unsigned int i = 0; i < 3; i++) {
            struct trial t = trial_of(mode);

            if (i == 0)
                trial_insn(null_gs);
            else if (i == 1)
                trial_insn(flat_gs);
            else
                trial_insn(flat_fs);
            ask("mode/bases/load-%u/%s", i, modes[mode]);
            run_told(&t);
            /* What is left of the bases for either mode. */
            for (unsigned int after = 0; after < 2; after++) {
                t = trial_of(after);
                trial_insn(bases);
                ask("mode/bases/load-%u/%s/then-%s", i, modes[mode], modes[after]);
                run_told(&t);
            }
            must(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), "selector");
            bases_back();
        }
    trial_insn(bases);
    for (unsigned int which = 0; which < 8; which++)
        for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            if (which == SEGBASE_GS_USER_SEL)
                continue;
            ask("mode/set_segment_base/%u/%lx", which, values[i]);
            tell_rc(hypercall_set_segment_base(which, values[i]));
            told();
            bases_back();
        }
    for (unsigned int i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
        struct trial t = trial_of(IN_USER);

        ask("mode/set_segment_base/selector/%lx", selectors[i]);
        tell_rc(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, selectors[i]));
        trial_code("\x65\x8b\x04\x25\x10\x10\x00\x10\x8c\xe9",
                   10); /* mov %gs:0x10001010,%eax; mov %gs,%ecx */
        run_told(&t);
        must(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), "selector");
        bases_back();
    }
    for (unsigned int which = 0; which < 3; which++)
        base_set(which, 0);
}

/* ---- the stack of the kernel ---- */

static void kernel_stack(void)
{
    static const uint64_t ss[] = { 0, 3, 0xe02b, 0xe028, 0xe033, 0x18, 0x1e02b, ~0UL };

    for (unsigned int i = 0; i < sizeof(ss) / sizeof(ss[0]); i++) {
        struct trial t = trial_of(IN_USER);

        ask("mode/stack_switch/%lx", ss[i]);
        tell_rc(HYPERCALL_2(__HYPERVISOR_stack_switch, ss[i], TRIAL_KSTACK));
        trial_code("\x0f\x0b", 2);
        run_told(&t);
    }
    must(hypercall_stack_switch(0xe02b, TRIAL_KSTACK), "stack_switch");
}

/* ---- events ---- */

static void events(void)
{
    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    vcpu_info_t *info = guest_vcpu_info();

    must(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), "ipi");
    for (unsigned int flags = 0; flags < 2; flags++) {
        trial_callbacks(flags);
        for (unsigned int mode = 0; mode < 2; mode++)
            for (unsigned int masked = 0; masked < 2; masked++)
                for (unsigned int port_masked = 0; port_masked < 2; port_masked++) {
                    struct evtchn_send send = { .port = bind.port };
                    struct trial t = trial_of(mode);
                    uint64_t bit = 1UL << bind.port % 64;

                    if (!port_masked)
                        shared_info_page.evtchn_mask[bind.port / 64] &= ~bit;
                    t.in.rflags = masked ? 2 : 0x202;
                    trial_code("\x90", 1);
                    ask("mode/event/%s/%s/%s/%s", modes[mode], flags ? "masks" : "plain",
                        masked ? "masked" : "open", port_masked ? "port-masked" : "port-open");
                    tell_rc(hypercall_event_channel_op(EVTCHNOP_send, &send));
                    tell("up=%u sel=%lx bit=%u", info->evtchn_upcall_pending,
                         info->evtchn_pending_sel,
                         !!(shared_info_page.evtchn_pending[bind.port / 64] & bit));
                    trial_run(&t);
                    tell_frame(&t);
                    tell("up=%u", info->evtchn_upcall_pending);
                    told();
                    info->evtchn_upcall_pending = 0;
                    info->evtchn_pending_sel = 0;
                    shared_info_page.evtchn_pending[bind.port / 64] &= ~bit;
                    shared_info_page.evtchn_mask[bind.port / 64] |= bit;
                }
    }
    must(hypercall_event_channel_op(EVTCHNOP_close, &(struct evtchn_close){ .port = bind.port }),
         "close");
    /* Pending without a port: the guest's own word is enough. */
    for (unsigned int mode = 0; mode < 2; mode++) {
        struct trial t = trial_of(mode);

        trial_code("\x90", 1);
        info->evtchn_upcall_pending = 1;
        ask("mode/event/%s/by-hand", modes[mode]);
        run_told(&t);
        info->evtchn_upcall_pending = 0;
    }
}

void ask_modes(void)
{
    trial_begin();
    system_calls();
    bases();
    kernel_stack();
    events();
    trial_end();
}
