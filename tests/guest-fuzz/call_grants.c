/*
 * SPDX-License-Identifier: MIT
 *
 * call_grants.c - grants of the pool's frames to oneself: entries that change all the time, mappings at
 * the volatile addresses and in the pool's tables, copies, unmaps of what is there and what is not.
 *
 * Frames of entries are the pool's, or what can never be written to. Requests lie in a place of their own,
 * so that their answers are found afterwards: what they mapped for devices is held by nothing else, and
 * must go before the pool is put back.
 */
#include "fuzz.h"

#include "mm/aspace.h"
#include "mm/pt_update.h"

#include <xen/grant_table.h>

#define TABLE_VA (ARENA + 0x500000UL)
#define FIRST    8u /* entries that are in play */
#define ENTRIES  24u
#define BATCH    6u
#define LIVE     256u

static volatile grant_entry_v1_t *const table = (void *)TABLE_VA;
static struct gnttab_map_grant_ref maps[BATCH]; /* of the last batch of maps */
static unsigned int asked;                      /* so many of them */
static struct gnttab_map_grant_ref live[LIVE];  /* what was mapped, and perhaps still is */
static unsigned int lives;
static uint8_t requests[BATCH * 64] __attribute__((aligned(64)));
static domid_t self;

static void must(long rc, const char *what)
{
    if (rc)
        guest_panic("guest-fuzz: %s: %ld", what, rc);
}

void grants_make(void)
{
    static xen_pfn_t frame;
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };

    set_xen_guest_handle(setup.frame_list, &frame);
    must(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), "the grant table");
    must(setup.status, "the grant table's status");
    must(pt_map(&kernel_aspace, TABLE_VA, mfn_of(frame), PAGE_RW), "the grant table's mapping");
    self = guest_start_info->flags & SIF_INITDOMAIN ? 0 : 1;
}

static void unmap(const struct gnttab_map_grant_ref *map)
{
    struct gnttab_unmap_grant_ref op = { .dev_bus_addr = map->dev_bus_addr, .handle = map->handle };

    calls_in_all++;
    (void)hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
}

/* What the last batch has mapped. The guest's own words: changed by nobody but the hypervisor. */
static void harvest(void)
{
    for (unsigned int i = 0; i < asked; i++) {
        if (maps[i].status)
            continue;
        if (lives == LIVE) {
            unmap(&live[0]);
            live[0] = live[--lives];
        }
        live[lives++] = maps[i];
    }
    asked = 0;
}

void grants_reset(void)
{
    harvest();
    while (lives)
        unmap(&live[--lives]);
}

static void entry_change(void)
{
    static const uint16_t flags[] = { GTF_permit_access,
                                      GTF_permit_access,
                                      GTF_permit_access,
                                      GTF_permit_access | GTF_readonly,
                                      0,
                                      GTF_accept_transfer,
                                      GTF_transitive,
                                      GTF_permit_access | GTF_sub_page,
                                      GTF_permit_access | GTF_reading | GTF_writing };
    volatile grant_entry_v1_t *e = &table[FIRST + below(ENTRIES)];

    e->domid = chance(8) ? (domid_t)hostile() : self;
    e->frame = (uint32_t)(chance(16) ? hostile() : chance(8) ? kernel_table_mfn() : pool_mfn());
    e->flags = chance(16) ? (uint16_t)hostile() : PICK(flags);
}

static uint64_t volatile_va(void)
{
    return VOLATILE_VA + below(16) * PAGE_SIZE;
}

static grant_ref_t any_ref(void)
{
    return chance(16) ? (grant_ref_t)hostile() : FIRST + (grant_ref_t)below(ENTRIES);
}

static domid_t any_domain(void)
{
    return chance(16) ? (domid_t)hostile() : self;
}

/* A live mapping mostly; its fields, or one of them another. */
static struct gnttab_map_grant_ref any_live(void)
{
    struct gnttab_map_grant_ref map = { .host_addr = volatile_va(),
                                        .handle = (uint32_t)below(512) };

    if (lives && !chance(8))
        map = live[below(lives)];
    if (chance(8))
        map.host_addr = chance(2) ? 0 : volatile_va();
    if (chance(4))
        map.dev_bus_addr = chance(2) ? 0 : mfn_to_ma(mfn_of(any_mfn()));
    return map;
}

static void maps_fill(unsigned int n)
{
    for (asked = 0; asked < n; asked++) {
        uint32_t flags = GNTMAP_host_map | (uint32_t)below(64);

        if (chance(4))
            flags = (uint32_t)below(64);
        if (chance(32))
            flags = (uint32_t)hostile();
        maps[asked] = (struct gnttab_map_grant_ref){
            .host_addr = flags & GNTMAP_contains_pte ? pte_slot() + (chance(8) ? below(8) : 0)
                                                     : volatile_va(),
            .flags = flags,
            .ref = any_ref(),
            .dom = any_domain(),
            .status = 99,
        };
    }
}

static void unmaps_fill(unsigned int n, bool replace)
{
    for (unsigned int i = 0; i < n; i++) {
        struct gnttab_map_grant_ref map = any_live();

        if (replace)
            ((struct gnttab_unmap_and_replace *)requests)[i] =
                (struct gnttab_unmap_and_replace){ .host_addr = map.host_addr,
                                                   .new_addr = chance(4) ? 0 : volatile_va(),
                                                   .handle = map.handle };
        else
            ((struct gnttab_unmap_grant_ref *)requests)[i] = (struct gnttab_unmap_grant_ref){
                .host_addr = map.host_addr, .dev_bus_addr = map.dev_bus_addr, .handle = map.handle
            };
    }
}

static struct gnttab_copy_ptr copy_side(bool granted)
{
    struct gnttab_copy_ptr p = { .domid = granted ? any_domain() : DOMID_SELF,
                                 .offset = (uint16_t)below(chance(8) ? 65536 : 4096) };

    if (granted)
        p.u.ref = any_ref();
    else
        p.u.gmfn = pool_mfn();
    return p;
}

static void copies_fill(unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        uint16_t flags = (uint16_t)below(4);

        ((struct gnttab_copy *)requests)[i] =
            (struct gnttab_copy){ .source = copy_side(flags & GNTCOPY_source_gref),
                                  .dest = copy_side(flags & GNTCOPY_dest_gref),
                                  .len = (uint16_t)below(chance(8) ? 65536 : 512),
                                  .flags = flags };
    }
}

void call_grants(struct call *c)
{
    unsigned int n = 1 + (unsigned int)below(BATCH);

    harvest();
    for (unsigned int i = 0; i < 4; i++)
        entry_change();
    c->nr = __HYPERVISOR_grant_table_op;
    c->arg[1] = (uint64_t)requests;
    c->arg[2] = n;
    switch (below(8)) {
    case 0:
    case 1:
    case 2:
        maps_fill(n);
        c->arg[0] = GNTTABOP_map_grant_ref;
        c->arg[1] = (uint64_t)maps;
        return;
    case 3:
    case 4:
        unmaps_fill(n, false);
        c->arg[0] = GNTTABOP_unmap_grant_ref;
        return;
    case 5:
        unmaps_fill(n, true);
        c->arg[0] = GNTTABOP_unmap_and_replace;
        return;
    case 6:
        copies_fill(n);
        c->arg[0] = GNTTABOP_copy;
        return;
    default:
        for (unsigned int i = 0; i < n; i++)
            ((gnttab_swap_grant_ref_t *)requests)[i] =
                (gnttab_swap_grant_ref_t){ any_ref(), any_ref(), 99 };
        c->arg[0] = GNTTABOP_swap_grant_ref;
    }
}
