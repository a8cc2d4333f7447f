/* SPDX-License-Identifier: MIT */
/*
 * Stands in front of hv/lib/x86.h in the host build: what the tested code reads from the CPU itself is
 * a variable of the test, as the instruction would fault here.
 */
#ifndef HOST_LIB_X86_H
#define HOST_LIB_X86_H

#define rdmsr     rdmsr_of_the_machine
#define cpuid     cpuid_of_the_machine
#define read_cr3  read_cr3_of_the_machine
#define write_cr3 write_cr3_of_the_machine
#include "../../../../hv/lib/x86.h"
#undef rdmsr
#undef cpuid
#undef read_cr3
#undef write_cr3

#include "lib/percpu.h"

/* FS and GS base of the guest: any address, the same each time. */
static inline uint64_t rdmsr(uint32_t msr)
{
    return msr == MSR_FS_BASE ? 0x1000 : msr == MSR_SHADOW_GS_BASE ? 0x2000 : 0;
}

static inline uint64_t read_cr3(void)
{
    return this_cpu()->cr3;
}

/* A model of a TLB, linked with the program: mm/hv_map.c's alone. */
void write_cr3(uint64_t cr3);

/* The leaves that a test has given its machine (sched.c); all others are zeroes. */
void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4]);

#endif
