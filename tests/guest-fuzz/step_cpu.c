/*
 * SPDX-License-Identifier: MIT
 *
 * step_cpu.c - steps about entries and exits: frames, modes, stacks, selectors, breakpoints.
 */
#include "fuzz.h"

#include <string.h>

#define FLAG_TF 0x100UL
#define FLAG_IF 0x200UL

static uint8_t *const code = (uint8_t *)CODE_VA;

static void to_user(uint64_t rip)
{
    plan.user = true;
    shot.frame.cs = FLAT_KERNEL_CS | 3;
    shot.frame.rip = rip;
    shot.frame.rsp = USER_DATA + 2 * PAGE_SIZE - 64;
}

/* The iret hypercall with any selectors and flags; mostly to code that is there. */
void step_iret(void)
{
    static const uint64_t rips[] = { 0x0000800000000000, 0xffff7fffffffffff, 0x8000000000000000,
                                     HV_VA_START,        0xffff82d000000000, 0 };

    shot_prepare();
    plan.segments_change = true;
    code_end(code, false);
    if (chance(3)) {
        to_user(USER_CODE);
        code_end(code, true);
    }
    if (chance(3))
        shot.frame.rip = chance(2) ? PICK(rips) : hostile_va();
    if (chance(3))
        shot.frame.cs = selector();
    else if (chance(4))
        shot.frame.cs = 0xe023 & ~(chance(2) ? 3ul : 0);
    if (chance(3))
        shot.frame.ss = selector();
    if (chance(8))
        shot.frame.cs |= random64() << 16;
    shot.frame.rflags = random64() & (chance(2) ? ~0UL : 0x3fffff);
    if (!(shot.frame.cs & 3)) /* a trap in the kernel goes where RSP is */
        shot.frame.rflags &= ~FLAG_TF | (chance(2) ? FLAG_TF : 0);
    plan.resume = 8;
    if (shot.frame.rip != CODE_VA && shot.frame.rip != USER_CODE)
        shot.frame.rflags |= FLAG_IF;
    if (chance(3))
        shot.frame.flags = chance(2) ? 0x100 : random64();
    shot_run();
}

/* User mode: system calls, interrupts, faults, privileged instructions. */
void step_user(void)
{
    static const uint8_t calls[][2] = { { 0x0f, 0x05 }, { 0x0f, 0x34 }, { 0xcd, 0x80 },
                                        { 0xcd, 0x82 }, { 0x0f, 0x0b }, { 0xf1, 0x90 },
                                        { 0xf4, 0x90 }, { 0xcd, 0x02 } };
    uint8_t *at = code;

    shot_prepare();
    to_user(USER_CODE);
    memcpy(at, PICK(calls), 2);
    at += 2;
    if (chance(4))
        shot.in[RAX] = shot.frame.rax = below(64); /* a hypercall's number: it must not be one */
    if (chance(8)) {
        shot.frame.rip = hostile_va();
        shot.frame.rflags |= FLAG_IF;
    }
    if (chance(8))
        shot.frame.rsp = hostile_va(); /* the kernel does not care */
    if (chance(4))
        shot.frame.cs = 0xe023; /* 32-bit code, at the same low address */
    if (chance(8)) {
        shot.frame.rflags |= FLAG_TF;
        plan.resume = 1 + (unsigned int)below(8);
    }
    code_end(at, true);
    shot_run();
}

/* INT n with trap table entries of random privilege. */
void step_interrupt(void)
{
    struct trap_info one[2] = { { .vector = (uint8_t)random64(), .cs = FLAT_KERNEL_CS } };
    uint8_t vector = one[0].vector;
    uint8_t *at = code;

    one[0].flags = (uint8_t)below(8);
    one[0].address = traps_table()[vector].address;
    traps_dirty = true;
    (void)hypercall_set_trap_table(one);
    shot_prepare();
    if (chance(2))
        to_user(USER_CODE);
    if (chance(8))
        *at++ = 0x66;
    *at++ = 0xcd;
    *at++ = vector;
    code_end(at, plan.user);
    shot_run();
}

