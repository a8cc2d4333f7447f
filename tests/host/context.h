/* SPDX-License-Identifier: MIT */
/*
 * The stage of tests of VCPUOP_initialise: a context that is right, tables with work to be interrupted
 * at, and a vCPU that is not initialised.
 */
#ifndef TESTS_HOST_CONTEXT_H
#define TESTS_HOST_CONTEXT_H

#include "events.h"

#include <string.h>

#include "pv/descriptor.h"

#define NEW         3u /* machine_vcpu: the guest's vCPU 2 */
#define IN_HV       0xffff830000000000ul
#define DESCRIPTORS (PAGE_SIZE / 8)
#define DATA        (DESC_P | DESC_S | DESC_DPL_MASK)

static struct machine_tree kernel, user;
static mfn_t gdt;
static vcpu_guest_context_t good;
static uint8_t fpu[512];

static inline int stage(void **state)
{
    machine_setup(state);
    events_begin();
    kernel = machine_tree(&machine_guest, LEAF_RO);
    user = machine_tree(&machine_guest, LEAF_RO);
    for (unsigned slot = 1; slot < 4; slot++) /* work to be interrupted at */
        for (unsigned level = 2; level <= 4; level++) {
            machine_poke(kernel.l[level], slot, pte_make(machine_page(&machine_guest), BRANCH));
            machine_poke(user.l[level], slot, pte_make(machine_page(&machine_guest), BRANCH));
        }
    gdt = machine_page(&machine_guest);
    for (unsigned i = 0; i < DESCRIPTORS; i++)
        machine_poke(gdt, i, DATA | 0x234567ul << 16 | 1ul << 56);
    machine_vcpu[NEW].state = VCPU_DOWN;
    machine_vcpu[NEW].fpu = fpu;
    good = (vcpu_guest_context_t){ .flags = VGCF_in_kernel };
    good.user_regs.rip = 0xffffffff80001000ul;
    good.user_regs.rsp = 0x7fffffffe000ul;
    good.user_regs.rflags = 0x3202;
    good.user_regs.fs = 0x0b;
    good.kernel_sp = 0xffffffff80009000ul;
    good.kernel_ss = FLAT_KERNEL_SS;
    good.trap_ctxt[14].address = 0xffffffff80002000ul;
    good.trap_ctxt[14].cs = 0xe030;
    good.gdt_frames[0] = gdt.n;
    good.gdt_ents = DESCRIPTORS;
    good.ctrlreg[3] = mfn_to_ma(kernel.l[4]);
    good.ctrlreg[1] = mfn_to_ma(user.l[4]);
    good.ctrlreg[4] = ~0ul;
    good.fs_base = 0x1111000;
    good.gs_base_user = 0x2222000;
    good.gs_base_kernel = 0x3333000;
    good.debugreg[0] = 0x400000;
    good.debugreg[1] = IN_HV; /* not taken */
    hooks_reset();
    return 0;
}

static inline int unstage(void **state)
{
    events_end();
    return machine_teardown(state);
}

static inline long initialise(const vcpu_guest_context_t *c)
{
    long rc;

    memcpy(machine_requests(), c, sizeof(*c));
    rc = machine_hypercall(hc_vcpu_op, VCPUOP_initialise, machine_vcpu[NEW].id, GUEST_REQUESTS, 0);
    machine_check("initialise");
    return rc;
}

/* Gives back what the vCPU holds, so that it can be initialised again. */
static inline void take_apart(void)
{
    struct vcpu *v = &machine_vcpu[NEW];
    mfn_t roots[2] = { ma_to_mfn(v->cr3_kernel), ma_to_mfn(v->cr3_user) };
    bool held[2] = { v->cr3_kernel, v->cr3_user };

    v->cr3_kernel = v->cr3_user = 0;
    for (unsigned i = 0; i < 2; i++) {
        if (held[i])
            page_put_typed(roots[i]);
        pt_work_drain();
    }
    vcpu_descriptors_release(v);
    v->initialised = false;
    v->state = VCPU_DOWN;
    machine_check("taken apart");
}

#endif
