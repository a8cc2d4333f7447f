/*
 * SPDX-License-Identifier: MIT
 *
 * ask_grant_copies.c - GNTTABOP_copy: which entries, frames and ranges it takes, and what it leaves.
 */
#include "ask.h"
#include "grants.h"
#include "record.h"

#include "guest.h"
#include "mm/page.h"

#include <string.h>

static uint64_t word(unsigned int kind, unsigned int offset)
{
    return *(volatile uint64_t *)((char *)page_va(kinds[kind].pfn) + offset);
}

static void answer(struct gnttab_copy *op)
{
    op->status = 99;
    tell_rc(grant_op(GNTTABOP_copy, op, 1));
    tell("status=%d", op->status);
    tell("b=%lx,%lx", word(KIND_B, 0), word(KIND_B, 4088));
    told();
    memset(page_va(kinds[KIND_B].pfn), 0, PAGE_SIZE);
}

/* From frame a to frame b of this domain, by number. */
static struct gnttab_copy plain(void)
{
    struct gnttab_copy op = { .len = 4096 };

    op.source.domid = op.dest.domid = DOMID_SELF;
    op.source.u.gmfn = kinds[KIND_A].mfn.n;
    op.dest.u.gmfn = kinds[KIND_B].mfn.n;
    return op;
}

static void ranges(void)
{
    static const unsigned int values[] = { 0, 1, 8, 2048, 4088, 4095, 4096, 4097, 65535 };
    unsigned int n = sizeof(values) / sizeof(values[0]);

    for (unsigned int len = 0; len < n; len++)
        for (unsigned int from = 0; from < n; from++)
            for (unsigned int to = 0; to < n; to++) {
                struct gnttab_copy op = plain();

                op.len = (uint16_t)values[len];
                op.source.offset = (uint16_t)values[from];
                op.dest.offset = (uint16_t)values[to];
                ask("grant/copy/range/%u/%u/%u", values[len], values[from], values[to]);
                answer(&op);
            }
}

static void frames(void)
{
    for (unsigned int kind = 0; kind < KINDS; kind++) {
        struct gnttab_copy op = plain();

        if (kind == KIND_LAST) /* whose it is, is the hypervisor's choice */
            continue;
        op.source.u.gmfn = kinds[kind].mfn.n;
        op.len = 0;
        ask("grant/copy/from/%s", kinds[kind].name);
        answer(&op);
        op = plain();
        op.dest.u.gmfn = kinds[kind].mfn.n;
        op.len = 0;
        ask("grant/copy/to/%s", kinds[kind].name);
        answer(&op);
        grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[kind].mfn);
        op = plain();
        op.source.u.ref = GRANT_REF;
        op.flags = GNTCOPY_source_gref;
        op.len = 0;
        ask("grant/copy/from-granted/%s", kinds[kind].name);
        grant_tell(GRANT_REF);
        answer(&op);
        op = plain();
        op.dest.u.ref = GRANT_REF;
        op.flags = GNTCOPY_dest_gref;
        op.len = 0;
        ask("grant/copy/to-granted/%s", kinds[kind].name);
        answer(&op);
    }
}

static void domains(void)
{
    static const unsigned int domids[] = { 0, 1, 7, 0x7ff0, 0x7ff1, 0x7ff2, 0x7ff3, 0xffff };

    for (unsigned int i = 0; i < sizeof(domids) / sizeof(domids[0]); i++)
        for (unsigned int flags = 0; flags < 8; flags++)
            for (unsigned int side = 0; side < 2; side++) {
                struct gnttab_copy op = plain();

                grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
                grant_set(GRANT_REF2, GTF_permit_access, grant_self, kinds[KIND_B].mfn);
                op.flags = (uint16_t)flags;
                if (flags & GNTCOPY_source_gref)
                    op.source.u.ref = GRANT_REF;
                if (flags & GNTCOPY_dest_gref)
                    op.dest.u.ref = GRANT_REF2;
                *(side ? &op.dest.domid : &op.source.domid) = (domid_t)domids[i];
                ask("grant/copy/domain/%x/%u/%s", domids[i], flags, side ? "to" : "from");
                answer(&op);
            }
}

