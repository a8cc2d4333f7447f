/*
 * SPDX-License-Identifier: MIT
 *
 * abi.h - the one door to the Xen PV64 ABI, for the hypervisor and for the guest.
 *
 * Owns: the typed frame numbers mfn_t and pfn_t, the names of the bits of a page-table entry as the
 * ABI lets a guest see them, and the static assertions on every ABI layout that both sides rely on.
 * All structures and numbers of the ABI itself come from Debian's libxen-dev headers, which the
 * build stages in build/abi/xen; nothing is redefined here.
 *
 * Invariant: a frame number is never a bare integer once it has passed this door.  MFN counts
 * machine frames, PFN counts the domain's own pseudo-physical frames; only p2m and m2p convert.
 *
 * The number of entries of a page table is *not* defined here (the hypervisor's host tests run with
 * tiny tables); l1_index() and friends are the architecture's nine-bit indices.
 */
#ifndef PINION_ABI_H
#define PINION_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/callback.h>
#include <xen/elfnote.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

/* ------------------------------------------------------------------ frames and pages */

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL
#define PAGE_MASK  (~(PAGE_SIZE - 1))

/* One-member structs, so that the compiler refuses to mix the two kinds of number. */
typedef struct {
    uint64_t n;
} mfn_t;

typedef struct {
    uint64_t n;
} pfn_t;

/* The all-ones frame of the ABI (40 bits in an entry); M2P and p2m say ~0 for "none". */
#define MFN_INVALID_BITS 0xffffffffffUL
#define MFN_NONE         ((mfn_t){ ~0UL })
#define PFN_NONE         ((pfn_t){ ~0UL })

static inline mfn_t mfn_of(uint64_t n)
{
    return (mfn_t){ n };
}

static inline pfn_t pfn_of(uint64_t n)
{
    return (pfn_t){ n };
}

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
    return a.n == b.n;
}

static inline bool pfn_eq(pfn_t a, pfn_t b)
{
    return a.n == b.n;
}

static inline mfn_t mfn_add(mfn_t mfn, uint64_t frames)
{
    return (mfn_t){ mfn.n + frames };
}

static inline pfn_t pfn_add(pfn_t pfn, uint64_t frames)
{
    return (pfn_t){ pfn.n + frames };
}

/* Machine address (bytes) of a frame's first byte, and back; the offset in the page is dropped. */
static inline uint64_t mfn_to_ma(mfn_t mfn)
{
    return mfn.n << PAGE_SHIFT;
}

static inline mfn_t ma_to_mfn(uint64_t ma)
{
    return (mfn_t){ ma >> PAGE_SHIFT };
}

/* ------------------------------------------------------------------ page-table entries */

typedef uint64_t pte_t;

#define PTE_P          (1UL << 0)
#define PTE_RW         (1UL << 1)
#define PTE_U          (1UL << 2)
#define PTE_PWT        (1UL << 3)
#define PTE_PCD        (1UL << 4)
#define PTE_A          (1UL << 5)
#define PTE_D          (1UL << 6)
#define PTE_PS         (1UL << 7) /* L2, L3: superpage */
#define PTE_PAT        (1UL << 7) /* L1: page attribute table */
#define PTE_G          (1UL << 8)
#define PTE_AVAIL0     (1UL << 9)
#define PTE_AVAIL1     (1UL << 10)
#define PTE_AVAIL2     (1UL << 11)
#define PTE_AVAIL      (7UL << 9)      /* bits 9..11 */
#define PTE_AVAIL_HIGH (0x7ffUL << 52) /* bits 52..62 */
#define PTE_NX         (1UL << 63)

#define PTE_ADDR_MASK    0x000ffffffffff000UL /* bits 12..51 */
#define PTE_FLAGS_MASK   (~PTE_ADDR_MASK)
#define PTE_GUEST_KERNEL (1UL << 52) /* L1, set by the hypervisor: page of the guest kernel */

/* Result: the frame an entry names, whether or not it is present. */
static inline mfn_t pte_mfn(pte_t pte)
{
    return (mfn_t){ (pte & PTE_ADDR_MASK) >> PAGE_SHIFT };
}

static inline uint64_t pte_flags(pte_t pte)
{
    return pte & PTE_FLAGS_MASK;
}

