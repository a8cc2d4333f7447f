/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs: making and unmaking, the toggle between guest-kernel and guest-user mode, runstate.
 *
 * Invariant: while a vCPU is current, MSR_SHADOW_GS_BASE holds its live GS base (kernel or user by
 * in_user) and CR3 holds vcpu_cr3(); the field of the live base in struct vcpu is stale then.
 */
#include "dom/vcpu.h"

#include "dom/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/guest_copy.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"

_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU is allocated as one page");

#define DR6_START 0xffff0ff0ul
#define DR7_START 0x400ul

static void page_free_va(void *page)
{
    if (page)
        page_free(frame_of_va(page), 0);
}

static void vcpu_reset(struct vcpu *v)
{
    v->state = VCPU_DOWN;
    v->info_mfn = MFN_NONE;
    for (unsigned i = 0; i < 14; i++)
        v->gdt_mfn[i] = MFN_NONE;
    v->dr[6] = DR6_START;
    v->dr[7] = DR7_START;
    v->runstate.state = RUNSTATE_offline;
    v->runstate.state_entry_time = system_time();
    v->time.periodic_ns = PERIODIC_START_NS;
    v->time.periodic_next = v->runstate.state_entry_time + PERIODIC_START_NS;
}

struct vcpu *vcpu_create(struct domain *d, uint32_t id)
{
    struct vcpu *v = page_alloc_zeroed();

    if (!v)
        return 0;
    v->cpu = this_cpu();
    v->domain = d;
    v->id = id;
    v->stack_top = hv_stack_alloc();
    v->traps = page_alloc_zeroed();
    v->fpu = page_alloc_zeroed();
    if (!v->stack_top || !v->traps || !v->fpu) {
        vcpu_destroy(v);
        return 0;
    }
    vcpu_reset(v);
    v->info = &d->shared->vcpu_info[id];
    if (cpu_gdt_map(v)) {
        vcpu_destroy(v);
        return 0;
    }
    cpu_prepare_first_entry(v);
    d->vcpu[id] = v;
    if (d->vcpus <= id)
        d->vcpus = id + 1;
    vcpu_time_refresh(v);
    return v;
}

void vcpu_destroy(struct vcpu *v)
{
    fpu_forget(v);
    if (v->stack_top)
        hv_stack_free(v->stack_top);
    page_free_va(v->traps);
    page_free_va(v->fpu);
    page_free_va(v);
}

void vcpu_load_root(struct vcpu *v)
{
    tlb_load_root(vcpu_cr3(v));
}

void vcpu_toggle_mode(struct vcpu *v)
{
    uint64_t live = rdmsr(MSR_SHADOW_GS_BASE);

    if (v->in_user) {
        v->gs_base_user = live;
        wrmsr(MSR_SHADOW_GS_BASE, v->gs_base_kernel);
    } else {
        v->gs_base_kernel = live;
        wrmsr(MSR_SHADOW_GS_BASE, v->gs_base_user);
    }
    vcpu_set_mode(v, !v->in_user);
    vcpu_load_root(v);
}

int vcpu_write_kernel(struct vcpu *v, uint64_t va, const void *src, size_t bytes)
{
    int rc;

    if (!v->in_user)
        return guest_write(va, src, bytes);
    tlb_load_root(v->cr3_kernel);
    rc = guest_write(va, src, bytes);
    tlb_load_root(v->cr3_user);
    return rc;
}

void vcpu_runstate_enter(struct vcpu *v, int state, uint64_t now)
{
    vcpu_runstate_info_t *r = &v->runstate;

    if (now > r->state_entry_time)
        r->time[r->state] += now - r->state_entry_time;
    r->state = state;
    r->state_entry_time = now;
}

/*
 * With VMASST_TYPE_runstate_update_flag a reader on another vCPU sees XEN_RUNSTATE_UPDATE set from
 * before the first changed word until after the last.
 */
void vcpu_runstate_publish(struct vcpu *v)
{
    const uint64_t entry_va = v->runstate_va + offsetof(vcpu_runstate_info_t, state_entry_time);
    vcpu_runstate_info_t copy = v->runstate;
    uint64_t entry = copy.state_entry_time;

    if (!v->runstate_va)
        return;
    if (!(v->domain->vm_assist & (1ul << VMASST_TYPE_runstate_update_flag))) {
        vcpu_write_kernel(v, v->runstate_va, &copy, sizeof(copy));
        return;
    }
    copy.state_entry_time |= XEN_RUNSTATE_UPDATE;
    if (vcpu_write_kernel(v, entry_va, &copy.state_entry_time, sizeof(entry)))
        return;
    vcpu_write_kernel(v, v->runstate_va, &copy, sizeof(copy));
    vcpu_write_kernel(v, entry_va, &entry, sizeof(entry));
}
