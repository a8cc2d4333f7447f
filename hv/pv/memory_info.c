/* SPDX-License-Identifier: MIT */
/*
 * The operations of memory_op that only answer: sizes, the place of the M2P, memory maps; and those
 * that need a translated guest and are refused to a PV one.
 */
#include "dom/vcpu.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/layout.h"
#include "mm/m2p.h"
#include "pt/walk.h"
#include "pv/memory_op.h"
#include "pv/refuse.h"

#define M2P_STEP          (2ul << 20) /* bytes of M2P that one MFN of the list stands for */
#define MAX_MFN_DOMU      ((1ul << 35) - 1)
#define MEMOP_CLAIM_PAGES 24 /* the headers show it to tools only */
#define E820_RAM          1u

struct e820_entry {
    uint64_t addr, size;
    uint32_t type;
} __attribute__((packed));
_Static_assert(sizeof(struct e820_entry) == 20, "as the BIOS gives it");

static long fail(long err, const char *rule)
{
    return refuse((int)err, rule, MFN_NONE, 0);
}

static long current_reservation(uint64_t va, unsigned cmd)
{
    struct domain *d;
    domid_t id;
    long rc;

    if (guest_read(&id, va, sizeof(id)))
        return fail(-EFAULT, "argument-unreadable");
    rc = memory_domain(id, &d);
    if (rc)
        return rc;
    switch (cmd) {
    case XENMEM_current_reservation:
        return d->owner.pages;
    case XENMEM_maximum_reservation:
        return d->owner.max_pages;
    default: /* a PV guest says itself how many PFNs it uses */
        return (long)((d->shared->arch.max_pfn ? d->shared->arch.max_pfn : 1) - 1);
    }
}

/* First frame behind a page of the hypervisor's writable M2P, 0 for a hole. */
static uint64_t m2p_backing(uint64_t offset)
{
    struct walk w;
    uint64_t va = M2P_RW_VA + offset;

    if (walk_tables(&w, ma_to_mfn(idle_root_pa), va))
        return w.entry[1] & PTE_P ? pte_mfn(w.entry[1]).n : 0;
    if (w.level > 1 && w.level < 4 && (w.entry[w.level] & PTE_P) && (w.entry[w.level] & PTE_PS))
        return pte_mfn(w.entry[w.level]).n +
               ((va & ((1ul << level_shift(w.level)) - 1)) >> PAGE_SHIFT);
    return 0;
}

static long machphys_mfn_list(uint64_t va)
{
    uint64_t total = (frame_limit * sizeof(uint64_t) + M2P_STEP - 1) / M2P_STEP, n;
    struct xen_machphys_mfn_list arg;

    if (guest_read(&arg, va, sizeof(arg)))
        return fail(-EFAULT, "argument-unreadable");
    n = arg.max_extents < total ? arg.max_extents : total;
    for (uint64_t i = 0; i < n; i++)
        if (guest_write64((uint64_t)arg.extent_start.p + i * sizeof(xen_pfn_t),
                          m2p_backing(i * M2P_STEP)))
            return fail(-EFAULT, "list-unwritable");
    arg.nr_extents = (unsigned)n;
    return guest_write(va, &arg, sizeof(arg)) ? fail(-EFAULT, "argument-unwritable") : 0;
}

static long machphys_mapping(uint64_t va)
{
    struct xen_machphys_mapping arg = {
        .v_start = M2P_RO_VA,
        .v_end = M2P_RO_END,
        .max_mfn = domain_current()->initial ? frame_limit - 1 : MAX_MFN_DOMU,
    };

    return guest_write(va, &arg, sizeof(arg)) ? fail(-EFAULT, "argument-unwritable") : 0;
}

/* The map of a domU's own memory: one piece from 0. */
static long memory_map(uint64_t va)
{
    const struct domain *d = domain_current();
    struct e820_entry whole = { 0, (uint64_t)d->owner.max_pages << PAGE_SHIFT, E820_RAM };
    struct xen_memory_map arg;

    if (guest_read(&arg, va, sizeof(arg)))
        return fail(-EFAULT, "argument-unreadable");
    if (d->initial)
        return fail(-ENOSYS, "no-memory-map");
    if (arg.nr_entries) {
        arg.nr_entries = 1;
        if (guest_write((uint64_t)arg.buffer.p, &whole, sizeof(whole)))
            return fail(-EFAULT, "buffer-unwritable");
    }
    return guest_write(va, &arg, sizeof(arg)) ? fail(-EFAULT, "argument-unwritable") : 0;
}

