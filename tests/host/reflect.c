/* SPDX-License-Identifier: MIT */
/* Stands in for pv/bounce.c; see reflect.h. */
#include "reflect.h"

#include "machine.h"

#include "pv/bounce.h"

struct reflected reflected;

/* The domain may die while its frame is pushed, and nobody returns then: no reference is in passing. */
static void nothing_is_held(void)
{
    if (frame_limit)
        machine_check("a fault is reflected");
}

void bounce_exception(struct vcpu *v, struct cpu_regs *regs, unsigned vector, long error_code)
{
    (void)v;
    (void)regs;
    nothing_is_held();
    reflected = (struct reflected){ reflected.count + 1, vector, error_code, 0 };
}

void bounce_page_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t cr2, uint32_t error_code)
{
    (void)v;
    (void)regs;
    nothing_is_held();
    reflected = (struct reflected){ reflected.count + 1, 14, error_code, cr2 };
}
