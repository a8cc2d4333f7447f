/* SPDX-License-Identifier: MIT */
/* The page of hypercall stubs that a guest asks for by an ELF note or by MSR 0x40000000. */
#ifndef HV_DOM_HYPERCALL_PAGE_H
#define HV_DOM_HYPERCALL_PAGE_H

/* Fills a page (hypervisor's address, 4096 bytes) with the ABI's 128 stubs of 32 bytes. */
void hypercall_page_fill(void *page);

#endif