static void entries(void)
{
    static const unsigned int refs[] = { 0, GRANT_REF, 511, 512, 1024, 0xffffffff };
    static const unsigned int domids[] = { 0, 1, 0x7ff0, 0x7ff2 };

    for (unsigned int flags = 0; flags < 512; flags++)
        for (unsigned int side = 0; side < 2; side++) {
            struct gnttab_copy op = plain();

            grant_set(GRANT_REF, flags, grant_self, kinds[side ? KIND_B : KIND_A].mfn);
            op.flags = side ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
            (side ? &op.dest : &op.source)->u.ref = GRANT_REF;
            ask("grant/copy/entry/%x/%s", flags, side ? "to" : "from");
            op.status = 99;
            tell_rc(grant_op(GNTTABOP_copy, &op, 1));
            tell("status=%d", op.status);
            grant_tell(GRANT_REF);
            told();
        }
    for (unsigned int i = 0; i < sizeof(domids) / sizeof(domids[0]); i++) {
        struct gnttab_copy op = plain();

        grant_set(GRANT_REF, GTF_permit_access, domids[i], kinds[KIND_A].mfn);
        op.flags = GNTCOPY_source_gref;
        op.source.u.ref = GRANT_REF;
        ask("grant/copy/granted-to/%x", domids[i]);
        answer(&op);
    }
    for (unsigned int i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
        struct gnttab_copy op = plain();

        grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
        op.flags = GNTCOPY_source_gref;
        op.source.u.ref = refs[i];
        ask("grant/copy/ref/%x", refs[i]);
        answer(&op);
    }
}

/* The entry names another frame than the one that a mapping has in use. */
static void in_use(void)
{
    for (unsigned int how = 0; how < 8; how++)
        for (unsigned int kind = 0; kind < KINDS; kind++) {
            struct gnttab_map_grant_ref map = { .ref = GRANT_REF, .dom = grant_self };
            struct gnttab_unmap_grant_ref unmap = { 0 };
            struct gnttab_copy op = plain();

            if (kind == KIND_LAST)
                continue;
            map.flags = GNTMAP_device_map | (how & 1 ? GNTMAP_readonly : 0);
            grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
            (void)grant_op(GNTTABOP_map_grant_ref, &map, 1);
            grant_set(GRANT_REF, GTF_permit_access | (how & 2 ? GTF_readonly : 0), grant_self,
                      kinds[kind].mfn);
            op.flags = how & 4 ? GNTCOPY_source_gref : GNTCOPY_dest_gref;
            (how & 4 ? &op.source : &op.dest)->u.ref = GRANT_REF;
            op.len = 0;
            ask("grant/copy/in-use/%u/%s", how, kinds[kind].name);
            tell("map=%d", map.status);
            op.status = 99;
            tell_rc(grant_op(GNTTABOP_copy, &op, 1));
            tell("status=%d", op.status);
            grant_tell(GRANT_REF);
            unmap.handle = map.handle;
            unmap.dev_bus_addr = map.dev_bus_addr;
            (void)grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
            tell("unmap=%d", unmap.status);
            grant_tell(GRANT_REF);
            told();
        }
}

/* Several in one call: each has its status, and a bad one does not stop the others. */
static void batches(void)
{
    static struct gnttab_copy ops[64];

    for (unsigned int bad = 0; bad <= 64; bad += 16) {
        for (unsigned int i = 0; i < 64; i++) {
            ops[i] = plain();
            ops[i].status = 99;
            if (i == bad)
                ops[i].source.u.gmfn = kinds[KIND_END].mfn.n;
        }
        ask("grant/copy/batch/%u", bad);
        tell_rc(grant_op(GNTTABOP_copy, ops, 64));
        for (unsigned int i = 0; i < 64; i++)
            if (i == bad || ops[i].status)
                tell("%u:%d", i, ops[i].status);
        told();
    }
    memset(page_va(kinds[KIND_B].pfn), 0, PAGE_SIZE);
}

void ask_grant_copies(void)
{
    uint64_t *a = page_va(kinds[KIND_A].pfn);
    uint64_t first = a[0], last = a[511];

    grants_make();
    a[0] = 0x1122334455667788;
    a[511] = 0x99aabbccddeeff00;
    ranges();
    frames();
    domains();
    entries();
    in_use();
    batches();
    a[0] = first;
    a[511] = last;
    grant_set(GRANT_REF, 0, 0, mfn_of(0));
    grant_set(GRANT_REF2, 0, 0, mfn_of(0));
}
