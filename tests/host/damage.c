/* SPDX-License-Identifier: MIT */
/* The stage of damages, and the look at each of them; see damage.h. */
#include "damage.h"

#include <stdio.h>
#include <string.h>

struct damage_stage stage;

int damage_stage_make(void **state)
{
    (void)state;
    machine_begin(60);
    stage.tree = machine_tree(&machine_guest, LEAF_RW);
    stage.plain = machine_page(&machine_guest);
    stage.seg = machine_page(&machine_guest);
    stage.foreign = machine_page(&machine_control);
    stage.partial = machine_page(&machine_guest);
    op_first_root(stage.tree.l[4]);
    assert_int_equal(op_pin(stage.tree.l[3], 3), 0);
    assert_int_equal(op_update(stage.tree.l[1], 1, pte_make(stage.plain, LEAF_RO)), 0);
    assert_int_equal(page_get_typed(stage.seg, machine_guest.id, PT_SEG), 0);
    machine_hold(stage.seg, PT_SEG);
    assert_true(frame_get(stage.plain, machine_guest.id));
    machine_hold(stage.plain, PT_NONE);
    /* Half a promotion: entry 0 is taken, entry 1 is not. */
    machine_poke(stage.partial, 0, pte_make(stage.tree.l[2], BRANCH));
    machine_poke(stage.partial, 1, pte_make(stage.tree.l[2], BRANCH));
    hooks_reset();
    hooks.general = true;
    hooks.preempt_at = ALWAYS;
    assert_int_equal(page_get_typed(stage.partial, machine_guest.id, PT_L3), -ERESTART);
    hooks_reset();
    return 0;
}

uint64_t *stage_entry(unsigned level, unsigned slot)
{
    return (uint64_t *)frame_va(stage.tree.l[level]) + slot;
}

mfn_t stage_free_frame(void)
{
    for (uint64_t n = 0; n < frame_limit; n++)
        if (frame_owner(mfn_of(n)) == OWNER_NONE)
            return mfn_of(n);
    fail();
    return MFN_NONE;
}

static void damage_is_seen(const struct damage *d)
{
    char line[64];

    assert_int_equal(machine_audit(true), 0);
    assert_true(machine_sums_agree());
    log_clear();
    d->make();
    if (!machine_audit(true))
        fail_msg("%s is not seen", d->name);
    snprintf(line, sizeof(line), "audit: %s: ", d->rule);
    if (!strstr(log_text(), line))
        fail_msg("%s is not called %s but:\n%s", d->name, line, log_text());
    for (unsigned look = 1; look <= 2; look++)
        if (machine_sums_agree() == d->sums)
            fail_msg("%s: look %u: the sums %s", d->name, look, d->sums ? "agree" : "differ");
}

void damages_are_seen(const struct damage *damages, unsigned count)
{
    struct snapshot *before = snapshot_take();

    for (unsigned i = 0; i < count; i++) {
        uint32_t quota = machine_guest.owner.max_pages;

        damage_is_seen(&damages[i]);
        snapshot_restore(before);
        machine_guest.owner.max_pages = quota;
    }
    assert_int_equal(machine_audit(true), 0);
    snapshot_free(before);
}
