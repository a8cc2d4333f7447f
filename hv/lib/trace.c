/* SPDX-License-Identifier: MIT */
/*
 * The switch behind trace() in lib/printk.h: the option "trace" turns it on, before the first
 * guest.
 */
#include "lib/printk.h"

bool trace_on;
