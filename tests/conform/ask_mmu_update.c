/*
 * SPDX-License-Identifier: MIT
 *
 * ask_mmu_update.c - mmu_update: its commands, what lies at its addresses, its batches, its
 * domains.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "hypercall.h"

#include <string.h>

static void commands(void)
{
    for (unsigned int cmd = 0; cmd < 8; cmd++)
        for (unsigned int level = 1; level <= 4; level++) {
            const struct kind *table = stage_table(level);
            unsigned int index = stage_free(level), done = 77;
            mfn_t child = level == 1 ? kinds[KIND_RO].mfn : stage_pinned(level - 1)->mfn;

            if (cmd == MMU_MACHPHYS_UPDATE)
                continue;
            ask("mmu_update/command/%u/l%u", cmd, level);
            tell_rc(update_one(slot_ma(table, index) | cmd, pte_make(child, PTE_P), &done));
            tell("done=%u", done);
            tell_pte("pte", slot_read(table, index));
            told();
            must(update_one(slot_ma(table, index), 0, NULL), "undo");
        }
}

static void machphys(void)
{
    static const uint64_t values[] = { 0, 1, 0x1234, 0xffffffff, ~0UL };

    for (unsigned int kind = 0; kind < KINDS; kind++) {
        const struct kind *k = &kinds[kind];
        unsigned int done = 77;
        long rc;

        ask("mmu_update/machphys/%s", k->name);
        rc = update_one(mfn_to_ma(k->mfn) | MMU_MACHPHYS_UPDATE, 0x4321, &done);
        tell_rc(rc);
        tell("done=%u", done);
        if (!rc) {
            tell_m2p(k->mfn, pfn_of(0x4321));
            tell_rc(update_one(mfn_to_ma(k->mfn) | MMU_MACHPHYS_UPDATE, k->pfn.n, NULL));
        }
        if (k->pfn.n != PFN_NONE.n)
            tell_m2p(k->mfn, k->pfn);
        told();
    }
    for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const struct kind *k = &kinds[KIND_A];

        ask("mmu_update/machphys/value/%lx", values[i]);
        tell_rc(update_one(mfn_to_ma(k->mfn) | 0xff8 | MMU_MACHPHYS_UPDATE, values[i], NULL));
        tell("m2p=%lx", m2p(k->mfn).n);
        told();
    }
    must(update_one(mfn_to_ma(kinds[KIND_A].mfn) | MMU_MACHPHYS_UPDATE, kinds[KIND_A].pfn.n, NULL),
         "m2p back");
}

/* The address of the request: entries in frames that are no tables, or not there. */
static void addresses(void)
{
    static const unsigned int cmds[] = { MMU_NORMAL_PT_UPDATE, MMU_PT_UPDATE_PRESERVE_AD,
                                         MMU_PT_UPDATE_NO_TRANSLATE };

    for (unsigned int kind = 0; kind < KINDS; kind++) {
        const struct kind *k = &kinds[kind];
        bool own = k->pfn.n != PFN_NONE.n && kind != KIND_BARE;

        if (kind == KIND_SHARED)
            continue; /* it would be written */
        for (unsigned int i = 0; i < 3; i++) {
            ask("mmu_update/at/%s/%u", k->name, cmds[i]);
            tell_rc(update_one(slot_ma(k, 400) | cmds[i], 0x1122334455667780, NULL));
            if (own) {
                tell_pte("word", slot_read(k, 400));
                (void)update_one(slot_ma(k, 400), 0, NULL);
            }
            told();
            ask("mmu_update/at/%s/%u/present", k->name, cmds[i]);
            tell_rc(
                update_one(slot_ma(k, 400) | cmds[i], pte_make(kinds[KIND_RO].mfn, PTE_P), NULL));
            if (own) {
                tell_pte("word", slot_read(k, 400));
                (void)update_one(slot_ma(k, 400), 0, NULL);
            }
            told();
        }
    }
    for (unsigned int bit = 40; bit < 64; bit++) {
        ask("mmu_update/at/bit/%u", bit);
        tell_rc(update_one(slot_ma(&kinds[KIND_L1], STAGE_FREE) | 1UL << bit, 0, NULL));
        told();
    }
}

