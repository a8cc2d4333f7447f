/*
 * SPDX-License-Identifier: MIT
 *
 * vcpu-…: further vCPUs: started, stopped, preempted.
 *
 * Background: a domain has vCPUs from its beginning, all but the first down and without a context.
 * VCPUOP_initialise gives one its context, once; up and down start and stop it.  With fewer physical
 * CPUs than vCPUs the hypervisor takes the CPU from a vCPU that does not give it.
 *
 * Expected: a vCPU starts with the registers that its context names and goes on where it went down;
 * vCPUs that never yield all make progress.
 */
#include "second.h"

static volatile uint64_t turns[SECONDS_MAX + 1];

static void count_turns(struct second *self)
{
    turns[self->id]++;
}

SCENARIO(vcpu_start, "vcpu-start",
         "a vCPU is initialised once, comes up and goes down, again and again")
{
    static struct vcpu_guest_context context;

    seconds_require(1);
    turns[1] = 0;
    for (unsigned int i = 1; i <= 20; i++) {
        struct second *s = second_start(1, count_turns, NULL);

        second_join(s);
        EXPECT_EQ(turns[1], i);
        EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    }
    second_context(1, &context);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, 1, &context), -XEN_EEXIST);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
}

static volatile uint64_t spinning, stop;

static void spin(struct second *self)
{
    __atomic_add_fetch(&spinning, 1, __ATOMIC_SEQ_CST);
    while (!stop)
        turns[self->id]++;
}

SCENARIO(vcpu_parallel, "vcpu-parallel", "vCPUs that never yield all make progress")
{
    struct second *s[SECONDS_MAX];
    unsigned int n = seconds();

    seconds_require(1);
    spinning = stop = 0;
    for (unsigned int i = 1; i <= n; i++) {
        turns[i] = 0;
        s[i - 1] = second_start(i, spin, NULL);
    }
    while (spinning != n)
        ; /* not even this one yields */
    for (unsigned int round = 0; round < 3; round++)
        for (unsigned int i = 1; i <= n; i++) {
            uint64_t seen = turns[i];

            while (turns[i] == seen)
                ;
        }
    stop = 1;
    for (unsigned int i = 0; i < n; i++)
        second_join(s[i]);
    scenario_reason("%u vCPUs, preempted", n + 1);
}

/* EAX to EDX of leaf 1 by the forced-emulation prefix. */
static uint32_t leaf1[SECONDS_MAX + 1][4];

static void leaf1_read(unsigned int vcpu)
{
    uint32_t *r = leaf1[vcpu];

    __asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2"
                     : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
                     : "a"(1), "c"(0));
}

static void leaf1_second(struct second *self)
{
    leaf1_read(self->id);
}

SCENARIO(vcpu_cpuid, "vcpu-cpuid", "no vCPU has an APIC number of its own")
{
    seconds_require(2);
    leaf1_read(0);
    for (unsigned int n = 1; n <= 2; n++) {
        second_join(second_start(n, leaf1_second, NULL));
        for (unsigned int i = 0; i < 4; i++)
            EXPECT_EQ(leaf1[n][i], leaf1[0][i]);
    }
}
