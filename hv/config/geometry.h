/* SPDX-License-Identifier: MIT */
/*
 * Sizes that are the machine's on the real hypervisor and build constants of the host build:
 * tests/host/config/geometry.h stands in for this file there, so that tiny machines (two entries
 * in a table, three-bit counters) run the same hv/mm and hv/pt code.
 */
#ifndef HV_CONFIG_GEOMETRY_H
#define HV_CONFIG_GEOMETRY_H

/* Entries in one page table, and how many bits of address one level resolves. */
#define PT_INDEX_BITS 9
#define PT_ENTRIES    (1u << PT_INDEX_BITS)

/* Slots of an L4 that are the hypervisor's (ABI: xen/arch-x86/xen-x86_64.h). */
#define PT_HV_SLOT_FIRST 256u
#define PT_HV_SLOT_LAST  271u

/* Width of the general and of the type count of a frame, in bits, and of the flush epoch. */
#define FRAME_REF_BITS   32
#define FRAME_TYPE_BITS  32
#define FRAME_EPOCH_BITS 24

/*
 * General references that only the hypervisor's own bookkeeping may take, so that it never fails:
 * one for the partial flag of a frame and one for the pt_work of each vCPU in one half of them, and
 * in the other one for each CPU that is giving references back.
 */
#define FRAME_REF_RESERVE 512

/* A domain's table of event channels: 2^order pages, of 512 ports each. The 2-level ABI has 4096. */
#define EVTCHN_TABLE_ORDER 3

#endif
