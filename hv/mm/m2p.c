/* SPDX-License-Identifier: MIT */
/*
 * Where the machine-to-physical table is. mm/hv_map.c maps it and fills it with M2P_INVALID; words
 * change by m2p_set() only, which frame.c, dom/build.c and the requests of the ABI call.
 */
#include "mm/m2p.h"

uint64_t *m2p_table;
