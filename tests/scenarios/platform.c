/*
 * SPDX-License-Identifier: MIT
 *
 * platform-time, platform-cpus: what an initial domain does for its machine.
 *
 * Background: a kernel that keeps the time by the network tells the hypervisor, by platform_op; every
 * domain finds the wall clock in its shared_info. Linux asks which physical CPUs there are.
 *
 * Steps: the clock is put forward by 1000 s and back, in both forms of the request, with a reserved
 * word that is not 0, from an unprivileged domain; CPU 0 and one that does not exist are asked for.
 *
 * Expected: the wall clock is what was set, to the nanosecond; refusals change nothing; CPU 0 is
 * online, and the other one invalid.
 */
#include "request.h"

#include <xen/platform.h>

#define SECOND  1000000000UL
#define FORWARD 1000

struct wall {
    uint64_t seconds;
    uint32_t ns;
};

static struct wall wall_clock(void)
{
    volatile shared_info_t *s = &shared_info_page;
    struct wall w;
    uint32_t version;

    do {
        version = s->wc_version;
        __sync_synchronize();
        w = (struct wall){ s->wc_sec | (uint64_t)s->wc_sec_hi << 32, s->wc_nsec };
        __sync_synchronize();
    } while (version & 1 || version != s->wc_version);
    return w;
}

static long request(struct xen_platform_op *op)
{
    op->interface_version = XENPF_INTERFACE_VERSION;
    return HYPERCALL_1(__HYPERVISOR_platform_op, op);
}

/* The clock's epoch is what was set less the system time that belongs to it. */
static long set(uint32_t cmd, struct wall w, uint64_t system_time, uint32_t reserved)
{
    struct xen_platform_op op = { .cmd = cmd };

    w.seconds += system_time / SECOND;
    if (cmd == XENPF_settime32)
        op.u.settime32 = (struct xenpf_settime32){ (uint32_t)w.seconds, w.ns, system_time };
    else
        op.u.settime64 = (struct xenpf_settime64){ w.seconds, w.ns, reserved, system_time };
    return request(&op);
}

SCENARIO(platform_time, "platform-time", "the initial domain sets the wall clock; others may not")
{
    struct wall start = wall_clock(), later = { start.seconds + FORWARD, start.ns }, now;
    static const uint32_t cmds[] = { XENPF_settime32, XENPF_settime64 };

    if (!initial_domain()) {
        EXPECT_EQ(set(XENPF_settime64, later, 0, 0), -XEN_EPERM);
        EXPECT_EQ(wall_clock().seconds, start.seconds);
        return;
    }
    for (unsigned int i = 0; i < 2; i++) {
        EXPECT_EQ(set(cmds[i], later, 5 * SECOND, 0), 0);
        now = wall_clock();
        EXPECT_EQ(now.seconds, later.seconds);
        EXPECT_EQ(now.ns, later.ns);
        EXPECT_EQ(set(XENPF_settime64, start, 0, 1), -XEN_EINVAL);
        EXPECT_EQ(wall_clock().seconds, later.seconds);
        EXPECT_EQ(set(cmds[i], start, 0, 0), 0);
        EXPECT_EQ(wall_clock().seconds, start.seconds);
    }
}

SCENARIO(platform_cpus, "platform-cpus", "the initial domain asks which CPUs the machine has")
{
    struct xen_platform_op op = { .cmd = XENPF_get_cpuinfo };

    if (!initial_domain()) {
        EXPECT_EQ(request(&op), -XEN_EPERM);
        return;
    }
    EXPECT_EQ(request(&op), 0);
    EXPECT_EQ(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
    EXPECT_EQ(op.u.pcpu_info.apic_id, 0);
    EXPECT_EQ(op.u.pcpu_info.max_present, 0);
    op.u.pcpu_info.xen_cpuid = 7;
    EXPECT_EQ(request(&op), 0);
    EXPECT_EQ(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
    op.cmd = 9999;
    EXPECT_EQ(request(&op), -XEN_ENOSYS);
}
