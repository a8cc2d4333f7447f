/* SPDX-License-Identifier: MIT */
/* The slow ways out; for entry.S and syscall.S only. */
#ifndef HV_CPU_EXIT_H
#define HV_CPU_EXIT_H

#include <stdbool.h>
#include <stdint.h>

/* Looks at everything that may want to happen before the current vCPU's guest runs. */
void exit_work(void);

/*
 * A hypercall that cannot leave the fast way: completes v->regs (result: RAX), then exit_work(). kept:
 * RDI, RSI and RDX are there and stay; else nobody knows them any more.
 */
void hypercall_exit(uint64_t result, uint64_t r10, bool kept);

#endif
