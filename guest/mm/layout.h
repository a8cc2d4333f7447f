/*
 * SPDX-License-Identifier: MIT
 *
 * layout.h - the guest's virtual addresses, and how frames are named in them.
 *
 *   slots   0..255  the address space's own: processes; shared by its kernel and its user L4
 *   slots 256..271  the hypervisor's
 *   slot  272       direct map: every PFN at DIRECT_MAP_VA + PFN * 4096, never executable
 *   slot  273       heap: malloc's arena, demand paged
 *   slot  274       kernel stacks, each above an unmapped guard page; at its end the grant table
 *   slot  275       arena: free for a kernel's or a scenario's own regions
 *   slot  511       image, p2m list, start_info and boot tables, at VIRT_BASE + PFN * 4096
 *
 * The L3 tables of slots 272 to 275 exist from the start, so every address space can copy the
 * kernel's half of the L4 once and never look at it again.
 */
#ifndef GUEST_MM_LAYOUT_H
#define GUEST_MM_LAYOUT_H

#include <abi/abi.h>

#define PT_ENTRIES 512U

#define IMAGE_VA       0xffffffff80000000UL /* VIRT_BASE of the ELF notes */
#define DIRECT_MAP_VA  0xffff880000000000UL
#define HEAP_VA        0xffff888000000000UL
#define HEAP_MAX       (1UL << 34)
#define STACKS_VA      0xffff890000000000UL
#define GRANTS_VA      0xffff897fffe00000UL
#define ARENA_VA       0xffff898000000000UL
#define ARENA_END      0xffff8a0000000000UL
#define KERNEL_VA      DIRECT_MAP_VA
#define KERNEL_L4_SLOT 272U

/* User programs: image at 4 MiB by their linker, stack below this address. */
#define USER_STACK_TOP   0x00007ffffffff000UL
#define USER_STACK_BYTES (256UL * 1024)

static inline uint64_t page_floor(uint64_t va)
{
    return va & PAGE_MASK;
}

static inline uint64_t page_ceil(uint64_t va)
{
    return (va + PAGE_SIZE - 1) & PAGE_MASK;
}

/* VA of a frame of the initial mapping: image, boot tables, ramdisk, rings. */
static inline uint64_t image_va(pfn_t pfn)
{
    return IMAGE_VA + (pfn.n << PAGE_SHIFT);
}

static inline pfn_t image_pfn(const void *va)
{
    return pfn_of(((uint64_t)va - IMAGE_VA) >> PAGE_SHIFT);
}

/* Where frames are reached: the initial mapping until the direct map is built. */
extern uint64_t page_base_va;

static inline void *page_va(pfn_t pfn)
{
    return (void *)(page_base_va + (pfn.n << PAGE_SHIFT));
}

#endif
