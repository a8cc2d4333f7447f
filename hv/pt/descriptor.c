/* SPDX-License-Identifier: MIT */
/*
 * The check of one descriptor, and of a page that becomes PT_SEG. Both write back what they changed:
 * ring 0 must not be within reach of any descriptor that the CPU can find in a guest's table.
 */
#include "pt/descriptor.h"

#include "hooks.h"
#include "lib/errno.h"
#include "mm/refusal.h"
#include "pt/page_type.h"

#define SYSTEM_CALL_GATE 0xcull
#define GATE_COUNT_BITS  (0xffull << 32) /* parameter count and reserved: 0 in a 64-bit gate */
#define GATE_SEL_SHIFT   16
#define GATE_SEL_MASK    (0xffffull << GATE_SEL_SHIFT)
#define LDT_SELECTOR     4u /* all of the LDT is the guest's */
#define RPL_MASK         3u

static bool gate_selector_ok(uint16_t sel)
{
    return (sel >> 3) < GDT_GUEST_ENTRIES || sel == FLAT_RING3_CS64 || (sel & LDT_SELECTOR);
}

int descriptor_check(uint64_t *desc)
{
    uint64_t d = *desc;
    uint16_t sel = (uint16_t)(d >> GATE_SEL_SHIFT);

    if (!(d & DESC_P))
        return 0;
    if (d & DESC_S) {
        *desc = d | DESC_DPL_MASK;
        return 0;
    }
    if (!(d & DESC_TYPE_MASK)) /* nothing the CPU knows; the upper half of a call gate */
        return 0;
    if ((d & DESC_TYPE_MASK) != SYSTEM_CALL_GATE << 40)
        return refuse(-EINVAL, "system-descriptor", MFN_NONE, d);
    if (!gate_selector_ok(sel))
        return refuse(-EINVAL, "call-gate-selector", MFN_NONE, d);
    if (d & GATE_COUNT_BITS)
        return refuse(-EINVAL, "call-gate-reserved-bits", MFN_NONE, d);
    *desc = (d & ~DESC_DPL_MASK) | (uint64_t)RPL_MASK << GATE_SEL_SHIFT;
    return 0;
}

int seg_page_validate(mfn_t mfn)
{
    uint64_t *page = frame_va(mfn);

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        uint64_t read = hook_guest_read64(&page[i]), d = read;

        if (descriptor_check(&d)) {
            struct refusal *r = &this_cpu()->refusal;

            if (r->mfn == MFN_NONE.n)
                r->mfn = mfn.n;
            refusal_at(0, i);
            return -EINVAL;
        }
        if (d != read)
            *(volatile uint64_t *)&page[i] = d;
    }
    return 0;
}
