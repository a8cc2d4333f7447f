/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_reset.c - the end of a sequence: what is still held, and everything put back.
 *
 * Putting back is itself a question: a reference too many, left behind by any operation, shows as a frame
 * that cannot be exchanged for another one; one too few, as a frame that is gone.
 */
#include "sequence_arena.h"
#include "sequence_op.h"
#include "sequence_text.h"

#include "hypercall.h"

#define RW (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)

static bool clean;

static void expect(const char *what, unsigned int frame, long rc)
{
    if (!rc)
        return;
    clean = false;
    say(" %s(%s)=%ld", what, arena_name(frame), rc);
}

static long ext(unsigned int cmd, mfn_t mfn)
{
    mmuext_op_t op = { .cmd = cmd, .arg1.mfn = mfn.n };

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static long window_set(unsigned int frame, pte_t entry)
{
    return hypercall_update_va_mapping(arena_window(frame), entry, UVMF_INVLPG);
}

/* Whether a frame may be written to shows its type; whether it can be unpinned, its pin. */
void arena_census(void)
{
    for (unsigned int i = 0; i < ARENA_FRAMES; i++)
        say(" %s=%ld", arena_name(i), window_set(i, pte_make(arena_mfn(i), RW)));
    for (unsigned int i = 0; i < ARENA_FRAMES; i++)
        if (!ext(MMUEXT_UNPIN_TABLE, arena_mfn(i)))
            say(" pin(%s)", arena_name(i));
}

static void roots_home(void)
{
    mmuext_op_t ldt = { .cmd = MMUEXT_SET_LDT };

    expect("base", ARENA_HOME, ext(MMUEXT_NEW_BASEPTR, arena_mfn(ARENA_HOME)));
    expect("user-base", ARENA_INVALID, ext(MMUEXT_NEW_USER_BASEPTR, mfn_of(0)));
    expect("ldt", ARENA_INVALID, hypercall_mmuext_op(&ldt, 1, NULL, DOMID_SELF));
    expect("gdt", ARENA_INVALID, hypercall_set_gdt(NULL, 0));
}

/* Entries of a table that is not the arena's. */
static void table_clear(unsigned int frame)
{
    for (unsigned int s = 0; s < ARENA_SLOTS; s++) {
        mmu_update_t clear = { mfn_to_ma(arena_mfn(frame)) + arena_slot[s] * sizeof(pte_t), 0 };
        bool is_theirs = arena_slot[s] >= HV_L4_SLOT_FIRST && arena_slot[s] <= HV_L4_SLOT_LAST;

        if (arena_entry(frame, s) && !(frame == ARENA_HOME && is_theirs))
            expect("clear", frame, hypercall_mmu_update(&clear, 1, NULL, DOMID_SELF));
    }
}

static void frame_return(unsigned int frame)
{
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
    xen_pfn_t number = arena_pfn(frame).n;

    set_xen_guest_handle(r.extent_start, &number);
    if (hypercall_memory_op(XENMEM_populate_physmap, &r) == 1)
        arena_replace(frame, mfn_of(number));
    else
        expect("populate", frame, 1);
}

/* Only a frame that nothing refers to can be exchanged: the strictest question of all. */
static void frame_renew(unsigned int frame)
{
    unsigned long done;
    mfn_t mfn;
    long rc;

    arena_hide(frame);
    rc = trade_exchange(frame, &mfn, &done);
    expect("held", frame, rc);
    if (!rc) {
        arena_replace(frame, mfn);
        return;
    }
    arena_show(frame);
    expect("writable", frame, window_set(frame, pte_make(arena_mfn(frame), RW)));
}

bool arena_reset(void)
{
    clean = true;
    roots_home();
    table_clear(ARENA_HOME);
    table_clear(ARENA_FIXED_L1);
    for (unsigned int i = 0; arena_past(i).n != MFN_NONE.n; i++)
        (void)ext(MMUEXT_UNPIN_TABLE, arena_past(i));
    for (unsigned int i = 0; i < ARENA_FRAMES; i++)
        expect("window", i, window_set(i, 0));
    expect("grants", ARENA_INVALID, grants_reset(arena_window(0)));
    for (unsigned int i = 0; i < ARENA_FRAMES; i++) {
        if (arena_given(i))
            frame_return(i);
        else
            frame_renew(i);
    }
    for (unsigned int s = 0; s < ARENA_SLOTS; s++)
        ((volatile pte_t *)arena_table(ARENA_PLAIN))[arena_slot[s]] = 0;
    return clean;
}
