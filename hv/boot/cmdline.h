/* SPDX-License-Identifier: MIT */
/* The options of the hypervisor's command line, in Xen's spelling. */
#ifndef HV_BOOT_CMDLINE_H
#define HV_BOOT_CMDLINE_H

#include <stdbool.h>
#include <stdint.h>

#define GRANT_FRAMES_MOST 128u

struct boot_options {
    int64_t dom0_bytes; /* dom0_mem=: wanted; 0 = not given; negative = all but so much */
    int64_t dom0_min, dom0_max;
    unsigned dom0_percent;  /* of the memory that is free, added to dom0_bytes */
    unsigned vcpus;         /* dom0_max_vcpus=: of the first domain */
    bool domu;              /* build an unprivileged domain */
    bool console_none;      /* console= names no serial port */
    unsigned audit;         /* enum books_when of dom/books.h */
    unsigned gnttab_frames; /* gnttab_max_frames=: 0 = not given */
    bool tsc_stable;        /* clocksource=tsc */
};
extern struct boot_options boot_options;

/*
 * cmdline_early: console= and com1= only, without a word; before anything can be printed.
 * cmdline_parse: everything; a line for each unknown or malformed option.
 */
void cmdline_early(const char *cmdline);
void cmdline_parse(const char *cmdline);

/* Bytes from "64M", "1G", "512" (KiB without a suffix), "100B". False if malformed or too large. */
bool size_parse(const char *text, uint64_t *bytes);

#endif
