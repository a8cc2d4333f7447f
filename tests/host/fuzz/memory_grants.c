/* SPDX-License-Identifier: MIT */
/*
 * Grants in memory programs: grant_table_op, and what granters store to their tables. Each domain
 * begins with some of its pages granted. A mapper mostly names entries that are for it, as if it had
 * been told, and remembers where it has mapped what, as a driver does.
 */
#include "memory_requests.h"

#include <string.h>

#include "dom/gnttab.h"

#define AT_FRAMES 0x800u
#define SEEN      64u /* handles whose places are remembered */
#define REF_FIRST 8u  /* the references that programs use */
#define REFS      8u

static struct {
    uint64_t host, device;
} places[DOMAINS][SEEN];

void grants_start(void)
{
    memset(places, 0, sizeof(places));
}

/* ---- what bytes stand for ---- */

static uint32_t select_ref(uint8_t byte)
{
    static const uint32_t ends[8] = { 0, 1, 511, 512, 513, 1023, 1024, ~0u };

    return byte < 0xe0 ? REF_FIRST + (byte & 7u) : ends[byte & 7];
}

static uint16_t select_other(uint8_t byte)
{
    static const uint16_t ids[8] = { 0, 1, 2, 0, 1, 2, DOMID_SELF, 3 };

    return byte < 0xf0 ? (byte >> 3 & 3) % 3 : ids[byte & 7];
}

/* An entry of the domain's that is for the current one, from the reference on; or the reference. */
static uint32_t select_granted(uint8_t byte)
{
    uint16_t me = domain_current()->id, id = select_other(byte);
    const struct domain *granter = id == me ? domain_current() : gnttab_domain(id);
    uint32_t first = select_ref(byte);

    for (uint32_t i = 0; byte < 0xc0 && granter && granter->gnttab && i < REFS; i++) {
        uint32_t ref = REF_FIRST + (first - REF_FIRST + i) % REFS;
        uint64_t word = *gnttab_shared(granter->gnttab, ref);

        if ((uint16_t)(word >> 16) == me && (word & GTF_type_mask) == GTF_permit_access)
            return ref;
    }
    return first;
}

/* To each other domain a page to write to and one to read, the rest to itself. */
void grants_begin(struct domain *d, const uint64_t *pages, unsigned count)
{
    for (unsigned i = 0; i < REFS; i++) {
        uint64_t domid = (d->id + i) % DOMAINS;

        *gnttab_shared(d->gnttab, REF_FIRST + i) = pages[i % count] << 32 | domid << 16 |
                                                   GTF_permit_access | (i & 4 ? GTF_readonly : 0);
    }
}

static struct grant_handle *handle_named(uint32_t handle)
{
    return grant_handle_find(domain_current()->gnttab, handle);
}

/* One of the domain's live handles, in turn; or a number. */
static uint32_t select_handle(uint8_t byte)
{
    const struct gnttab *gt = domain_current()->gnttab;
    unsigned skip = gt->handles ? byte % gt->handles : 0;

    if (byte >= 0xe0 || !gt->handles)
        return byte == 0xff ? ~0u : byte == 0xfe ? GNTTAB_HANDLES : byte & 15u;
    for (uint32_t n = 0; n < gt->handle_pages * GNTTAB_HANDLES; n++)
        if (handle_named(n) && !skip--)
            return n;
    return 0;
}

static unsigned domain_place(void)
{
    return (unsigned)((struct machine_domain *)domain_current() - domains);
}

void grant_remember(const struct gnttab_map_grant_ref *m)
{
    places[domain_place()][m->handle % SEEN].host = m->host_addr;
    places[domain_place()][m->handle % SEEN].device = m->dev_bus_addr;
}

static uint64_t entry_address(const struct op *op)
{
    return (select_frame(op->a) << PAGE_SHIFT) + select_slot(op->slot) * 8 + (op->x == 255);
}

static struct call grant_op(const struct op *first, unsigned i, unsigned cmd, unsigned n)
{
    return (struct call){ __HYPERVISOR_grant_table_op,
                          { cmd, select_pointer(first, i * AT_REQUESTS), first->y == 250 ? ~0u : n,
                            0 } };
}

/* Of bytes each, from the record and those that are joined to it; make writes one, to zeroes. */
static struct call grant_batch(const struct op *op, unsigned i, unsigned cmd, size_t bytes,
                               void (*make)(const struct op *op, void *request))
{
    const struct op *first = op;
    unsigned n = 0;

    do {
        void *at = window() + i * AT_REQUESTS + n++ * bytes;

        memset(at, 0, bytes);
        make(op, at);
        op = (n + 1) * bytes <= AT_REQUESTS ? record_joined(op) : 0;
    } while (op);
    return grant_op(first, i, cmd, n);
}

