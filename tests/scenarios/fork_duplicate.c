/*
 * SPDX-License-Identifier: MIT
 *
 * fork-duplicate: copy-on-write between a process and its duplicate.
 *
 * Background: duplication copies no page.  Both address spaces map the same frames read-only, each
 * frame counted twice; the first write on either side makes the private copy.
 *
 * Steps: `forker` fills a word in data, bss, heap and stack and duplicates itself; the child checks
 * and overwrites them; the parent looks at its entries before, meanwhile and after.
 *
 * Expected: while shared, the same MFN, read-only, two references; the parent never sees the
 * child's values; once the child is gone the frame is the parent's alone, and its write keeps it.
 */
#include "scenario.h"

#include "ramdisk.h"

SCENARIO(fork, "fork-duplicate", "both sides of a duplicated process write, neither sees it")
{
    struct process result;

    if (!ramdisk_find("forker"))
        scenario_skip("no forker in the ramdisk");
    EXPECT_EQ(process_run("forker", NULL, &result), 0);
    EXPECT(!result.killed);
    EXPECT_EQ(result.status, 0);
}
