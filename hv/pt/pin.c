/* SPDX-License-Identifier: MIT */
/* Pins and base pointers; see pin.h. */
#include "pt/pin.h"

#include "hooks.h"
#include "lib/errno.h"
#include "mm/refusal.h"

int page_pin(mfn_t mfn, uint16_t owner, enum page_type type)
{
    uint64_t before;
    int rc = page_get_typed(mfn, owner, type);

    if (rc)
        return rc;
    hook_shared_access();
    before = __atomic_fetch_or(&frame_of(mfn)->type, FRAME_PINNED, __ATOMIC_ACQ_REL);
    if (!(before & FRAME_PINNED))
        return 0;
    page_put_typed(mfn);
    return refuse(-EINVAL, "pinned-already", mfn, 0);
}

int page_unpin(mfn_t mfn, uint16_t owner)
{
    uint64_t before;

    if (!frame_get_to_give_back(mfn, owner))
        return -EINVAL;
    hook_shared_access();
    before = __atomic_fetch_and(&frame_of(mfn)->type, ~FRAME_PINNED, __ATOMIC_ACQ_REL);
    if (before & FRAME_PINNED)
        page_put_typed(mfn);
    frame_put(mfn);
    return before & FRAME_PINNED ? 0 : refuse(-EINVAL, "not-pinned", mfn, 0);
}

int root_get(mfn_t mfn, uint16_t owner)
{
    return page_get_typed(mfn, owner, PT_L4);
}

void root_put(mfn_t mfn)
{
    page_put_typed(mfn);
}
