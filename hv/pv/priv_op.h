/* SPDX-License-Identifier: MIT */
/*
 * Between the files that emulate privileged instructions: pv/priv_op.c decides which one it is,
 * pv/priv_io.c does port accesses, pv/priv_msr.c MSRs, pv/cpuid.c CPUID. Each starts from "refused" and
 * lists what is allowed (hazards M2, M5, X12).
 */
#ifndef HV_PV_PRIV_OP_H
#define HV_PV_PRIV_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/vcpu.h"
#include "pv/decode.h"

enum op_result {
    OP_REFUSED,   /* the guest gets its #GP */
    OP_DONE,      /* RIP may move on */
    OP_AGAIN,     /* not complete, and RIP stays: the instruction executes again */
    OP_REFLECTED, /* another exception was reflected */
};

struct priv_op {
    struct vcpu *v;
    struct cpu_regs *regs;
    const struct insn *insn;
    bool long_mode;
    uint64_t dr6_bits; /* I/O breakpoints that it hit: #DB follows */
};

/* True if the virtual CPL may do I/O: guest kernel counts as ring 1, or 0 with architectural_iopl. */
bool iopl_ok(const struct vcpu *v);

/* CR4.TSD in the CPU as v's guest chose it; cpu_switch() calls it too. CR4.DE is always on there. */
void cr4_load(const struct vcpu *v);

/* What of a value for CR4 is the guest's to choose: how v->cr4 keeps it. */
uint64_t cr4_guest(uint64_t value);

/* IN, OUT, INS, OUTS. */
enum op_result emulate_io(struct priv_op *op);

/* Value of an MSR as the guest kernel reads it. False: #GP. */
bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
/* The guest kernel's write. False: #GP. */
bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value);

/* Leaf and sub-leaf of CPUID as every vCPU sees them, r = EAX EBX ECX EDX. */
void cpuid_policy(uint32_t leaf, uint32_t sub, uint32_t r[4]);

#endif
