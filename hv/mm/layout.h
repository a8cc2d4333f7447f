/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's part of every address space: L4 slots 256..271, fixed by the ABI
 * (xen/arch-x86/xen-x86_64.h). Only slot 256 may be read by guests.
 *
 *   slot  from                 what                                             rights
 *   256   0xffff800000000000   machine-to-physical table, as the guest sees it  user, read-only
 *   260   0xffff820000000000   per domain: GDT and LDT of each vCPU             hypervisor
 *   261   0xffff828000000000   machine-to-physical table, writable              hypervisor
 *   261   0xffff82d000000000   image: text r-x, rodata r--, data rw-            hypervisor
 *   261   0xffff82d800000000   stacks, a guard page below each                  hypervisor
 *   261   0xffff82e000000000   frame table                                      hypervisor
 *   262   0xffff830000000000   direct map of all RAM                            hypervisor
 */
#ifndef HV_MM_LAYOUT_H
#define HV_MM_LAYOUT_H

#include "abi/abi.h" /* HV_VA_START, HV_VA_END: the range the ABI reserves */


#define M2P_RO_VA       0xffff800000000000ul
#define M2P_RO_END      0xffff804000000000ul
#define PERDOMAIN_VA    0xffff820000000000ul /* vCPU n: GDT at + n * PERDOMAIN_VCPU_SIZE */
#define PERDOMAIN_VCPU_SIZE 0x40000ul        /* 16 pages GDT, 16 pages LDT, rest empty */
#define PERDOMAIN_LDT_OFFSET 0x10000ul
#define M2P_RW_VA       0xffff828000000000ul
#define HV_IMAGE_VA     0xffff82d000000000ul
#define HV_STACKS_VA    0xffff82d800000000ul
#define FRAME_TABLE_VA  0xffff82e000000000ul
#define DIRECTMAP_VA    0xffff830000000000ul
#define DIRECTMAP_END   0xffff880000000000ul

#define HV_IMAGE_PA     0x200000ul           /* where boot loaders place the image */

#endif
