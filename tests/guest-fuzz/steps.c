/*
 * SPDX-License-Identifier: MIT
 *
 * steps.c - the kinds of steps, how often each comes, and those about hypercalls and memory.
 */
#include "fuzz.h"

#include <string.h>

#define HYPERCALL_PAGE_STUB(nr) ((uint64_t)hypercall_page + (nr)*HYPERCALL_STUB_SIZE)

extern uint8_t hypercall_page[];

static void arguments_set(const struct call *c)
{
    static const uint8_t regs[] = { RDI, RSI, RDX, R10, R8, R9 };

    for (unsigned int i = 0; i < 6; i++)
        shot.in[regs[i]] = c->arg[i];
    shot.in[RAX] = shot.frame.rax = c->nr;
    plan.segments_change = c->nr == __HYPERVISOR_set_segment_base ||
                           c->nr == __HYPERVISOR_multicall;
    /* The timer that ends a block must not be taken before it begins. */
    if (c->nr == __HYPERVISOR_sched_op && c->arg[0] == SCHEDOP_block)
        shot.frame.rflags &= ~0x200UL;
}

/* Requests that may open events or raise an NMI, and so want a stack. */
static bool needs_stack(uint64_t nr)
{
    return nr == __HYPERVISOR_sched_op || nr == __HYPERVISOR_vcpu_op ||
           nr == __HYPERVISOR_multicall;
}

/* Some event becomes pending just before: it is delivered on the way out, if events are open. */
static void event_raise(void)
{
    shared_info_page.evtchn_pending[ipi_port / 64] |= 1UL << (ipi_port % 64);
    info->evtchn_pending_sel |= 1UL << (ipi_port / 64);
    info->evtchn_upcall_pending = 1;
}

/* A hypercall by SYSCALL in the code page, or by the hypercall page; RSP may be anything at all. */
static void step_hypercall(void)
{
    uint8_t *code = (uint8_t *)CODE_VA;
    struct call c;

    call_make(&c, false);
    shot_prepare();
    arguments_set(&c);
    plan.hypercall = true;
    if (chance(3) && c.nr < 64 && c.nr != __HYPERVISOR_iret) {
        uint64_t *stack = (uint64_t *)shot.frame.rsp;

        /* The stub pushes RCX, R11 and returns: the word that RET takes is ours. */
        *stack = CODE_VA;
        shot.frame.rip = HYPERCALL_PAGE_STUB(c.nr);
        code_end(code, false);
        plan.hypercall = false;
    } else {
        *code++ = 0x0f;
        *code++ = 0x05;
        plan.rip_after = (uint64_t)code;
        code_end(code, false);
        if (!(shot.frame.rflags & 0x200) && !needs_stack(c.nr) && chance(3))
            shot.frame.rsp = shot.in[RSP] = hostile_va();
    }
    if (chance(4))
        event_raise();
    shot_run();
}

/* The same with TF: each instruction of the way traps, the one after SYSCALL too. */
static void step_stepped(void)
{
    uint8_t *code = (uint8_t *)CODE_VA;
    struct call c;

    call_make(&c, false);
    shot_prepare();
    arguments_set(&c);
    shot.frame.rflags |= 0x100;
    plan.resume = 4 + (unsigned int)below(40);
    if (chance(2)) { /* MOV SS holds the trap back into the hypervisor */
        static const uint8_t mov_ss[] = { 0x41, 0x8e, 0xd7 };

        memcpy(code, mov_ss, sizeof(mov_ss));
        code += sizeof(mov_ss);
        shot.in[R15] = FLAT_KERNEL_SS;
    }
    *code++ = 0x0f;
    *code++ = 0x05;
    code_end(code, false);
    shot_run();
}

static void step_insn(void)
{
    uint8_t *code = (uint8_t *)CODE_VA;
    bool user = chance(4);

    memset(code, 0xcc, 64);
    shot_prepare();
    shot.frame.rflags |= 0x200; /* a jump may make a loop, which the timer ends */
    if (user) {
        plan.user = true;
        shot.frame.cs = FLAT_KERNEL_CS | 3;
        shot.frame.rip = USER_CODE;
        shot.frame.rsp = USER_DATA + 2 * PAGE_SIZE - 64;
    }
    if (chance(16)) /* over the page's end, and into nothing */
        code += PAGE_SIZE - 1 - below(16);
    shot.frame.rip += (uint64_t)code - CODE_VA;
    if ((uint64_t)code + 64 > CODE_VA + PAGE_SIZE) {
        uint8_t bytes[64];

        insn_make(bytes);
        memcpy(code, bytes, CODE_VA + PAGE_SIZE - (uint64_t)code);
    } else {
        if (chance(8))
            code = insn_make(code); /* two of them */
        code = insn_make(code);
        code_end(code, user);
    }
    if (chance(16)) {
        shot.frame.rflags |= 0x100;
        plan.resume = 1 + (unsigned int)below(8);
    }
    shot_run();
}

