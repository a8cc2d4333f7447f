/* SPDX-License-Identifier: MIT */
/*
 * The initial domain's job beside another: it maps a frame of that one's by its number, as only it may,
 * and has it still when the other is dead.
 */
#include "domains.h"

#include "guest.h"
#include "hypercall.h"
#include "kprint.h"
#include "mm/aspace.h"
#include "mm/pt_update.h"
#include "scenario.h"

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

static long store_frame(domid_t of, uint64_t *mfn)
{
    struct xen_hvm_param param = { .domid = of, .index = HVM_PARAM_STORE_PFN };
    long rc = hypercall_hvm_op(HVMOP_get_param, &param);

    *mfn = param.value;
    return rc;
}

static void must(long rc, long want, const char *what)
{
    if (rc != want)
        guest_panic("%s: %ld", what, rc);
}

void job_peek(void)
{
    domid_t of = (domid_t)number("of", 1);
    uint64_t va = scenario_va(), mfn, ignored;
    volatile uint64_t *page = (volatile uint64_t *)va;

    must(store_frame(of, &mfn), 0, "the frame's number");
    must(pt_tables_ensure(&kernel_aspace, va, 1, NULL), 0, "L1");
    /* Not as one's own frame; as the other's, for writing and for reading. */
    must(hypercall_update_va_mapping(va, pte_make(mfn_of(mfn), PTE_P | PTE_RW | PTE_NX), 0),
         -XEN_EBUSY, "one's own");
    must(hypercall_update_va_mapping_otherdomain(va, pte_make(mfn_of(mfn), PTE_P | PTE_RW | PTE_NX),
                                                 0, of),
         0, "for writing");
    must(hypercall_update_va_mapping_otherdomain(va + PAGE_SIZE,
                                                 pte_make(mfn_of(mfn), PTE_P | PTE_NX), 0, of),
         0, "for reading");
    must(mmuext_one(MMUEXT_PIN_L1_TABLE, mfn_of(mfn)), -XEN_EINVAL, "a pin");
    page[511] = 0x1234;
    must((long)page[512 + 511], 0x1234, "the other mapping");
    kprint("peek: mapped\n");
    while (!store_frame(of, &ignored))
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
    must((long)page[511], 0x1234, "a page of the dead");
    if (number("unmap", 1)) {
        must(hypercall_update_va_mapping(va, 0, UVMF_INVLPG), 0, "unmap");
        must(hypercall_update_va_mapping(va + PAGE_SIZE, 0, UVMF_INVLPG), 0, "unmap");
    }
    kprint("peek: outlived it\n");
}
