/* SPDX-License-Identifier: MIT */
/*
 * Which segment descriptor a guest may have in its GDT or LDT. The one check for every route:
 * update_descriptor, and the promotion of a page to descriptors by set_gdt or a first use of an LDT
 * page (hazard D1). Compiles for the host.
 */
#ifndef HV_PT_DESCRIPTOR_H
#define HV_PT_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

#define DESC_TYPE_MASK (0xfull << 40)
#define DESC_CODE      (1ull << 43) /* with DESC_S: a code segment */
#define DESC_S         (1ull << 44) /* code or data, not a system descriptor */
#define DESC_DPL_SHIFT 45
#define DESC_DPL_MASK  (3ull << DESC_DPL_SHIFT)
#define DESC_P         (1ull << 47)
#define DESC_L         (1ull << 53)
#define DESC_D         (1ull << 54)

/* First selector of the hypervisor's own descriptors: byte offset in the GDT. */
#define GDT_RESERVED_BYTE 0xe000u
#define GDT_GUEST_ENTRIES (GDT_RESERVED_BYTE / 8)
#define GDT_GUEST_PAGES   14u
#define LDT_MAX_ENTRIES   8192u

/*
 * Checks a descriptor and makes it the one that may stand in a table:
 *   not present                 accepted as it is: using it faults
 *   code, data                  DPL becomes 3
 *   type 0 (second half of a call gate)   accepted as it is: using it faults
 *   call gate                   to one of the guest's or the flat code selectors, low byte of the
 *                               upper word 0. DPL becomes 0, so that using it raises #GP; the
 *                               selector's RPL keeps the old one
 * 0, or -EINVAL for every other system descriptor (TSS, LDT, interrupt, trap and task gates).
 */
int descriptor_check(uint64_t *desc);

/* Base of a code or data descriptor. */
static inline uint64_t descriptor_base(uint64_t desc)
{
    return (desc >> 16 & 0xffffff) | (desc >> 32 & 0xff000000);
}

#endif