/* A store to a live table, through its read-only mapping. */
static void step_table_store(void)
{
    uint8_t *code = (uint8_t *)CODE_VA;
    uint64_t entry = chance(4) ? below(PT_ENTRIES) : below(16);
    uint64_t at = (uint64_t)volatile_walk.slot[1] & PAGE_MASK;

    if (chance(8))
        at = RO_VA;
    if (chance(16))
        at = (uint64_t)volatile_walk.slot[2] & PAGE_MASK; /* an L2: not emulated, a fault */
    shot_prepare();
    shot.in[RAX] = shot.frame.rax = chance(2) ? ((const uint64_t *)at)[entry] : pte_value();
    shot.in[RCX] = shot.frame.rcx = chance(4) ? pte_value() : below(64);
    shot.in[RDX] = pte_value();
    shot.in[RBX] = pte_value();
    shot.in[RSI] = chance(2) ? ARGS_VA + below(4000) : hostile_va();
    shot.in[RDI] = at + entry * 8 + (chance(6) ? below(8) : 0);
    if (chance(16))
        shot.in[RDI] = at + PAGE_SIZE - 4;
    code_end(insn_store(code), false);
    shot_run();
}

/* Any bytes at all, in user mode; events are open, so that a loop ends. */
static void step_nonsense(void)
{
    uint8_t *code = (uint8_t *)CODE_VA;

    for (unsigned int i = 0; i < 96; i += 8) {
        uint64_t bytes = random64();

        memcpy(code + i, &bytes, 8);
    }
    shot_prepare();
    plan.user = plan.segments_change = plan.leaks = plan.nonsense = true;
    plan.resume = 16;
    shot.frame.cs = chance(4) ? 0xe023 : FLAT_KERNEL_CS | 3;
    shot.frame.rip = USER_CODE;
    shot.frame.rsp = USER_DATA + PAGE_SIZE;
    shot.frame.rflags = 0x202;
    for (unsigned int i = 0; i < REGS; i++)
        if (chance(2))
            shot.in[i] = USER_DATA + below(2 * PAGE_SIZE);
    shot_run();
}

static void step_events(void)
{
    uint8_t *code = (uint8_t *)CODE_VA;

    shot_prepare();
    shot.frame.rflags |= 0x200;
    if (chance(2))
        event_raise();
    if (chance(4))
        (void)hypercall_vcpu_op(VCPUOP_send_nmi, 0, NULL);
    if (chance(4)) {
        shot.frame.rflags |= 0x100;
        plan.resume = 1 + (unsigned int)below(20);
    }
    for (unsigned int i = (unsigned int)below(20); i; i--)
        *code++ = 0x90;
    code_end(code, false);
    shot_run();
}

static const struct {
    const char *name;
    void (*run)(void);
    unsigned int weight;
} kinds[] = {
    { "hypercall", step_hypercall, 40 },
    { "stepped hypercall", step_stepped, 4 },
    { "instruction", step_insn, 24 },
    { "table store", step_table_store, 10 },
    { "nonsense", step_nonsense, 4 },
    { "events", step_events, 4 },
    { "iret", step_iret, 6 },
    { "user", step_user, 6 },
    { "interrupt", step_interrupt, 4 },
    { "descriptors", step_descriptors, 6 },
    { "segment", step_segment, 6 },
    { "debug", step_debug, 5 },
    { "edge", step_edge, 3 },
    { "stack", step_stack, 2 },
    { "callback", step_callback, 4 },
};

static const char *current = "none";

const char *step_name(void)
{
    return current;
}

void step_run(void)
{
    unsigned int total = 0, n;

    for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        total += kinds[i].weight;
    n = (unsigned int)below(total);
    for (unsigned int i = 0;; n -= kinds[i++].weight) {
        if (n < kinds[i].weight) {
            current = kinds[i].name;
            kinds[i].run();
            return;
        }
    }
}
