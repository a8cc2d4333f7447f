/* SPDX-License-Identifier: MIT */
/* Stands in for cpu/: windows on descriptor tables, ways into and out of the guest; see machine.h. */
#include "machine.h"

#include "dom/sched.h"
#include "mm/hv_map.h"
#include "mm/tlb.h"
#include "pv/bounce.h"
#include "pv/iret.h"

#define GDT_PAGES 15u /* the guest's, and the hypervisor's own */

uint64_t machine_window[2][MACHINE_VCPUS][32];
unsigned machine_irets, machine_fault_routes;
struct machine_ldt machine_ldt_loaded;
const uint8_t vcpu_exit_always[2] = { 1, 1 };

int perdomain_set(struct perdomain_map *map, uint64_t va, uint64_t pte)
{
    const struct domain *d = map == &machine_guest.perdomain ? &machine_guest : &machine_control;
    uint64_t at = va - PERDOMAIN_VA;

    if (hook_fail())
        return -ENOMEM;
    assert_ptr_equal(map, &d->perdomain);
    assert_true(at / PERDOMAIN_VCPU_SIZE < d->vcpus);
    machine_window[d->id][at / PERDOMAIN_VCPU_SIZE][at % PERDOMAIN_VCPU_SIZE / PAGE_SIZE] = pte;
    return 0;
}

int cpu_gdt_map(struct vcpu *v)
{
    uint64_t va = PERDOMAIN_VA + v->id * PERDOMAIN_VCPU_SIZE;

    for (unsigned i = 0; i < GDT_PAGES; i++) {
        bool guests = i < GDT_PAGES - 1 && !mfn_eq(v->gdt_mfn[i], MFN_NONE);
        mfn_t mfn = guests ? v->gdt_mfn[i] : ma_to_mfn(idle_root_pa);

        if (perdomain_set(&v->domain->perdomain, va + i * PAGE_SIZE, pte_make(mfn, HV_PTE_DATA)))
            return -ENOMEM;
    }
    v->perdomain_gdt = va;
    tlb_flush_all();
    return 0;
}

void cpu_ldt_load(struct vcpu *v)
{
    machine_ldt_loaded = (struct machine_ldt){ v->ldt_va, v->ldt_entries };
}

void iret_perform(void)
{
    machine_irets++;
}

void bounce_fault_route(struct vcpu *v)
{
    (void)v;
    machine_fault_routes++;
}

static long hc_other(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    (void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
    return -ENOSYS;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
hypercall_fn *const hypercall_functions[HYPERCALLS] = {
    [0 ... HYPERCALLS - 1] = hc_other,
    [__HYPERVISOR_mmu_update] = hc_mmu_update,
    [__HYPERVISOR_mmuext_op] = hc_mmuext_op,
    [__HYPERVISOR_memory_op] = hc_memory_op,
    [__HYPERVISOR_grant_table_op] = hc_grant_table_op,
};
#pragma GCC diagnostic pop
