/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_access.c - operations that touch memory or load segments.
 *
 * What the TLB holds is not part of the ABI: it is flushed before every access by the address that a
 * sequence mapped, except where a request has just promised a flush.
 */
#include "sequence_op.h"

#include "sequence_arena.h"
#include "sequence_text.h"

#include "hypercall.h"
#include "mm/p2m.h"
#include "traps.h"

#define CACHE_BITS (PTE_PWT | PTE_PCD | PTE_PAT)

struct access {
    volatile uint64_t *at;
    uint64_t value, old, result;
    unsigned int how;
};

static void flush(void)
{
    mmuext_op_t op = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };

    (void)hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void say_trap(const struct trap_report *r)
{
    say(" trap=%u error=%x", r->vector, r->error);
    if (r->vector == TRAP_PF)
        say(" cr2=%lx", r->cr2);
}

/* ---- stores -------------------------------------------------------------------------------------- */

static void store(void *arg)
{
    struct access *a = arg;
    uint64_t value = a->value, result = a->old;

    switch (a->how) {
    case 1:
        __asm__ volatile("xchgq %0, %1" : "+r"(value), "+m"(*a->at)::"memory");
        result = value;
        break;
    case 2: /* with the old value */
    case 3: /* with another one */
        result ^= a->how == 3;
        __asm__ volatile("lock cmpxchgq %2, %1"
                         : "+a"(result), "+m"(*a->at)
                         : "r"(value)
                         : "memory");
        break;
    case 4:
        __asm__ volatile("lock orq %1, %0" : "+m"(*a->at) : "r"(value) : "memory");
        break;
    case 5:
        __asm__ volatile("lock andq %1, %0" : "+m"(*a->at) : "r"(value) : "memory");
        break;
    case 6:
        __asm__ volatile("movl %k1, %0"
                         : "+m"(*(volatile uint32_t *)a->at)
                         : "r"(value)
                         : "memory");
        break;
    case 7:
        __asm__ volatile("movb %b1, %0" : "+m"(*(volatile uint8_t *)a->at) : "q"(value) : "memory");
        break;
    default:
        *a->at = value;
        break;
    }
    a->result = result;
}

/* What the store would leave, were the page memory. */
static uint64_t stored(const struct access *a)
{
    switch (a->how) {
    case 3:
        return a->old;
    case 4:
        return a->old | a->value;
    case 5:
        return a->old & a->value;
    case 6:
        return (a->old & ~0xffffffffUL) | (uint32_t)a->value;
    case 7:
        return (a->old & ~0xffUL) | (uint8_t)a->value;
    default:
        return a->value;
    }
}

static uint64_t operand(const struct op *op)
{
    uint64_t entry = op_entry(op);
    unsigned int how = op->option & 7;

    if (how == 4) /* flags to set, or all but those to clear */
        return pte_flags(entry);
    return how == 5 ? ~(pte_flags(entry) & ~PTE_P) : entry;
}

/*
 * A present entry made of a number would name a frame that nobody knows: device memory, which the
 * initial domain of a real Xen may map. Such a store, and one of cache attributes, is left out.
 */
static bool sensible(const struct access *a)
{
    uint64_t after = stored(a);

    return !(after & PTE_P) || (arena_known(pte_mfn(after)) && !(after & CACHE_BITS));
}

/* What the hypervisor's part of the address space shows, and how much of it, is its own affair. */
static bool place_is_theirs(const struct op *op)
{
    if (!va_in_hv(op_place(op)))
        return false;
    say(" left-out");
    return true;
}

static void store_run(const struct op *op)
{
    unsigned int frame = op->frame % ARENA_FRAMES;
    struct access a = { .value = operand(op), .how = op->option & 7 };
    struct trap_report r;

    if (op->option & 0x80) {
        if (place_is_theirs(op))
            return;
        arena_touched();
        flush();
        a.at = (volatile uint64_t *)op_place(op) + arena_slot[frame % ARENA_SLOTS];
    } else {
        a.at = (volatile uint64_t *)arena_window(frame) + arena_slot[op_slot(op)];
    }
    if (probe_read((uint64_t)a.at, &a.old, &r)) {
        say_trap(&r);
        return;
    }
    if (!sensible(&a)) {
        say(" left-out");
        return;
    }
    if (trap_catch(store, &a, &r)) {
        say_trap(&r);
        return;
    }
    say(" stored");
    if (a.how >= 1 && a.how <= 3) {
        say(" was=");
        say_pte(a.result);
    }
}

/* ---- reads --------------------------------------------------------------------------------------- */

static void read_say(const struct op *op)
{
    struct trap_report r;
    uint64_t value;
    unsigned int word = op->option % ARENA_SLOTS;

    if (probe_read(op_place(op) + arena_slot[word] * sizeof(pte_t), &value, &r)) {
        say_trap(&r);
        return;
    }
    say(" read=");
    /* The hypervisor's slots of an L4. */
    if (arena_slot[word] >= HV_L4_SLOT_FIRST && arena_slot[word] <= HV_L4_SLOT_LAST)
        say("-");
    else
        say_pte(value);
}

static void read_run(const struct op *op)
{
    if (place_is_theirs(op))
        return;
    arena_touched();
    flush();
    read_say(op);
}

/* Without the flush, the second read would see the old mapping. */
static void seen_flush_run(const struct op *op)
{
    static const uint64_t flags[4] = { UVMF_TLB_FLUSH, UVMF_INVLPG, UVMF_TLB_FLUSH | UVMF_ALL,
                                       UVMF_INVLPG | UVMF_ALL };

    if (place_is_theirs(op))
        return;
    read_run(op);
    say_rc("rc",
           hypercall_update_va_mapping(op_place(op), op_entry(op), flags[op->option >> 3 & 3]));
    read_say(op);
}

/* ---- the kernel's entries, and segments ------------------------------------------------------------ */

static void fill_run(const struct op *op)
{
    const volatile pte_t *home = arena_table(ARENA_HOME);
    unsigned int frame = op->frame % ARENA_FRAMES, faults = 0;
    const uint16_t *slots;
    unsigned int count = arena_kernel_slots(&slots);

    for (unsigned int i = 0; i < count; i++) {
        struct trap_report r;

        faults += probe_write(arena_window(frame) + slots[i] * sizeof(pte_t), home[slots[i]], &r);
    }
    say(" faults=%u", faults);
}

static void selector_load(void *arg)
{
    __asm__ volatile("movl %k0, %%es" ::"r"(*(const uint64_t *)arg));
}

static void selector_run(const struct op *op)
{
    uint64_t null = 0, selector = (uint64_t)arena_slot[op_slot(op)] << 3 | 3;
    struct trap_report r;

    selector |= op->option & 1 ? 4 : 0;
    if (trap_catch(selector_load, &selector, &r))
        say_trap(&r);
    else
        say(" loaded");
    selector_load(&null);
}

void access_run(const struct op *op)
{
    switch (op->kind) {
    case OP_STORE:
        store_run(op);
        break;
    case OP_READ:
        read_run(op);
        break;
    case OP_FILL:
        fill_run(op);
        break;
    case OP_SELECTOR:
        selector_run(op);
        break;
    case OP_SEEN_FLUSH:
        seen_flush_run(op);
        break;
    case OP_GRANT:
    case OP_GRANT_MAP:
    case OP_GRANT_UNMAP:
    case OP_GRANT_COPY:
        grant_run(op);
        break;
    default:
        trade_run(op);
        break;
    }
}
