/* SPDX-License-Identifier: MIT */
/* Hypercalls set_debugreg and get_debugreg, and the rules behind them; see debugreg.h. */
#include "pv/debugreg.h"

#include "lib/errno.h"
#include "lib/x86.h"
#include "mm/guest_copy.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define CR4_DE (1ul << 3)

#define DR6_FIXED_1 0xffff0ff0ul
#define DR6_FIXED_0 (1ul << 12)
#define DR7_FIXED_1 (1ul << 10)
#define DR7_FIXED_0 (1ul << 11 | 1ul << 12 | 1ul << 14 | 1ul << 15)
#define DR7_GD      (1ul << 13)
#define DR7_ENABLES 0xfful

/* Slot n: enable bits (local, global), what it watches, and how many bytes. */
#define DR7_SLOT_ENABLES(n) (3ul << (n)*2)
#define DR7_RW(dr7, n)      ((dr7) >> (16 + (n)*4) & 3)
#define DR7_LEN(dr7, n)     ((dr7) >> (18 + (n)*4) & 3)
#define DR7_RW_IO           2

static long set_dr7(struct vcpu *v, uint64_t value)
{
    if (value >> 32)
        return refuse(-EINVAL, "dr7-upper-half", MFN_NONE, value);
    if (value & DR7_GD)
        return refuse(-EPERM, "dr7-general-detect", MFN_NONE, value);
    if ((value & DR7_ENABLES) && !(v->cr4 & CR4_DE))
        for (unsigned n = 0; n < 4; n++)
            if (DR7_RW(value, n) == DR7_RW_IO)
                return refuse(-EPERM, "io-breakpoint-without-cr4-de", MFN_NONE, value);
    v->dr[7] = (value | DR7_FIXED_1) & ~DR7_FIXED_0;
    return 0;
}

uint64_t debugreg_hardware_dr7(const struct vcpu *v)
{
    uint64_t dr7 = v->dr[7];

    for (unsigned n = 0; n < 4; n++)
        if (DR7_RW(dr7, n) == DR7_RW_IO)
            dr7 &= ~(DR7_SLOT_ENABLES(n) | 0xful << (16 + n * 4));
    return dr7 | DR7_FIXED_1;
}

uint64_t debugreg_io_hits(const struct vcpu *v, uint16_t port, unsigned bytes)
{
    static const uint8_t length[4] = { 1, 2, 8, 4 };
    uint64_t hits = 0;

    if (!(v->dr[7] & DR7_ENABLES) || !(v->cr4 & CR4_DE))
        return 0;
    for (unsigned n = 0; n < 4; n++) {
        uint64_t len = length[DR7_LEN(v->dr[7], n)], start = v->dr[n] & ~(len - 1);

        if ((v->dr[7] & DR7_SLOT_ENABLES(n)) && DR7_RW(v->dr[7], n) == DR7_RW_IO &&
            start < (uint64_t)port + bytes && port < start + len)
            hits |= 1ul << n;
    }
    return hits;
}

static void write_dr(unsigned reg, uint64_t value)
{
    switch (reg) {
    case 0:
        asm volatile("mov %0, %%dr0" : : "r"(value));
        break;
    case 1:
        asm volatile("mov %0, %%dr1" : : "r"(value));
        break;
    case 2:
        asm volatile("mov %0, %%dr2" : : "r"(value));
        break;
    case 3:
        asm volatile("mov %0, %%dr3" : : "r"(value));
        break;
    case 6:
        asm volatile("mov %0, %%dr6" : : "r"(value));
        break;
    default:
        asm volatile("mov %0, %%dr7" : : "r"(value));
        break;
    }
}

/* DR4 and DR5 are other names of DR6 and DR7 while CR4.DE is clear. 0 (with *reg set) or -ENODEV. */
static long reg_resolve(const struct vcpu *v, unsigned *reg)
{
    if (*reg == 4 || *reg == 5) {
        if (v->cr4 & CR4_DE)
            return -ENODEV;
        *reg += 2;
    }
    return *reg < 8 ? 0 : -ENODEV;
}

long debugreg_set(struct vcpu *v, unsigned reg, uint64_t value)
{
    long rc = reg_resolve(v, &reg);

    if (rc)
        return refuse((int)rc, "no-such-debug-register", MFN_NONE, value);
    if (reg < 4) {
        if (!guest_va_ok(value))
            return refuse(-EPERM, "breakpoint-in-hypervisor-range", MFN_NONE, value);
        v->dr[reg] = value;
    } else if (reg == 6) {
        if (value >> 32)
            return refuse(-EINVAL, "dr6-upper-half", MFN_NONE, value);
        v->dr[6] = (value | DR6_FIXED_1) & ~DR6_FIXED_0;
    } else {
        rc = set_dr7(v, value);
        if (rc)
            return rc;
    }
    if (v == vcpu_current())
        write_dr(reg, reg == 7 ? debugreg_hardware_dr7(v) : v->dr[reg]);
    return 0;
}

long debugreg_get(const struct vcpu *v, unsigned reg, uint64_t *value)
{
    long rc = reg_resolve(v, &reg);

    if (!rc)
        *value = v->dr[reg];
    return rc;
}

long hc_set_debugreg(uint64_t reg, uint64_t value, uint64_t a3, uint64_t a4, uint64_t a5)
{
    long rc = debugreg_set(vcpu_current(), reg > 8 ? 8 : (unsigned)reg, value);

    (void)a3;
    (void)a4;
    (void)a5;
    return rc ? refuse_report("set_debugreg", 0, rc) : 0;
}

long hc_get_debugreg(uint64_t reg, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    uint64_t value;
    long rc = debugreg_get(vcpu_current(), reg > 8 ? 8 : (unsigned)reg, &value);

    (void)a2;
    (void)a3;
    (void)a4;
    (void)a5;
    return rc ? refused("get_debugreg", rc, "no-such-debug-register") : (long)value;
}
