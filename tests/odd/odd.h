/* SPDX-License-Identifier: MIT */
/*
 * Odd kernels: what old and foreign PV kernels do and the guest library does not, on no library at
 * all. One body, linked in several forms (form_*.S, odd.lds.S); it reports facts line by line, the
 * same on every hypervisor that follows the ABI, and no machine frames or times.
 */
#ifndef ODD_H
#define ODD_H

#include <abi/abi.h>

#define KERNEL_CS FLAT_KERNEL_CS64
#define USER_CS   FLAT_USER_CS64

/* Numbers above the CPU's vectors: what arrives by a callback. */
#define TRAP_EVENT    256u
#define TRAP_SYSCALL  257u
#define TRAP_FAILSAFE 258u

/* What entry.S leaves on the stack for trap(). */
struct trap_regs {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t number, error, rip, cs, rflags, rsp, ss;
};

/* Registers as they were at the entry; entry.S fills it. */
struct entry_regs {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rflags, cs, ss, ds, es, fs, gs;
};

extern const struct entry_regs entry_regs;
extern const start_info_t *start_info;
extern shared_info_t *shared_info;

/* ---- entry.S and the linker script ---- */

long hypercall(unsigned long nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
/* Goes to user mode and comes back when a trap handler has called user_leave(). */
void user_enter(uint64_t rip, uint64_t rsp);
void user_leave(struct trap_regs *r);

extern char image_start[], image_end[];

/* Pages of the image by its first address: its VIRT_BASE, or where it was put. */
extern const uint64_t virt_base;

/* ---- kernel.c ---- */

/* %s, %u, %x, %lu, %ld, %lx. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
/* Ends the run: the facts went wrong in a way that no hypervisor may. */
__attribute__((noreturn)) void give_up(const char *why, long rc);

/* A request that no hypervisor may refuse. */
#define MUST(call)               \
    do {                         \
        long rc_ = (call);       \
        if (rc_)                 \
            give_up(#call, rc_); \
    } while (0)

mfn_t mfn_of_va(const void *va);
/* The page's kernel mapping, with or without the right to write. */
long page_protect(void *page, bool writable);

/* ---- traps.c ---- */

/* Called with interrupts as they come; without one, a trap ends the run. */
extern void (*trap_handler)(struct trap_regs *r);
void traps_init(void);
/* Runs step() and says whether it trapped, and how. */
void attempt(const char *what, void (*step)(void));

/* ---- console.c ---- */

void console_write(const char *text, unsigned bytes);
void console_rings(void);

/* ---- the oddities ---- */

void contract(void);
void callbacks(void);
void timers(void);
void probes(void);
void debug_registers(void);
void io_privilege(void);
void local_descriptors(void);
void user_interrupts(void);
void self_grants(void);

/* Events that came by the callback, and where the next one is expected. */
extern volatile unsigned events_seen;
uint32_t event_port_ipi(void);
long event_send(uint32_t port);
void event_unmask(uint32_t port);

#endif
