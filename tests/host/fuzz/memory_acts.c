/* SPDX-License-Identifier: MIT */
/* What happens in memory programs without a hypercall: stores, faults, the CPU's own updates, deaths. */
#include "memory_requests.h"

#include <string.h>

#include "lib/x86.h"
#include "pt/page_type.h"
#include "pv/emulate.h"

static struct op_hooks *hooks_off(void)
{
    static struct op_hooks quiet;
    struct op_hooks *before = strand_hooks;

    quiet = (struct op_hooks){ 0 };
    strand_hooks = &quiet;
    return before;
}

/* Stores of the guest: where it has a writable mapping, could have one, or a TLB still shows one. */
static void store(mfn_t mfn, const struct op *op, unsigned count)
{
    struct op_hooks *before = hooks_off();
    uint64_t value = (op->x & 7) == 7 ? select_descriptor(op) : select_entry(op);
    uint64_t step = op->x & 8 ? PAGE_SIZE : 0;
    bool stale, taken = false;

    if (frame_valid(mfn)) {
        stale = ghost_writable(mfn.n);
        if (!stale)
            taken = !page_get_typed(mfn, domain_current()->id, PT_WRITABLE);
        if (fuzz_verbose)
            fprintf(stderr, " frame %lx[%u] := %016lx, %u times%s\n", mfn.n, select_slot(op->slot),
                    value, count, stale || taken ? "" : ": not writable");
        if (stale || taken)
            for (unsigned i = 0, slot = select_slot(op->slot); i < count; i++, value += step)
                ((uint64_t *)frame_va(mfn))[(slot + i) % PT_ENTRIES] = value;
        if (taken)
            page_put_typed(mfn);
    }
    strand_hooks = before;
}

void act_poke(const struct op *op)
{
    store(mfn_of(select_frame(op->a)), op, 1);
}

void act_fill(const struct op *op)
{
    static const uint16_t counts[8] = { 2, 3, 4, 8, 16, 64, 100, 512 };

    store(mfn_of(select_frame(op->a)), op, counts[op->y & 7]);
}

#define CODE(...)                                 \
    {                                             \
        sizeof((const uint8_t[]){ __VA_ARGS__ }), \
        {                                         \
            __VA_ARGS__                           \
        }                                         \
    }

/* A store to a live table: the fault that it gives, with RBX the operand. */
void act_store(const struct op *op)
{
    static const struct {
        uint8_t bytes, code[12];
    } codes[] = {
        CODE(0x48, 0x89, 0x03),                      /* mov [rbx], rax */
        CODE(0x89, 0x03),                            /* mov [rbx], eax */
        CODE(0x88, 0x03),                            /* mov [rbx], al */
        CODE(0x66, 0x89, 0x43, 0x02),                /* mov [rbx + 2], ax */
        CODE(0x48, 0x87, 0x03),                      /* xchg [rbx], rax */
        CODE(0xf0, 0x48, 0x0f, 0xb1, 0x0b),          /* lock cmpxchg [rbx], rcx */
        CODE(0xf0, 0x48, 0x09, 0x03),                /* lock or [rbx], rax */
        CODE(0x48, 0x21, 0x03),                      /* and [rbx], rax */
        CODE(0xf0, 0x48, 0x0f, 0xba, 0x33, 0x01),    /* lock btr qword [rbx], 1 */
        CODE(0x48, 0x0f, 0xba, 0x2b, 0x05),          /* bts qword [rbx], 5 */
        CODE(0x48, 0xab),                            /* stosq */
        CODE(0x48, 0xa5),                            /* movsq */
        CODE(0xf3, 0x48, 0xab),                      /* rep stosq */
        CODE(0x48, 0xc7, 0x03, 0, 0, 0, 0),          /* mov qword [rbx], 0 */
        CODE(0xf0, 0x48, 0x0f, 0xc1, 0x03),          /* lock xadd [rbx], rax */
        CODE(0x64, 0x48, 0x89, 0x03),                /* mov fs:[rbx], rax */
        CODE(0xf0, 0x48, 0x81, 0x03, 0, 0x10, 0, 0), /* lock add qword [rbx], 4096 */
        CODE(0xf0, 0x0f, 0xc7, 0x0b),                /* lock cmpxchg8b [rbx] */
    };
    unsigned n = (op->x & 63) % (sizeof(codes) / sizeof(codes[0]));
    uint64_t va = (uint64_t)(op->a & 7) << PAGE_SHIFT | select_slot(op->slot) * 8;
    struct cpu_regs regs = { .rax = select_entry(op),
                             .rcx = select_entry(op),
                             .cs = FLAT_RING3_CS64,
                             .rip = window_va() + 0xc00 };
    uint8_t *code = window() + 0xc00;

    va += op->y >= 240 ? op->y & 7 : 0;
    regs.rbx = regs.rdi = va;
    regs.rsi = window_va() + op->b * 8;
    memset(code, 0x90, 16);
    memcpy(code, codes[n].code, codes[n].bytes);
    if (op->x >= 192)
        memcpy(code + (op->x & 3), &op->a, 8); /* anything */
    else if (n == 5 && op->y & 1 && select_frame(op->b) < FRAMES)
        regs.rax = ((uint64_t *)frame_va(mfn_of(select_frame(op->b))))[select_slot(op->slot)];
    if (op->y >= 232 && op->y < 240)
        regs.cs = (uint16_t)(op->b << 3 | (op->y & 7));
    hooks_request();
    ptwr_fault(&regs, va);
    if (fuzz_verbose)
        fprintf(stderr, " code %u at %lx, %016lx: %s\n", n, va, regs.rax,
                regs.rip == window_va() + 0xc00 ? "not done" : "done");
    fuzz_assert(!this_cpu()->pt_work->used);
}

