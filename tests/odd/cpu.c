/* SPDX-License-Identifier: MIT */
/* Debug registers, single steps, I/O privilege, a table of local descriptors. */
#include "odd.h"

#define DR7_EXEC_0  0x401ul    /* L0 */
#define DR7_WRITE_1 0x100404ul /* L1, write, of one byte */
#define DR7_NONE    0x400ul
#define RFLAGS_TF   0x100ul
#define STEPS       4u

#define DATA_DESCRIPTOR 0x00c0f20000012345ul /* limit 0x12345, by pages: lsl shows 0x12345fff? */
#define LDT_SELECTOR(n) ((n) << 3 | 7u)

static volatile uint64_t watched;
static unsigned steps;
static uint64_t stop_at;

static long debugreg_set(unsigned reg, uint64_t value)
{
    return hypercall(__HYPERVISOR_set_debugreg, reg, value, 0, 0);
}

static void debug_trap(struct trap_regs *r)
{
    uint64_t dr6 = (uint64_t)hypercall(__HYPERVISOR_get_debugreg, 6, 0, 0, 0);

    if (r->rflags & RFLAGS_TF) {
        if (++steps == STEPS)
            r->rflags &= ~RFLAGS_TF;
        return;
    }
    say("vector %lu, dr6 %lx, at the address: %s", r->number, dr6,
        r->rip == stop_at ? "yes" : "no");
    debugreg_set(6, 0);
    debugreg_set(7, DR7_NONE);
}

static __attribute__((noinline)) void nothing(void)
{
    __asm__ volatile("");
}

void debug_registers(void)
{
    void (*volatile target)(void) = nothing;

    trap_handler = debug_trap;
    stop_at = (uint64_t)nothing;
    say("dr0: %ld", debugreg_set(0, (uint64_t)nothing));
    say("dr7: %ld", debugreg_set(7, DR7_EXEC_0));
    target();
    say("dr1: %ld", debugreg_set(1, (uint64_t)&watched));
    __asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0" : "=m"(stop_at) : : "rax");
    say("dr7: %ld", debugreg_set(7, DR7_WRITE_1));
    __asm__ volatile("movq $1, %0\n1:" : "=m"(watched));
    say("dr7 with general detect: %ld", debugreg_set(7, DR7_NONE | 0x2000));
    say("dr0 in the hypervisor's range: %ld", debugreg_set(0, HV_VA_START));
    say("dr4: %ld, dr8: %ld", debugreg_set(4, 0), debugreg_set(8, 0));
    __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop; nop; nop; nop"
                     :
                     :
                     : "cc", "memory");
    say("single steps: %u", steps);
    trap_handler = 0;
}

static void step_cli(void)
{
    __asm__ volatile("cli");
}

static void step_sti(void)
{
    __asm__ volatile("sti");
}

static void step_out(void)
{
    __asm__ volatile("outb %%al, $0x80" : : "a"(0));
}

static long iopl_set(unsigned iopl)
{
    struct physdev_set_iopl set = { .iopl = iopl };

    return hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, (uint64_t)&set, 0, 0);
}

void io_privilege(void)
{
    attempt("cli at iopl 0", step_cli);
    attempt("out at iopl 0", step_out);
    say("iopl 1: %ld", iopl_set(1));
    attempt("cli at iopl 1", step_cli);
    attempt("sti at iopl 1", step_sti);
    attempt("out at iopl 1", step_out);
    say("iopl 4: %ld", iopl_set(4));
    say("iopl 0: %ld", iopl_set(0));
    attempt("sti at iopl 0", step_sti);
}

static void fs_load(unsigned selector)
{
    __asm__ volatile("mov %0, %%fs" : : "r"(selector));
}

static void load_first(void)
{
    fs_load(LDT_SELECTOR(1));
}

static void load_absent(void)
{
    fs_load(LDT_SELECTOR(2));
}

static void load_beyond(void)
{
    fs_load(LDT_SELECTOR(300));
}

static long ldt_set(const void *table, unsigned entries)
{
    mmuext_op_t op = { .cmd = MMUEXT_SET_LDT };

    op.arg1.linear_addr = (uint64_t)table;
    op.arg2.nr_ents = entries;
    return hypercall(__HYPERVISOR_mmuext_op, (uint64_t)&op, 1, 0, DOMID_SELF);
}

void local_descriptors(void)
{
    static uint64_t table[512] __attribute__((aligned(4096)));
    uint64_t limit = 0;

    table[1] = DATA_DESCRIPTOR;
    attempt("selector before there is a table", load_first);
    say("table that can be written: %ld", ldt_set(table, 4));
    attempt("selector of it", load_first);
    MUST(page_protect(table, false));
    say("table that cannot: %ld", ldt_set(table, 4));
    attempt("selector of it", load_first);
    __asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"((uint64_t)LDT_SELECTOR(1)) : "cc");
    say("its limit: %lx", limit);
    attempt("an empty entry", load_absent);
    attempt("an entry beyond it", load_beyond);
    fs_load(0);
    say("an address within a page: %ld", ldt_set(table + 1, 4));
    say("no table: %ld", ldt_set(0, 0));
    attempt("selector after that", load_first);
    say("writable again: %ld", page_protect(table, true));
}
