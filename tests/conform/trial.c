/*
 * SPDX-License-Identifier: MIT
 *
 * trial.c - runs trials and writes down their traps.
 */
#include "trial.h"

#include "record.h"
#include "stage.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pt_update.h"
#include "thread.h"
#include "traps.h"

#include <string.h>

#define KSTACK_CS 0xe030UL /* kernel mode for the iret hypercall: privilege level 0 */
#define USER_CS   0xe033UL
#define FLAT_SS   0xe02bUL

void trial_lost(const struct trial_stop *stop) __attribute__((noreturn));
struct trial_stop *trial_enter(const struct trial_regs *regs, unsigned int by_iretq);
extern const char trial_stubs[], trial_iretq[];

static struct aspace *space;
static uint64_t masks[64]; /* evtchn_mask from before: no event comes but a trial's own */
static struct {
    uint64_t va;
    const char *name;
    uint64_t flags;
    pfn_t pfn;
} pages[] = {
    { TRIAL_CODE, "code", PTE_P | PTE_U, { 0 } },
    { TRIAL_DATA, "data", PTE_P | PTE_RW | PTE_U | PTE_NX, { 0 } },
    { TRIAL_READONLY, "readonly", PTE_P | PTE_U | PTE_NX, { 0 } },
    { TRIAL_ABSENT, "absent", 0, { 0 } },
    { TRIAL_KERNEL, "kernel", PTE_P | PTE_RW | PTE_NX, { 0 } },
    { TRIAL_STACK - PAGE_SIZE, "stack", PTE_P | PTE_RW | PTE_U | PTE_NX, { 0 } },
    { TRIAL_STACK, "above-stack", 0, { 0 } },
    { TRIAL_KSTACK - PAGE_SIZE, "kstack", PTE_P | PTE_RW | PTE_NX, { 0 } },
    { TRIAL_KSTACK, "above-kstack", 0, { 0 } },
    { TRIAL_L1, "l1-page", PTE_P | PTE_NX, { 0 } },
};
#define PAGES (sizeof(pages) / sizeof(pages[0]))

void *trial_page(uint64_t va)
{
    for (unsigned int i = 0; i < PAGES; i++)
        if (pages[i].va == (va & PAGE_MASK))
            return (uint8_t *)page_va(pages[i].pfn) + (va & ~PAGE_MASK);
    guest_panic("trial: no page at %lx", va);
}

void trial_vectors(unsigned int flags)
{
    static struct trap_info table[257];

    for (unsigned int v = 0; v < 256; v++)
        table[v] = (struct trap_info){ .vector = (uint8_t)v,
                                       .flags = (uint8_t)flags,
                                       .cs = FLAT_KERNEL_CS,
                                       .address = (uint64_t)trial_stubs + 16UL * v };
    must(hypercall_set_trap_table(table), "trap table");
}

void trial_callbacks(unsigned int flags)
{
    static const uint16_t types[] = { CALLBACKTYPE_event, CALLBACKTYPE_failsafe,
                                      CALLBACKTYPE_syscall, CALLBACKTYPE_syscall32,
                                      CALLBACKTYPE_sysenter };

    for (unsigned int i = 0; i < 5; i++) {
        struct callback_register reg = { .type = types[i],
                                         .flags = (uint16_t)flags,
                                         .address = (uint64_t)trial_stubs +
                                                    16UL * (TRIAL_EVENT + i) };

        must(hypercall_callback_op(CALLBACKOP_register, &reg), "callback");
    }
}

void trial_begin(void)
{
    struct walk w;
    int error;

    space = aspace_create(true, &error);
    must(error, "address space");
    for (unsigned int i = 0; i < PAGES; i++) {
        if (!pages[i].flags || pages[i].va == TRIAL_L1)
            continue;
        pages[i].pfn = page_alloc_zero(PAGE_KERNEL);
        must(pt_map(space, pages[i].va, p2m(pages[i].pfn), pages[i].flags), pages[i].name);
    }
    w = pt_walk(aspace_root(space), TRIAL_L1);
    pages[PAGES - 1].pfn = m2p(w.table[1]);
    must(pt_map(space, TRIAL_L1, w.table[1], PTE_P | PTE_NX), "the L1");
    memcpy(masks, shared_info_page.evtchn_mask, sizeof(masks));
    memset(shared_info_page.evtchn_mask, 0xff, sizeof(masks));
    guest_vcpu_info()->evtchn_upcall_pending = 0;
    thread_set_aspace(space);
    must(hypercall_stack_switch(FLAT_SS, TRIAL_KSTACK), "stack_switch");
    trial_vectors(0);
    trial_callbacks(0);
}

