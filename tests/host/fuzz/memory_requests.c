/* SPDX-License-Identifier: MIT */
/* Hypercalls of memory programs: a record, and those joined to it, become arguments in the window. */
#include "memory_requests.h"

#include <string.h>

#include "pv/memory_op.h"
#include "pv/mmu_update.h"

/* Of each of the four calls that a multicall can have: requests, a list, an argument, a count. */
#define REQUESTS     16u
#define AT_LIST      0x80u
#define LIST_WORDS   16u
#define AT_ARGUMENT  0x60u
#define WINDOW_CALLS 0x700u
#define WINDOW_LIST  0x800u
#define WINDOW_ARG   0xe00u
#define WINDOW_DONE  0xfc0u
#define CALLS        4u

static void window_put(unsigned offset, const void *data, size_t bytes)
{
    memcpy(window() + offset, data, bytes);
}

static uint64_t done_pointer(const struct op *op, unsigned i)
{
    return op->y >= 244 ? (op->y & 1 ? 0 : select_pointer(op, 0))
                        : window_va() + WINDOW_DONE + i * 8;
}

/* How many requests the guest says there are. */
static uint64_t count_said(const struct op *op, unsigned n)
{
    return op->y == 250 ? n | MMU_UPDATE_PREEMPTED : op->y == 251 ? 1u << 20 : n;
}

static void say_entry(const struct op *op)
{
    if (fuzz_verbose)
        fprintf(stderr, " frame %lx[%u] := %016lx", select_frame(op->a), select_slot(op->slot),
                select_entry(op));
}

struct call call_update(const struct op *op, unsigned i)
{
    static const uint8_t commands[16] = { [12] = MMU_PT_UPDATE_PRESERVE_AD,
                                          [13] = MMU_PT_UPDATE_PRESERVE_AD,
                                          [14] = MMU_MACHPHYS_UPDATE,
                                          [15] = MMU_PT_UPDATE_NO_TRANSLATE };
    const struct op *first = op;
    uint64_t domain = select_domain(op);
    struct mmu_update req[REQUESTS];
    unsigned n = 0;

    if (op->mode & OP_FOREIGN && op->y & 0x40)
        domain |= (select_domain(op) + 1) << 16;
    machine_foreign_tables |= domain >> 16 && domain_current()->initial;
    if (op->mode & OP_FOREIGN && op->y & 0x20)
        domain = (domain & ~0xfffful) | DOMID_SELF;
    do {
        uint64_t command = op->x == 255 ? 5 : commands[op->x & 15];

        say_entry(op);
        req[n++] = (struct mmu_update){ select_frame(op->a) << PAGE_SHIFT |
                                            select_slot(op->slot) * 8ul | command,
                                        select_entry(op) };
        op = n < REQUESTS ? record_joined(op) : 0;
    } while (op);
    window_put(i * AT_REQUESTS, req, n * sizeof(req[0]));
    return (struct call){ __HYPERVISOR_mmu_update,
                          { select_pointer(first, i * AT_REQUESTS), count_said(first, n),
                            done_pointer(first, i), domain } };
}

static void ext_other(const struct op *op, struct mmuext_op *e)
{
    static const uint8_t commands[16] = {
        MMUEXT_SET_LDT,         MMUEXT_SET_LDT,      MMUEXT_SET_LDT,       MMUEXT_CLEAR_PAGE,
        MMUEXT_CLEAR_PAGE,      MMUEXT_COPY_PAGE,    MMUEXT_COPY_PAGE,     MMUEXT_TLB_FLUSH_LOCAL,
        MMUEXT_TLB_FLUSH_MULTI, MMUEXT_INVLPG_LOCAL, MMUEXT_INVLPG_MULTI,  MMUEXT_FLUSH_CACHE,
        MMUEXT_MARK_SUPER,      MMUEXT_UNMARK_SUPER, MMUEXT_TLB_FLUSH_ALL, 99,
    };
    static const uint32_t entries[8] = { 0, 1, 512, 513, 1024, 8192, 8193, ~0u };

    e->cmd = commands[op->bits & 15];
    if (e->cmd == MMUEXT_SET_LDT) {
        e->arg1.linear_addr = select_va(op);
        e->arg2.nr_ents = entries[op->b & 7];
    } else if (e->cmd == MMUEXT_COPY_PAGE) {
        e->arg2.src_mfn = select_frame(op->b);
    } else if (e->cmd == MMUEXT_TLB_FLUSH_MULTI || e->cmd == MMUEXT_INVLPG_MULTI) {
        e->arg2.vcpumask.p = (void *)select_pointer(op, 0);
    }
}