/* ---- requests ---- */

static void map_make(const struct op *op, void *request)
{
    static const uint8_t flags[16] = {
        GNTMAP_host_map,
        GNTMAP_host_map,
        GNTMAP_host_map,
        GNTMAP_host_map | GNTMAP_readonly,
        GNTMAP_host_map | GNTMAP_readonly,
        GNTMAP_host_map | GNTMAP_application_map,
        GNTMAP_host_map | GNTMAP_contains_pte,
        GNTMAP_host_map | GNTMAP_contains_pte,
        GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_readonly,
        GNTMAP_device_map,
        GNTMAP_device_map | GNTMAP_readonly,
        GNTMAP_host_map | GNTMAP_device_map,
        GNTMAP_host_map | GNTMAP_device_map | GNTMAP_readonly,
        GNTMAP_host_map | GNTMAP_device_map | GNTMAP_contains_pte,
        GNTMAP_readonly,
        0xff,
    };
    struct gnttab_map_grant_ref *m = request;

    *m = (struct gnttab_map_grant_ref){ .flags = flags[op->bits & 15],
                                        .ref = select_granted(op->b),
                                        .dom = select_other(op->b),
                                        .status = 99 };
    m->host_addr = m->flags & GNTMAP_contains_pte ? entry_address(op) : select_va(op);
    if (op->bits & 0x80)
        m->flags |= (uint32_t)(op->x & 7) << _GNTMAP_guest_avail0;
    if (fuzz_verbose)
        fprintf(stderr, " %u of d%u to %lx, flags %x", m->ref, m->dom, m->host_addr, m->flags);
}

struct call call_grant_map(const struct op *op, unsigned i)
{
    return grant_batch(op, i, GNTTABOP_map_grant_ref, sizeof(struct gnttab_map_grant_ref),
                       map_make);
}

static uint64_t host_place(const struct op *op, uint32_t handle)
{
    if (op->bits & 0x04)
        return op->bits & 0x20 ? entry_address(op) : select_va(op);
    return op->bits & 0x03 ? places[domain_place()][handle % SEEN].host : 0;
}

static void unmap_make(const struct op *op, void *request)
{
    uint32_t handle = select_handle(op->b);
    struct gnttab_unmap_grant_ref *u = request;

    *u = (struct gnttab_unmap_grant_ref){ .host_addr = host_place(op, handle),
                                          .handle = handle,
                                          .status = 99 };
    if (op->bits & 0x02)
        u->dev_bus_addr = op->bits & 0x08 ? select_frame(op->a) << PAGE_SHIFT
                                          : places[domain_place()][handle % SEEN].device;
    if (fuzz_verbose)
        fprintf(stderr, " handle %u, host %lx, device %lx", handle, u->host_addr, u->dev_bus_addr);
}

struct call call_grant_unmap(const struct op *op, unsigned i)
{
    return grant_batch(op, i, GNTTABOP_unmap_grant_ref, sizeof(struct gnttab_unmap_grant_ref),
                       unmap_make);
}

static void replace_make(const struct op *op, void *request)
{
    uint32_t handle = select_handle(op->b);
    struct gnttab_unmap_and_replace *u = request;

    *u = (struct gnttab_unmap_and_replace){ .host_addr = host_place(op, handle),
                                            .new_addr = op->bits & 0x10 ? 0 : select_va(op),
                                            .handle = handle,
                                            .status = 99 };
    if (fuzz_verbose)
        fprintf(stderr, " handle %u, %lx to %lx", handle, u->new_addr, u->host_addr);
}

struct call call_grant_replace(const struct op *op, unsigned i)
{
    return grant_batch(op, i, GNTTABOP_unmap_and_replace, sizeof(struct gnttab_unmap_and_replace),
                       replace_make);
}

static struct gnttab_copy_ptr copy_side(const struct op *op, bool granted, uint8_t name,
                                        uint8_t frame)
{
    struct gnttab_copy_ptr p = { .domid = granted || op->bits & 0x10 ? select_other(name)
                                                                     : (domid_t)DOMID_SELF };

    if (granted)
        p.u.ref = select_granted(name);
    else
        p.u.gmfn = select_frame(frame);
    return p;
}

