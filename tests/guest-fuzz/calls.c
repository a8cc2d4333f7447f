/*
 * SPDX-License-Identifier: MIT
 *
 * calls.c - one hypercall: which, and with what. The two halves of the table are in call_memory.c and
 * call_cpu.c; here are the arguments' places, the unknown numbers, and lists of calls.
 */
#include "fuzz.h"

uint64_t calls_made, calls_in_all;

static uint64_t args_used; /* bytes of the arena's argument pages */
static bool in_list;       /* nothing may overlap: a list must stay what it was made to be */

void *args_at(uint64_t bytes)
{
    uint64_t at = (args_used + 7) & ~7UL;

    if (at + bytes > ARGS_PAGES * PAGE_SIZE)
        at = 0;
    args_used = at + bytes + 8; /* an answer that is asked for askew falls on nothing else */
    /* Now and then across two pages, or up to the very end. */
    if (in_list)
        return (void *)(ARGS_VA + at);
    if (chance(16) && bytes < PAGE_SIZE)
        at = PAGE_SIZE - ((bytes / 2 + 7) & ~7UL);
    else if (chance(16))
        at = (ARGS_PAGES * PAGE_SIZE - bytes) & ~7UL;
    return (void *)(ARGS_VA + at);
}

uint64_t args_pointer(void *good)
{
    switch (below(24)) {
    case 0:
        return hostile_va();
    case 1:
        return RO_VA + below(PAGE_SIZE);
    case 2:
        return ARGS_VA + ARGS_PAGES * PAGE_SIZE - below(64);
    case 3:
        return (uint64_t)good + below(8);
    default:
        return (uint64_t)good;
    }
}

/* Never to what was a list once: read askew, its numbers would name the kernel's own. */
uint64_t list_pointer(void *good)
{
    static const uint64_t no_lists[] = { RO_VA,     RO_VA + PAGE_SIZE - 64, HV_VA_START,
                                         HV_VA_END, HV_VA_START - 64,       HV_VA_END - 64 };

    return chance(12) ? PICK(no_lists) : (uint64_t)good;
}

void args_fill(void *at, uint64_t bytes)
{
    for (uint64_t *word = at; bytes >= 8; bytes -= 8)
        *word++ = chance(3) ? any_mfn() : hostile();
}

/* A buffer of random words, and numbers around it. */
static void call_unknown(struct call *c)
{
    void *buffer = args_at(256);

    args_fill(buffer, 256);
    for (unsigned int i = 0; i < 5; i++)
        c->arg[i] = chance(2) ? hostile() : args_pointer(buffer);
    c->arg[0] = chance(2) ? below(16) : c->arg[0];
}

static void call_draw(struct call *c, bool nested);

static void call_list(struct call *c)
{
    uint64_t count = 1 + below(8);
    multicall_entry_t *list;

    in_list = true;
    list = args_at(count * sizeof(*list));
    for (uint64_t i = 0; i < count; i++) {
        struct call sub;

        call_draw(&sub, true);
        list[i] = (multicall_entry_t){ .op = sub.nr, .result = random64() };
        for (unsigned int a = 0; a < 6; a++)
            list[i].args[a] = sub.arg[a];
    }
    in_list = false;
    calls_made += count;
    c->arg[0] = list_pointer(list);
    c->arg[1] = c->arg[0] != (uint64_t)list && chance(2) ? hostile() : count;
}

/*
 * Numbers that are left to chance with the arguments of an unknown one. Not sched_op and its old form,
 * vcpu_op, console_io, event channels: they have an end of the domain among their commands.
 */
static bool may_be_wild(uint64_t nr)
{
    switch (nr) {
    case __HYPERVISOR_sched_op:
    case __HYPERVISOR_grant_table_op:
    case __HYPERVISOR_sched_op_compat:
    case __HYPERVISOR_vcpu_op:
    case __HYPERVISOR_console_io:
    case __HYPERVISOR_event_channel_op:
    case __HYPERVISOR_event_channel_op_compat:
    case __HYPERVISOR_mmu_update:
    case __HYPERVISOR_mmuext_op:
    case __HYPERVISOR_memory_op:
    case __HYPERVISOR_multicall:
    case __HYPERVISOR_update_va_mapping:
    case __HYPERVISOR_update_va_mapping_otherdomain:
    case __HYPERVISOR_iret:
    case __HYPERVISOR_vm_assist:
    case __HYPERVISOR_physdev_op:
    case __HYPERVISOR_set_timer_op:
        return false;
    default:
        return true;
    }
}

static void call_draw(struct call *c, bool nested)
{
    *c = (struct call){ 0 };
    for (unsigned int i = 0; i < 6; i++)
        c->arg[i] = hostile();
    if (!nested)
        args_used = below(2048) * 8;
    calls_made++;
    switch (below(13)) {
    case 0:
        do
            c->nr = chance(8) ? hostile() : below(64);
        while (c->nr < 64 && !may_be_wild(c->nr));
        traps_dirty = true;
        if (c->nr == __HYPERVISOR_set_gdt)
            roots_dirty = true;
        call_unknown(c);
        if (c->nr == __HYPERVISOR_set_trap_table && !c->arg[0])
            c->arg[0] = HV_VA_START; /* 0 would take every handler away, this step's too */
        if (c->nr == __HYPERVISOR_set_callbacks)
            c->arg[0] = (uint64_t)stub_event;
        return;
    case 1:
        if (!nested) {
            c->nr = __HYPERVISOR_multicall;
            call_list(c);
            return;
        }
        /* fall through */
    case 2:
    case 3:
    case 4:
    case 5:
        if (call_cpu(c, nested))
            return;
        /* fall through */
    case 12:
        if (!nested) {
            call_grants(c);
            return;
        }
        /* fall through */
    default:
        call_memory(c);
        return;
    }
}

/* An answer of the hypervisor's must not fall on the code that takes the guest back to us. */
void call_make(struct call *c, bool nested)
{
    hostile_spares_code = true;
    call_draw(c, nested);
    hostile_spares_code = false;
}
