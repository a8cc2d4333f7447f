/* SPDX-License-Identifier: MIT */
/*
 * Hypercall physdev_op: what PV guests need of it. I/O privilege level and bitmap of a vCPU, which
 * decide in pv/priv_io.c whether a port access is a fault; physical interrupts are left out.
 */
#include "dom/vcpu.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define IO_PORTS 65536u
#define PIRQS    16u /* numbers below it could be bound, if interrupts were given to guests */

static long set_iopl(struct vcpu *v, uint64_t va)
{
    physdev_set_iopl_t op;

    if (guest_read(&op, va, sizeof(op)))
        return refused("physdev_op set_iopl", -EFAULT, "argument-unreadable");
    if (op.iopl > 3)
        return refused("physdev_op set_iopl", -EINVAL, "iopl-too-high");
    v->iopl = (uint8_t)op.iopl;
    return 0;
}

/* Only the place is stored: the bitmap is read at each access (pv/priv_io.c). */
static long set_iobitmap(struct vcpu *v, uint64_t va)
{
    physdev_set_iobitmap_t op;
    uint64_t bitmap;

    if (guest_read(&op, va, sizeof(op)))
        return refused("physdev_op set_iobitmap", -EFAULT, "argument-unreadable");
    bitmap = (uint64_t)op.bitmap.p;
    if (op.nr_ports > IO_PORTS || !guest_range_ok(bitmap, IO_PORTS / 8))
        return refused("physdev_op set_iobitmap", -EINVAL, "bitmap-out-of-range");
    v->iobitmap_va = bitmap;
    v->iobitmap_ports = op.nr_ports;
    return 0;
}

/* The three that begin with an interrupt's number and find none bound. */
static long irq_op(const char *name, uint64_t va)
{
    uint32_t irq;

    if (guest_read(&irq, va, sizeof(irq)))
        return refused(name, -EFAULT, "argument-unreadable");
    return refused(name, -EINVAL, irq >= PIRQS ? "pirq-unknown" : "pirq-not-bound");
}

static long irq_status(uint64_t va)
{
    physdev_irq_status_query_t op;

    if (guest_read(&op, va, sizeof(op)))
        return refused("physdev_op irq_status_query", -EFAULT, "argument-unreadable");
    if (op.irq >= PIRQS)
        return refused("physdev_op irq_status_query", -EINVAL, "pirq-unknown");
    op.flags = XENIRQSTAT_needs_eoi;
    return guest_write(va, &op, sizeof(op))
               ? refused("physdev_op irq_status_query", -EFAULT, "argument-unwritable")
               : 0;
}

static long privileged(const char *name)
{
    return domain_current()->initial ? refused(name, -ENOSYS, "device-op-left-out")
                                     : refused(name, -EPERM, "privileged");
}

long hc_physdev_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();

    (void)a3, (void)a4, (void)a5;
    switch ((uint32_t)cmd) {
    case PHYSDEVOP_set_iopl:
        return set_iopl(v, arg);
    case PHYSDEVOP_set_iobitmap:
        return set_iobitmap(v, arg);
    case PHYSDEVOP_eoi:
        return irq_op("physdev_op eoi", arg);
    case PHYSDEVOP_irq_status_query:
        return irq_status(arg);
    case PHYSDEVOP_map_pirq:
    case PHYSDEVOP_unmap_pirq:
    case PHYSDEVOP_apic_read:
    case PHYSDEVOP_apic_write:
    case PHYSDEVOP_alloc_irq_vector:
    case PHYSDEVOP_setup_gsi:
    case PHYSDEVOP_get_free_pirq:
    case PHYSDEVOP_manage_pci_add:
    case PHYSDEVOP_manage_pci_remove:
    case PHYSDEVOP_manage_pci_add_ext:
    case PHYSDEVOP_restore_msi:
    case PHYSDEVOP_restore_msi_ext:
    case PHYSDEVOP_pci_mmcfg_reserved:
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_pci_device_remove:
    case PHYSDEVOP_prepare_msix:
    case PHYSDEVOP_release_msix:
    case PHYSDEVOP_dbgp_op:
        return privileged("physdev_op");
    default:
        return refused("physdev_op", -ENOSYS, "physdev-op-unknown");
    }
}
