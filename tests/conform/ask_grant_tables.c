/*
 * SPDX-License-Identifier: MIT
 *
 * ask_grant_tables.c - grant_table_op about the table itself: its frames, sizes, versions; what is
 * left out.
 */
#include "ask.h"
#include "grants.h"
#include "record.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/page.h"

#include <stdio.h>

volatile grant_entry_v1_t *grant_table;
domid_t grant_self;

static xen_pfn_t frames[64];
static const unsigned int domids[] = { 0,      1,      7,      0x7fef, 0x7ff0,
                                       0x7ff1, 0x7ff2, 0x7ff3, 0x7ff4, 0xffff };
#define DOMIDS (sizeof(domids) / sizeof(domids[0]))

long grant_op(unsigned int cmd, void *ops, unsigned int count)
{
    return hypercall_grant_table_op(cmd, ops, count);
}

void grants_make(void)
{
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };
    pfn_t place;

    if (grant_table)
        return;
    place = page_alloc_zero(PAGE_KERNEL);
    set_xen_guest_handle(setup.frame_list, frames);
    must(grant_op(GNTTABOP_setup_table, &setup, 1), "setup_table");
    must(setup.status, "setup_table's status");
    must(hypercall_update_va_mapping((uint64_t)page_va(place),
                                     pte_make(mfn_of(frames[0]), PTE_P | PTE_RW | PTE_NX),
                                     UVMF_INVLPG),
         "the grant table's mapping");
    grant_table = page_va(place);
    grant_self = guest_start_info->flags & SIF_INITDOMAIN ? 0 : 1;
}

void grant_set(unsigned int ref, unsigned int flags, unsigned int domid, mfn_t frame)
{
    grant_table[ref].flags = GTF_invalid;
    grant_table[ref].domid = (domid_t)domid;
    grant_table[ref].frame = (uint32_t)frame.n;
    grant_table[ref].flags = (uint16_t)flags;
}

void grant_tell(unsigned int ref)
{
    tell("flags=%x", grant_table[ref].flags);
}

static void setup(unsigned int domid, unsigned int nr, void *list)
{
    struct gnttab_setup_table op = { .dom = (domid_t)domid, .nr_frames = nr, .status = 99 };

    set_xen_guest_handle(op.frame_list, (xen_pfn_t *)list);
    ask("grant/table/setup/%x/%u/%s", domid, nr, list == frames ? "list" : list ? "high" : "null");
    tell_rc(grant_op(GNTTABOP_setup_table, &op, 1));
    tell("status=%d", op.status);
    told();
}

static void sizes(unsigned int domid, const char *when)
{
    struct gnttab_query_size op = { .dom = (domid_t)domid, .status = 99 };
    gnttab_get_version_t version = { .dom = (domid_t)domid, .version = 99 };

    ask("grant/table/size/%x/%s", domid, when);
    tell_rc(grant_op(GNTTABOP_query_size, &op, 1));
    tell("status=%d frames=%u max=%u", op.status, op.nr_frames, op.max_nr_frames);
    told();
    ask("grant/table/version/%x/%s", domid, when);
    tell_rc(grant_op(GNTTABOP_get_version, &version, 1));
    tell("version=%u", version.version);
    told();
    for (unsigned int nr = 0; nr < 2; nr++) {
        gnttab_get_status_frames_t op = { .dom = (domid_t)domid, .nr_frames = nr, .status = 99 };

        ask("grant/table/status-frames/%x/%u/%s", domid, nr, when);
        tell_rc(grant_op(GNTTABOP_get_status_frames, &op, 1));
        tell("status=%d", op.status);
        told();
    }
}

static void versions(void)
{
    static const unsigned int asked[] = { 0, 1, 2, 3, 0xffffffff };

    for (unsigned int i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        gnttab_set_version_t op = { .version = asked[i] };

        ask("grant/table/set-version/%x", asked[i]);
        tell_rc(grant_op(GNTTABOP_set_version, &op, 1));
        tell("version=%u", op.version);
        told();
    }
}

