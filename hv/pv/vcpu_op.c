/* SPDX-License-Identifier: MIT */
/*
 * Hypercall vcpu_op: vCPUs up and down, their timers, and the areas of guest memory that
 * the hypervisor writes for them.
 *
 * Invariant: a registered vcpu_info lies in a frame on which the vCPU holds a general and a writable
 * reference, so that it cannot become a page table or another domain's while it is written (hazards
 * H14, H18). Runstate and time areas are virtual addresses and written through the guest's tables.
 */
#include "dom/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"
#include "pv/vcpu_context.h"

#define PERIOD_MIN_NS 1000000ul /* 1 ms */
#define PERIOD_MAX_NS ((1ul << 62) - 1)

static int refuse_vcpu(int err, const char *rule)
{
    return refuse(err, rule, MFN_NONE, 0);
}

static long op_initialise(struct vcpu *v, uint64_t va)
{
    long rc = vcpu_context_set(v, va);

    pt_work_drain();
    if (rc == -ERESTART)
        return hypercall_restart(__HYPERVISOR_vcpu_op, VCPUOP_initialise, v->id, va, 0, 0);
    return rc;
}

static long op_up(struct vcpu *v, uint64_t va)
{
    (void)va;
    if (!v->initialised)
        return refuse_vcpu(-EINVAL, "vcpu-not-initialised");
    sched_start(v);
    return 0;
}

/* The last vCPU that goes down takes its domain with it. */
static long op_down(struct vcpu *v, uint64_t va)
{
    const struct domain *d = v->domain;
    bool last = true;

    (void)va;
    for (unsigned i = 0; i < d->vcpus; i++)
        last &= d->vcpu[i] == v || d->vcpu[i]->state == VCPU_DOWN;
    if (last)
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
    else if (v->state != VCPU_DOWN)
        sched_stop(v, VCPU_DOWN);
    if (v == vcpu_current())
        schedule();
    return 0;
}

static long op_is_up(struct vcpu *v, uint64_t va)
{
    (void)va;
    return v->state == VCPU_RUNNABLE || v->state == VCPU_BLOCKED;
}

/* With the time spent in the state that v is in. */
static vcpu_runstate_info_t runstate_now(const struct vcpu *v)
{
    vcpu_runstate_info_t info = v->runstate;
    uint64_t now = system_time();

    if (now > info.state_entry_time)
        info.time[info.state] += now - info.state_entry_time;
    return info;
}

static long op_get_runstate_info(struct vcpu *v, uint64_t va)
{
    vcpu_runstate_info_t info = runstate_now(v);

    return guest_write(va, &info, sizeof(info)) ? refuse_vcpu(-EFAULT, "argument-unwritable") : 0;
}

/* Both areas: {VA}. Only the range is checked; a bad address just never gets written. */
static long area_va(uint64_t va, size_t bytes, uint64_t *area)
{
    if (guest_read(area, va, sizeof(*area)))
        return refuse_vcpu(-EFAULT, "argument-unreadable");
    if (!guest_range_ok(*area, bytes))
        return refuse_vcpu(-EFAULT, "area-out-of-range");
    return 0;
}

static long op_register_runstate(struct vcpu *v, uint64_t va)
{
    uint64_t area;
    long rc = area_va(va, sizeof(vcpu_runstate_info_t), &area);

    if (rc)
        return rc;
    v->runstate_va = area;
    if (v == vcpu_current()) {
        vcpu_runstate_publish(v);
    } else { /* through the caller's tables, as it is told now */
        vcpu_runstate_info_t info = runstate_now(v);

        (void)guest_write(area, &info, sizeof(info));
    }
    return 0;
}

static long op_register_time(struct vcpu *v, uint64_t va)
{
    uint64_t area;
    long rc = area_va(va, sizeof(struct vcpu_time_info), &area);

    if (rc)
        return rc;
    vcpu_time_area_set(v, area);
    return 0;
}

static long op_set_periodic(struct vcpu *v, uint64_t va)
{
    vcpu_set_periodic_timer_t arg;

    if (guest_read(&arg, va, sizeof(arg)))
        return refuse_vcpu(-EFAULT, "argument-unreadable");
    if (arg.period_ns < PERIOD_MIN_NS || arg.period_ns > PERIOD_MAX_NS)
        return refuse_vcpu(-EINVAL, "period-out-of-range");
    vcpu_periodic_set(v, arg.period_ns);
    return 0;
}

static long op_stop_periodic(struct vcpu *v, uint64_t va)
{
    (void)va;
    vcpu_periodic_set(v, 0);
    return 0;
}

static long op_set_singleshot(struct vcpu *v, uint64_t va)
{
    vcpu_set_singleshot_timer_t arg;

    if (v != vcpu_current())
        return refuse_vcpu(-EINVAL, "timer-of-another-vcpu");
    if (guest_read(&arg, va, sizeof(arg)))
        return refuse_vcpu(-EFAULT, "argument-unreadable");
    /* A deadline that has passed fires at once, with or without VCPU_SSHOTTMR_future. */
    vcpu_singleshot_set(v, arg.timeout_abs_ns ? arg.timeout_abs_ns : 1);
    return 0;
}

