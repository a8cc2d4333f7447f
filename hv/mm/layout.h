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
 *   261   0xffff82d400000000   device registers, uncached                       hypervisor
 *   261   0xffff82d800000000   stacks, a guard page below each                  hypervisor
 *   261   0xffff82e000000000   frame table                                      hypervisor
 *   262   0xffff830000000000   direct map of all RAM                            hypervisor
 *
 * Also read by assembly and by the linker script, which know no suffixes of constants.
 */
#ifndef HV_MM_LAYOUT_H
#define HV_MM_LAYOUT_H

#ifdef __ASSEMBLY__
#define HV_CONST(n) n
#else
#define HV_CONST(n) n##ul
#include "abi/abi.h" /* HV_VA_START, HV_VA_END: the range the ABI reserves */
#endif

#define M2P_RO_VA            HV_CONST(0xffff800000000000)
#define M2P_RO_END           HV_CONST(0xffff804000000000)
#define PERDOMAIN_VA         HV_CONST(0xffff820000000000) /* vCPU n: + n * PERDOMAIN_VCPU_SIZE */
#define PERDOMAIN_VCPU_SIZE  HV_CONST(0x40000) /* 16 pages GDT, 16 pages LDT, rest empty */
#define PERDOMAIN_LDT_OFFSET HV_CONST(0x10000)
#define M2P_RW_VA            HV_CONST(0xffff828000000000)
#define HV_IMAGE_VA          HV_CONST(0xffff82d000000000)
#define HV_IO_VA             HV_CONST(0xffff82d400000000)
#define HV_STACKS_VA         HV_CONST(0xffff82d800000000)
#define FRAME_TABLE_VA       HV_CONST(0xffff82e000000000)
#define DIRECTMAP_VA         HV_CONST(0xffff830000000000)
#define DIRECTMAP_END        HV_CONST(0xffff880000000000)

#define HV_IMAGE_PA HV_CONST(0x200000) /* where boot loaders place the image */

#endif
