/*
 * SPDX-License-Identifier: MIT
 *
 * steps.c - the ring, and how each step reads on the console.
 */
#include "mm/steps.h"

#include "kprint.h"

bool steps_trace;

static struct step_record ring[STEPS_KEPT];
static uint64_t ring_next;

static void print_step(const struct step_record *r)
{
    switch (r->step) {
    case STEP_REFLECTED:
        kprint("mm: fault reflected: CR2 %016lx error code %lx (%s%s%s)\n", r->a, r->b,
               r->b & PFEC_U ? "user " : "kernel ",
               r->b & PFEC_I   ? "fetch"
               : r->b & PFEC_W ? "write"
                               : "read",
               r->b & PFEC_P ? ", page there" : ", no page");
        return;
    case STEP_LOOKED_UP:
        kprint("mm:   looked up L4[%u] L3[%u] L2[%u] L1[%u]: lowest table is an L%u\n",
               l4_index(r->a), l3_index(r->a), l2_index(r->a), l1_index(r->a), r->level);
        return;
    case STEP_PT_PAGE:
        kprint("mm:   L%u table page: PFN %lx\n", r->level, r->a);
        return;
    case STEP_PT_MFN:
        kprint("mm:   p2m: PFN %lx is MFN %lx\n", r->a, r->b);
        return;
    case STEP_READONLY:
        kprint("mm:   read-only: MFN %lx at %016lx\n", r->a, r->b);
        return;
    case STEP_PINNED:
        kprint("mm:   pinned as L%u: MFN %lx\n", r->level, r->a);
        return;
    case STEP_HOOKED:
        kprint("mm:   hooked: L%u entry at machine %lx := %016lx\n", r->level, r->a, r->b);
        return;
    case STEP_MAPPED:
        kprint("mm:   mapped: %016lx := %016lx (MFN %lx)\n", r->a, r->b, pte_mfn(r->b).n);
        return;
    case STEP_UNMAPPED:
        kprint("mm:   unmapped: %016lx was %016lx\n", r->a, r->b);
        return;
    case STEP_UNHOOKED:
        kprint("mm:   unhooked: L%u entry at machine %lx was %016lx\n", r->level, r->a, r->b);
        return;
    case STEP_UNPINNED:
        kprint("mm:   unpinned: MFN %lx\n", r->a);
        return;
    case STEP_WRITABLE:
        kprint("mm:   writable again: MFN %lx\n", r->a);
        return;
    case STEP_FREED:
        kprint("mm:   freed: PFN %lx\n", r->a);
        return;
    case STEP_FILLED:
        kprint("mm:   page contents: PFN %lx, %s\n", r->a, (const char *)r->b);
        return;
    case STEP_EVICTED:
        kprint("mm:   evicted: %016lx to slot %lu\n", r->a, r->b);
        return;
    case STEP_REFUSED:
        kprint("mm:   refused: %016lx error code %lx\n", r->a, r->b);
        return;
    }
}

void step_log(enum step step, unsigned int level, uint64_t a, uint64_t b)
{
    struct step_record *r = &ring[ring_next++ % STEPS_KEPT];

    *r = (struct step_record){ .step = step, .level = level, .a = a, .b = b };
    if (steps_trace)
        print_step(r);
}

uint64_t steps_mark(void)
{
    return ring_next;
}

bool steps_get(uint64_t n, struct step_record *record)
{
    if (n >= ring_next || ring_next - n > STEPS_KEPT)
        return false;
    *record = ring[n % STEPS_KEPT];
    return true;
}
