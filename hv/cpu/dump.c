/* SPDX-License-Identifier: MIT */
/*
 * Post-mortem of a guest, and of the hypervisor itself, in the shape of Xen's. Frame pointers are
 * not kept, so a call trace is the instruction pointer (R) and then every word of the stack that
 * points behind the start of a known function (S): callers, and sometimes the remains of earlier
 * calls.
 *
 * Invariant: nothing here changes state or can fault; guest memory is read by mm/guest_copy.h,
 * tables by the one walk. Called by dom/domain.c (crash_dump), lib/panic.c and cpu/traps.c.
 */
#include "cpu/dump.h"

#include "cpu/guest_symbols.h"
#include "dom/dump.h"
#include "dom/recipe.h"
#include "dom/vcpu.h"
#include "lib/machine.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "lib/symbols.h"
#include "lib/x86.h"
#include "mm/guest_copy.h"
#include "mm/hv_map.h"
#include "mm/m2p.h"
#include "pt/walk.h"
#include "pv/refuse.h"

#define STACK_WORDS   40u /* printed */
#define STACK_PER_ROW 4u
#define SCAN_WORDS    256u /* searched for return addresses */
#define TRACE_LINES   20u
#define NAME_ROOM     112u
#define NEAR          0x100000u /* no function is larger than this */

#define RFLAGS_IN_HV 0x2u
#define TRAP_PF      14u

/* How to read a word of a stack, and whom an address belongs to. */
struct stack {
    bool (*read)(uint64_t va, uint64_t *word);
    struct symbol (*find)(uint64_t va);
};

static bool guest_word(uint64_t va, uint64_t *word)
{
    return guest_read64(word, va) == 0;
}

/* RSP may be what went wrong: no word is read that the hypervisor's own map does not have. */
static bool own_word(uint64_t va, uint64_t *word)
{
    struct walk w;

    walk_tables(&w, ma_to_mfn(idle_root_pa), va);
    if ((va & 7) || w.level > 4 || !(w.entry[w.level] & PTE_P))
        return false;
    *word = *(const uint64_t *)va;
    return true;
}

static const struct stack guest_stack = { guest_word, guest_symbol_find };
static const struct stack own_stack = { own_word, symbol_find };

static void stack_print(const struct stack *s, uint64_t rsp, uint64_t end)
{
    for (unsigned i = 0; i < STACK_WORDS && rsp + 8 * i < end; i++) {
        uint64_t word;

        if (!s->read(rsp + 8 * i, &word)) {
            printk(LOG_ALWAYS, "%sFault while accessing %016lx.\n",
                   i % STACK_PER_ROW ? "\n" : "   ", rsp + 8 * i);
            return;
        }
        printk(LOG_ALWAYS, "%s%016lx%s", i % STACK_PER_ROW ? " " : "   ", word,
               i % STACK_PER_ROW == STACK_PER_ROW - 1 ? "\n" : "");
        if (i % STACK_PER_ROW != STACK_PER_ROW - 1 &&
            (i + 1 == STACK_WORDS || rsp + 8 * i + 8 >= end))
            printk(LOG_ALWAYS, "\n");
    }
}

static void trace_line(char kind, uint64_t va, struct symbol where)
{
    char name[NAME_ROOM];

    symbol_format(name, sizeof(name), where);
    printk(LOG_ALWAYS, "   [<%016lx>] %c %s\n", va, kind, name);
}

static void trace_print(const struct stack *s, uint64_t rip, uint64_t rsp, uint64_t end)
{
    unsigned lines = 0;

    trace_line('R', rip, s->find(rip));
    for (unsigned i = 0; i < SCAN_WORDS && lines < TRACE_LINES && rsp + 8 * i < end; i++) {
        struct symbol found;
        uint64_t word;

        if (!s->read(rsp + 8 * i, &word))
            return;
        /*
         * A return address lies behind a call, which may be the last instruction of its function.
         */
        found = s->find(word - 1);
        if (!found.name || !found.size || found.offset > NEAR)
            continue;
        found.offset++;
        trace_line('S', word, found);
        lines++;
    }
}

static void registers_print(const struct cpu_regs *r)
{
    printk(LOG_ALWAYS, "rax: %016lx   rbx: %016lx   rcx: %016lx\n", r->rax, r->rbx, r->rcx);
    printk(LOG_ALWAYS, "rdx: %016lx   rsi: %016lx   rdi: %016lx\n", r->rdx, r->rsi, r->rdi);
    printk(LOG_ALWAYS, "rbp: %016lx   rsp: %016lx   r8:  %016lx\n", r->rbp, r->rsp, r->r8);
    printk(LOG_ALWAYS, "r9:  %016lx   r10: %016lx   r11: %016lx\n", r->r9, r->r10, r->r11);
    printk(LOG_ALWAYS, "r12: %016lx   r13: %016lx   r14: %016lx\n", r->r12, r->r13, r->r14);
    printk(LOG_ALWAYS, "r15: %016lx\n", r->r15);
}

static void head_print(const char *context, const struct cpu_regs *r, const char *name)
{
    printk(LOG_ALWAYS, "----[ Pinion-" PINION_VERSION "  x86_64 ]----\n");
    printk(LOG_ALWAYS, "CPU:    %u\n", this_cpu()->cpu_id);
    printk(LOG_ALWAYS, "RIP:    %04x:[<%016lx>] %s\n", r->cs, r->rip, name);
    printk(LOG_ALWAYS, "RFLAGS: %016lx   CONTEXT: %s\n", r->rflags, context);
}

