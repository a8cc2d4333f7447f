/* SPDX-License-Identifier: MIT */
/*
 * The guest's GDT and LDT. Frames of both hold the descriptor type, so that nothing can write them
 * but update_descriptor, and are mapped for the CPU in the domain's slot 260: the GDT at once, LDT
 * pages when the CPU first looks at them (hazards D2, M1).
 */
#ifndef HV_PV_DESCRIPTOR_H
#define HV_PV_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/vcpu.h"
#include "pt/descriptor.h"

/*
 * Gives v a GDT of entries descriptors in these frames (MFNs, one for each 512 entries), at most
 * GDT_GUEST_ENTRIES; 0 entries: none. -EINVAL when a frame is not the domain's, is mapped writable, or
 * holds a descriptor that is refused; -ENOMEM. After an error the old GDT stands.
 */
long gdt_set(struct vcpu *v, const uint64_t *frames, uint32_t entries);

/*
 * MMUEXT_SET_LDT for the current vCPU. va: page-aligned, in the guest's range. -EINVAL for more than
 * LDT_MAX_ENTRIES or a bad va with entries above 0. The pages are looked at when they are used.
 */
long ldt_set(uint64_t va, uint64_t entries);

/*
 * Takes the LDT pages of v out of its window and gives back their type: when the LDT or the kernel
 * base pointer changes, not when the guest's mapping of a page goes. The next use maps them again.
 */
void ldt_unmap(struct vcpu *v);

/* True if va lies in v's LDT window; *offset is then the byte offset in the LDT. */
bool ldt_window_offset(const struct vcpu *v, uint64_t va, uint64_t *offset);

/*
 * Reads the descriptor of a selector as v's CPU would, with limits, from the tables' frames; the flat
 * selectors of the ABI too. False: none there.
 */
bool segment_descriptor(const struct vcpu *v, uint16_t sel, uint64_t *desc);

#endif
