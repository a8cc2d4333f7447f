/* SPDX-License-Identifier: MIT */
/* What the guest of the small machine asks of grant_table_op; see grants.h. */
#include <stdio.h>
#include <string.h>

#include "dom/gnttab.h"
#include "grants.h"
#include "pv/hypercall.h"
#include "request.h"
#include "small.h"

static void add(struct request r)
{
    requests[requests_count++] = r;
}

#define ADD(...) add((struct request){ __VA_ARGS__ })

/* Places of host mappings: entries of frames, or pages below the fixed table. */
static unsigned places(void)
{
    return config.fixed ? 1u << 3 : config.frames * SLOTS;
}

static void add_maps(unsigned ref)
{
    for (unsigned ro = 0; ro < 2; ro++) {
        uint8_t kind = (uint8_t)(ref << 4 | (ro ? HANDLE_RO : 0) | (config.fixed ? 0 : HANDLE_PTE));

        ADD(.kind = REQ_MAP, .value = (kind | HANDLE_DEVICE) & ~HANDLE_PTE);
        for (unsigned at = 0; at < places(); at++) {
            ADD(.kind = REQ_MAP, .slot = (uint8_t)at, .value = kind | HANDLE_HOST);
            if (config.both_parts)
                ADD(.kind = REQ_MAP, .slot = (uint8_t)at,
                    .value = kind | HANDLE_HOST | HANDLE_DEVICE);
        }
    }
}

/* level: which of the live handles; value: parts. */
static void add_unmaps(unsigned n)
{
    ADD(.kind = REQ_UNMAP, .level = (uint8_t)n, .value = HANDLE_DEVICE);
    for (unsigned at = 0; at < places(); at++) {
        ADD(.kind = REQ_UNMAP, .level = (uint8_t)n, .slot = (uint8_t)at, .value = HANDLE_HOST);
        if (config.both_parts)
            ADD(.kind = REQ_UNMAP, .level = (uint8_t)n, .slot = (uint8_t)at,
                .value = HANDLE_HOST | HANDLE_DEVICE);
        for (unsigned from = 0; config.fixed && from < places(); from++)
            ADD(.kind = REQ_REPLACE, .level = (uint8_t)n, .slot = (uint8_t)at,
                .frame = (uint8_t)from);
    }
}

void grants_requests(void)
{
    for (unsigned ref = 0; ref < config.grants; ref++)
        add_maps(ref);
    for (unsigned n = 0; n < config.handles; n++)
        add_unmaps(n);
}

/* The page's address leads to a table of the last level by the fixed one. */
static bool va_leads(const struct state *s, unsigned va)
{
    unsigned e = s->frame[0].entry[va >> 2 & 1];

    if (e == ENTRY_NONE)
        return false;
    return s->frame[ENTRY_FRAME(e)].entry[va >> 1 & 1] != ENTRY_NONE;
}

static bool place_applies(const struct request *r, const struct state *s)
{
    if (!(r->value & HANDLE_HOST))
        return true;
    return config.fixed ? va_leads(s, r->slot) : s->frame[r->slot / SLOTS].owner == 1;
}

bool grants_applies(const struct request *r, const struct state *s)
{
    if (r->kind == REQ_MAP)
        return !s->handle[config.handles - 1] && place_applies(r, s);
    if (!s->handle[r->level])
        return false;
    /* The same handle twice: one of them will do. */
    if (r->level && s->handle[r->level - 1] == s->handle[r->level])
        return false;
    if (r->kind == REQ_REPLACE)
        return va_leads(s, r->slot) && va_leads(s, r->frame);
    return place_applies(r, s);
}

static uint64_t host_addr(const struct request *r)
{
    uint64_t place = frame_mfn(r->slot / SLOTS).n;

    if (config.fixed)
        return (uint64_t)r->slot << PAGE_SHIFT;
    return (place << PAGE_SHIFT) + r->slot % SLOTS * sizeof(uint64_t);
}

static long ask(unsigned cmd, const void *op, size_t bytes, size_t status_at)
{
    int16_t status;
    long rc;

    memcpy(small_guest(), op, bytes);
    rc = hc_grant_table_op(cmd, GUEST_VA, 1, 0, 0);
    memcpy(&status, small_guest() + status_at, sizeof(status));
    return rc ? rc : status;
}

static long map(const struct request *r)
{
    struct gnttab_map_grant_ref op = { .ref = HANDLE_REF(r->value), .dom = small_domain[1].id };

    op.flags = (r->value & HANDLE_DEVICE ? GNTMAP_device_map : 0) |
               (r->value & HANDLE_HOST ? GNTMAP_host_map : 0) |
               (r->value & HANDLE_RO ? GNTMAP_readonly : 0) |
               (r->value & HANDLE_PTE ? GNTMAP_contains_pte : 0);
    if (r->value & HANDLE_HOST)
        op.host_addr = host_addr(r);
    return ask(GNTTABOP_map_grant_ref, &op, sizeof(op),
               offsetof(struct gnttab_map_grant_ref, status));
}

static long unmap(const struct request *r)
{
    struct gnttab_unmap_grant_ref op = { .handle = r->level };
    const struct gnttab *gt = small_domain[0].gnttab;
    const struct grant_handle *h = grant_handle_find(gt, op.handle);

    if (r->value & HANDLE_HOST)
        op.host_addr = host_addr(r);
    if (r->value & HANDLE_DEVICE)
        op.dev_bus_addr = mfn_to_ma(gnttab_active(small_domain[1].gnttab, h->ref)->frame);
    return ask(GNTTABOP_unmap_grant_ref, &op, sizeof(op),
               offsetof(struct gnttab_unmap_grant_ref, status));
}

static long replace(const struct request *r)
{
    struct gnttab_unmap_and_replace op = { .host_addr = host_addr(r),
                                           .new_addr = (uint64_t)r->frame << PAGE_SHIFT,
                                           .handle = r->level };

    return ask(GNTTABOP_unmap_and_replace, &op, sizeof(op),
               offsetof(struct gnttab_unmap_and_replace, status));
}

long grants_run(const struct request *r)
{
    return r->kind == REQ_MAP ? map(r) : r->kind == REQ_UNMAP ? unmap(r) : replace(r);
}

static void place_describe(const struct request *r, const char *names, char *text, size_t size)
{
    if (!(r->value & HANDLE_HOST) && r->kind != REQ_REPLACE)
        snprintf(text, size, "no page");
    else if (config.fixed)
        snprintf(text, size, "page %u", r->slot);
    else
        snprintf(text, size, "%c[%u]", names[r->slot / SLOTS], r->slot % SLOTS);
}

void grants_describe(const struct request *r, const char *names, char *text, size_t size)
{
    const char *device = r->value & HANDLE_DEVICE ? ", for a device" : "";
    char place[16];

    place_describe(r, names, place, sizeof(place));
    if (r->kind == REQ_MAP)
        snprintf(text, size, "guest: map entry %u at %s%s%s", HANDLE_REF(r->value), place, device,
                 r->value & HANDLE_RO ? ", read-only" : "");
    else if (r->kind == REQ_UNMAP)
        snprintf(text, size, "guest: unmap handle %u at %s%s", r->level, place, device);
    else
        snprintf(text, size, "guest: unmap handle %u at %s, in its place page %u", r->level, place,
                 r->frame);
}
