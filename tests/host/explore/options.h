/* SPDX-License-Identifier: MIT */
/* What the explorer's command line says, besides struct config. */
#ifndef TESTS_HOST_EXPLORE_OPTIONS_H
#define TESTS_HOST_EXPLORE_OPTIONS_H

#include <stdint.h>

extern struct options {
    unsigned jobs; /* worker processes */
    double time;   /* seconds, 0 = until the end */
    uint64_t room; /* states */
} options;

/* Sets config and options. Wrong usage, or --help: says so and ends the program. */
void options_read(int argc, char **argv);

#endif
