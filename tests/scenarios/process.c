/*
 * SPDX-License-Identifier: MIT
 *
 * process: a static newlib program in guest-user mode, wholly demand paged.
 *
 * Background: user mode has an L4 of its own; nothing of the program is mapped when it starts.
 *
 * Steps: run `hello` from the ramdisk, which uses text, data, bss, stack, heap, floating point and
 * system calls; compare the free pages before and after.
 *
 * Expected: exit status 7; many faults resolved; every page back.
 */
#include "scenario.h"

#include "ramdisk.h"

SCENARIO(process, "process", "a newlib program in user mode, demand paged from the ramdisk")
{
    static const char *const argv[] = { "hello", "two", "three", NULL };
    struct process result;

    if (!ramdisk_find("hello"))
        scenario_skip("no hello in the ramdisk");
    REQUIRE(process_run("hello", argv, NULL) == 0); /* pools and tables that stay */
    uint64_t before = scenario_free_pages(), faults = fault_stats.resolved;
    EXPECT_EQ(process_run("hello", argv, &result), 0);
    EXPECT(!result.killed);
    EXPECT_EQ(result.status, 7);
    EXPECT(fault_stats.resolved - faults > 256);
    uint64_t resolved = fault_stats.resolved - faults;
    EXPECT_EQ(scenario_free_pages(), before);
    scenario_reason("status 7 after %lu demand faults, every page back", resolved);
}
