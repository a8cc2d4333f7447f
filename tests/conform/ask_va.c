/*
 * SPDX-License-Identifier: MIT
 *
 * ask_va.c - update_va_mapping and its variant for another domain: addresses, entries, flush flags.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "hypercall.h"
#include "mm/pt_update.h"

#define HERE 0xffff89c000000000UL /* in the arena: an L1 of its own */

static struct walk here; /* HERE's */

static pte_t entry_now(uint64_t va)
{
    return here.slot[1][l1_index(va)];
}

static void write_told(uint64_t va, pte_t value, uint64_t flags)
{
    tell_rc(hypercall_update_va_mapping(va, value, flags));
    tell_pte("pte", entry_now(va));
    told();
    must(hypercall_update_va_mapping(va & PAGE_MASK, 0, UVMF_INVLPG), "undo");
}

static void frames(void)
{
    static const uint64_t flags[] = { PTE_P, PTE_P | PTE_RW, PTE_P | PTE_RW | PTE_U | PTE_NX, 0 };

    for (unsigned int kind = 0; kind < KINDS; kind++)
        for (unsigned int i = 0; i < 4; i++) {
            ask("update_va/frame/%s/%lx", kinds[kind].name, flags[i]);
            write_told(HERE, pte_make(kinds[kind].mfn, flags[i]), UVMF_INVLPG);
        }
    for (unsigned int bit = 0; bit < 64; bit++) {
        if (!(PTE_FLAGS_MASK >> bit & 1))
            continue;
        ask("update_va/bit/%u", bit);
        write_told(HERE, pte_make(kinds[KIND_RO].mfn, PTE_P | 1UL << bit), UVMF_INVLPG);
    }
}

static void flush_flags(void)
{
    static uint64_t set[8] = { 1 };
    const struct {
        const char *name;
        uint64_t target;
    } targets[] = {
        { "local", 0 },
        { "all", UVMF_ALL },
        { "set", (uint64_t)set },
        { "set-and-all", (uint64_t)set | UVMF_ALL },
        { "unreadable", 0x10 },
        { "unreadable-and-all", 0x10 | UVMF_ALL },
        { "hypervisor", HV_VA_START },
        { "noncanonical", 0x0000800000000000 },
        { "last", 0xfffffffffffffff8 },
    };

    for (unsigned int type = 0; type < 4; type++)
        for (unsigned int i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
            ask("update_va/flush/%u/%s", type, targets[i].name);
            write_told(HERE, pte_make(kinds[KIND_RO].mfn, PTE_P), targets[i].target | type);
            ask("update_va/flush/%u/%s/refused", type, targets[i].name);
            write_told(HERE, pte_make(kinds[KIND_FREE].mfn, PTE_P), targets[i].target | type);
        }
    set[0] = 0;
    ask("update_va/flush/empty-set");
    write_told(HERE, pte_make(kinds[KIND_RO].mfn, PTE_P), (uint64_t)set | UVMF_TLB_FLUSH);
    set[0] = ~0UL;
    ask("update_va/flush/full-set");
    write_told(HERE, pte_make(kinds[KIND_RO].mfn, PTE_P), (uint64_t)set | UVMF_TLB_FLUSH);
}

static void addresses(void)
{
    static const struct {
        const char *name;
        uint64_t va;
    } at[] = { { "no-l4-entry", 0x0000400000000000 },
               { "no-l3-entry", 0xffff89ff00000000 },
               { "no-l2-entry", HERE + (1UL << 30) - 4096 },
               { "hypervisor", 0xffff830000000000 },
               { "hypervisor-text", 0xffff82d000000000 },
               { "m2p", HV_VA_START },
               { "linear", 0xffff810000000000 },
               { "hypervisor-last", HV_VA_END - 4096 },
               { "noncanonical", 0x0000800000000000 },
               { "noncanonical-2", 0x1234567812345000 },
               { "below-hypervisor", HV_VA_START - 4096 },
               { "zero", 0 },
               { "user-last", 0x00007ffffffff000 } };

    for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        for (unsigned int present = 0; present < 2; present++) {
            ask("update_va/at/%s/%s", at[i].name, present ? "present" : "zero");
            tell_rc(hypercall_update_va_mapping(
                at[i].va, present ? pte_make(kinds[KIND_RO].mfn, PTE_P) : 0, UVMF_INVLPG));
            told();
        }
    for (unsigned int offset = 1; offset < PAGE_SIZE; offset <<= 1) {
        ask("update_va/offset/%x", offset);
        write_told(HERE + offset, pte_make(kinds[KIND_RO].mfn, PTE_P), UVMF_INVLPG);
    }
}

static void other_domain(void)
{
    static const unsigned int ids[] = { DOMID_SELF, 0,         1,         0x7fef,
                                        DOMID_IO,   DOMID_XEN, DOMID_COW, DOMID_INVALID,
                                        DOMID_IDLE, 0x8000,    0xffff,    0x17ff0 };
    static const unsigned int frame[] = { KIND_RO, KIND_FREE, KIND_M2P, KIND_VGA, KIND_ONES };

    for (unsigned int i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        for (unsigned int f = 0; f <= sizeof(frame) / sizeof(frame[0]); f++) {
            bool zero = f == sizeof(frame) / sizeof(frame[0]);

            ask("update_va/otherdomain/%x/%s", ids[i], zero ? "zero" : kinds[frame[f]].name);
            tell_rc(HYPERCALL_4(__HYPERVISOR_update_va_mapping_otherdomain, HERE,
                                zero ? 0 : pte_make(kinds[frame[f]].mfn, PTE_P), UVMF_INVLPG,
                                ids[i]));
            tell_pte("pte", entry_now(HERE));
            told();
            must(hypercall_update_va_mapping(HERE, 0, UVMF_INVLPG), "undo");
        }
}

void ask_va(void)
{
    must(pt_tables_ensure(&kernel_aspace, HERE, 1, &here), "tables");
    frames();
    flush_flags();
    addresses();
    other_domain();
    pt_trim(&kernel_aspace, HERE, HERE + PAGE_SIZE);
}
