/* SPDX-License-Identifier: MIT */
/*
 * What lies above the tested rooms, and the guest's memory: a window for each vCPU, and everything
 * that its loaded tables map, with the rights that they give. Hypercalls are issued again as long as
 * they ask for it; in between, other vCPUs run, and the domain may die.
 */
#include "memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "dom/sched.h"
#include "lib/printk.h"
#include "guest_word_copy.h"
#include "mm/hv_map.h"
#include "mm/tlb.h"
#include "pv/bounce.h"
#include "pv/iret.h"

#define RESTARTS_MAX 20000u
#define GDT_PAGES    14u

static uint8_t windows[VCPUS][GUEST_WINDOW] __attribute__((aligned(4096)));
static struct {
    bool wanted;
    uint64_t args[5];
} restart[VCPUS];
static jmp_buf abandon[VCPUS];

static unsigned vcpu_number(void)
{
    return (unsigned)(vcpu_current() - vcpus);
}

uint8_t *window(void)
{
    return windows[vcpu_number()];
}

uint64_t window_va(void)
{
    return GUEST_VA + vcpu_number() * GUEST_WINDOW;
}

/* ---- memory ---- */

/* The byte at va as the loaded tables map it, or 0. */
static uint8_t *walk(uint64_t va, bool write)
{
    mfn_t table = ma_to_mfn(this_cpu()->cr3);

    if (!vcpu_current()->domain)
        return 0;
    for (unsigned level = 4; level > 0; level--) {
        uint64_t pte = ((uint64_t *)frame_va(table))[va >> (3 + level * 9) & 511];

        if (!(pte & PTE_P) || !(pte & PTE_U) || (write && !(pte & PTE_RW)))
            return 0;
        table = pte_mfn(pte);
        if (table.n >= FRAMES)
            return 0;
    }
    return (uint8_t *)frame_va(table) + (va & (PAGE_SIZE - 1));
}

static uint8_t *reach(uint64_t va, size_t bytes, bool write)
{
    uint64_t at = va - GUEST_VA;

    if (!guest_range_ok(va, bytes))
        return 0;
    if (at < sizeof(windows))
        return bytes <= sizeof(windows) - at ? &windows[0][0] + at : 0;
    return walk(va, write);
}