static void swaps(void)
{
    static const unsigned int refs[] = { 0, GRANT_REF, GRANT_REF2, 511, 512, 32767, 0xffffffff };

    for (unsigned int a = 0; a < sizeof(refs) / sizeof(refs[0]); a++)
        for (unsigned int b = 0; b < sizeof(refs) / sizeof(refs[0]); b++) {
            gnttab_swap_grant_ref_t op = { refs[a], refs[b], 99 };

            grant_set(GRANT_REF, 0x30, 1, mfn_of(1));
            grant_set(GRANT_REF2, 0x50, 2, mfn_of(2));
            ask("grant/table/swap/%x/%x", refs[a], refs[b]);
            tell_rc(grant_op(GNTTABOP_swap_grant_ref, &op, 1));
            tell("status=%d", op.status);
            grant_tell(GRANT_REF);
            grant_tell(GRANT_REF2);
            told();
            if (!op.status)
                (void)grant_op(GNTTABOP_swap_grant_ref, &op, 1);
        }
    grant_set(GRANT_REF, 0, 0, mfn_of(0));
    grant_set(GRANT_REF2, 0, 0, mfn_of(0));
}

static void flush(const char *name, uint64_t ma, unsigned int offset, unsigned int length,
                  unsigned int what)
{
    gnttab_cache_flush_t op = { .offset = (uint16_t)offset,
                                .length = (uint16_t)length,
                                .op = what };

    op.a.dev_bus_addr = ma;
    ask("grant/table/cache/%s/%x/%x/%x", name, offset, length, what);
    tell_rc(grant_op(GNTTABOP_cache_flush, &op, 1));
    told();
}

static void flushes(void)
{
    static const unsigned int lengths[][2] = { { 0, 4096 }, { 0, 0 },    { 4096, 0 }, { 4095, 1 },
                                               { 4095, 2 }, { 1, 4096 }, { 0, 4097 } };

    for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (unsigned int what = 0; what < 5; what++)
            flush("a", mfn_to_ma(kinds[KIND_A].mfn), lengths[i][0], lengths[i][1], what);
    flush("a", mfn_to_ma(kinds[KIND_A].mfn), 0, 64, GNTTAB_CACHE_SOURCE_GREF);
    flush("a", mfn_to_ma(kinds[KIND_A].mfn), 0, 64, GNTTAB_CACHE_SOURCE_GREF | 1);
    for (unsigned int kind = 0; kind < KINDS; kind++)
        if (kind != KIND_ZERO && kind != KIND_VGA && kind != KIND_APIC && kind != KIND_LAST)
            flush(kinds[kind].name, mfn_to_ma(kinds[kind].mfn), 0, 64, 1);
}

static void arguments(void)
{
    static const unsigned int counts[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff };

    for (unsigned int cmd = 0; cmd < 16; cmd++)
        for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            void *at = (void *)0x10; /* not there */

            ask("grant/table/count/%u/%x", cmd, counts[i]);
            tell_rc(grant_op(cmd, at, counts[i]));
            told();
            ask("grant/table/bits/%u/%x", cmd, counts[i]);
            tell_rc(grant_op(cmd | 0x1000, at, counts[i]));
            tell_rc(grant_op(cmd | 0x80000000, at, counts[i]));
            told();
        }
}

void ask_grant_tables(void)
{
    static const unsigned int numbers[] = { 0, 1, 2, 3, 64, 65, 0xffffffff };
    char after[24];

    grants_make();
    for (unsigned int i = 0; i < DOMIDS; i++) {
        sizes(domids[i], "first");
        if (domids[i] != DOMID_SELF)
            setup(domids[i], 1, frames);
    }
    for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        setup(DOMID_SELF, numbers[i], frames);
        setup(DOMID_SELF, numbers[i], NULL);
        setup(DOMID_SELF, numbers[i], (void *)HV_VA_START);
        snprintf(after, sizeof(after), "after-%u", numbers[i]);
        sizes(DOMID_SELF, after);
    }
    versions();
    swaps();
    flushes();
    arguments();
}