static struct mmuext_op ext_of(const struct op *op)
{
    struct mmuext_op e = { .arg1.mfn = select_frame(op->a) };

    switch (op_class(op->kind) == CLASS_EXT ? op_ext(op->kind) : EXT_OTHER) {
    case EXT_PIN:
        e.cmd = MMUEXT_PIN_L1_TABLE + (op->x & 3);
        break;
    case EXT_UNPIN:
        e.cmd = MMUEXT_UNPIN_TABLE;
        break;
    case EXT_BASEPTR:
        e.cmd = MMUEXT_NEW_BASEPTR;
        break;
    case EXT_USER_BASEPTR:
        e.cmd = MMUEXT_NEW_USER_BASEPTR;
        if ((op->x & 7) == 7)
            e.arg1.mfn = 0;
        break;
    default:
        ext_other(op, &e);
    }
    if (fuzz_verbose)
        fprintf(stderr, " command %u, frame %lx", e.cmd, e.arg1.mfn);
    return e;
}

struct call call_ext(const struct op *op, unsigned i)
{
    const struct op *first = op;
    struct mmuext_op req[REQUESTS];
    unsigned n = 0;

    do {
        req[n++] = ext_of(op);
        op = n < REQUESTS ? record_joined(op) : 0;
    } while (op);
    window_put(i * AT_REQUESTS, req, n * sizeof(req[0]));
    return (struct call){ __HYPERVISOR_mmuext_op,
                          { select_pointer(first, i * AT_REQUESTS), count_said(first, n),
                            done_pointer(first, i), select_domain(first) } };
}

struct call call_update_va(const struct op *op, unsigned i)
{
    static const uint64_t flush[8] = {
        0,
        0,
        0,
        UVMF_TLB_FLUSH | UVMF_LOCAL,
        UVMF_TLB_FLUSH | UVMF_ALL,
        UVMF_INVLPG | UVMF_LOCAL,
        UVMF_INVLPG | GUEST_VA,
        UVMF_TLB_FLUSH | 0xffff800000000000,
    };

    (void)i;
    if (fuzz_verbose)
        fprintf(stderr, " %lx := %016lx", select_va(op), select_entry(op));
    return (
        struct call){ op->mode & OP_FOREIGN ? __HYPERVISOR_update_va_mapping_otherdomain
                                            : __HYPERVISOR_update_va_mapping,
                      { select_va(op), select_entry(op), flush[op->a & 7], select_domain(op) } };
}

struct call call_set_gdt(const struct op *op, unsigned i)
{
    static const uint32_t entries[8] = { 1, 512, 513, 1024, 0, 7168, 7169, ~0u };
    uint64_t list[LIST_WORDS];

    for (unsigned k = 0; k < LIST_WORDS; k++)
        list[k] = select_frame(k & 1 ? op->b : op->a);
    window_put(WINDOW_LIST + i * AT_LIST, list, sizeof(list));
    if (fuzz_verbose)
        fprintf(stderr, " %u entries in frames %lx, %lx", entries[op->x & 7], list[0], list[1]);
    return (
        struct call){ __HYPERVISOR_set_gdt,
                      { select_pointer(op, WINDOW_LIST + i * AT_LIST), entries[op->x & 7], 0, 0 } };
}

struct call call_update_descriptor(const struct op *op, unsigned i)
{
    uint64_t ma = (select_frame(op->a) << PAGE_SHIFT) + select_slot(op->slot) * 8;

    (void)i;
    if (fuzz_verbose)
        fprintf(stderr, " %lx := %016lx", ma, select_descriptor(op));
    return (struct call){ __HYPERVISOR_update_descriptor,
                          { ma | (op->x == 255 ? 4 : 0), select_descriptor(op), 0, 0 } };
}