/* MFN and flags to an entry.  A frame number beyond 40 bits is cut off, as hardware would. */
static inline pte_t pte_make(mfn_t mfn, uint64_t flags)
{
    return ((mfn.n << PAGE_SHIFT) & PTE_ADDR_MASK) | flags;
}

/* ------------------------------------------------------------------ virtual addresses */

#define VA_INDEX_BITS 9
#define VA_INDEX_MASK 0x1ffU

#define L1_SHIFT 12
#define L2_SHIFT 21
#define L3_SHIFT 30
#define L4_SHIFT 39

/* Shift (bits) of the index of table `level` (1..4) in an address. */
static inline unsigned int level_shift(unsigned int level)
{
    return PAGE_SHIFT + (level - 1) * VA_INDEX_BITS;
}

static inline unsigned int level_index(uint64_t va, unsigned int level)
{
    return (unsigned int)(va >> level_shift(level)) & VA_INDEX_MASK;
}

static inline unsigned int l1_index(uint64_t va)
{
    return level_index(va, 1);
}

static inline unsigned int l2_index(uint64_t va)
{
    return level_index(va, 2);
}

static inline unsigned int l3_index(uint64_t va)
{
    return level_index(va, 3);
}

static inline unsigned int l4_index(uint64_t va)
{
    return level_index(va, 4);
}

static inline bool va_canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/* The hypervisor's part of every address space: L4 slots 256..271. */
#define HV_VA_START      0xffff800000000000UL
#define HV_VA_END        0xffff880000000000UL
#define HV_L4_SLOT_FIRST 256U
#define HV_L4_SLOT_LAST  271U
#define M2P_VA_START     0xffff800000000000UL /* read-only, one uint64_t for each MFN */
#define M2P_VA_END       0xffff804000000000UL
#define USER_VA_END      0x0000800000000000UL /* first non-canonical address */

static inline bool va_in_hv(uint64_t va)
{
    return va >= HV_VA_START && va < HV_VA_END;
}

/* ------------------------------------------------------------------ page-fault error code */

#define PFEC_P    (1U << 0)
#define PFEC_W    (1U << 1)
#define PFEC_U    (1U << 2)
#define PFEC_RSVD (1U << 3)
#define PFEC_I    (1U << 4)

/* ------------------------------------------------------------------ hypercall page */

#define HYPERCALL_STUB_SIZE  32U
#define HYPERCALL_STUB_COUNT 128U

/* Flags of struct trap_info. */
#define TRAP_DPL(d)      ((d)&3U)
#define TRAP_MASK_EVENTS (1U << 2)

/* ------------------------------------------------------------------ layouts both sides rely on */

