/* SPDX-License-Identifier: MIT */
/*
 * A sound machine that is damaged in one place at a time, the way a mistake of the hypervisor would,
 * for the tests of the auditor.
 */
#ifndef TESTS_HOST_DAMAGE_H
#define TESTS_HOST_DAMAGE_H

#include "machine.h"

/* What there is to damage: a loaded tree whose L3 is pinned, and frames in other states. */
struct damage_stage {
    struct machine_tree tree;
    mfn_t plain;   /* mapped read-only by the tree's L1, and held by the test */
    mfn_t seg;     /* a descriptor page in use */
    mfn_t foreign; /* the control domain's */
    mfn_t partial; /* half an L3 */
};
extern struct damage_stage stage;

/* cmocka's setup; machine_teardown() takes it apart. */
int damage_stage_make(void **state);

uint64_t *stage_entry(unsigned level, unsigned slot);
mfn_t stage_free_frame(void);

#define REF(mfn)  (frame_of(mfn)->ref)
#define TYPE(mfn) (frame_of(mfn)->type)

/*
 * Its name, to say which one was not seen; the invariant that must be named; whether the sums see it
 * too: what they do not cover is looked at in full only.
 */
struct damage {
    const char *name;
    void (*make)(void);
    const char *rule;
    bool sums;
};
#define DAMAGE(f, rule, sums) \
    {                         \
#f, f, rule, sums     \
    }

/* Each of them is seen, by name, and every time one looks; undamaged, nothing is found. */
void damages_are_seen(const struct damage *damages, unsigned count);

#endif