/*
 * SYSCALL from the guest kernel stores RIP, RFLAGS and RSP only (cpu/syscall.S): true if the
 * current vCPU is in such a call, which the return address at the top of its stack tells.
 */
static bool in_hypercall(const struct vcpu *v)
{
    struct symbol s = symbol_find(((const uint64_t *)v->stack_top)[-1]);

    return s.name && !strcmp(s.name, "entry_syscall");
}

static void walk_print(mfn_t root, uint64_t va)
{
    char frame[NAME_ROOM];
    struct walk w;
    unsigned last;

    printk(LOG_ALWAYS, "Pagetable walk from %016lx:\n", va);
    walk_tables(&w, root, va);
    last = w.level;
    for (unsigned level = 4; level >= last && level; level--) {
        bool present = w.entry[level] & PTE_P;

        printk(LOG_ALWAYS, " L%u[0x%03x] = %016lx %016lx%s\n", level, w.slot[level], w.entry[level],
               present ? m2p_get(pte_mfn(w.entry[level])) : ~0ul,
               w.entry[level] & PTE_PS && level > 1 ? " (PSE)" : "");
        if (!present)
            return;
    }
    if (last > 4)
        return;
    frame_describe(frame, sizeof(frame), pte_mfn(w.entry[last]).n);
    printk(LOG_ALWAYS, "Frame:%s\n", frame);
}

void dump_page_walk(const struct vcpu *v, uint64_t va)
{
    walk_print(ma_to_mfn(vcpu_cr3(v)), va);
}

static void guest_registers_print(const struct vcpu *v)
{
    const struct cpu_regs *r = &v->regs;
    bool partly = v == vcpu_current() && in_hypercall(v);
    char name[NAME_ROOM], context[64];

    symbol_format(name, sizeof(name), guest_symbol_find(r->rip));
    snprintk(context, sizeof(context), "pv guest (d%uv%u)%s", v->domain->id, v->id,
             v->in_user ? ", user mode"
             : partly   ? ", in a hypercall"
                        : "");
    head_print(context, r, name);
    if (partly)
        printk(LOG_ALWAYS, "rsp: %016lx   (a hypercall saves no others)\n", r->rsp);
    else
        registers_print(r);
    printk(LOG_ALWAYS, "cr3: %016lx   cr2: %016lx\n", vcpu_cr3(v), v->cr2);
    printk(LOG_ALWAYS, "fsb: %016lx   gsb: %016lx   gss: %016lx\n", v->fs_base,
           v->in_user ? v->gs_base_user : v->gs_base_kernel,
           v->in_user ? v->gs_base_kernel : v->gs_base_user);
    printk(LOG_ALWAYS, "ds: %04x   es: %04x   fs: %04x   gs: %04x   ss: %04x   cs: %04x\n", v->ds,
           v->es, v->fs, v->gs, r->ss, r->cs);
}

void crash_dump(struct vcpu *v, uint64_t cr2)
{
    const struct build_image *kernel = &v->domain->recipe->kernel;

    guest_symbols_set(kernel->data, kernel->bytes);
    guest_registers_print(v);
    if (cr2 != ~0ull)
        dump_page_walk(v, cr2);
    if (v != vcpu_current())
        return;
    printk(LOG_ALWAYS, "Guest stack trace from rsp=%016lx:\n", v->regs.rsp);
    stack_print(&guest_stack, v->regs.rsp, ~0ull);
    printk(LOG_ALWAYS, "Guest call trace:\n");
    trace_print(&guest_stack, v->regs.rip, v->regs.rsp, ~0ull);
}

/* ---- the hypervisor itself ---- */

static const struct cpu_regs *fault;

void dump_fault(const struct cpu_regs *regs)
{
    fault = regs;
}

/* The end of the stack that rsp is on: of two pages, the upper one may be the next. */
static uint64_t own_stack_end(uint64_t rsp)
{
    uint64_t page_end = (rsp & PAGE_MASK) + PAGE_SIZE;

    if (rsp < HV_STACKS_VA || rsp >= FRAME_TABLE_VA)
        return page_end;
    return (rsp | (4 * PAGE_SIZE - 1)) + 1;
}

void dump_hypervisor(void)
{
    struct cpu_regs here = { .rflags = RFLAGS_IN_HV };
    const struct cpu_regs *r = fault ? fault : &here;
    const struct vcpu *v = this_cpu()->current;
    char name[NAME_ROOM], context[32] = "hypervisor";

    here.rip = (uint64_t)__builtin_return_address(0);
    here.rsp = (uint64_t)__builtin_frame_address(0);
    asm volatile("mov %%cs, %0" : "=r"(here.cs));
    symbol_format(name, sizeof(name), symbol_find(r->rip));
    if (v && v->domain)
        snprintk(context, sizeof(context), "hypervisor (d%uv%u)", v->domain->id, v->id);
    head_print(context, r, name);
    if (fault)
        registers_print(r);
    printk(LOG_ALWAYS, "cr0: %016lx   cr4: %016lx\n", read_cr0(), read_cr4());
    printk(LOG_ALWAYS, "cr3: %016lx   cr2: %016lx\n", read_cr3(), read_cr2());
    if (fault && fault->vector == TRAP_PF)
        walk_print(ma_to_mfn(read_cr3()), read_cr2());
    printk(LOG_ALWAYS, "Pinion stack trace from rsp=%016lx:\n", r->rsp);
    stack_print(&own_stack, r->rsp, own_stack_end(r->rsp));
    printk(LOG_ALWAYS, "Pinion call trace:\n");
    trace_print(&own_stack, r->rip, r->rsp, own_stack_end(r->rsp));
}