static uint64_t descriptor(void)
{
    static const uint64_t good[] = { 0x00affb000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff,
                                     0x0040fb000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff,
                                     0x00cff7000000ffff, 0x00efff000000ffff, 0x0000e20000000067 };
    uint64_t d = chance(3) ? random64() : PICK(good);

    if (chance(2))
        d ^= 1UL << (chance(2) ? 40 + below(16) : below(64));
    if (chance(4)) /* a base that matters */
        d = (d & 0x00ffff000000ffff) | (hostile_va() & 0xffffff) << 16;
    return d;
}

/* A GDT or an LDT of pool frames; what is in them is used by the steps until the epoch ends. */
void step_descriptors(void)
{
    uint64_t frames[14];
    uint64_t mfn = pool_mfn();

    for (unsigned int i = 0; i < 8; i++)
        (void)hypercall_update_descriptor(mfn_to_ma(mfn_of(mfn)) + below(32) * 8, descriptor());
    if (chance(2)) {
        uint64_t va = VOLATILE_VA + (32 + below(8)) * PAGE_SIZE;
        mmuext_op_t op = { .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = va };

        (void)hypercall_update_va_mapping(va, pte_make(mfn_of(mfn), PTE_P | PTE_NX), UVMF_INVLPG);
        op.arg2.nr_ents = (unsigned int)below(600);
        (void)hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
    } else {
        frames[0] = mfn;
        frames[1] = pool_mfn();
        (void)hypercall_set_gdt(frames, (unsigned int)below(1024));
    }
    step_segment();
}

void step_segment(void)
{
    bool user;

    for (unsigned int i = 0; i < 128; i++)
        code[i] = 0xcc;
    shot_prepare();
    shot.frame.rflags |= FLAG_IF; /* a far jump may make a loop, which the timer ends */
    user = chance(4);
    if (user)
        to_user(USER_CODE);
    shot.frame.rsp = user ? USER_DATA + 2 * PAGE_SIZE - 64 : shot.frame.rsp;
    if (user) {
        plan.segments_change = true;
        shot.in[RAX] = shot.frame.rax = selector();
        code[0] = 0x8e;
        code[1] = (uint8_t)(0xc0 | below(6) << 3);
        code_end(code + 2, true);
    } else {
        uint8_t *at = insn_segment(code);

        if (chance(4)) { /* a way through the hypervisor with that selector loaded */
            *at++ = 0x0f;
            *at++ = 0x05;
            shot.in[RAX] = shot.frame.rax = chance(2) ? __HYPERVISOR_sched_op : 63;
            shot.in[RDI] = SCHEDOP_yield;
        }
        code_end(at, false);
        code_end(code + 64, false);
    }
    shot_run();
}

/* Breakpoints anywhere, single steps, and both over the ways into the hypervisor. */
void step_debug(void)
{
    static const uint8_t ways[][4] = { { 0x0f, 0x05, 0x90, 0x90 }, { 0xcd, 0x80, 0x90, 0x90 },
                                       { 0x0f, 0xa2, 0x90, 0x90 }, { 0xcc, 0x90, 0x90, 0x90 },
                                       { 0xf1, 0x90, 0x90, 0x90 }, { 0x0f, 0x34, 0x90, 0x90 },
                                       { 0xfa, 0xfb, 0x90, 0x90 }, { 0x0f, 0x20, 0xc0, 0x90 },
                                       { 0xcd, 0x03, 0x90, 0x90 }, { 0x9c, 0x9d, 0x90, 0x90 } };
    uint8_t *at = code;

    for (unsigned int reg = 0; reg < 4; reg++)
        (void)hypercall_set_debugreg(reg, chance(2) ? CODE_VA + below(8) : hostile_va());
    shot_prepare();
    plan.dr7 = random64() & 0xffff03ff;
    plan.leaks = plan.segments_change = true;
    plan.resume = 1 + (unsigned int)below(20);
    if (chance(2)) {
        shot.frame.rflags |= FLAG_TF;
        if (!chance(64)) /* a step over a watched word costs the domain its life in QEMU */
            plan.dr7 &= ~0x33330000UL;
    }
    shot.in[RAX] = shot.frame.rax = below(2) ? 63 : __HYPERVISOR_xen_version;
    shot.in[RDI] = 0;
    if (chance(2)) { /* MOV SS, from a register or from memory that may be watched */
        shot.in[R15] = FLAT_KERNEL_SS;
        *at++ = 0x41;
        *at++ = 0x8e;
        *at++ = 0xd7;
    }
    memcpy(at, PICK(ways), 4);
    code_end(at + 4, false);
    shot_run();
}

