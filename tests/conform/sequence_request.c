/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_request.c - operations that are hypercalls: one by one, in a batch, in a multicall.
 *
 * Invariant: whatever the words say, the tables with the windows are never written to or unpinned,
 * and no root is loaded that lacks the kernel. Only that keeps a sequence from ending the domain.
 */
#include "sequence_op.h"

#include "sequence_arena.h"
#include "sequence_text.h"

#include "hypercall.h"

#define GROUP          32U
#define GDT_FRAMES     14U
#define UNMAPPED_VA    (arena_window(0) + 100 * PAGE_SIZE)
#define HV_DIRECT_VA   0xffff830000000000UL
#define HOLE_VA        0x0000800000000000UL
#define DONE_UNTOUCHED 0x55U

enum { JOIN_NONE, JOIN_BATCH, JOIN_MULTICALL };

enum request_class { CLASS_SINGLE, CLASS_MMU, CLASS_EXT };

/* A hypercall with its arguments, and where they lie. */
static struct request {
    unsigned int nr;
    uint64_t arg[5];
    bool counts; /* `done` is part of the answer */
    unsigned int done;
    uint64_t frames[GDT_FRAMES];
    xen_pfn_t extent;
    struct xen_memory_reservation reservation;
} requests[GROUP];

static mmu_update_t mmu[GROUP];
static mmuext_op_t ext[GROUP];
static multicall_entry_t calls[GROUP];
static uint64_t vcpu_set = 1;

static enum request_class class_of(unsigned int kind)
{
    if (kind == OP_MMU)
        return CLASS_MMU;
    return kind >= OP_PIN && kind <= OP_ODD_EXT ? CLASS_EXT : CLASS_SINGLE;
}

bool op_is_request(unsigned int kind)
{
    return kind <= OP_GIVE;
}

/* Where a request is said to lie: at `real`, or where nothing can be read. */
static uint64_t pointer(const struct op *op, const void *real)
{
    const uint64_t where[4] = { (uint64_t)real, UNMAPPED_VA, HV_DIRECT_VA, HOLE_VA };

    return where[op->pointer];
}

static uint32_t domain(const struct op *op)
{
    static const uint32_t domains[8] = {
        DOMID_SELF,           0, 1, DOMID_IO, DOMID_XEN, DOMID_INVALID, DOMID_SELF | 1 << 16,
        DOMID_SELF | 2 << 16,
    };

    return domains[op->option >> 3 & 7];
}

/* A frame that may be written to, or is surely refused. */
static unsigned int writable_frame(unsigned int frame)
{
    return frame == ARENA_FIXED_L1 || frame == ARENA_FIXED_L3 ? ARENA_HYPERVISOR : frame;
}

/* ---- one request of each kind ------------------------------------------------------------------ */

static void build_mmu(mmu_update_t *req, const struct op *op)
{
    unsigned int command = op->option & 7;

    req->ptr = mfn_to_ma(arena_mfn(writable_frame(op->frame)));
    req->ptr += arena_slot[op_slot(op)] * sizeof(pte_t);
    req->ptr |= command;
    req->val = command == MMU_MACHPHYS_UPDATE
                   ? (op->flags & 1 ? arena_pfn(op->frame).n : 0x700000UL + op->flags)
                   : op_entry(op);
    if (command == MMU_PT_UPDATE_PRESERVE_AD)
        arena_inherits(writable_frame(op->frame), op_slot(op));
    /* Of the M2P only the arena's part is put back. */
    if (command == MMU_MACHPHYS_UPDATE && op->frame >= ARENA_FRAMES)
        req->ptr = mfn_to_ma(arena_mfn(ARENA_HYPERVISOR)) | command;
}

static void build_flush(mmuext_op_t *e, const struct op *op)
{
    static const uint8_t commands[8] = {
        MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_INVLPG_LOCAL, MMUEXT_TLB_FLUSH_ALL,   MMUEXT_INVLPG_ALL,
        MMUEXT_TLB_FLUSH_MULTI, MMUEXT_INVLPG_MULTI, MMUEXT_TLB_FLUSH_MULTI, MMUEXT_INVLPG_LOCAL,
    };
    unsigned int which = op->option & 7;

    e->cmd = commands[which];
    e->arg1.linear_addr = which == 7 ? HV_DIRECT_VA : op_place(op);
    set_xen_guest_handle(e->arg2.vcpumask,
                         (void *)(which == 6 ? UNMAPPED_VA : (uint64_t)&vcpu_set));
}

