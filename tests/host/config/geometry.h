/* SPDX-License-Identifier: MIT */
/*
 * Stands in for hv/config/geometry.h in the host build: the machine's own sizes unless the build
 * gives others, so that tables of four entries and counters of three bits run the same hv/ code.
 */
#ifndef HV_CONFIG_GEOMETRY_H
#define HV_CONFIG_GEOMETRY_H

#ifndef PT_INDEX_BITS
#define PT_INDEX_BITS 9
#endif
#define PT_ENTRIES (1u << PT_INDEX_BITS)

#ifndef PT_HV_SLOT_FIRST
#define PT_HV_SLOT_FIRST 256u
#endif
#ifndef PT_HV_SLOT_LAST
#define PT_HV_SLOT_LAST 271u
#endif

#ifndef FRAME_REF_BITS
#define FRAME_REF_BITS 32
#endif
#ifndef FRAME_TYPE_BITS
#define FRAME_TYPE_BITS 32
#endif
#ifndef FRAME_EPOCH_BITS
#define FRAME_EPOCH_BITS 24
#endif
#ifndef FRAME_REF_RESERVE
#define FRAME_REF_RESERVE 512
#endif
#ifndef EVTCHN_TABLE_ORDER
#define EVTCHN_TABLE_ORDER 3
#endif

#endif