static struct xen_memory_reservation reservation(const struct op *op, unsigned i, unsigned order)
{
    struct xen_memory_reservation r = { .nr_extents = 1 + (op->slot & 3),
                                        .extent_order = order,
                                        .domid = (domid_t)select_domain(op) };

    r.extent_start.p = (void *)select_pointer(op, WINDOW_LIST + i * AT_LIST);
    if (op->bits >= 0xf0)
        r.mem_flags = XENMEMF_address_bits(op->bits);
    if (op->slot >= 0xf8)
        r.nr_extents = op->slot == 0xff ? ~0ul >> 4 : 1ul << (op->slot & 7) * 8;
    return r;
}

struct call call_memory(const struct op *op, unsigned i)
{
    static const uint8_t commands[24] = {
        XENMEM_increase_reservation,
        XENMEM_decrease_reservation,
        XENMEM_populate_physmap,
        XENMEM_exchange,
        XENMEM_decrease_reservation,
        XENMEM_populate_physmap,
        XENMEM_exchange,
        XENMEM_decrease_reservation,
        XENMEM_increase_reservation,
        XENMEM_decrease_reservation,
        XENMEM_populate_physmap,
        XENMEM_exchange,
        XENMEM_decrease_reservation,
        XENMEM_populate_physmap,
        XENMEM_maximum_ram_page,
        XENMEM_current_reservation,
        XENMEM_maximum_reservation,
        XENMEM_machphys_mfn_list,
        XENMEM_machphys_mapping,
        XENMEM_memory_map,
        XENMEM_machine_memory_map,
        XENMEM_add_to_physmap,
        XENMEM_remove_from_physmap,
        63,
    };
    static const uint8_t orders[8][2] = { { 0, 0 }, { 0, 0 }, { 0, 1 }, { 1, 0 },
                                          { 1, 1 }, { 0, 2 }, { 2, 0 }, { 9, 12 } };
    const uint8_t *order = orders[op->bits & 7];
    unsigned cmd = commands[op->x % 24], start = op->x == 255 ? 5 : 0;
    struct xen_memory_exchange arg = { .in = reservation(op, i, order[0]) };
    uint64_t list[LIST_WORDS];

    arg.out = arg.in;
    arg.out.extent_order = order[1];
    arg.out.nr_extents = arg.in.nr_extents << order[0] >> order[1];
    arg.nr_exchanged = op->y == 200 ? 1 : 0;
    for (unsigned k = 0; k < LIST_WORDS; k++)
        list[k] = select_frame(k & 1 ? op->b : op->a) + (k / 2 << (k & 1 ? 0 : order[0]));
    window_put(WINDOW_LIST + i * AT_LIST, list, sizeof(list));
    window_put(WINDOW_ARG + i * AT_ARGUMENT, &arg, sizeof(arg));
    if (fuzz_verbose)
        fprintf(stderr, " command %u, %lu extents of order %u (%u), frames %lx, %lx", cmd,
                arg.in.nr_extents, order[0], order[1], list[0], list[1]);
    return (struct call){ __HYPERVISOR_memory_op,
                          { cmd | start << MEMOP_EXTENT_SHIFT,
                            select_pointer(op, WINDOW_ARG + i * AT_ARGUMENT), 0, 0 } };
}

/* The records that follow, as a list of hypercalls. */
struct call call_multicall(const struct op *op, unsigned unused)
{
    multicall_entry_t list[CALLS];
    unsigned n = 0, want = 1 + (op->x & 3);
    const struct op *o;

    (void)unused;
    while (n < want && (o = record_entry())) {
        struct call c;

        if (fuzz_verbose)
            fprintf(stderr, " [%s", op_name(o->kind));
        c = op_call(o, n);
        list[n] = (multicall_entry_t){ .op = c.nr };
        memcpy(list[n].args, c.a, sizeof(c.a));
        list[n++].args[4] = 0;
        if (fuzz_verbose)
            fprintf(stderr, "]");
    }
    if (n && op->y == 255)
        list[n - 1].op = op->b & 1 ? __HYPERVISOR_multicall : __HYPERVISOR_iret;
    window_put(WINDOW_CALLS, list, n * sizeof(list[0]));
    return (struct call){ __HYPERVISOR_multicall, { select_pointer(op, WINDOW_CALLS), n, 0, 0 } };
}
