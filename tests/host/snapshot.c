/* SPDX-License-Identifier: MIT */
/* The whole state of the test machine, to be compared with or put back; see machine.h. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "mm/m2p.h"

struct snapshot {
    struct frame *frames;
    uint64_t *m2p;
    uint8_t *memory;
    struct vcpu vcpu[MACHINE_VCPUS];
    struct percpu percpu[MACHINE_CPUS];
    uint32_t pages[2];
};

struct snapshot *snapshot_take(void)
{
    struct snapshot *s = calloc(1, sizeof(*s));

    s->frames = malloc(frame_limit * sizeof(*s->frames));
    s->m2p = malloc(frame_limit * sizeof(*s->m2p));
    s->memory = malloc(frame_limit * PAGE_SIZE);
    memcpy(s->frames, frame_table, frame_limit * sizeof(*s->frames));
    memcpy(s->m2p, m2p_table, frame_limit * sizeof(*s->m2p));
    memcpy(s->memory, machine_memory, frame_limit * PAGE_SIZE);
    memcpy(s->vcpu, machine_vcpu, sizeof(s->vcpu));
    memcpy(s->percpu, machine_percpu, sizeof(s->percpu));
    s->pages[0] = machine_guest.owner.pages;
    s->pages[1] = machine_control.owner.pages;
    return s;
}

static bool frame_same(const struct frame *was, const struct frame *is)
{
    if ((was->ref ^ is->ref) & ~FRAME_FREED_MASK)
        return false;
    /* Without a count the type's value and date say only what to flush next time. */
    if (!(was->type & FRAME_TYPE_COUNT) && !(is->type & FRAME_TYPE_COUNT))
        return !((was->type ^ is->type) &
                 (FRAME_PINNED | FRAME_VALIDATED | FRAME_PARTIAL | FRAME_LOCKED));
    return was->type == is->type;
}

static bool vcpu_same(const struct vcpu *was, const struct vcpu *is)
{
    return was->cr3_kernel == is->cr3_kernel && was->cr3_user == is->cr3_user &&
           !is->pt_work.used && was->gdt_entries == is->gdt_entries && was->ldt_va == is->ldt_va &&
           was->ldt_entries == is->ldt_entries && was->ldt_mapped == is->ldt_mapped &&
           !memcmp(was->gdt_mfn, is->gdt_mfn, sizeof(was->gdt_mfn));
}

/* Content of the hypervisor's own pages counts only if `own`: it has addresses in it. */
static bool same(const struct snapshot *s, bool own)
{
    bool same = s->pages[0] == machine_guest.owner.pages &&
                s->pages[1] == machine_control.owner.pages;

    for (uint64_t n = 0; n < frame_limit; n++) {
        bool is_free = frame_owner(mfn_of(n)) == OWNER_NONE;
        bool look = own || frame_owner(mfn_of(n)) != OWNER_HV;

        if (!is_free && !frame_same(&s->frames[n], &frame_table[n])) {
            print_error("frame %lx: ref %016lx -> %016lx, type %016lx -> %016lx\n", n,
                        s->frames[n].ref, frame_table[n].ref, s->frames[n].type,
                        frame_table[n].type);
            same = false;
        }
        if (is_free != ((uint16_t)(s->frames[n].ref >> FRAME_OWNER_SHIFT) == OWNER_NONE))
            same = false;
        if (!is_free &&
            (s->m2p[n] != m2p_table[n] ||
             (look && memcmp(s->memory + n * PAGE_SIZE, frame_va(mfn_of(n)), PAGE_SIZE)))) {
            print_error("frame %lx has another content\n", n);
            same = false;
        }
    }
    for (unsigned i = 0; i < MACHINE_VCPUS; i++)
        same &= vcpu_same(&s->vcpu[i], &machine_vcpu[i]);
    return same;
}

bool snapshot_same(const struct snapshot *s)
{
    return same(s, true);
}

bool snapshot_same_end(const struct snapshot *s)
{
    return same(s, false);
}

void snapshot_restore(const struct snapshot *s)
{
    memcpy(frame_table, s->frames, frame_limit * sizeof(*s->frames));
    memcpy(m2p_table, s->m2p, frame_limit * sizeof(*s->m2p));
    memcpy(machine_memory, s->memory, frame_limit * PAGE_SIZE);
    memcpy(machine_vcpu, s->vcpu, sizeof(s->vcpu));
    memcpy(machine_percpu, s->percpu, sizeof(s->percpu));
    machine_guest.owner.pages = s->pages[0];
    machine_control.owner.pages = s->pages[1];
}

void snapshot_free(struct snapshot *s)
{
    free(s->frames);
    free(s->m2p);
    free(s->memory);
    free(s);
}
