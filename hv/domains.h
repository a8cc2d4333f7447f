/* SPDX-License-Identifier: MIT */
/* From the boot loader's modules to domains that run. */
#ifndef HV_DOMAINS_H
#define HV_DOMAINS_H

#include "boot/multiboot.h"

/* Reads the module lines into recipes. boot_failure() if they cannot be followed. */
void domains_read(const struct boot_info *info);

/* Builds every domain, then starts them. boot_failure() if one cannot be built. */
void domains_start(void);

#endif
