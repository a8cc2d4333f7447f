/* SPDX-License-Identifier: MIT */
/* The stage of tests of hypercall vcpu_op: two vCPUs that run, and requests about them. */
#ifndef TESTS_HOST_VCPU_OPS_H
#define TESTS_HOST_VCPU_OPS_H

#include "events.h"

#include <stdio.h>
#include <string.h>

#include "sched.h"

#define OTHER  1u        /* machine_vcpu: the guest's vCPU 1 */
#define ARG    GUEST_VA  /* of the operation */
#define ABSENT 0x10ul    /* an address that cannot be reached */
#define TIME   0x50000ul /* what the machine's clock says */

static struct vcpu *self, *other;

static inline int stage(void **state)
{
    machine_setup(state);
    events_begin();
    machine_sched = (struct machine_sched){ .now = TIME };
    self = &machine_vcpu[0];
    other = &machine_vcpu[OTHER];
    for (unsigned i = 0; i < MACHINE_VCPUS; i++) {
        struct vcpu *v = &machine_vcpu[i];

        v->initialised = true;
        v->state = VCPU_RUNNABLE;
        v->nmi_pending = false;
        v->runstate_va = v->time_area_va = 0;
        v->time = (struct vcpu_time){ 0 };
        v->runstate = (vcpu_runstate_info_t){ 0 };
    }
    hooks_reset();
    log_clear();
    return 0;
}

static inline int unstage(void **state)
{
    events_end();
    return machine_teardown(state);
}

/* An answer that is no refusal leaves no line; one that is, the line of this operation. */
static inline long ask(unsigned cmd, uint64_t id, uint64_t va)
{
    long rc;

    log_clear();
    rc = machine_hypercall(hc_vcpu_op, cmd, id, va, 0);
    machine_check("vcpu_op");
    if (rc >= 0)
        assert_string_equal(log_text(), "");
    return rc;
}

/* The same, refused by this rule. */
static inline void ask_refused(const char *name, const char *rule, unsigned cmd, uint64_t id,
                               uint64_t va, long err)
{
    char line[128];

    snprintf(line, sizeof(line), "refused %s[0]: rule %s: ", name, rule);
    assert_refused(err, ask(cmd, id, va));
    if (!strstr(log_text(), line))
        fail_msg("not %s but: %s", line, log_text());
}

static inline void *arg(const void *from, size_t bytes)
{
    return memcpy(machine_guest_memory, from, bytes);
}

static inline uint64_t word(uint64_t value)
{
    arg(&value, sizeof(value));
    return ARG;
}

#endif
