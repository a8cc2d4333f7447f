/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_grant.c - operations on grants of the arena's frames to oneself.
 *
 * Eight entries of the table and eight mappings at a time. A mapping whose entry was overwritten can
 * only be ended where there is an entry like it: grants_reset() makes one, if the frame is still ours.
 * If it is not, the mapping and its entry stay in use for good, and the next sequences have other entries.
 */
#include "sequence_op.h"

#include "grants.h"
#include "sequence_arena.h"
#include "sequence_text.h"

#include "hypercall.h"

#define ENTRIES 8U
#define LIVE    8U
#define SELF    0 /* the initial domain */
#define ABSENT  0x3ffffU
#define PARTS   (GNTMAP_host_map | GNTMAP_device_map)

static unsigned int first = GNTTAB_NR_RESERVED_ENTRIES; /* entries of this sequence */
static struct gnttab_map_grant_ref live[LIVE];          /* flags: what is still mapped; 0: none */

static void say_flags(unsigned int ref)
{
    say(" flags=%x", grant_table[ref].flags);
}

static void entry_run(const struct op *op)
{
    unsigned int ref = first + op_slot(op);
    unsigned int flags = op->option & 4 ? GTF_invalid : GTF_permit_access;

    grant_set(ref, flags | (op->option & 1 ? GTF_readonly : 0), op->option & 8 ? 7 : SELF,
              arena_mfn(op->frame));
    say_flags(ref);
}

static void map_run(const struct op *op)
{
    struct gnttab_map_grant_ref map = { .flags = op->option & 15,
                                        .ref = first + (op->target & 7),
                                        .dom = SELF,
                                        .host_addr = op_place(op) };
    unsigned int slot = 0;

    while (slot < LIVE && live[slot].flags)
        slot++;
    if (slot == LIVE) {
        say(" skipped");
        return;
    }
    if (op->option & 16) {
        map.flags |= GNTMAP_contains_pte;
        map.host_addr = mfn_to_ma(arena_mfn(op->frame)) + arena_slot[op_slot(op)] * sizeof(pte_t);
    }
    arena_walked();
    say_rc("rc", grant_op(GNTTABOP_map_grant_ref, &map, 1));
    say_rc("status", map.status);
    say_flags(map.ref);
    if (!map.status)
        live[slot] = map;
}

/* What a good unmap has ended. */
static void ended(struct gnttab_map_grant_ref *map, bool host, bool device)
{
    map->flags &= ~((host ? GNTMAP_host_map : 0U) | (device ? GNTMAP_device_map : 0U));
    if (!(map->flags & PARTS))
        map->flags = 0;
}

static int unmap(struct gnttab_map_grant_ref *map, uint64_t host, uint64_t device)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = host,
                                         .dev_bus_addr = device,
                                         .handle = map->flags ? map->handle : ABSENT };

    if (grant_op(GNTTABOP_unmap_grant_ref, &op, 1) || op.status)
        return op.status;
    ended(map, host, device);
    return 0;
}

static int replace(struct gnttab_map_grant_ref *map, uint64_t host, uint64_t instead)
{
    struct gnttab_unmap_and_replace op = { .host_addr = host,
                                           .new_addr = instead,
                                           .handle = map->flags ? map->handle : ABSENT };

    if (grant_op(GNTTABOP_unmap_and_replace, &op, 1) || op.status)
        return op.status;
    ended(map, host, false);
    return 0;
}

static void unmap_run(const struct op *op)
{
    struct gnttab_map_grant_ref *map = &live[op->target % LIVE];
    unsigned int ref = map->flags ? map->ref : first;
    uint64_t host = op->option & 4 ? op_place(op) : map->host_addr;

    arena_walked();
    if (op->option & 8)
        say_rc("status", replace(map, host, op_place(op)));
    else
        say_rc("status",
               unmap(map, op->option & 1 ? 0 : host, op->option & 2 ? 0 : map->dev_bus_addr));
    say_flags(ref);
}

static struct gnttab_copy_ptr side(unsigned int frame, bool granted, unsigned int slot)
{
    struct gnttab_copy_ptr p = { .domid = granted ? SELF : DOMID_SELF,
                                 .offset = (uint16_t)(arena_slot[slot] * sizeof(pte_t)) };

    if (granted)
        p.u.ref = first + (frame & 7);
    else
        p.u.gmfn = arena_mfn(frame).n;
    return p;
}

static void copy_run(const struct op *op)
{
    struct gnttab_copy copy = { .source = side(op->frame, op->option & 1, op_slot(op)),
                                .dest = side(op->target, op->option & 2, op->option >> 2 & 7),
                                .len = sizeof(pte_t),
                                .flags = op->option & 3 };

    say_rc("rc", grant_op(GNTTABOP_copy, &copy, 1));
    say_rc("status", copy.status);
}

void grant_run(const struct op *op)
{
    grants_make();
    switch (op->kind) {
    case OP_GRANT:
        entry_run(op);
        break;
    case OP_GRANT_MAP:
        map_run(op);
        break;
    case OP_GRANT_UNMAP:
        unmap_run(op);
        break;
    default:
        copy_run(op);
        break;
    }
}

/* The machine address of a window's entry. */
static uint64_t window_entry(uint64_t window)
{
    return mfn_to_ma(arena_mfn(ARENA_FIXED_L1)) + level_index(window, 1) * sizeof(pte_t);
}

unsigned int grants_reset(uint64_t window)
{
    unsigned int stuck = 0;

    for (unsigned int i = 0; i < LIVE; i++) {
        struct gnttab_map_grant_ref *map = &live[i];
        uint64_t rw = map->flags & GNTMAP_readonly ? 0 : PTE_RW;

        if (map->flags & GNTMAP_device_map)
            (void)unmap(map, 0, map->dev_bus_addr);
        /* By an entry's address it is looked for at one. */
        if ((map->flags & PARTS) == GNTMAP_host_map &&
            !hypercall_update_va_mapping(
                window, pte_make(ma_to_mfn(map->dev_bus_addr), PTE_P | PTE_NX | rw), UVMF_INVLPG))
            (void)unmap(map, map->flags & GNTMAP_contains_pte ? window_entry(window) : window, 0);
        stuck += (map->flags & PARTS) != 0;
        map->flags = 0;
    }
    for (unsigned int ref = first; grant_table && ref < first + ENTRIES; ref++)
        grant_set(ref, GTF_invalid, 0, mfn_of(0));
    if (stuck && first + 2 * ENTRIES <= GRANT_ENTRIES) {
        first += ENTRIES;
        stuck = 0;
    }
    return stuck;
}
