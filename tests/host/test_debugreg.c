/* SPDX-License-Identifier: MIT */
/*
 * The rules of the virtual debug registers: what each takes and stores, which I/O breakpoints an
 * emulated access hits, and what the machine's DR7 gets. On a vCPU that does not run: nothing is loaded.
 */
#include "machine.h"

#include <string.h>

#include "mm/refusal.h"
#include "pv/debugreg.h"

#define DE      (1ul << 3)
#define FIXED_1 0x400ul      /* of DR7 */
#define RW(n)   (16 + (n)*4) /* bits of slot n */
#define IO      2ul
#define IN_HV   0xffff830000000000ul

static struct vcpu *v;

static int stage(void **state)
{
    machine_setup(state);
    v = &machine_vcpu[1];
    for (unsigned i = 0; i < 8; i++)
        v->dr[i] = 0;
    v->cr4 = 0;
    return 0;
}

/* Refused: nothing changes, and this is the reason. */
static void refused_by(const char *rule, long err, unsigned reg, uint64_t value)
{
    uint64_t was[8];

    memcpy(was, v->dr, sizeof(was));
    refusal_clear();
    assert_int_equal(debugreg_set(v, reg, value), err);
    assert_string_equal(this_cpu()->refusal.rule, rule);
    assert_memory_equal(v->dr, was, sizeof(was));
    refusal_clear();
}

static uint64_t kept(unsigned reg, uint64_t value)
{
    uint64_t now = 0x77;

    assert_int_equal(debugreg_set(v, reg, value), 0);
    assert_int_equal(debugreg_get(v, reg, &now), 0);
    return now;
}

static void addresses(void **state)
{
    (void)state;
    for (unsigned reg = 0; reg < 4; reg++) {
        assert_int_equal(kept(reg, 0x1000 + reg), 0x1000 + reg);
        refused_by("breakpoint-in-hypervisor-range", -EPERM, reg, IN_HV);
        assert_int_equal(v->dr[reg], 0x1000 + reg);
    }
}

static void status_and_control(void **state)
{
    uint64_t value;

    (void)state;
    assert_int_equal(kept(6, 0), 0xffff0ff0);
    assert_int_equal(kept(6, 0xffffffff), 0xffffefff);
    refused_by("dr6-upper-half", -EINVAL, 6, 1ul << 32);
    assert_int_equal(kept(7, 0), FIXED_1);
    assert_int_equal(kept(7, 0xffff07ff), 0xffff07ff);
    assert_int_equal(kept(7, 0xd800), FIXED_1);
    refused_by("dr7-upper-half", -EINVAL, 7, 1ul << 32);
    refused_by("dr7-general-detect", -EPERM, 7, 1ul << 13);
    /* Other names of DR6 and DR7, until debugging extensions are on. */
    assert_int_equal(kept(4, 0xf), 0xffff0fff);
    assert_int_equal(v->dr[6], 0xffff0fff);
    assert_int_equal(kept(5, 3), FIXED_1 | 3);
    assert_int_equal(v->dr[7], FIXED_1 | 3);
    v->cr4 = DE;
    for (unsigned reg = 4; reg < 10; reg++) {
        if (reg == 6 || reg == 7)
            continue;
        refused_by("no-such-debug-register", -ENODEV, reg, 0);
        assert_int_equal(debugreg_get(v, reg, &value), -ENODEV);
    }
}

/* A slot that watches ports needs CR4.DE, if any slot is enabled. */
static void io_breakpoints(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        uint64_t watch = IO << RW(n);

        v->cr4 = 0;
        assert_int_equal(kept(7, watch), watch | FIXED_1);
        for (unsigned bit = 0; bit < 8; bit++)
            refused_by("io-breakpoint-without-cr4-de", -EPERM, 7, watch | 1ul << bit);
        assert_int_equal(kept(7, 1ul << RW(n) | 1), 1ul << RW(n) | 1 | FIXED_1);
        v->cr4 = DE;
        assert_int_equal(kept(7, watch | 3ul << n * 2), watch | 3ul << n * 2 | FIXED_1);
        /* The machine's register never has them. */
        assert_int_equal(debugreg_hardware_dr7(v), FIXED_1);
        v->dr[7] |= 0xcul << RW(n) | 1ul << RW((n + 1) % 4) | 3ul << (n + 1) % 4 * 2;
        assert_int_equal(debugreg_hardware_dr7(v),
                         FIXED_1 | 1ul << RW((n + 1) % 4) | 3ul << (n + 1) % 4 * 2);
    }
}

/* Ports [start, start + length) of an enabled slot, aligned to its length. */
static void hits(void **state)
{
    static const uint8_t length[4] = { 1, 2, 8, 4 };

    (void)state;
    v->cr4 = DE;
    for (unsigned n = 0; n < 4; n++)
        for (unsigned len = 0; len < 4; len++) {
            uint64_t slot = IO << RW(n) | (uint64_t)len << (RW(n) + 2), bit = 1ul << n;
            uint16_t last = (uint16_t)(0x80 + length[len] - 1);

            v->dr[n] = last;
            for (unsigned enable = 1; enable < 4; enable++) {
                v->dr[7] = slot | (uint64_t)enable << n * 2;
                assert_int_equal(debugreg_io_hits(v, 0x80, 1), bit);
                assert_int_equal(debugreg_io_hits(v, last, 1), bit);
                assert_int_equal(debugreg_io_hits(v, 0x7f, 1), 0);
                assert_int_equal(debugreg_io_hits(v, 0x7f, 2), bit);
                assert_int_equal(debugreg_io_hits(v, 0x7c, 4), 0);
                assert_int_equal(debugreg_io_hits(v, last + 1, 4), 0);
            }
            v->cr4 = 0;
            assert_int_equal(debugreg_io_hits(v, 0x80, 1), 0);
            v->cr4 = DE;
            v->dr[7] = slot | 3ul << (n + 1) % 4 * 2; /* another slot is enabled */
            v->dr[(n + 1) % 4] = 0x80;
            assert_int_equal(debugreg_io_hits(v, 0x80, 1), 0);
            v->dr[7] = slot;
            assert_int_equal(debugreg_io_hits(v, 0x80, 1), 0);
            v->dr[7] = 3ul << n * 2; /* watches execution, writes, both */
            for (uint64_t rw = 0; rw < 4; rw++) {
                v->dr[7] = 3ul << n * 2 | rw << RW(n) | (uint64_t)len << (RW(n) + 2);
                assert_int_equal(debugreg_io_hits(v, 0x80, 1), rw == IO ? bit : 0);
            }
            v->dr[n] = v->dr[(n + 1) % 4] = 0;
        }
}

/* By the hypercalls: only what does not reach the CPU here. */
static void by_hypercall(void **state)
{
    (void)state;
    machine_run(1);
    v->dr[2] = 0x1234;
    assert_int_equal(machine_hypercall(hc_get_debugreg, 2, 0, 0, 0), 0x1234);
    assert_int_equal(machine_hypercall(hc_get_debugreg, 8, 0, 0, 0), -ENODEV);
    assert_int_equal(machine_hypercall(hc_get_debugreg, 1ul << 32 | 2, 0, 0, 0), -ENODEV);
    assert_int_equal(
        op_explained("set_debugreg", "breakpoint-in-hypervisor-range", hc_set_debugreg, 1, IN_HV),
        -EPERM);
    assert_int_equal(
        op_explained("set_debugreg", "no-such-debug-register", hc_set_debugreg, 1ul << 32 | 1, 0),
        -ENODEV);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(addresses), T(status_and_control), T(io_breakpoints), T(hits), T(by_hypercall),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
