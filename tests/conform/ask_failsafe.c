/*
 * SPDX-License-Identifier: MIT
 *
 * ask_failsafe.c - a vCPU that comes back to selectors which cannot be loaded any more: the frame that
 * the failsafe callback finds, and what comes when there is no callback.
 *
 * The vCPU loads a selector and goes down; its descriptor is taken away; it comes up. It is the last of
 * three, and has the suite's descriptor pages for its GDT.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"

#include <string.h>

#define VCPU       2U
#define INDEX      40U
#define SELECTOR   (INDEX * 8 + 3)
#define DESCRIPTOR 0x00cff3000000ffffUL
#define WORDS      11U /* of a failsafe frame */

enum { NOTHING, FAILSAFE, PAGE_FAULT, ILLEGAL };

static const char *const names[] = { "nothing", "failsafe", "#PF", "#GP" };
static const char *const registers[] = { "ds", "es", "fs", "gs" };

static struct vcpu_guest_context context;
/* Deep enough for the frames of all questions: nothing returns from one. */
static uint8_t stack[32768] __attribute__((aligned(16)));

/* Between the vCPUs; only one of them is up and at work at a time. */
static volatile unsigned int came, load, mask;
static volatile bool no_callback;
static volatile uint64_t frame[WORDS];

void failsafe_came(unsigned int what, const uint64_t *at) __attribute__((noreturn));
extern const char failsafe_entry[], failsafe_fault[], failsafe_illegal[], failsafe_start[];

/* clang-format off */
__asm__(".pushsection .text\n"
        "failsafe_entry: mov $1, %edi\n jmp 1f\n"
        "failsafe_fault: mov $2, %edi\n jmp 1f\n"
        "failsafe_illegal: mov $3, %edi\n jmp 1f\n"
        "failsafe_start: xor %edi, %edi\n"
        "1: mov %rsp, %rsi\n"
        "xor %eax, %eax\n mov %eax, %ds\n mov %eax, %es\n mov %eax, %fs\n mov %eax, %gs\n"
        "sub $256, %rsp\n and $-16, %rsp\n"
        "call failsafe_came\n"
        ".popsection");
/* clang-format on */

static void selector_load(unsigned int which, uint32_t selector)
{
    switch (which) {
    case 0:
        __asm__ volatile("mov %0, %%ds" : : "r"(selector));
        break;
    case 1:
        __asm__ volatile("mov %0, %%es" : : "r"(selector));
        break;
    case 2:
        __asm__ volatile("mov %0, %%fs" : : "r"(selector));
        break;
    default:
        __asm__ volatile("mov %0, %%gs" : : "r"(selector));
        break;
    }
}

/* On the vCPU. */
void failsafe_came(unsigned int what, const uint64_t *at)
{
    vcpu_info_t *info = &shared_info_page.vcpu_info[VCPU];

    came = what;
    mask = info->evtchn_upcall_mask;
    for (unsigned int i = 0; what && i < WORDS; i++)
        frame[i] = at[i];
    info->evtchn_upcall_mask = 1;
    for (;;) {
        (void)hypercall_vcpu_op(VCPUOP_down, VCPU, NULL);
        if (no_callback)
            (void)hypercall_set_callbacks(0, 0, 0);
        for (unsigned int i = 0; i < 4; i++)
            if (load & 1U << i)
                selector_load(i, SELECTOR);
        info->evtchn_upcall_pending = 0;
        info->evtchn_upcall_mask = !load;
    }
}

/* Until it is down again. */
static void vcpu_runs(void)
{
    must(hypercall_vcpu_op(VCPUOP_up, VCPU, NULL), "up");
    while (hypercall_vcpu_op(VCPUOP_is_up, VCPU, NULL))
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
}

static void descriptor_set(uint64_t value)
{
    must(hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], INDEX), value), "descriptor");
}

static void frame_told(void)
{
    tell("%s", names[came]);
    if (came == FAILSAFE) {
        for (unsigned int i = 0; i < 4; i++)
            tell("%s=%lx", registers[i], frame[2 + i]);
        tell("rip=%s", frame[6] == (uint64_t)failsafe_start ? "start" : "call");
        tell("cs=%lx rfl=%lx", frame[7], frame[8] & ~0x8d5UL);
        tell("rsp=%s ss=%lx mask=%u",
             frame[9] - (uint64_t)stack <= sizeof(stack) ? "stack" : "elsewhere", frame[10], mask);
    } else if (came == PAGE_FAULT) {
        tell("err=%lx rip=%lx cr2=%lx", frame[2], frame[3],
             (unsigned long)shared_info_page.vcpu_info[VCPU].arch.cr2);
    }
    told();
}

static void trap_set(unsigned int vector, const char *handler)
{
    context.trap_ctxt[vector] = (struct trap_info){ .vector = (uint8_t)vector,
                                                    .cs = FLAT_KERNEL_CS,
                                                    .address = (uint64_t)handler };
}

void ask_failsafe(void)
{
    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel | VGCF_failsafe_disables_events;
    context.user_regs.rip = (uint64_t)failsafe_start;
    context.user_regs.rsp = (uint64_t)stack + sizeof(stack);
    context.user_regs.rflags = 0x202;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.user_regs.fs = SELECTOR;
    context.failsafe_callback_eip = (uint64_t)failsafe_entry;
    context.gdt_frames[0] = kinds[KIND_SEG].mfn.n;
    context.gdt_ents = 512;
    context.ctrlreg[3] = aspace_root(&kernel_aspace).n << PAGE_SHIFT;
    trap_set(13, failsafe_illegal);
    trap_set(14, failsafe_fault);
    ask("failsafe/first");
    tell_rc(hypercall_vcpu_op(VCPUOP_initialise, VCPU, &context));
    vcpu_runs();
    frame_told();
    for (unsigned int gone = 0; gone < 2; gone++)
        for (unsigned int which = 0; which < 16; which++) {
            came = NOTHING;
            load = which;
            no_callback = gone;
            descriptor_set(DESCRIPTOR);
            vcpu_runs();
            load = 0;
            descriptor_set(0);
            ask("failsafe/%s/%x", gone ? "without" : "with", which);
            vcpu_runs();
            frame_told();
        }
}