static void build_ldt(mmuext_op_t *e, const struct op *op)
{
    static const uint16_t entries[8] = { 0, 1, 16, 282, 512, 513, 8192, 8193 };

    e->cmd = MMUEXT_SET_LDT;
    e->arg1.linear_addr = op->option & 8 ? arena_window(op->frame) : op_place(op);
    e->arg1.linear_addr += op->option & 16 ? 8 : 0;
    e->arg2.nr_ents = entries[op->option & 7];
}

static void build_ext(mmuext_op_t *e, const struct op *op)
{
    static const uint8_t odd[4] = { 14, MMUEXT_MARK_SUPER, MMUEXT_UNMARK_SUPER, 99 };
    bool has_pin = op->frame < ARENA_FRAMES || op->frame == ARENA_PLAIN;

    e->arg1.mfn = arena_mfn(op->frame).n;
    switch (op->kind) {
    case OP_PIN:
        e->cmd = MMUEXT_PIN_L1_TABLE + (op->option & 3);
        break;
    case OP_UNPIN:
        e->cmd = MMUEXT_UNPIN_TABLE;
        e->arg1.mfn = arena_mfn(has_pin ? op->frame : ARENA_HYPERVISOR).n;
        break;
    case OP_BASE:
        e->cmd = MMUEXT_NEW_BASEPTR;
        break;
    case OP_USER_BASE:
        e->cmd = MMUEXT_NEW_USER_BASEPTR;
        e->arg1.mfn = op->target == OP_NOTHING ? 0 : e->arg1.mfn;
        break;
    case OP_FLUSH:
        build_flush(e, op);
        break;
    case OP_LDT:
        build_ldt(e, op);
        break;
    case OP_CLEAR:
        e->cmd = MMUEXT_CLEAR_PAGE;
        break;
    case OP_COPY:
        e->cmd = MMUEXT_COPY_PAGE;
        e->arg2.src_mfn = arena_mfn(op->target).n;
        break;
    default:
        e->cmd = odd[op->option & 3];
        break;
    }
}

static void build_uvm(struct request *r, const struct op *op)
{
    const uint64_t flags[8] = {
        UVMF_NONE,
        UVMF_TLB_FLUSH,
        UVMF_INVLPG,
        3,
        UVMF_TLB_FLUSH | UVMF_ALL,
        UVMF_INVLPG | UVMF_ALL,
        UVMF_INVLPG | (uint64_t)&vcpu_set,
        UVMF_INVLPG | UNMAPPED_VA,
    };

    if (op->kind == OP_UVM)
        arena_walked();
    r->nr = __HYPERVISOR_update_va_mapping;
    r->arg[0] = op->kind == OP_WINDOW ? arena_window(op->frame) : op_place(op);
    r->arg[1] = op_entry(op);
    r->arg[2] = op->kind == OP_WINDOW ? UVMF_INVLPG : flags[op->option & 7];
}

static void build_gdt(struct request *r, const struct op *op)
{
    static const uint16_t entries[8] = { 0, 1, 8, 282, 512, 513, 7168, 7169 };

    for (unsigned int i = 0; i < GDT_FRAMES; i++)
        r->frames[i] = arena_mfn(i ? op->target : op->frame).n;
    r->nr = __HYPERVISOR_set_gdt;
    r->arg[0] = pointer(op, r->frames);
    r->arg[1] = entries[op->option & 7];
}

static void build_give(struct request *r, const struct op *op)
{
    r->extent = arena_mfn(op->frame < ARENA_FRAMES ? op->frame : ARENA_HYPERVISOR).n;
    r->reservation = (struct xen_memory_reservation){
        .nr_extents = 1,
        .extent_order = op->option & 2 ? 30 : 0,
        .domid = op->option & 4 ? 1 : DOMID_SELF,
    };
    set_xen_guest_handle(r->reservation.extent_start,
                         op->pointer == 1 ? (void *)UNMAPPED_VA : &r->extent);
    r->nr = __HYPERVISOR_memory_op;
    r->arg[0] = XENMEM_decrease_reservation;
    r->arg[1] = op->pointer == 1 ? (uint64_t)&r->reservation : pointer(op, &r->reservation);
}

