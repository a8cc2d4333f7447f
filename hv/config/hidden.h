/* SPDX-License-Identifier: MIT */
/*
 * Included before everything else in the hypervisor (-include): what is only declared has hidden
 * visibility too, so that its address is RIP-relative and never comes from a table of addresses.
 */
#ifndef __ASSEMBLY__
#pragma GCC visibility push(hidden)
#endif