static long op_stop_singleshot(struct vcpu *v, uint64_t va)
{
    (void)va;
    if (v != vcpu_current())
        return refuse_vcpu(-EINVAL, "timer-of-another-vcpu");
    vcpu_singleshot_set(v, 0);
    return 0;
}

/* Moves v's vcpu_info to its new place, and pends everything: an event may fall in between. */
static void vcpu_info_move(struct vcpu *v, mfn_t mfn, uint32_t offset)
{
    vcpu_info_t *to = (vcpu_info_t *)((uint8_t *)frame_va(mfn) + offset);

    memcpy(to, v->info, sizeof(*to));
    v->info = to;
    v->info_mfn = mfn;
    vcpu_time_refresh(v);
    to->evtchn_pending_sel = ~0ul;
    __atomic_store_n(&to->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vcpu_exit_work(v);
}

static long op_register_vcpu_info(struct vcpu *v, uint64_t va)
{
    vcpu_register_vcpu_info_t arg;

    if (guest_read(&arg, va, sizeof(arg)))
        return refuse_vcpu(-EFAULT, "argument-unreadable");
    if (arg.offset > PAGE_SIZE - sizeof(vcpu_info_t) || arg.offset % 8)
        return refuse_vcpu(-ENXIO, "vcpu-info-misplaced");
    if (!mfn_eq(v->info_mfn, MFN_NONE))
        return refuse_vcpu(-EINVAL, "vcpu-info-registered-already");
    if (v != vcpu_current() && v->state != VCPU_DOWN)
        return refuse_vcpu(-EINVAL, "vcpu-is-running");
    if (page_get_typed(mfn_of(arg.mfn), v->domain->id, PT_WRITABLE)) /* leaves no cleanup */
        return -EINVAL;
    vcpu_info_move(v, mfn_of(arg.mfn), arg.offset);
    return 0;
}

static long op_send_nmi(struct vcpu *v, uint64_t va)
{
    if (va)
        return refuse_vcpu(-EINVAL, "argument-not-null");
    v->nmi_pending = true;
    vcpu_exit_work(v);
    sched_wake(v);
    return 0;
}

/*
 * An initial domain's vCPU n counts as the machine's CPU n, and with one CPU there is no other place
 * for it: pinned. A CPU that is not there has no number, in 32 bits of APIC's and 8 of ACPI's.
 */
static long op_get_physid(struct vcpu *v, uint64_t va)
{
    vcpu_get_physid_t id = { .phys_id = v->id ? 0xfffffffffful : 0 };

    if (!v->domain->initial)
        return refuse_vcpu(-EINVAL, "vcpu-not-pinned");
    return guest_write(va, &id, sizeof(id)) ? refuse_vcpu(-EFAULT, "argument-unwritable") : 0;
}

static const struct {
    const char *name;
    long (*fn)(struct vcpu *v, uint64_t va);
} ops[] = {
    [VCPUOP_initialise] = { "vcpu_op initialise", op_initialise },
    [VCPUOP_up] = { "vcpu_op up", op_up },
    [VCPUOP_down] = { "vcpu_op down", op_down },
    [VCPUOP_is_up] = { "vcpu_op is_up", op_is_up },
    [VCPUOP_get_runstate_info] = { "vcpu_op get_runstate_info", op_get_runstate_info },
    [VCPUOP_register_runstate_memory_area] = { "vcpu_op register_runstate_memory_area",
                                               op_register_runstate },
    [VCPUOP_set_periodic_timer] = { "vcpu_op set_periodic_timer", op_set_periodic },
    [VCPUOP_stop_periodic_timer] = { "vcpu_op stop_periodic_timer", op_stop_periodic },
    [VCPUOP_set_singleshot_timer] = { "vcpu_op set_singleshot_timer", op_set_singleshot },
    [VCPUOP_stop_singleshot_timer] = { "vcpu_op stop_singleshot_timer", op_stop_singleshot },
    [VCPUOP_register_vcpu_info] = { "vcpu_op register_vcpu_info", op_register_vcpu_info },
    [VCPUOP_send_nmi] = { "vcpu_op send_nmi", op_send_nmi },
    [VCPUOP_get_physid] = { "vcpu_op get_physid", op_get_physid },
    [VCPUOP_register_vcpu_time_memory_area] = { "vcpu_op register_vcpu_time_memory_area",
                                                op_register_time },
};

long hc_vcpu_op(uint64_t cmd, uint64_t id, uint64_t arg, uint64_t a4, uint64_t a5)
{
    const struct domain *d = domain_current();
    long rc;

    (void)a4, (void)a5;
    cmd = (uint32_t)cmd;
    id = (uint32_t)id;
    if (id >= d->vcpus || !d->vcpu[id])
        return refused("vcpu_op", -ENOENT, "vcpu-unknown");
    if (cmd >= sizeof(ops) / sizeof(ops[0])) /* the table has no holes */
        return refused("vcpu_op", -ENOSYS, "vcpu-op-unknown");
    rc = ops[cmd].fn(d->vcpu[id], arg);
    if (rc >= 0)
        return rc;
    return refuse_report(ops[cmd].name, 0, rc);
}
