/*
 * SPDX-License-Identifier: MIT
 *
 * traps.c - the trap table, the dispatcher, and the recoverable access.
 *
 * Invariant: an exception is resolved by its handler, or ends a process, or goes to the innermost
 * trap_catch of the running thread, or stops the guest with a dump; none is lost.  entry.S calls
 * trap_dispatch on every entry, with events masked.
 */
#include "traps.h"

#include "events.h"
#include "guest.h"
#include "hypercall.h"
#include "kprint.h"
#include "mm/fault.h"
#include "process.h"
#include "syscall.h"
#include "thread.h"

extern const uint64_t trap_stubs[];
extern char trap_catch_landing[];
int trap_catch_call(uint64_t *saved_rsp, void (*fn)(void *), void *arg);

static trap_handler_t handlers[TRAP_VECTORS];

static void callback_register(uint16_t type, uint64_t address)
{
    struct callback_register reg = {
        .type = type,
        .flags = CALLBACKF_mask_events,
        .address = address,
    };

    if (hypercall_callback_op(CALLBACKOP_register, &reg))
        guest_panic("callback %u refused", type);
}

void traps_init(void)
{
    static struct trap_info table[TRAP_VECTORS + 1];

    for (unsigned int v = 0; v < TRAP_VECTORS; v++) {
        /* INT3 and INTO are open to user mode, as on a bare machine. */
        unsigned int dpl = (v == 3 || v == 4) ? 3 : 0;

        table[v] = (struct trap_info){
            .vector = (uint8_t)v,
            .flags = (uint8_t)(TRAP_DPL(dpl) | TRAP_MASK_EVENTS),
            .cs = FLAT_KERNEL_CS,
            .address = trap_stubs[v],
        };
    }
    if (hypercall_set_trap_table(table))
        guest_panic("trap table refused");
    callback_register(CALLBACKTYPE_event, trap_stubs[TRAP_EVENT]);
    callback_register(CALLBACKTYPE_failsafe, trap_stubs[TRAP_FAILSAFE]);
    callback_register(CALLBACKTYPE_syscall, trap_stubs[TRAP_SYSCALL]);
}

void trap_handler_set(unsigned int vector, trap_handler_t handler)
{
    if (vector < TRAP_VECTORS)
        handlers[vector] = handler;
}

void trap_dump(const struct trap_frame *f)
{
    kprint("trap %lu error %04lx cr2 %016lx %s mode\n", f->vector, f->error, guest_cr2(),
           trap_from_user(f) ? "user" : "kernel");
    kprint("rip %04x:%016lx rsp %04lx:%016lx rflags %08lx\n", f->cs, f->rip, f->ss, f->rsp,
           f->rflags);
    kprint("rax %016lx rbx %016lx rcx %016lx\n", f->rax, f->rbx, f->rcx);
    kprint("rdx %016lx rsi %016lx rdi %016lx\n", f->rdx, f->rsi, f->rdi);
    kprint("rbp %016lx r8  %016lx r9  %016lx\n", f->rbp, f->r8, f->r9);
    kprint("r10 %016lx r11 %016lx r12 %016lx\n", f->r10, f->r11, f->r12);
    kprint("r13 %016lx r14 %016lx r15 %016lx\n", f->r13, f->r14, f->r15);
}

/* Nothing resolved it: end the process, go to the catch, or stop the guest. */
static void trap_unresolved(struct trap_frame *frame, uint64_t cr2)
{
    struct trap_report report = {
        .vector = (unsigned int)frame->vector,
        .error = (uint32_t)frame->error,
        .cr2 = frame->vector == TRAP_PF ? cr2 : 0,
        .rip = frame->rip,
    };

    if (trap_from_user(frame))
        process_kill(&report);
    if (!thread_current->catch_rsp) {
        trap_dump(frame);
        guest_panic("unhandled trap %lu", frame->vector);
    }
    *thread_current->catch_report = report;
    frame->rip = (uint64_t)trap_catch_landing;
    frame->rsp = *thread_current->catch_rsp;
    frame->rax = 1;
    frame->rflags &= ~0x50500UL; /* TF, DF, RF off */
}

void trap_dispatch(struct trap_frame *frame)
{
    /* First of all: the next fault, on whatever this handler touches, overwrites it. */
    uint64_t cr2 = guest_cr2();

    switch (frame->vector) {
    case TRAP_EVENT:
        events_dispatch();
        return;
    case TRAP_SYSCALL:
        syscall_dispatch(frame);
        return;
    case TRAP_FAILSAFE:
        kprint("failsafe callback: a segment could not be loaded, rip %lx\n", frame->rip);
        return;
    case TRAP_PF:
        if (fault_handle(cr2, (uint32_t)frame->error))
            return;
        break;
    default:
        break;
    }
    if (frame->vector < TRAP_VECTORS && handlers[frame->vector] && handlers[frame->vector](frame))
        return;
    trap_unresolved(frame, cr2);
}

bool trap_catch(void (*fn)(void *arg), void *arg, struct trap_report *report)
{
    struct thread *self = thread_current;
    uint64_t *outer_rsp = self->catch_rsp;
    struct trap_report *outer_report = self->catch_report;
    uint64_t rsp;

    self->catch_rsp = &rsp;
    self->catch_report = report;
    int caught = trap_catch_call(&rsp, fn, arg);
    self->catch_rsp = outer_rsp;
    self->catch_report = outer_report;
    return caught;
}

struct probe {
    uint64_t va;
    uint64_t value;
};

static void do_read(void *arg)
{
    struct probe *p = arg;

    p->value = *(volatile uint64_t *)p->va;
}

static void do_write(void *arg)
{
    struct probe *p = arg;

    *(volatile uint64_t *)p->va = p->value;
}

static void do_exec(void *arg)
{
    struct probe *p = arg;

    ((void (*)(void))p->va)();
}

bool probe_read(uint64_t va, uint64_t *value, struct trap_report *report)
{
    struct probe p = { .va = va };
    bool caught = trap_catch(do_read, &p, report);

    if (!caught && value)
        *value = p.value;
    return caught;
}

bool probe_write(uint64_t va, uint64_t value, struct trap_report *report)
{
    struct probe p = { .va = va, .value = value };

    return trap_catch(do_write, &p, report);
}

bool probe_exec(uint64_t va, struct trap_report *report)
{
    struct probe p = { .va = va };

    return trap_catch(do_exec, &p, report);
}