/* SYSCALL as the last instruction below the hole; code, data and frames across page ends there. */
void step_edge(void)
{
    uint8_t *top = (uint8_t *)TOP_VA + PAGE_SIZE;
    static const uint8_t last[][2] = { { 0x0f, 0x05 }, { 0xcd, 0x80 }, { 0x0f, 0x0b },
                                       { 0x0f, 0x06 }, { 0xfa, 0xfa }, { 0x0f, 0x34 },
                                       { 0x90, 0x90 }, { 0x90, 0xcc } };
    unsigned int back = (unsigned int)below(3);

    memset(top - 16, 0x90, 16);
    shot_prepare();
    if (chance(3))
        to_user(0);
    memcpy(top - 2, PICK(last), 2);
    shot.frame.rip = (uint64_t)top - 2 - back;
    shot.in[RAX] = shot.frame.rax = chance(2) ? __HYPERVISOR_xen_version : below(64) | 64;
    shot.in[RDI] = 0;
    if (chance(4)) {
        shot.frame.rflags |= FLAG_TF;
        plan.resume = 1 + (unsigned int)below(4);
    }
    shot_run();
}

/* Frames on odd stacks. Nowhere is rare: it is the domain's end. */
void step_stack(void)
{
    uint64_t bottom = STACK_VA + below(STACK_PAGES) * PAGE_SIZE;
    uint64_t sp = bottom + 512 + below(PAGE_SIZE - 512);

    if (chance(2))
        sp = STACK_VA + STACK_PAGES * PAGE_SIZE - below(16);
    else if (chance(400))
        sp = hostile_va();
    shot_prepare();
    code[0] = 0x0f;
    code[1] = 0x0b;
    if (chance(2)) {
        to_user(USER_CODE);
        (void)hypercall_stack_switch((uint16_t)selector(), sp);
        traps_dirty = true;
    } else {
        shot.frame.rsp = sp;
    }
    shot_run();
}

/* Callbacks at odd addresses; the event's leads into a fault, which ends the step. */
void step_callback(void)
{
    uint64_t va = chance(2) ? hostile_va() : hostile();

    if (!va || va - CODE_VA < PAGE_SIZE)
        va = RO_VA;
    traps_dirty = true;
    (void)hypercall_set_callbacks(va, va, va);
    shot_prepare();
    plan.leaks = true;
    code_end(code, false);
    if (chance(2)) {
        to_user(USER_CODE);
        code[0] = 0x0f;
        code[1] = 0x05;
        code_end(code + 2, true);
    } else {
        shot.frame.rflags |= 0x200;
        info->evtchn_upcall_pending = 1;
    }
    shot_run();
    info->evtchn_upcall_pending = 0;
}

/*
 * A step over a watched word, which QEMU reports twice: the second #DB before the first one's handler
 * has run an instruction. No random choice here: the test of a hang that was found.
 */
void step_watched(void)
{
    (void)hypercall_set_debugreg(0, CODE_VA + 8);
    shot_prepare();
    plan.dr7 = 0xb0402; /* slot 0: reads and writes of eight bytes */
    plan.resume = 4;
    shot.frame.rip = CODE_VA;
    shot.frame.rflags = FLAG_TF;
    code[0] = code[1] = 0x90;
    code_end(code + 2, false); /* a jump through the word at CODE_VA + 8 */
    shot_run();
}
