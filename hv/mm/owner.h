/* SPDX-License-Identifier: MIT */
/*
 * Who owns frames: the memory account of a domain. struct domain embeds one; the frame table names
 * it by id, so that hv/mm and hv/pt know domains only as owners.
 * Invariant: pages == number of frames whose owner field names this id, but for pages that the
 * hypervisor lends it (FRAME_HV_SHARED), which lent counts. A frame that was given back but is still
 * referenced counts; so an owner is known until the last of its frames is free.
 */
#ifndef HV_MM_OWNER_H
#define HV_MM_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/frame.h"

struct owner {
    uint16_t id;              /* domid */
    bool dying;               /* no new references to its frames are given */
    bool maps_firmware;       /* its tables may map frames of the firmware: OWNER_ROM, _VGA */
    uint32_t pages;           /* frames owned */
    uint32_t lent;            /* frames of the hypervisor's that it may map */
    uint32_t max_pages;       /* quota; populate beyond it is refused */
    uint64_t perdomain_entry; /* L4 entry for slot 260 of every L4 of this owner, 0 = empty */
};

#define OWNER_MAX 64u

/* Makes o known under o->id. At most OWNER_MAX owners; false if the id is taken or the table full. */
bool owner_register(struct owner *o);
void owner_unregister(struct owner *o);

/* The owner in this place of the table, or 0: for those who want all of them. */
struct owner *owner_at(unsigned place);

/* The owner with this id, or 0. */
struct owner *owner_find(uint16_t id);

/*
 * Allocates 2^order zeroed frames to o, each with its own allocated reference, counts them in
 * o->pages. Returns the first MFN, or MFN_NONE: out of memory, quota reached, or o is dying.
 */
mfn_t owner_alloc(struct owner *o, unsigned order);

/* The same, with no regard to the quota: for frames that come in place of as many that go. */
mfn_t owner_alloc_instead(struct owner *o, unsigned order);

/*
 * Drops the allocated reference of a frame: its owner gives it back. The frame becomes free when
 * the last other reference goes. mfn must be owned by o. False if it had no allocated reference.
 */
bool owner_release(struct owner *o, mfn_t mfn);

/* A page of the hypervisor's is lent to the owner with this id: called by frame.c. */
void owner_page_lent(uint16_t id);
/* A frame of the owner with this id has become free: called by frame.c with the last reference. */
void owner_page_gone(uint16_t id, bool lent);

/* A frame of a dying owner has become free since this was cleared: it may have been its last. */
extern bool owner_frames_gone;

#endif