#define ABI_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define ABI_OFFSET(type, field, off) \
    _Static_assert(offsetof(type, field) == (off), #type "." #field)

ABI_SIZE(mfn_t, 8);
ABI_SIZE(pfn_t, 8);

_Static_assert(HV_VA_START == HYPERVISOR_VIRT_START, "hypervisor range, start");
_Static_assert(HV_VA_END == HYPERVISOR_VIRT_END, "hypervisor range, end");
_Static_assert(M2P_VA_START == MACH2PHYS_VIRT_START, "M2P, start");
_Static_assert(M2P_VA_END == MACH2PHYS_VIRT_END, "M2P, end");

ABI_OFFSET(start_info_t, magic, 0x00);
ABI_OFFSET(start_info_t, nr_pages, 0x20);
ABI_OFFSET(start_info_t, shared_info, 0x28);
ABI_OFFSET(start_info_t, flags, 0x30);
ABI_OFFSET(start_info_t, store_mfn, 0x38);
ABI_OFFSET(start_info_t, store_evtchn, 0x40);
ABI_OFFSET(start_info_t, console.domU.mfn, 0x48);
ABI_OFFSET(start_info_t, console.domU.evtchn, 0x50);
ABI_OFFSET(start_info_t, console.dom0.info_off, 0x48);
ABI_OFFSET(start_info_t, console.dom0.info_size, 0x4c);
ABI_OFFSET(start_info_t, pt_base, 0x58);
ABI_OFFSET(start_info_t, nr_pt_frames, 0x60);
ABI_OFFSET(start_info_t, mfn_list, 0x68);
ABI_OFFSET(start_info_t, mod_start, 0x70);
ABI_OFFSET(start_info_t, mod_len, 0x78);
ABI_OFFSET(start_info_t, cmd_line, 0x80);
ABI_OFFSET(start_info_t, first_p2m_pfn, 0x480);
ABI_OFFSET(start_info_t, nr_p2m_frames, 0x488);
ABI_SIZE(start_info_t, 0x490);

ABI_OFFSET(shared_info_t, vcpu_info, 0x000);
ABI_OFFSET(shared_info_t, evtchn_pending, 0x800);
ABI_OFFSET(shared_info_t, evtchn_mask, 0xa00);
ABI_OFFSET(shared_info_t, wc_version, 0xc00);
ABI_OFFSET(shared_info_t, wc_sec, 0xc04);
ABI_OFFSET(shared_info_t, wc_nsec, 0xc08);
ABI_OFFSET(shared_info_t, wc_sec_hi, 0xc0c);
ABI_OFFSET(shared_info_t, arch, 0xc10);

ABI_OFFSET(vcpu_info_t, evtchn_upcall_pending, 0x00);
ABI_OFFSET(vcpu_info_t, evtchn_upcall_mask, 0x01);
ABI_OFFSET(vcpu_info_t, evtchn_pending_sel, 0x08);
ABI_OFFSET(vcpu_info_t, arch.cr2, 0x10);
ABI_OFFSET(vcpu_info_t, time, 0x20);
ABI_SIZE(vcpu_info_t, 0x40);

ABI_OFFSET(struct vcpu_time_info, version, 0x00);
ABI_OFFSET(struct vcpu_time_info, tsc_timestamp, 0x08);
ABI_OFFSET(struct vcpu_time_info, system_time, 0x10);
ABI_OFFSET(struct vcpu_time_info, tsc_to_system_mul, 0x18);
ABI_OFFSET(struct vcpu_time_info, tsc_shift, 0x1c);
ABI_SIZE(struct vcpu_time_info, 0x20);

ABI_OFFSET(struct trap_info, vector, 0);
ABI_OFFSET(struct trap_info, flags, 1);
ABI_OFFSET(struct trap_info, cs, 2);
ABI_OFFSET(struct trap_info, address, 8);
ABI_SIZE(struct trap_info, 16);

ABI_OFFSET(mmu_update_t, ptr, 0);
ABI_OFFSET(mmu_update_t, val, 8);
ABI_SIZE(mmu_update_t, 16);

ABI_OFFSET(mmuext_op_t, cmd, 0);
ABI_OFFSET(mmuext_op_t, arg1, 8);
ABI_OFFSET(mmuext_op_t, arg2, 16);
ABI_SIZE(mmuext_op_t, 24);

ABI_OFFSET(multicall_entry_t, result, 8);
ABI_OFFSET(multicall_entry_t, args, 16);
ABI_SIZE(multicall_entry_t, 64);

ABI_OFFSET(struct iret_context, rax, 0x00);
ABI_OFFSET(struct iret_context, flags, 0x18);
ABI_OFFSET(struct iret_context, rip, 0x20);
ABI_OFFSET(struct iret_context, ss, 0x40);
ABI_SIZE(struct iret_context, 0x48);

ABI_OFFSET(struct callback_register, address, 8);
ABI_SIZE(struct callback_register, 16);

ABI_OFFSET(struct xencons_interface, out, 0x400);
ABI_OFFSET(struct xencons_interface, in_cons, 0xc00);
ABI_OFFSET(struct xencons_interface, in_prod, 0xc04);
ABI_OFFSET(struct xencons_interface, out_cons, 0xc08);
ABI_OFFSET(struct xencons_interface, out_prod, 0xc0c);

ABI_OFFSET(struct xenstore_domain_interface, rsp, 0x400);
ABI_OFFSET(struct xenstore_domain_interface, req_cons, 0x800);
ABI_OFFSET(struct xenstore_domain_interface, rsp_prod, 0x80c);

ABI_SIZE(vcpu_guest_context_t, 0x1430);

#endif /* PINION_ABI_H */
