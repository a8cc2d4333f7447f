/* SPDX-License-Identifier: MIT */
/*
 * Ownership of the FPU registers. The hypervisor never computes in them (-mgeneral-regs-only), so they
 * stay the guest's through every hypercall, fault and idle spell. They change hands eagerly, when
 * another vCPU with an image of its own is switched to: nothing lazy means that no register of one
 * guest is ever reachable while another runs, not even speculatively (hazard X6). One vCPU alone
 * pays nothing.
 *
 * CR0.TS is the guest's alone: set while its virtual TS is, so that #NM in ring 3 is always for it.
 * Only FXSAVE state exists: CR4.OSXSAVE stays off, which makes AVX and more unavailable to guests.
 */
#include "cpu/fpu.h"

#include "dom/sched.h"
#include "lib/extable.h"
#include "lib/string.h"
#include "lib/x86.h"

#define FXSAVE_BYTES 512
#define FCW_START    0x037f
#define MXCSR_START  0x1f80
#define MXCSR_OFFSET 24

static struct vcpu *fpu_owner; /* whose registers are in the CPU, 0 = nobody's */

void fpu_init_image(struct vcpu *v)
{
    uint16_t fcw = FCW_START;
    uint32_t mxcsr = MXCSR_START;

    memset(v->fpu, 0, FXSAVE_BYTES);
    memcpy(v->fpu, &fcw, sizeof(fcw));
    memcpy((char *)v->fpu + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    v->fpu_initialised = true;
}

/* False if the image has bits that the CPU refuses: it came from a guest. */
static bool image_load(const void *image)
{
    bool ok = true;

    /* FNINIT first: some CPUs do not restore the last instruction and operand pointers. */
    asm volatile("fninit\n"
                 "1:\tfxrstorq %1\n\t"
                 "jmp 3f\n"
                 "2:\tmovb $0, %0\n"
                 "3:\n\t" EX_TABLE("1b", "2b")
                 : "+m"(ok)
                 : "m"(*(const char(*)[FXSAVE_BYTES])image));
    return ok;
}

void fpu_switch(struct vcpu *next)
{
    if (fpu_owner != next) {
        clts();
        if (fpu_owner)
            asm volatile("fxsaveq %0" : "=m"(*(char(*)[FXSAVE_BYTES])fpu_owner->fpu));
        if (!image_load(next->fpu)) {
            fpu_init_image(next);
            image_load(next->fpu);
        }
        fpu_owner = next;
        if (next->ts)
            write_cr0(read_cr0() | CR0_TS);
    } else if (!!(read_cr0() & CR0_TS) != !!next->ts) {
        fpu_set_ts(next, next->ts);
    }
}

void fpu_set_ts(struct vcpu *v, bool set)
{
    v->ts = set;
    if (set)
        write_cr0(read_cr0() | CR0_TS);
    else
        clts();
}

void fpu_forget(struct vcpu *v)
{
    if (fpu_owner == v)
        fpu_owner = 0;
}

bool fpu_device_not_available(struct vcpu *v)
{
    bool for_guest = v->ts;

    fpu_set_ts(v, false);
    return for_guest;
}
