/* SPDX-License-Identifier: MIT */
/* One entry for all vectors, and steps that may trap. Callers: the oddities. */
#include "odd.h"

#define STUB_BYTES  16
#define VECTORS     256u
#define CLOSED_GATE 0x30u /* INT of it is not for user mode */

extern char trap_stubs[];
extern char trap_stack_end[];
void trap(struct trap_regs *r);

void (*trap_handler)(struct trap_regs *r);

static struct trap_regs last;
static uint64_t recovery_rip, recovery_rsp, recovery_rbp;
static volatile bool recovering, trapped;
volatile unsigned events_seen;

/* The console's own are none: how many there are is a matter of how fast it is read. */
static void events_count(uint64_t word, uint64_t bits)
{
    bool ring = !(start_info->flags & SIF_INITDOMAIN);

    for (; bits; bits &= bits - 1)
        if (!ring || word * 64 + (uint64_t)__builtin_ctzl(bits) != start_info->console.domU.evtchn)
            events_seen++;
}

static void events_take(void)
{
    vcpu_info_t *v = &shared_info->vcpu_info[0];

    v->evtchn_upcall_pending = 0;
    for (uint64_t words = __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST), w;
         words; words &= words - 1) {
        w = (uint64_t)__builtin_ctzl(words);
        events_count(w, __atomic_exchange_n(&shared_info->evtchn_pending[w], 0, __ATOMIC_SEQ_CST));
    }
}

void trap(struct trap_regs *r)
{
    if (r->number == TRAP_EVENT) {
        events_take();
    } else if (recovering) {
        recovering = false;
        trapped = true;
        last = *r;
        r->rip = recovery_rip;
        r->rsp = recovery_rsp;
        r->rbp = recovery_rbp;
    } else if (trap_handler) {
        trap_handler(r);
    } else {
        say("vector %lu error %lx rip %lx", r->number, r->error, r->rip);
        give_up("a trap that nobody waits for", (long)r->number);
    }
}

void attempt(const char *what, void (*step)(void))
{
    trapped = false;
    recovering = true;
    __asm__ volatile("lea 1f(%%rip), %%rax\n\t"
                     "mov %%rax, %0\n\t"
                     "mov %%rsp, %1\n\t"
                     "mov %%rbp, %2\n\t"
                     "call *%3\n"
                     "1:"
                     : "=m"(recovery_rip), "=m"(recovery_rsp), "=m"(recovery_rbp)
                     : "b"(step)
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
                       "r14", "r15", "memory", "cc");
    recovering = false;
    if (trapped)
        say("%s: vector %lu error %lx", what, last.number, last.error);
    else
        say("%s: done", what);
}

void traps_init(void)
{
    static struct trap_info table[VECTORS + 1];

    for (unsigned i = 0; i < VECTORS; i++) {
        table[i].vector = (uint8_t)i;
        table[i].flags = TRAP_DPL(i == CLOSED_GATE ? 0 : 3);
        table[i].cs = KERNEL_CS;
        table[i].address = (unsigned long)trap_stubs + (unsigned long)i * STUB_BYTES;
    }
    MUST(hypercall(__HYPERVISOR_set_trap_table, (uint64_t)table, 0, 0, 0));
    MUST(hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS64, (uint64_t)trap_stack_end, 0, 0));
}