void trial_end(void)
{
    must(hypercall_set_trap_table(NULL), "trap table");
    traps_init();
    thread_set_aspace(NULL);
    memcpy(shared_info_page.evtchn_mask, masks, sizeof(masks));
}

struct trial trial_of(enum trial_mode mode)
{
    struct trial t = {
        .in = { .rip = TRIAL_CODE,
                .cs = mode == IN_USER ? USER_CS : KSTACK_CS,
                .rflags = 0x202,
                .rsp = TRIAL_STACK - 64,
                .ss = FLAT_SS },
    };
    uint64_t *reg = &t.in.r15;

    for (unsigned int i = 0; i < 15; i++)
        reg[i] = 0x1111000000000000UL + i * 0x10001UL;
    return t;
}

void trial_code(const void *bytes, unsigned int length)
{
    uint8_t *code = trial_page(TRIAL_CODE);

    memcpy(code, bytes, length);
    memset(code + length, 0xcc, 16);
}

/* A trap outside any trial: the suite's own mistake. */
void trial_lost(const struct trial_stop *stop)
{
    guest_panic("trial: trap %lu of the suite itself, cr2 %lx, frame %lx %lx %lx %lx", stop->vector,
                guest_cr2(), stop->frame[0], stop->frame[1], stop->frame[2], stop->frame[3]);
}

void trial_run(struct trial *t)
{
    vcpu_info_t *info = guest_vcpu_info();
    const struct trial_stop *stop;

    stop = trial_enter(&t->in, t->by_iretq);
    (void)hypercall_fpu_taskswitch(
        0); /* a trial may have set TS: nothing here may use the FPU before */
    t->mask = info->evtchn_upcall_mask;
    info->evtchn_upcall_mask = 1;
    t->cr2 = guest_cr2();
    t->at = *stop;
    t->frame_at = (uint64_t)stop->frame;
    t->vector = (unsigned int)stop->vector;
    /* The frame ends 16-aligned: seven slots begin at 8, eight at 0. */
    t->has_error = t->frame_at % 16 == 0;
    memcpy(t->frame, stop->frame, t->has_error ? 64 : 56);
    t->error = t->has_error ? t->frame[2] : 0;
    t->rip = &t->frame[t->has_error ? 3 : 2];
}

/* ---- what is told ---- */

void tell_va(const char *key, uint64_t va)
{
    for (unsigned int i = 0; i < PAGES; i++)
        if (pages[i].va == (va & PAGE_MASK)) {
            tell("%s=%s+%lx", key, pages[i].name, va & ~PAGE_MASK);
            return;
        }
    if (va == (uint64_t)trial_iretq)
        tell("%s=iretq", key);
    else
        tell("%s=%lx", key, va);
}

static const char *const callbacks[] = { "event", "failsafe", "syscall", "syscall32", "sysenter" };

static void tell_vector(const struct trial *t)
{
    if (t->vector < TRIAL_EVENT)
        tell("vec=%u", t->vector);
    else
        tell("vec=%s", callbacks[t->vector - TRIAL_EVENT]);
    if (t->has_error)
        tell("err=%lx", t->error);
    if (t->vector == 14)
        tell_va("cr2", t->cr2);
    tell_va("rip", *t->rip);
}

static void tell_registers(const struct trial *t)
{
    static const char *const names[] = { "r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8",
                                         "rbp", "rdi", "rsi", "rdx", "rcx", "rbx", "rax" };
    const uint64_t *was = &t->in.r15, *is = &t->at.r15;

    for (unsigned int i = 0; i < 15; i++) {
        uint64_t now = i == 4 ? t->frame[1] : i == 12 ? t->frame[0] : is[i];

        if (now != was[i])
            tell_va(names[i], now);
    }
}

void tell_trap(const struct trial *t)
{
    tell_vector(t);
    tell_registers(t);
}

void tell_frame(const struct trial *t)
{
    const uint64_t *rip = t->rip;

    tell_trap(t);
    tell("cs=%lx rfl=%lx", rip[1], rip[2]);
    tell_va("rsp", rip[3]);
    tell("ss=%lx", rip[4]);
    tell("|");
    tell_va("sp", t->frame_at);
    tell("cs=%lx ss=%lx rfl=%lx mask=%u", t->at.cs, t->at.ss, t->at.rflags, t->mask);
    if (t->at.ds | t->at.es | t->at.fs | t->at.gs)
        tell("ds=%lx es=%lx fs=%lx gs=%lx", t->at.ds, t->at.es, t->at.fs, t->at.gs);
}
