/* SPDX-License-Identifier: MIT */
/*
 * Reads the instruction at the guest's RIP once and decodes the copy. What the guest does to the bytes
 * afterwards changes nothing (hazard M3).
 */
#ifndef HV_PV_FETCH_H
#define HV_PV_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/vcpu.h"
#include "pv/decode.h"

enum fetch_status {
    FETCH_OK,
    FETCH_FAULTED, /* the next byte cannot be read: a page fault at its address was reflected */
    FETCH_UNKNOWN, /* no such instruction here, or no code segment the hypervisor knows */
};

struct code_segment {
    bool long_mode;
    uint64_t base; /* 0 in 64-bit code */
};

/* The code segment v runs in, from its descriptor. False: not a 32- or 64-bit code segment. */
bool code_segment_read(const struct vcpu *v, const struct cpu_regs *regs, struct code_segment *cs);

/*
 * Reads up to max bytes at a guest VA, stopping at a page that is not there. Result: bytes read.
 * The caller's max does not exceed a page.
 */
unsigned fetch_bytes(uint8_t *bytes, uint64_t va, unsigned max);

/* Fetches and decodes the instruction at RIP. cs is set unless FETCH_UNKNOWN. */
enum fetch_status fetch_insn(struct vcpu *v, struct cpu_regs *regs, struct insn *insn,
                             struct code_segment *cs);

/*
 * The instruction is done: RIP moves on, RF goes. With TF set, or dr6_bits (I/O breakpoints that it
 * hit), #DB is reflected.
 */
void insn_retire(struct vcpu *v, struct cpu_regs *regs, unsigned length, uint64_t dr6_bits);

#endif