void act_ldt_fault(const struct op *op)
{
    struct vcpu *v = vcpu_current();
    uint64_t va = PERDOMAIN_VA + v->id * PERDOMAIN_VCPU_SIZE + PERDOMAIN_LDT_OFFSET +
                  (uint64_t)(op->a & 15) * PAGE_SIZE + op->slot * 16ul;
    bool done;

    hooks_request();
    done = ldt_fault(v, va);
    if (fuzz_verbose)
        fprintf(stderr, " page %u: %s\n", op->a & 15, done ? "mapped" : "not mapped");
}

/* The CPU sets accessed and dirty bits in entries that it still walks through. */
void act_accessed(const struct op *op)
{
    uint64_t n = select_frame(op->a);
    unsigned slot = select_slot(op->slot), level = 1 + (op->x & 3);
    uint64_t *entry;

    if (n >= FRAMES || !(ghost_tables(level) >> n & 1))
        return;
    if (level == 4 && slot >= PT_HV_SLOT_FIRST && slot <= PT_HV_SLOT_LAST)
        return;
    entry = (uint64_t *)frame_va(mfn_of(n)) + slot;
    if ((*entry & (PTE_P | PTE_U)) != (PTE_P | PTE_U))
        return;
    *entry |= PTE_A | (level == 1 && (*entry & PTE_RW) && (op->y & 1) ? PTE_D : 0);
    if (fuzz_verbose)
        fprintf(stderr, " L%u %lx[%u]\n", level, n, slot);
}

/* To the user's tables; any hypercall later comes from the kernel's. */
void act_toggle(const struct op *op)
{
    struct vcpu *v = vcpu_current();

    (void)op;
    if (!v->cr3_user && !v->in_user)
        return;
    v->in_user ^= 1;
    vcpu_load_root(v);
}

void act_domain(const struct op *op)
{
    static bool under_way; /* by the one idle vCPU */
    struct machine_domain *m = &domains[op->x % DOMAINS];

    if (race_under_way() || under_way)
        return;
    under_way = true;
    if (fuzz_verbose)
        fprintf(stderr, " d%u %s\n", m->d.id, m->exists ? "ends" : "begins");
    if (m->exists) {
        strand_hooks->fail_at = 0; /* giving back does not fail */
        machine_destroy(m);
    } else {
        struct op_hooks *before = hooks_off();

        race_disarm(); /* a privileged domain could write to what is being built */
        (void)machine_create(m);
        strand_hooks = before;
    }
    under_way = false;
}
