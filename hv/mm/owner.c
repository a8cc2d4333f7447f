/* SPDX-License-Identifier: MIT */
/*
 * The memory accounts of domains: quota at allocation, census at release.
 * Lock: owners_lock guards the table of owners; an account's own numbers change atomically.
 */
#include "mm/owner.h"

#include "hooks.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "mm/page_alloc.h"

static struct owner *owners[OWNER_MAX];
bool owner_frames_gone;
static struct spinlock owners_lock;

static struct owner **owner_slot(uint16_t id)
{
    for (unsigned i = 0; i < OWNER_MAX; i++)
        if (owners[i] && owners[i]->id == id)
            return &owners[i];
    return 0;
}

bool owner_register(struct owner *o)
{
    bool added = false;

    spin_lock(&owners_lock);
    if (!owner_slot(o->id)) {
        for (unsigned i = 0; i < OWNER_MAX && !added; i++) {
            if (!owners[i]) {
                owners[i] = o;
                added = true;
            }
        }
    }
    spin_unlock(&owners_lock);
    return added;
}

void owner_unregister(struct owner *o)
{
    struct owner **slot;

    spin_lock(&owners_lock);
    slot = owner_slot(o->id);
    if (slot)
        *slot = 0;
    spin_unlock(&owners_lock);
}

struct owner *owner_at(unsigned place)
{
    return owners[place];
}

struct owner *owner_find(uint16_t id)
{
    struct owner **slot = owner_slot(id);

    return slot ? *slot : 0;
}

static mfn_t frames_alloc(struct owner *o, unsigned order, uint32_t quota)
{
    uint32_t pages = 1u << order;
    mfn_t first;

    if (o->dying || hook_fail())
        return MFN_NONE;
    if (__atomic_add_fetch(&o->pages, pages, __ATOMIC_RELAXED) > quota) {
        __atomic_sub_fetch(&o->pages, pages, __ATOMIC_RELAXED);
        return MFN_NONE;
    }
    first = page_alloc(order);
    if (!frame_valid(first)) {
        __atomic_sub_fetch(&o->pages, pages, __ATOMIC_RELAXED);
        return MFN_NONE;
    }
    for (uint32_t i = 0; i < pages; i++) {
        mfn_t mfn = mfn_add(first, i);

        page_clear(frame_va(mfn));
        frame_assign(mfn, o->id, 0);
    }
    return first;
}

mfn_t owner_alloc(struct owner *o, unsigned order)
{
    return frames_alloc(o, order, o->max_pages);
}

mfn_t owner_alloc_instead(struct owner *o, unsigned order)
{
    return frames_alloc(o, order, UINT32_MAX);
}

bool owner_release(struct owner *o, mfn_t mfn)
{
    ASSERT(frame_owner(mfn) == o->id);
    return frame_release(mfn);
}

void owner_page_lent(uint16_t id)
{
    struct owner *o = owner_find(id);

    ASSERT(o);
    __atomic_add_fetch(&o->lent, 1, __ATOMIC_RELAXED);
}

void owner_page_gone(uint16_t id, bool lent)
{
    struct owner *o = owner_find(id);
    uint32_t *count;

    ASSERT(o);
    count = lent ? &o->lent : &o->pages;
    ASSERT(*count);
    __atomic_sub_fetch(count, 1, __ATOMIC_RELAXED);
    if (o->dying)
        owner_frames_gone = true;
}
