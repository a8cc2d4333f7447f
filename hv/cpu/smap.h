/* SPDX-License-Identifier: MIT */
/* Supervisor-mode access prevention: option smap, off by default. */
#ifndef HV_CPU_SMAP_H
#define HV_CPU_SMAP_H

#include <stdbool.h>

/*
 * Decides whether SMAP is used (opt_smap, and the CPU has it) and patches the text accordingly:
 * once, on the temporary map of the boot, which is writable. CR4 follows in cpu_init().
 */
void smap_init(void);
bool smap_used(void);

#endif
