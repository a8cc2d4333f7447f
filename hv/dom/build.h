/* SPDX-License-Identifier: MIT */
/* The PV64 domain builder: from an ELF image in a module to a vCPU that is ready to be started. */
#ifndef HV_DOM_BUILD_H
#define HV_DOM_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "dom/domain.h"

struct build_image {
    const void *data; /* hypervisor VA of the module */
    size_t bytes;
    const char *name;    /* first word of the module's string */
    const char *cmdline; /* the rest */
};

/*
 * Builds domain d with pages of memory from the kernel and an optional ramdisk (0).
 * 0, or -EINVAL, -ENOMEM after printing what is wrong with the image in one clear line.
 */
int domain_build(struct domain *d, const struct build_image *kernel,
                 const struct build_image *ramdisk, uint32_t pages);

#endif
