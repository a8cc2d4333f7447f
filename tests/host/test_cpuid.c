/* SPDX-License-Identifier: MIT */
/*
 * CPUID as guests see it: each leaf of a machine that has everything and of one that has little, bit by
 * bit; leaves beyond either's last; the hypervisor's own.
 */
#include "machine.h"

#include <string.h>

#include <xen/arch-x86/cpuid.h>

#include "dom/sched.h"
#include "pv/abi_version.h"
#include "pv/priv_op.h"
#include "sched.h"

#define ALL 0xffffffffu
#define EXT 0x80000000u
#define HV  0x40000000u

static void leaf(uint32_t n, uint32_t sub, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    machine_leaves[machine_leaves_count++] = (struct machine_leaf){ n, sub, { a, b, c, d } };
}

/* A machine whose last leaves are these, and whose others say yes to everything. */
static void machine_with(uint32_t basic, uint32_t extended)
{
    static const uint32_t plain[] = { 2, 3, 4, 5, 6, 0xd, 0x16, 0x1d };

    machine_leaves_count = 0;
    leaf(0, 0, basic, 0x11, 0x22, 0x33);
    leaf(1, 0, ALL, ALL, ALL, ALL);
    leaf(4, 1, ALL, ALL, ALL, ALL);
    leaf(7, 0, ALL, ALL, ALL, ALL);
    leaf(7, 1, ALL, ALL, ALL, ALL);
    for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        leaf(plain[i], 0, ALL, ALL, ALL, ALL);
    leaf(EXT, 0, extended, 0x44, 0x55, 0x66);
    for (uint32_t n = 1; n < 12; n++)
        leaf(EXT + n, 0, ALL, ALL, ALL, ALL);
}

static void shows(uint32_t n, uint32_t sub, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint32_t want[4] = { a, b, c, d }, r[4] = { 9, 9, 9, 9 };

    cpuid_policy(n, sub, r);
    if (memcmp(r, want, sizeof(r)))
        fail_msg("leaf %x.%x: %08x %08x %08x %08x", n, sub, r[0], r[1], r[2], r[3]);
}

static void basic_leaves(void **state)
{
    (void)state;
    machine_with(0x20, EXT + 0x20);
    shows(0, 0, 0xd, 0x11, 0x22, 0x33);
    /* Features by the bits that their manuals give; ECX with the hypervisor's own. */
    shows(1, 0, ALL, 0x0000ff00, 0xc2d82203, 0x0789c3f5);
    shows(2, 0, ALL, ALL, ALL, ALL);
    shows(3, 0, 0, 0, 0, 0);
    shows(4, 0, 0x3ff, ALL, ALL, ALL);
    shows(4, 1, 0x3ff, ALL, ALL, ALL);
    shows(4, 2, 0, 0, 0, 0);
    shows(5, 0, 0, 0, 0, 0);
    shows(7, 0, 0, 0x218c0308, 0, 0x10);
    shows(7, 1, 0, 0, 0, 0);
    shows(0xd, 0, 0, 0, 0, 0);
    shows(0x16, 0, 0, 0, 0, 0);
}

static void extended_leaves(void **state)
{
    (void)state;
    machine_with(0x20, EXT + 0x20);
    shows(EXT, 0, EXT + 8, 0x44, 0x55, 0x66);
    shows(EXT + 1, 0, ALL, 0, 0x1e1, 0xe3d1cbf5);
    for (uint32_t n = 2; n < 7; n++)
        shows(EXT + n, 0, ALL, ALL, ALL, ALL);
    shows(EXT + 7, 0, 0, 0, 0, 1u << 8);
    shows(EXT + 8, 0, 0xffff, 0, 0, 0);
    shows(EXT + 9, 0, 0, 0, 0, 0);
    shows(EXT - 1, 0, 0, 0, 0, 0);
}

/* Nothing beyond the machine's own last leaves, though it would answer; they are not raised. */
static void a_small_machine(void **state)
{
    (void)state;
    machine_with(4, EXT + 4);
    shows(0, 0, 4, 0x11, 0x22, 0x33);
    shows(4, 0, 0x3ff, ALL, ALL, ALL);
    shows(7, 0, 0, 0, 0, 0);
    shows(EXT, 0, EXT + 4, 0x44, 0x55, 0x66);
    shows(EXT + 4, 0, ALL, ALL, ALL, ALL);
    shows(EXT + 5, 0, 0, 0, 0, 0);
    machine_with(0xd, EXT + 8);
    shows(0, 0, 0xd, 0x11, 0x22, 0x33);
    shows(EXT, 0, EXT + 8, 0x44, 0x55, 0x66);
    shows(EXT + 8, 0, 0xffff, 0, 0, 0);
    /* Bits that the machine has not are not made up. */
    machine_leaves_count = 0;
    leaf(0, 0, 7, 0, 0, 0);
    leaf(EXT, 0, EXT + 8, 0, 0, 0);
    shows(1, 0, 0, 0, 1u << 31, 0);
    shows(7, 0, 0, 0, 0, 0);
    shows(EXT + 1, 0, 0, 0, 0, 0);
    shows(EXT + 7, 0, 0, 0, 0, 0);
}

static void the_hypervisors_leaves(void **state)
{
    (void)state;
    machine_with(0x20, EXT + 0x20);
    tsc_scale = (struct tsc_scale){ .mul = 0x1234, .shift = -3, .khz = 2000000 };
    shows(HV, 0, HV + 5, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX);
    shows(HV + 1, 0, ABI_VERSION, 0, 0, 0);
    shows(HV + 2, 0, 1, HV, XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD, 0);
    shows(HV + 3, 0, 2, 0, 2000000, 0);
    shows(HV + 3, 1, 0, 0, 0x1234, 0xfffffffd);
    shows(HV + 3, 2, 2000000, 0, 0, 0);
    shows(HV + 3, 3, 0, 0, 0, 0);
    shows(HV + 4, 0, 0, 0, 0, 0);
    shows(HV + 5, 0, 0, 18, 0, 0); /* bits of an address: 64 frames */
    shows(HV + 5, 1, 0, 0, 0, 0);
    shows(HV + 6, 0, 0, 0, 0, 0);
    shows(HV - 1, 0, 0, 0, 0, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(basic_leaves),
        T(extended_leaves),
        T(a_small_machine),
        T(the_hypervisors_leaves),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