static void copy_in(uint8_t *dst, const uint8_t *src, size_t bytes)
{
    if (!strand_hooks->flip) {
        memcpy(dst, src, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i += 8) {
        size_t n = bytes - i < 8 ? bytes - i : 8;
        uint64_t word = 0;

        memcpy(&word, src + i, n);
        word = second_read(src + i, word);
        memcpy(dst + i, &word, n);
    }
}

/* Calls for each piece of [va, va + bytes) that lies in one page; false when one is not there. */
static bool each_piece(uint8_t *data, uint64_t va, size_t bytes, bool write)
{
    while (bytes) {
        size_t n = PAGE_SIZE - (va & (PAGE_SIZE - 1));
        uint8_t *at;

        n = n < bytes ? n : bytes;
        at = reach(va, n, write);
        if (!at)
            return false;
        if (write)
            memcpy(at, data, n);
        else
            copy_in(data, at, n);
        data += n;
        va += n;
        bytes -= n;
    }
    return true;
}

int guest_read(void *dst, uint64_t va, size_t bytes)
{
    return guest_range_ok(va, bytes) && each_piece(dst, va, bytes, false) ? 0 : -EFAULT;
}

int guest_write(uint64_t va, const void *src, size_t bytes)
{
    return guest_range_ok(va, bytes) && each_piece((uint8_t *)(uintptr_t)src, va, bytes, true)
               ? 0
               : -EFAULT;
}

/* ---- hypercalls ---- */

static long hc_other(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    (void)a1;
    (void)a2;
    (void)a3;
    (void)a4;
    (void)a5;
    return -ENOSYS;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
hypercall_fn *const hypercall_functions[HYPERCALLS] = {
    [0 ... HYPERCALLS - 1] = hc_other,
    [__HYPERVISOR_mmu_update] = hc_mmu_update,
    [__HYPERVISOR_set_gdt] = hc_set_gdt,
    [__HYPERVISOR_update_descriptor] = hc_update_descriptor,
    [__HYPERVISOR_memory_op] = hc_memory_op,
    [__HYPERVISOR_multicall] = hc_multicall,
    [__HYPERVISOR_update_va_mapping] = hc_update_va_mapping,
    [__HYPERVISOR_update_va_mapping_otherdomain] = hc_update_va_mapping_otherdomain,
    [__HYPERVISOR_mmuext_op] = hc_mmuext_op,
    [__HYPERVISOR_grant_table_op] = hc_grant_table_op,
    [__HYPERVISOR_event_channel_op] = hc_events,
};
#pragma GCC diagnostic pop

long hypercall_restart(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();
    uint64_t *args = restart[v - vcpus].args;

    (void)nr;
    if (v->multicall.active) {
        v->multicall.restarted = true;
        args = v->multicall.args;
    } else {
        restart[v - vcpus].wanted = true;
    }
    args[0] = a1;
    args[1] = a2;
    args[2] = a3;
    args[3] = a4;
    args[4] = a5;
    return 0;
}

/* The vCPU waits, and others run; if its domain dies meanwhile it never comes back. */
void others_run(void)
{
    struct vcpu *me = vcpu_current();
    struct percpu *cpu = this_cpu();
    struct op_hooks *h = strand_hooks;

    if (race_under_way() || !h->nest)
        return;
    h->nest--;
    program_step();
    strand_hooks = h;
    if (me == &idle) {
        machine_this_cpu = cpu;
        cpu->current = me;
        cpu->pt_work = &me->pt_work;
        if (one_cpu)
            tlb_load_root(idle_root_pa);
        return;
    }
    if (me->state != VCPU_RUNNABLE)
        longjmp(abandon[me - vcpus], 1);
    machine_run((unsigned)(me - vcpus));
}

bool hypercall(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, long *result)
{
    unsigned n = vcpu_number();

    if (setjmp(abandon[n]))
        return false;
    memcpy(restart[n].args, (uint64_t[]){ a1, a2, a3, a4, 0 }, sizeof(restart[n].args));
    for (unsigned restarts = 0;; restarts++) {
        const uint64_t *args = restart[n].args;

        restart[n].wanted = false;
        hooks_request();
        *result = hypercall_functions[nr](args[0], args[1], args[2], args[3], args[4]);
        fuzz_assert(*result != -ERESTART);
        fuzz_assert(!this_cpu()->pt_work->used);
        fuzz_assert(vcpu_number() == n);
        if (!restart[n].wanted)
            return true;
        if (restarts > RESTARTS_MAX)
            fuzz_fail("the hypercall is restarted without end");
        if (!race_under_way())
            machine_check();
        others_run();
    }
}

/* ---- what the requests call above pt/ ---- */

const uint8_t vcpu_exit_always[2] = { 1, 1 };

/* The GDT's window: the guest's pages, and in place of the others, the hypervisor's. */
int cpu_gdt_map(struct vcpu *v)
{
    uint64_t va = PERDOMAIN_VA + v->id * PERDOMAIN_VCPU_SIZE;

    for (unsigned i = 0; i <= GDT_PAGES; i++) {
        bool guests = i < GDT_PAGES && !mfn_eq(v->gdt_mfn[i], MFN_NONE);
        int err = perdomain_set(&v->domain->perdomain, va + i * PAGE_SIZE,
                                pte_make(guests ? v->gdt_mfn[i] : mfn_of(FRAME_IDLE), HV_PTE_DATA));

        if (err)
            return err;
    }
    v->perdomain_gdt = va;
    if (v == vcpu_current())
        tlb_flush_all();
    return 0;
}

void cpu_ldt_load(struct vcpu *v)
{
    (void)v;
}

void iret_perform(void)
{
}

void bounce_exception(struct vcpu *v, struct cpu_regs *regs, unsigned vector, long error_code)
{
    (void)v;
    (void)regs;
    (void)vector;
    (void)error_code;
}

void bounce_page_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t cr2, uint32_t error_code)
{
    (void)regs;
    (void)error_code;
    v->cr2 = cr2;
}

/* ---- the log ---- */

void printk(enum log_level level, const char *fmt, ...)
{
    va_list args;

    (void)level;
    if (!fuzz_verbose && __builtin_strncmp(fmt, "audit", 5))
        return;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
}

void guest_printk(unsigned domid, unsigned vcpu, enum log_level level, const char *fmt, ...)
{
    va_list args;

    (void)level;
    if (!fuzz_verbose)
        return;
    fprintf(stderr, "  d%uv%u ", domid, vcpu);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
}

/* Text that nobody reads costs more than the request that it explains. */
int snprintk(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int n = 0;

    *buf = 0;
    if (fuzz_verbose) {
        va_start(args, fmt);
        n = vsnprintf(buf, size, fmt, args);
        va_end(args);
    }
    return n;
}
