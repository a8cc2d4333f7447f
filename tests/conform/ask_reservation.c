/*
 * SPDX-License-Identifier: MIT
 *
 * ask_reservation.c - memory_op: reservations that grow, shrink and are exchanged.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/page.h"

#define MEMOP_EXTENT_SHIFT 6 /* where an interrupted request goes on: above the command */

static xen_pfn_t list[16];

static struct xen_memory_reservation request(unsigned int count, unsigned int order)
{
    struct xen_memory_reservation r = { .nr_extents = count,
                                        .extent_order = order,
                                        .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, list);
    return r;
}

/* Gives back the frames of list[]. */
static void give_back(unsigned int count, unsigned int order)
{
    struct xen_memory_reservation r = request(count, order);

    tell("back=%lu", (unsigned long)hypercall_memory_op(XENMEM_decrease_reservation, &r));
}

static void sizes(void)
{
    static const unsigned int orders[] = { 0, 1, 3, 12, 13, 18, 19, 20, 31, 63, 64, 0xffffffff };
    static const unsigned int cmds[] = { XENMEM_increase_reservation, XENMEM_populate_physmap };

    for (unsigned int c = 0; c < 2; c++)
        for (unsigned int i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
            for (unsigned int count = 0; count < 3; count++)
                for (unsigned int list_at = 0; list_at < 3; list_at++) {
                    struct xen_memory_reservation r = request(count, orders[i]);
                    long rc;

                    list[0] = list[1] = 0x12345;
                    if (list_at)
                        set_xen_guest_handle(r.extent_start, list_at == 1 ? NULL : (void *)0x10);
                    if (list_at == 1 && cmds[c] == XENMEM_increase_reservation && orders[i] < 18)
                        continue; /* whose frames would be lost */
                    ask("reservation/grow/%u/order-%x/count-%u/list-%u", cmds[c], orders[i], count,
                        list_at);
                    rc = hypercall_memory_op(cmds[c], &r);
                    tell_rc(rc);
                    if (!list_at && rc > 0) {
                        tell("m2p=%lx", m2p(mfn_of(list[0])).n);
                        give_back((unsigned int)rc, orders[i]);
                        tell("m2p=%lx", m2p(mfn_of(list[0])).n);
                    }
                    told();
                }
    for (unsigned int i = 0; i < STAGE_DOMIDS; i++) {
        struct xen_memory_reservation r = request(0, 0);

        r.domid = stage_domids[i];
        ask("reservation/grow/domain-%x", stage_domids[i]);
        for (unsigned int cmd = 0; cmd < 2; cmd++)
            tell_rc(hypercall_memory_op(cmd, &r));
        tell_rc(hypercall_memory_op(XENMEM_populate_physmap | 3 << MEMOP_EXTENT_SHIFT, &r));
        told();
    }
    for (unsigned int i = 0; i < 6; i++) {
        static const uint64_t counts[] = { 1UL << 26, (1UL << 26) - 1, 1UL << 32,
                                           1UL << 60, 1UL << 63,       ~0UL };
        struct xen_memory_reservation r = request(0, 40);

        r.nr_extents = counts[i];
        ask("reservation/grow/count-%lx", counts[i]);
        for (unsigned int cmd = 0; cmd < 2; cmd++) {
            tell_rc(hypercall_memory_op(cmd, &r));
            tell_rc(hypercall_memory_op(cmd | 7 << MEMOP_EXTENT_SHIFT, &r));
        }
        told();
    }
    for (unsigned int bits = 0; bits < 64; bits += 4)
        for (unsigned int flag = 0; flag < 2; flag++) {
            struct xen_memory_reservation r = request(1, 0);
            long rc;

            /* Above 16 bits and below all of memory it depends on where memory is free. */
            if (bits > 12 && bits < 32)
                continue;
            r.mem_flags = bits | flag << 17;
            ask("reservation/grow/flags-%x", r.mem_flags);
            list[0] = 0x12345;
            rc = hypercall_memory_op(XENMEM_populate_physmap, &r);
            tell_rc(rc);
            if (rc > 0)
                give_back(1, 0);
            told();
        }
}

/* ---- giving back ---- */

/* A frame of its own, with the mapping that the direct map gives it. */
static struct kind frame_take(void)
{
    pfn_t pfn = page_alloc_zero(PAGE_KERNEL);

    return (struct kind){ .name = "frame", .mfn = p2m(pfn), .pfn = pfn };
}

/* The PFN gets a frame again. */
static void frame_replace(struct kind *frame)
{
    struct xen_memory_reservation r = request(1, 0);

    list[0] = frame->pfn.n;
    if (hypercall_memory_op(XENMEM_populate_physmap, &r) != 1)
        guest_panic("conform: no frame for PFN %lx", frame->pfn.n);
    p2m_list[frame->pfn.n] = list[0];
    frame->mfn = mfn_of(list[0]);
}

static long decrease(mfn_t mfn)
{
    struct xen_memory_reservation r = request(1, 0);

    list[0] = mfn.n;
    return hypercall_memory_op(XENMEM_decrease_reservation, &r);
}

static void shrinking(void)
{
    struct kind frame = frame_take();
    static const unsigned int not_ours[] = { KIND_FREE, KIND_M2P, KIND_ZERO, KIND_VGA, KIND_APIC,
                                             KIND_LAST, KIND_END, KIND_FAR,  KIND_ONES };

    for (unsigned int i = 0; i < sizeof(not_ours) / sizeof(not_ours[0]); i++) {
        ask("reservation/shrink/%s", kinds[not_ours[i]].name);
        tell_rc(decrease(kinds[not_ours[i]].mfn));
        told();
    }
    ask("reservation/shrink/unmapped");
    must(page_rights(frame.pfn, 0), "unmap");
    tell_rc(decrease(frame.mfn));
    tell("m2p=%lx", m2p(frame.mfn).n);
    tell_rc(decrease(frame.mfn));
    tell_rc(page_rights(frame.pfn, PTE_P));
    told();
    frame_replace(&frame);
    must(page_rights(frame.pfn, PTE_P | PTE_RW), "map");
    ask("reservation/shrink/mapped");
    tell_rc(decrease(frame.mfn)); /* the mapping keeps it; giving twice is among the sequences */
    tell_rc(page_rights(frame.pfn, PTE_P));
    tell_rc(page_rights(frame.pfn, PTE_P | PTE_RW));
    *(volatile uint64_t *)page_va(frame.pfn) = 1;
    tell_rc(page_rights(frame.pfn, 0));
    tell_rc(page_rights(frame.pfn, PTE_P));
    told();
    frame_replace(&frame);
    must(page_rights(frame.pfn, PTE_P), "map read-only");
    ask("reservation/shrink/pinned");
    must(hypercall_mmuext_op(&(mmuext_op_t){ .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = frame.mfn.n }, 1,
                             NULL, DOMID_SELF),
         "clear");
    tell_rc(mmuext_one(MMUEXT_PIN_L1_TABLE, frame.mfn));
    tell_rc(decrease(frame.mfn));
    tell_rc(mmuext_one(MMUEXT_PIN_L1_TABLE, frame.mfn));
    tell_rc(mmuext_one(MMUEXT_UNPIN_TABLE, frame.mfn));
    tell_rc(page_rights(frame.pfn, 0));
    tell_rc(mmuext_one(MMUEXT_PIN_L1_TABLE, frame.mfn));
    told();
    frame_replace(&frame);
    must(page_rights(frame.pfn, PTE_P | PTE_RW), "map");
    page_put(frame.pfn);
}

/* ---- exchange ---- */

static xen_pfn_t in[4], out[4];

static struct xen_memory_exchange exchange_of(unsigned int count)
{
    struct xen_memory_exchange x = { .in = { .nr_extents = count, .domid = DOMID_SELF },
                                     .out = { .nr_extents = count, .domid = DOMID_SELF } };

    set_xen_guest_handle(x.in.extent_start, in);
    set_xen_guest_handle(x.out.extent_start, out);
    return x;
}

static long exchange_told(struct xen_memory_exchange *x)
{
    long rc = hypercall_memory_op(XENMEM_exchange, x);

    tell_rc(rc);
    tell("exchanged=%lu", (unsigned long)x->nr_exchanged);
    return rc;
}

static void exchanges(void)
{
    struct kind frame = frame_take();
    struct xen_memory_exchange x;

    for (unsigned int kind = 0; kind < KINDS; kind++) {
        if (kind == KIND_BARE || kind == KIND_SHARED)
            continue;
        in[0] = kinds[kind].mfn.n;
        out[0] = 0x12345;
        x = exchange_of(1);
        ask("reservation/exchange/%s", kinds[kind].name);
        exchange_told(&x);
        told();
    }
    for (unsigned int mapped = 0; mapped < 3; mapped++) {
        static const char *const names[] = { "unmapped", "readonly", "writable" };
        static const uint64_t rights[] = { 0, PTE_P, PTE_P | PTE_RW };

        must(page_rights(frame.pfn, rights[mapped]), "rights");
        in[0] = frame.mfn.n;
        out[0] = frame.pfn.n;
        x = exchange_of(1);
        ask("reservation/exchange/own/%s", names[mapped]);
        if (!exchange_told(&x)) {
            tell("m2p=%u", m2p(mfn_of(out[0])).n == frame.pfn.n);
            p2m_list[frame.pfn.n] = out[0];
            frame.mfn = mfn_of(out[0]);
        }
        told();
    }
    must(page_rights(frame.pfn, PTE_P | PTE_RW), "map");
    page_put(frame.pfn);
}

static void argument_spoil(struct xen_memory_exchange *x, unsigned int which)
{
    switch (which) {
    case 0:
        x->nr_exchanged = 1;
        break;
    case 1:
        x->nr_exchanged = 2;
        break;
    case 2:
        x->out.nr_extents = 2;
        break;
    case 3:
        x->out.extent_order = 1;
        break;
    case 4:
        x->in.extent_order = 20;
        x->out.extent_order = 20;
        break;
    case 5:
        x->in.domid = 0;
        break;
    case 6:
        x->in.domid = x->out.domid = 1;
        break;
    case 7:
        x->in.domid = x->out.domid = DOMID_IO;
        break;
    case 8:
        set_xen_guest_handle(x->in.extent_start, (void *)0x10);
        break;
    case 9:
        set_xen_guest_handle(x->in.extent_start, (void *)HV_VA_START);
        break;
    case 10:
        set_xen_guest_handle(x->out.extent_start, (void *)HV_VA_START);
        break;
    default:
        *x = exchange_of(0);
    }
}

static void exchange_arguments(void)
{
    struct kind frame = frame_take();
    struct xen_memory_exchange x;

    must(page_rights(frame.pfn, 0), "unmap");
    in[0] = frame.mfn.n;
    for (unsigned int i = 0; i < 12; i++) {
        x = exchange_of(1);
        out[0] = frame.pfn.n;
        ask("reservation/exchange/argument/%u", i);
        argument_spoil(&x, i);
        exchange_told(&x);
        told();
    }
    ask("reservation/exchange/started");
    x = exchange_of(1);
    tell_rc(hypercall_memory_op(XENMEM_exchange | 1 << MEMOP_EXTENT_SHIFT, &x));
    told();
    must(page_rights(frame.pfn, PTE_P | PTE_RW), "map");
    page_put(frame.pfn);
}

void ask_reservation(void)
{
    sizes();
    shrinking();
    exchanges();
    exchange_arguments();
}
