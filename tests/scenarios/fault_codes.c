/*
 * SPDX-License-Identifier: MIT
 *
 * fault-codes: what a guest is told about an access that nothing resolves.
 *
 * Background: a page fault reaches the guest with an error code and CR2.  P says that the page was
 * there, W that it was a write, I that it was a fetch; U is the guest's own notion: 0 for its kernel,
 * 1 for its user mode, although the processor runs both in ring 3.
 *
 * Steps: from kernel mode: nothing there, read-only, no-execute, guard, page tables, text, the M2P, the
 * hypervisor's range; from user mode (programs): the same ranges.
 *
 * Expected: exactly that code and address; in the hypervisor's range P is free, as the ABI does not say
 * what is mapped there.
 */
#include "hostile.h"

#include "ramdisk.h"

#include <stdio.h>

/* The hypervisor's range without the M2P: image, frame table, direct map, mapping caches. */
static const uint64_t hv_addresses[] = { 0xffff804000000000, 0xffff82d080200000, 0xffff82e000000000,
                                         0xffff830000100000, 0xffff87fffffffff8 };

static struct trap_report faulted(bool caught, const struct trap_report *r, uint64_t va)
{
    if (!caught)
        scenario_fail("%lx: accessible", va);
    EXPECT_EQ(r->vector, TRAP_PF);
    EXPECT_EQ(r->cr2, va);
    return *r;
}

SCENARIO(fault_codes, "fault-codes-kernel", "kernel mode: not there, read-only, no-execute, guard")
{
    struct region *rw = scenario_region(3, REGION_R | REGION_W, &region_anon);
    struct region *ro = scenario_region(1, REGION_R, &region_anon);
    struct region *guard = scenario_region(1, REGION_R | REGION_W | REGION_X, &region_guard);
    uint64_t hole = scenario_va();

    expect_fault_read(hole, 0);
    expect_fault_write(hole + 0x123, 1, PFEC_W);
    expect_fault_exec(hole + 0x456, PFEC_I);
    expect_fault_read(guard->start, 0);
    expect_fault_write(guard->start + 8, 1, PFEC_W);

    EXPECT_EQ(*(volatile uint64_t *)ro->start, 0);
    expect_fault_write(ro->start + 0xff8, 1, PFEC_P | PFEC_W);
    *(volatile uint64_t *)rw->start = 0xc3;
    expect_fault_exec(rw->start, PFEC_P | PFEC_I);
    expect_fault_exec(rw->start + PAGE_SIZE, PFEC_I); /* no right, so it never becomes present */
    expect_fault_write((uint64_t)scenarios_run, 0, PFEC_P | PFEC_W);
    expect_fault_read(0, 0);
    expect_fault_write(0x7ffffffffff8, 0, PFEC_W);
    EXPECT_EQ(guest_cr2(), 0x7ffffffffff8);
}

SCENARIO(fault_codes_straddle, "fault-codes-straddle",
         "an access over two pages: CR2 is in the second")
{
    struct region *r = scenario_region(1, REGION_R | REGION_W, &region_anon);
    struct trap_report report;

    *(volatile uint64_t *)r->start = 1;
    EXPECT(probe_write(r->end - 4, 1, &report));
    EXPECT_EQ(report.vector, TRAP_PF);
    EXPECT_EQ(report.cr2, r->end);
    EXPECT_EQ(report.error, PFEC_W);
    EXPECT_EQ(*(volatile uint32_t *)(r->end - 4), 0); /* nothing of it was written */
}

SCENARIO(fault_codes_hv, "fault-codes-hypervisor", "kernel mode in the hypervisor's range")
{
    struct trap_report r = { 0 };
    uint64_t m2p_slot = M2P_VA_START + aspace_root(&kernel_aspace).n * 8;

    for (unsigned int i = 0; i < sizeof(hv_addresses) / sizeof(hv_addresses[0]); i++) {
        uint64_t va = hv_addresses[i];

        EXPECT_EQ(faulted(probe_read(va, NULL, &r), &r, va).error & ~PFEC_P, 0);
        EXPECT_EQ(faulted(probe_write(va, 0, &r), &r, va).error & ~PFEC_P, PFEC_W);
        EXPECT_EQ(faulted(probe_exec(va, &r), &r, va).error & ~PFEC_P, PFEC_I);
    }
    /* The M2P is there to be read, by entry, and nothing else. */
    EXPECT_EQ(*(volatile uint64_t *)m2p_slot, kernel_aspace.l4.n);
    expect_fault_write(m2p_slot, 0, PFEC_P | PFEC_W);
    EXPECT_EQ(*(volatile uint64_t *)m2p_slot, kernel_aspace.l4.n);
    EXPECT_EQ(faulted(probe_exec(m2p_slot, &r), &r, m2p_slot).error, PFEC_P | PFEC_I);
}

static struct process access_of(const char *how, uint64_t va)
{
    char text[20];
    const char *const argv[] = { "access", how, text, NULL };
    struct process p;

    snprintf(text, sizeof(text), "%lx", (unsigned long)va);
    REQUIRE(process_run("access", argv, &p) == 0);
    EXPECT(p.killed);
    EXPECT_EQ(p.fault.vector, TRAP_PF);
    EXPECT_EQ(p.fault.cr2, va);
    return p;
}

SCENARIO(fault_codes_user, "fault-codes-user",
         "user mode: its holes, the kernel's half, the hypervisor's range")
{
    if (!ramdisk_find("access"))
        scenario_skip("no access in the ramdisk");
    static const uint64_t kernel[] = { DIRECT_MAP_VA, HEAP_VA, ARENA_VA, IMAGE_VA };

    EXPECT_EQ(access_of("r", 0).fault.error, PFEC_U);
    EXPECT_EQ(access_of("w", 0x12345678).fault.error, PFEC_U | PFEC_W);
    EXPECT_EQ(access_of("x", 0x7ffe00000000).fault.error, PFEC_U | PFEC_I);
    for (unsigned int i = 0; i < sizeof(kernel) / sizeof(kernel[0]); i++) {
        EXPECT_EQ(access_of("r", kernel[i]).fault.error, PFEC_U);
        EXPECT_EQ(access_of("w", kernel[i]).fault.error, PFEC_U | PFEC_W);
        EXPECT_EQ(access_of("x", kernel[i]).fault.error, PFEC_U | PFEC_I);
    }
    for (unsigned int i = 0; i < sizeof(hv_addresses) / sizeof(hv_addresses[0]); i++) {
        EXPECT_EQ(access_of("r", hv_addresses[i]).fault.error & ~PFEC_P, PFEC_U);
        EXPECT_EQ(access_of("w", hv_addresses[i]).fault.error & ~PFEC_P, PFEC_U | PFEC_W);
        EXPECT_EQ(access_of("x", hv_addresses[i]).fault.error & ~PFEC_P, PFEC_U | PFEC_I);
    }
    EXPECT_EQ(access_of("w", M2P_VA_START).fault.error & ~PFEC_P, PFEC_U | PFEC_W);
}