/*
 * As much as the machine has, in one piece from 0, and nothing of devices: a kernel looks for its
 * firmware's tables, and for hardware, where the map has gaps, and none of that is the guest's.
 */
static long machine_memory_map(uint64_t va)
{
    struct e820_entry whole = { 0, frame_ram_pages << PAGE_SHIFT, E820_RAM };
    struct xen_memory_map arg;

    if (!domain_current()->initial)
        return fail(-EPERM, "privileged");
    if (guest_read(&arg, va, sizeof(arg)))
        return fail(-EFAULT, "argument-unreadable");
    if (!arg.nr_entries)
        return fail(-EINVAL, "too-few-entries");
    arg.nr_entries = 1;
    if (guest_write((uint64_t)arg.buffer.p, &whole, sizeof(whole)))
        return fail(-EFAULT, "buffer-unwritable");
    return guest_write(va, &arg, sizeof(arg)) ? fail(-EFAULT, "argument-unwritable") : 0;
}

/* Both begin with the domain that is meant; a PV one has no physmap to add to. */
static long no_physmap(unsigned cmd, uint64_t va)
{
    struct xen_add_to_physmap one;
    struct xen_add_to_physmap_batch batch;
    struct domain *d;
    domid_t id;
    long rc;

    if (cmd == XENMEM_add_to_physmap) {
        if (guest_read(&one, va, sizeof(one)))
            return fail(-EFAULT, "argument-unreadable");
        if (one.space == XENMAPSPACE_gmfn_foreign)
            return fail(-ENOSYS, "space-only-in-batches");
        id = one.domid;
    } else if (cmd == XENMEM_add_to_physmap_batch) {
        if (guest_read(&batch, va, sizeof(batch)))
            return fail(-EFAULT, "argument-unreadable");
        if (batch.space == XENMAPSPACE_gmfn_range)
            return fail(-EOPNOTSUPP, "space-unsupported");
        id = batch.domid;
    } else if (guest_read(&id, va, sizeof(id))) {
        return fail(-EFAULT, "argument-unreadable");
    }
    rc = memory_domain(id, &d);
    return rc ? rc : fail(-EACCES, "domain-is-not-translated");
}

static long left_out(void)
{
    return domain_current()->initial ? fail(-ENOSYS, "memory-op-left-out")
                                     : fail(-EPERM, "privileged");
}

static long answer(unsigned cmd, uint64_t va)
{
    switch (cmd) {
    case XENMEM_maximum_ram_page:
        return (long)frame_limit;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return current_reservation(va, cmd);
    case XENMEM_machphys_mfn_list:
        return machphys_mfn_list(va);
    case XENMEM_machphys_mapping:
        return machphys_mapping(va);
    case XENMEM_memory_map:
        return memory_map(va);
    case XENMEM_machine_memory_map:
        return machine_memory_map(va);
    case XENMEM_add_to_physmap:
    case XENMEM_add_to_physmap_batch:
    case XENMEM_remove_from_physmap:
        return no_physmap(cmd, va);
    case XENMEM_set_memory_map:
    case MEMOP_CLAIM_PAGES:
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target:
        return left_out();
    default:
        return fail(-ENOSYS, "memory-op-unknown");
    }
}

long memory_info(unsigned cmd, uint64_t arg_va)
{
    static const char *const names[] = {
        [XENMEM_maximum_ram_page] = "memory_op maximum_ram_page",
        [XENMEM_current_reservation] = "memory_op current_reservation",
        [XENMEM_maximum_reservation] = "memory_op maximum_reservation",
        [XENMEM_maximum_gpfn] = "memory_op maximum_gpfn",
        [XENMEM_machphys_mfn_list] = "memory_op machphys_mfn_list",
        [XENMEM_machphys_mapping] = "memory_op machphys_mapping",
        [XENMEM_memory_map] = "memory_op memory_map",
        [XENMEM_machine_memory_map] = "memory_op machine_memory_map",
        [XENMEM_add_to_physmap] = "memory_op add_to_physmap",
        [XENMEM_add_to_physmap_batch] = "memory_op add_to_physmap_batch",
        [XENMEM_remove_from_physmap] = "memory_op remove_from_physmap",
    };
    long rc = answer(cmd, arg_va);

    /* Only the recorded rule tells a refusal from a large number (maximum_gpfn of ~0). */
    if (rc >= 0 || !this_cpu()->refusal.rule)
        return rc;
    return refuse_report(
        cmd < sizeof(names) / sizeof(names[0]) && names[cmd] ? names[cmd] : "memory_op", 0, rc);
}
