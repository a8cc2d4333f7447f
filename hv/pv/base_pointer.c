/* SPDX-License-Identifier: MIT */
/*
 * Base pointers: which L4 a vCPU runs on, in either mode. They are what a vCPU, not a table, holds: a
 * reference on each root. A kernel's root shows the guest the M2P, a strict guest's user root hides it.
 */
#include "pv/base_pointer.h"

#include "dom/vcpu.h"
#include "lib/printk.h"
#include "mm/hv_map.h"
#include "mm/tlb.h"
#include "pt/pin.h"
#include "pv/descriptor.h"

/* The old root's reference goes only after the CPU has left it. */
static void root_enter(struct vcpu *v, mfn_t new)
{
    ldt_unmap(v);
    hv_map_show_m2p(frame_va(new), 1);
    v->cr3_kernel = mfn_to_ma(new);
    vcpu_load_root(v);
    trace("new base pointer: mfn %lx\n", new.n);
}

int base_pointer_set(mfn_t new, uint16_t owner)
{
    struct vcpu *v = vcpu_current();
    mfn_t old = ma_to_mfn(v->cr3_kernel);
    int rc = 0;

    if (mfn_eq(new, old)) {
        vcpu_load_root(v);
    } else {
        rc = root_get(new, owner);
        if (!rc) {
            root_enter(v, new);
            root_put(old);
        }
    }
    return rc;
}

long base_pointer_drop(mfn_t old)
{
    root_put(old);
    if (this_cpu()->pt_work->used)
        pt_work_drain();
    return 0;
}

long base_pointer_replace(mfn_t new, mfn_t old)
{
    root_enter(vcpu_current(), new);
    return base_pointer_drop(old);
}

int user_base_pointer_set(mfn_t new, uint16_t owner)
{
    struct vcpu *v = vcpu_current();
    mfn_t old = ma_to_mfn(v->cr3_user);
    int rc;

    if (mfn_eq(new, old))
        return 0;
    if (new.n) {
        rc = root_get(new, owner);
        if (rc)
            return rc;
        if (v->domain->vm_assist & (1ul << VMASST_TYPE_m2p_strict))
            hv_map_show_m2p(frame_va(new), 0);
    }
    v->cr3_user = mfn_to_ma(new);
    trace("new user base pointer: mfn %lx\n", new.n);
    if (old.n)
        root_put(old);
    return 0;
}
