/*
 * SPDX-License-Identifier: MIT
 *
 * user-faults: illegal accesses of user mode, each with its error code and address.
 *
 * Background: the hypervisor sets the error code's user bit for guest-user mode.  The user L4 has no
 * kernel entries, so kernel addresses are not present there; text is read-only, data no-execute; a
 * guard page ends the stack.
 *
 * Steps: `access` touches kernel addresses, writes its text, jumps into its data; `deep` recurses.
 *
 * Expected: each process is killed by a page fault with exactly that code and address.
 */
#include "scenario.h"

#include "ramdisk.h"

SCENARIO(user_faults, "user-faults", "user mode: each illegal access with its code and address")
{
    static const char *const reads[] = { "access", "r", "ffff880000000000", NULL };
    static const char *const image[] = { "access", "w", "ffffffff80000000", NULL };
    static const char *const text[] = { "access", "w", "text", NULL };
    static const char *const data[] = { "access", "x", "data", NULL };
    struct process p;

    if (!ramdisk_find("access"))
        scenario_skip("no access in the ramdisk");
    REQUIRE(process_run("access", reads, &p) == 0);
    expect_killed(&p, DIRECT_MAP_VA, PFEC_U);
    REQUIRE(process_run("access", image, &p) == 0);
    expect_killed(&p, IMAGE_VA, PFEC_U | PFEC_W);
    REQUIRE(process_run("access", text, &p) == 0);
    expect_killed(&p, p.fault.cr2, PFEC_U | PFEC_W | PFEC_P);
    REQUIRE(process_run("access", data, &p) == 0);
    expect_killed(&p, p.fault.rip, PFEC_U | PFEC_I | PFEC_P);
    REQUIRE(process_run("deep", NULL, &p) == 0);
    EXPECT(p.killed);
    EXPECT_EQ(page_floor(p.fault.cr2), USER_STACK_TOP - USER_STACK_BYTES - PAGE_SIZE);
    EXPECT_EQ(p.fault.error & ~PFEC_W, PFEC_U);
}
