/* SPDX-License-Identifier: MIT */
/* The release of Xen whose ABI guests find: said by xen_version and by CPUID alike. */
#ifndef HV_PV_ABI_VERSION_H
#define HV_PV_ABI_VERSION_H

#define ABI_VERSION_MAJOR 4u
#define ABI_VERSION_MINOR 17u
#define ABI_VERSION       (ABI_VERSION_MAJOR << 16 | ABI_VERSION_MINOR)

#endif