static void copy_make(const struct op *op, void *request)
{
    static const uint16_t lengths[8][3] = { { 0, 0, 8 },     { 0, 0, 4096 },     { 8, 4080, 16 },
                                            { 4080, 8, 16 }, { 4090, 0, 8 },     { 0, 4095, 2 },
                                            { 0, 0, 0 },     { 65535, 1, 65535 } };
    const uint16_t *l = lengths[op->y & 7];
    struct gnttab_copy *c = request;

    *c = (struct gnttab_copy){ .source = copy_side(op, op->bits & 1, op->b, op->a),
                               .dest = copy_side(op, op->bits & 2, op->slot, op->x),
                               .flags = op->bits & 3,
                               .len = l[2],
                               .status = 99 };
    c->source.offset = l[0];
    c->dest.offset = l[1];
    if (fuzz_verbose)
        fprintf(stderr, " %s %lx of d%u to %s %lx of d%u, %u bytes",
                c->flags & 1 ? "entry" : "frame", c->flags & 1 ? c->source.u.ref : c->source.u.gmfn,
                c->source.domid, c->flags & 2 ? "entry" : "frame",
                c->flags & 2 ? c->dest.u.ref : c->dest.u.gmfn, c->dest.domid, c->len);
}

struct call call_grant_copy(const struct op *op, unsigned i)
{
    return grant_batch(op, i, GNTTABOP_copy, sizeof(struct gnttab_copy), copy_make);
}

/* Requests about the table: the first bytes of the argument are another thing for each of them. */
struct call call_grant_table(const struct op *op, unsigned i)
{
    static const uint8_t commands[16] = {
        GNTTABOP_setup_table,    GNTTABOP_setup_table,
        GNTTABOP_setup_table,    GNTTABOP_setup_table,
        GNTTABOP_setup_table,    GNTTABOP_query_size,
        GNTTABOP_set_version,    GNTTABOP_get_status_frames,
        GNTTABOP_get_version,    GNTTABOP_transfer,
        GNTTABOP_swap_grant_ref, GNTTABOP_swap_grant_ref,
        GNTTABOP_swap_grant_ref, GNTTABOP_cache_flush,
        GNTTABOP_cache_flush,    63,
    };
    static const uint32_t frames[8] = { 0, 1, 2, 2, 3, 4, GNTTAB_FRAMES_DEFAULT, ~0u };
    union {
        struct gnttab_setup_table setup;
        gnttab_swap_grant_ref_t swap;
        gnttab_cache_flush_t flush;
        gnttab_set_version_t version;
    } u = { .setup = { .dom = op->mode & OP_FOREIGN ? select_other(op->b) : (domid_t)DOMID_SELF,
                       .nr_frames = frames[op->bits & 7],
                       .status = 99 } };
    unsigned cmd = commands[op->x & 15];

    u.setup.frame_list.p = (void *)(window_va() + AT_FRAMES);
    if (cmd == GNTTABOP_swap_grant_ref)
        u.swap = (gnttab_swap_grant_ref_t){ select_ref(op->b), select_ref(op->a), 99 };
    if (cmd == GNTTABOP_set_version)
        u.version.version = op->bits & 3;
    if (cmd == GNTTABOP_cache_flush)
        u.flush = (gnttab_cache_flush_t){ .a.dev_bus_addr = select_frame(op->a) << PAGE_SHIFT,
                                          .offset = op->slot,
                                          .length = (uint16_t)(op->bits * 32),
                                          .op = op->b & 3 };
    memcpy(window() + i * AT_REQUESTS, &u, sizeof(u));
    if (fuzz_verbose)
        fprintf(stderr, " command %u", cmd);
    return grant_op(op, i, cmd, 1);
}

/* ---- the granter's stores ---- */

/* In the first frame of its own table, which it may always have mapped. */
void act_grant(const struct op *op)
{
    static const uint16_t flags[16] = {
        GTF_permit_access,
        GTF_permit_access,
        GTF_permit_access,
        GTF_permit_access,
        GTF_permit_access,
        GTF_permit_access | GTF_readonly,
        GTF_permit_access | GTF_readonly,
        0,
        0,
        GTF_accept_transfer,
        GTF_permit_access | GTF_sub_page,
        GTF_permit_access | GTF_reading,
        GTF_permit_access | GTF_writing | GTF_reading,
        GTF_permit_access | GTF_PWT,
        GTF_transitive,
        0xffff,
    };
    struct domain *d = domain_current();
    uint32_t ref = select_ref(op->b);
    uint16_t *entry, old;

    if (ref >= d->gnttab->frames * GNTTAB_PER_FRAME)
        return;
    entry = (uint16_t *)gnttab_shared(d->gnttab, ref);
    old = *entry;
    if ((op->bits & 15) == 7) { /* as a good one ends access: not while it is in use */
        if (!(old & (GTF_reading | GTF_writing)))
            *entry = 0;
    } else if (op->bits & 0x10) { /* flags alone */
        *entry = flags[op->bits & 15];
    } else {
        *(uint64_t *)entry = select_frame(op->a) << 32 | (uint64_t)select_other(op->b) << 16 |
                             flags[op->bits & 15];
    }
    if (fuzz_verbose)
        fprintf(stderr, " entry %u := %016lx\n", ref, *(uint64_t *)entry);
}