/* `count` operations of one class as one request; the batch's options are the first one's. */
static void build(struct request *r, unsigned int at, const struct op *op, unsigned int count)
{
    *r = (struct request){ .done = DONE_UNTOUCHED };
    r->counts = class_of(op->kind) != CLASS_SINGLE;
    if (r->counts) {
        bool is_mmu = op->kind == OP_MMU;

        for (unsigned int i = 0; i < count; i++) {
            if (is_mmu)
                build_mmu(&mmu[at + i], op + i);
            else
                build_ext(&ext[at + i], op + i);
        }
        r->nr = is_mmu ? __HYPERVISOR_mmu_update : __HYPERVISOR_mmuext_op;
        r->arg[0] = is_mmu ? pointer(op, &mmu[at]) : pointer(op, &ext[at]);
        r->arg[1] = count;
        r->arg[2] = (uint64_t)&r->done;
        r->arg[3] = op->kind == OP_FLUSH || op->kind == OP_LDT ? DOMID_SELF : domain(op);
        return;
    }
    switch (op->kind) {
    case OP_GDT:
        build_gdt(r, op);
        break;
    case OP_DESCRIPTOR_SET:
        r->nr = __HYPERVISOR_update_descriptor;
        r->arg[0] = mfn_to_ma(arena_mfn(writable_frame(op->frame))) +
                    arena_slot[op_slot(op)] * sizeof(uint64_t) + (op->option & 7);
        r->arg[1] = op_entry(op);
        break;
    case OP_GIVE:
        build_give(r, op);
        break;
    default:
        build_uvm(r, op);
        break;
    }
}

/* ---- groups ------------------------------------------------------------------------------------ */

/* How many operations from here on go together, by the first one's join. */
static unsigned int group_size(const struct op *ops, unsigned int count)
{
    unsigned int join = ops[0].join, n = 1;
    bool wiped = ops[0].kind == OP_CLEAR || ops[0].kind == OP_COPY;

    if (join != JOIN_BATCH && join != JOIN_MULTICALL)
        return 1;
    for (; n < count && n < GROUP && ops[n - 1].join == join && op_is_request(ops[n].kind); n++) {
        if (join == JOIN_BATCH && (class_of(ops[n].kind) != class_of(ops[0].kind) ||
                                   class_of(ops[n].kind) == CLASS_SINGLE))
            break;
        if (ops[n].kind == OP_BASE && (wiped || !arena_root_usable(ops[n].frame)))
            break;
        wiped |= ops[n].kind == OP_CLEAR || ops[n].kind == OP_COPY;
    }
    return n;
}

static long call(const struct request *r)
{
    switch (r->nr) {
    case __HYPERVISOR_mmu_update:
        return HYPERCALL_4(__HYPERVISOR_mmu_update, r->arg[0], r->arg[1], r->arg[2], r->arg[3]);
    case __HYPERVISOR_mmuext_op:
        return HYPERCALL_4(__HYPERVISOR_mmuext_op, r->arg[0], r->arg[1], r->arg[2], r->arg[3]);
    case __HYPERVISOR_update_va_mapping:
        return HYPERCALL_3(__HYPERVISOR_update_va_mapping, r->arg[0], r->arg[1], r->arg[2]);
    case __HYPERVISOR_set_gdt:
        return HYPERCALL_2(__HYPERVISOR_set_gdt, r->arg[0], r->arg[1]);
    case __HYPERVISOR_update_descriptor:
        return HYPERCALL_2(__HYPERVISOR_update_descriptor, r->arg[0], r->arg[1]);
    default:
        return HYPERCALL_2(__HYPERVISOR_memory_op, r->arg[0], r->arg[1]);
    }
}

static void say_answer(const struct request *r, long rc)
{
    say_rc("rc", rc);
    if (r->counts)
        say(" done=%u", r->done);
}

/* What the kernel itself must know: which frames are no longer its own, which root is loaded. */
static void take_note(const struct op *op, long rc)
{
    uint64_t cr3;

    if (op->kind == OP_GIVE && rc == 1 && op->frame < ARENA_FRAMES)
        arena_give(op->frame, op->option & 1);
    if (op->kind == OP_BASE) {
        __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
        say(" cr3=");
        say_pte(cr3);
    }
}

static void multicall(const struct op *ops, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        build(&requests[i], i, &ops[i], 1);
        calls[i] = (multicall_entry_t){ .op = requests[i].nr };
        for (unsigned int a = 0; a < 5; a++)
            calls[i].args[a] = requests[i].arg[a];
    }
    say_rc("multicall", hypercall_multicall(calls, count));
    for (unsigned int i = 0; i < count; i++) {
        say_answer(&requests[i], (long)calls[i].result);
        take_note(&ops[i], (long)calls[i].result);
    }
}

unsigned int requests_run(const struct op *ops, unsigned int count)
{
    unsigned int n = group_size(ops, count);
    long rc;

    if (ops[0].kind == OP_BASE && !arena_root_usable(ops[0].frame)) {
        say(" skipped");
        return 1;
    }
    if (ops[0].join == JOIN_MULTICALL) {
        multicall(ops, n);
        return n;
    }
    build(&requests[0], 0, ops, n);
    rc = call(&requests[0]);
    say_answer(&requests[0], rc);
    for (unsigned int i = 0; i < n; i++)
        take_note(&ops[i], rc);
    return n;
}
