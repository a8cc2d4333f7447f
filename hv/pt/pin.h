/* SPDX-License-Identifier: MIT */
/*
 * Pins and roots: the references that are not entries. A pin is exactly one general and one type
 * reference and the pinned flag (hazard P16).
 */
#ifndef HV_PT_PIN_H
#define HV_PT_PIN_H

#include "pt/page_type.h"

/*
 * Pins a frame of owner as a table of this level. -EINVAL (also: pinned already), -ERESTART, or an
 * entry's error.
 */
int page_pin(mfn_t mfn, uint16_t owner, enum page_type type);

/* Unpins. -EINVAL if not owner's or not pinned. Demotion may be left to pt_work. */
int page_unpin(mfn_t mfn, uint16_t owner);

/* A reference on an L4 to be loaded or stored as a base pointer. Errors as page_get_typed(). */
int root_get(mfn_t mfn, uint16_t owner);
void root_put(mfn_t mfn);

#endif