/* Every slot of an L4 around the hypervisor's, and all of these. */
static void root_slots(void)
{
    for (unsigned int index = 254; index <= 273; index++)
        for (unsigned int i = 0; i < 3; i++) {
            static const char *const name[] = { "zero", "table", "absent" };
            pte_t value[] = { 0, pte_make(kinds[KIND_T3].mfn, PTE_P), 0xff00 };

            ask("mmu_update/l4-slot/%u/%s", index, name[i]);
            tell_rc(update_one(slot_ma(&kinds[KIND_L4], index), value[i], NULL));
            told();
            (void)update_one(slot_ma(&kinds[KIND_L4], index), 0, NULL);
        }
}

/* ---- batches ---- */

#define MOST 80U

static mmu_update_t reqs[MOST];

static void fill(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        reqs[i] = (mmu_update_t){ slot_ma(&kinds[KIND_L1], 100 + i),
                                  pte_make(kinds[KIND_RO].mfn, PTE_P) };
}

/* How many of the entries that fill() names are there; they are cleared. */
static void tell_written(void)
{
    unsigned int there = 0;

    for (unsigned int i = 0; i < MOST; i++)
        there += slot_read(&kinds[KIND_L1], 100 + i) != 0;
    tell("written=%u", there);
    for (unsigned int i = 0; i < MOST; i++)
        reqs[i] = (mmu_update_t){ slot_ma(&kinds[KIND_L1], 100 + i), 0 };
    must(hypercall_mmu_update(reqs, MOST, NULL, DOMID_SELF), "clear");
}

static void failing_batches(void)
{
    static const unsigned int at[] = { 0, 1, 2, 31, 32, 33, 63, 64, 79 };
    static const struct {
        const char *name;
        uint64_t ptr_or;
        unsigned int frame;
        uint64_t flags;
    } bad[] = { { "command", 7, KIND_RO, PTE_P },
                { "frame", 0, KIND_FREE, PTE_P },
                { "beyond", 0, KIND_END, PTE_P },
                { "table-rw", 0, KIND_T2, PTE_P | PTE_RW } };

    for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        for (unsigned int b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
            unsigned int done = 77;

            fill(MOST);
            reqs[at[i]].ptr |= bad[b].ptr_or;
            reqs[at[i]].val = pte_make(kinds[bad[b].frame].mfn, bad[b].flags);
            ask("mmu_update/batch/%s-at/%u", bad[b].name, at[i]);
            tell_rc(hypercall_mmu_update(reqs, MOST, &done, DOMID_SELF));
            tell("done=%u", done);
            tell_written();
            told();
        }
}

static void batch_raw(const char *name, const void *list, unsigned int count, unsigned int *done,
                      unsigned int shown)
{
    fill(MOST);
    ask("mmu_update/batch/%s", name);
    tell_rc(hypercall_mmu_update(list, count, done, DOMID_SELF));
    tell("done=%u", shown == ~0U && done ? *done : shown);
    tell_written();
    told();
}

static void batches(void)
{
    static const uint64_t bad[] = { 0,
                                    8,
                                    0x00007ffffffffff8,
                                    0x0000800000000000,
                                    0x7fffffffffffffff,
                                    HV_VA_START,
                                    HV_VA_START - 8,
                                    HV_VA_START + 0x1000,
                                    HV_VA_END - 16,
                                    0xffff830000000000,
                                    0xffffffffffffffff };
    unsigned int done;
    void *edge = (uint8_t *)page_va(kinds[KIND_B].pfn) + PAGE_SIZE - 3 * sizeof(reqs[0]);
    uint64_t beyond = (uint64_t)page_va(kinds[KIND_B].pfn) + PAGE_SIZE;

    done = 77;
    batch_raw("count-0", reqs, 0, &done, ~0U);
    batch_raw("count-0-null", NULL, 0, NULL, 0);
    batch_raw("no-done", reqs, 3, NULL, 0);
    batch_raw("done-unwritable", reqs, 3, (unsigned int *)0x10, 0);
    batch_raw("done-in-hypervisor", reqs, 3, (unsigned int *)HV_VA_START, 0);
    done = 10;
    batch_raw("preempted-bit", reqs, 3 | 1U << 31, &done, ~0U);
    batch_raw("preempted-bit-no-done", reqs, 3 | 1U << 31, NULL, 0);
    batch_raw("preempted-bit-bad-done", reqs, 3 | 1U << 31, (unsigned int *)0x10, 0);
    done = 77;
    batch_raw("preempted-bit-count-0", reqs, 1U << 31, &done, ~0U);
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (unsigned int count = 1; count < 1U << 31; count = count == 1 ? 0x7fffffff : 1U << 31) {
            done = 77;
            ask("mmu_update/list-at/%lx/%x", bad[i], count);
            tell_rc(hypercall_mmu_update((void *)bad[i], count, &done, DOMID_SELF));
            tell("done=%u", done);
            told();
        }
    }
    /* Runs into a page that is not there after three requests. */
    if (beyond == (uint64_t)page_va(kinds[KIND_RO].pfn)) {
        fill(3);
        memcpy(edge, reqs, 3 * sizeof(reqs[0]));
        must(page_rights(kinds[KIND_RO].pfn, 0), "hole");
        done = 77;
        batch_raw("into-a-hole", edge, 8, &done, ~0U);
        must(page_rights(kinds[KIND_RO].pfn, PTE_P), "hole back");
        memset(edge, 0, 3 * sizeof(reqs[0]));
    }
}

/* ---- the domains ---- */

static void domains(void)
{
    static const unsigned int ids[] = { DOMID_SELF,    0,        1,          2,
                                        0x7fef,        DOMID_IO, DOMID_XEN,  DOMID_COW,
                                        DOMID_INVALID, 0x7ff5,   DOMID_IDLE, 0x8000,
                                        0xffff };
    static const unsigned int tables[] = {
        0, 1, 2, 3, DOMID_SELF + 1, DOMID_IO + 1, DOMID_XEN + 1, 0xffff
    };
    static const unsigned int frames[] = { KIND_RO, KIND_FREE, KIND_M2P, KIND_VGA, KIND_ONES };

    for (unsigned int i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        for (unsigned int j = 0; j < sizeof(tables) / sizeof(tables[0]); j++) {
            unsigned int dom = tables[j] << 16 | ids[i], done = 77;

            ask("mmu_update/domain/%x/empty", dom);
            tell_rc(hypercall_mmu_update(NULL, 0, &done, dom));
            tell("done=%u", done);
            told();
            for (unsigned int f = 0; f < sizeof(frames) / sizeof(frames[0]); f++) {
                mmu_update_t req = { slot_ma(&kinds[KIND_L1], STAGE_FREE),
                                     pte_make(kinds[frames[f]].mfn, PTE_P) };

                if (j && f)
                    continue;
                done = 77;
                ask("mmu_update/domain/%x/%s", dom, kinds[frames[f]].name);
                tell_rc(hypercall_mmu_update(&req, 1, &done, dom));
                tell("done=%u", done);
                tell_pte("pte", slot_read(&kinds[KIND_L1], STAGE_FREE));
                told();
                must(update_one(slot_ma(&kinds[KIND_L1], STAGE_FREE), 0, NULL), "undo");
            }
            ask("mmu_update/domain/%x/machphys", dom);
            tell_rc(hypercall_mmu_update(
                &(mmu_update_t){ mfn_to_ma(kinds[KIND_A].mfn) | MMU_MACHPHYS_UPDATE,
                                 kinds[KIND_A].pfn.n },
                1, NULL, dom));
            told();
        }
    for (unsigned int level = 2; level <= 4; level++)
        for (unsigned int i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
            mmu_update_t req = { slot_ma(stage_table(level), stage_free(level)),
                                 pte_make(stage_pinned(level - 1)->mfn, PTE_P) };

            ask("mmu_update/domain/%x/l%u", ids[i], level);
            tell_rc(hypercall_mmu_update(&req, 1, NULL, ids[i]));
            tell_pte("pte", slot_read(stage_table(level), stage_free(level)));
            told();
            must(update_one(req.ptr, 0, NULL), "undo");
        }
}

void ask_mmu_update(void)
{
    commands();
    machphys();
    addresses();
    root_slots();
    failing_batches();
    batches();
    domains();
}
