/*
 * SPDX-License-Identifier: MIT
 *
 * ask_descriptor.c - set_gdt, update_descriptor, the LDT: frames, entries, every type of
 * descriptor, and what the CPU makes of them.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"
#include "trial.h"

#include "hypercall.h"

#include <string.h>

/* ---- set_gdt ---- */

static void gdt_frames(void)
{
    static const unsigned int counts[] = { 0,    1,    511,  512,        513,
                                           7168, 7169, 8192, 0x7fffffff, 0xffffffff };
    static uint64_t frames[16];

    for (unsigned int kind = 0; kind < KINDS; kind++) {
        ask("descriptor/set_gdt/frame/%s", kinds[kind].name);
        frames[0] = kinds[kind].mfn.n;
        tell_rc(hypercall_set_gdt(frames, 512));
        frames[0] = kinds[KIND_SEG].mfn.n;
        frames[1] = kinds[kind].mfn.n;
        tell("second");
        tell_rc(hypercall_set_gdt(frames, 513));
        must(hypercall_set_gdt(frames, 512), "gdt back");
        told();
    }
    for (unsigned int i = 0; i < 16; i++)
        frames[i] = kinds[KIND_SEG].mfn.n;
    for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        ask("descriptor/set_gdt/entries/%x", counts[i]);
        tell_rc(hypercall_set_gdt(frames, counts[i]));
        told();
    }
    for (unsigned int i = 0; i < 4; i++) {
        static const uint64_t at[] = { 0, 0x10, HV_VA_START, 0x0000800000000000 };

        ask("descriptor/set_gdt/list-at/%lx", at[i]);
        tell_rc(hypercall_set_gdt((void *)at[i], 1));
        tell("none");
        tell_rc(hypercall_set_gdt((void *)at[i], 0));
        told();
    }
    must(hypercall_set_gdt(frames, 512), "gdt back");
}

/* ---- one descriptor ---- */

static uint64_t descriptor(unsigned int access, unsigned int flags)
{
    return 0xffffUL | (uint64_t)(access & 0xff) << 40 | 0xfUL << 48 | (uint64_t)(flags & 0xf) << 52;
}

static void update_told(const struct kind *k, unsigned int index, uint64_t value)
{
    tell_rc(hypercall_update_descriptor(slot_ma(k, index), value));
    tell("now=%lx", slot_read(k, index));
    told();
    (void)hypercall_update_descriptor(slot_ma(k, index), 0);
}

static void every_descriptor(void)
{
    static const unsigned int flags[] = { 0x0, 0xa, 0xc, 0xf };
    static const uint64_t gates[] = { 0xe033, 0xe030, 0xe008, 0xe010, 0,      3,     8,
                                      0x0b,   0x1003, 0xe023, 0xe02b, 0xe043, 0xffff };

    for (unsigned int access = 0; access < 256; access++)
        for (unsigned int f = 0; f < 4; f++) {
            ask("descriptor/update/access-%x/flags-%x", access, flags[f]);
            update_told(&kinds[KIND_SEG], 20, descriptor(access, flags[f]));
        }
    /* Call gates by target and privilege; the upper half of one is the next entry. */
    for (unsigned int i = 0; i < sizeof(gates) / sizeof(gates[0]); i++)
        for (unsigned int access = 0x8c; access <= 0xec; access += 0x20) {
            ask("descriptor/update/gate-%lx/access-%x", gates[i], access);
            update_told(&kinds[KIND_SEG], 20,
                        0x5678UL | gates[i] << 16 | (uint64_t)access << 40 | 0x1234UL << 48);
            ask("descriptor/update/gate-%lx/access-%x/parameters", gates[i], access);
            update_told(&kinds[KIND_SEG], 20,
                        0x5678UL | gates[i] << 16 | 5UL << 32 | (uint64_t)access << 40);
        }
    for (unsigned int bit = 0; bit < 64; bit++) {
        ask("descriptor/update/bit/%u", bit);
        update_told(&kinds[KIND_SEG], 20, 1UL << bit);
        ask("descriptor/update/code-bit/%u", bit);
        update_told(&kinds[KIND_SEG], 20, descriptor(0xfb, 0xa) ^ 1UL << bit);
    }
}

static void places(void)
{
    for (unsigned int kind = 0; kind < KINDS; kind++) {
        const struct kind *k = &kinds[kind];
        bool seen = k->pfn.n != PFN_NONE.n && kind != KIND_BARE;

        if (kind == KIND_SHARED)
            continue;
        for (unsigned int offset = 0; offset < 9; offset++) {
            ask("descriptor/at/%s/+%u", k->name, offset);
            tell_rc(hypercall_update_descriptor(slot_ma(k, 400) + offset, descriptor(0xf3, 0xc)));
            if (seen)
                tell("now=%lx", slot_read(k, 400));
            told();
            (void)hypercall_update_descriptor(slot_ma(k, 400), 0);
            (void)hypercall_update_descriptor(slot_ma(k, 401), 0);
            if (kind != KIND_SEG && seen)
                (void)update_one(slot_ma(k, 400), 0, NULL);
        }
    }
}

/* ---- a page with one descriptor, taken as a GDT: what is adjusted, what refused ---- */

static void whole_pages(void)
{
    static const unsigned int at[] = { 0, 1, 100, 511 };
    uint64_t frames[2] = { kinds[KIND_SEG].mfn.n, kinds[KIND_B].mfn.n };
    uint64_t *b = page_va(kinds[KIND_B].pfn);

    for (unsigned int access = 0; access < 256; access++)
        for (unsigned int i = 0; i < 4; i++) {
            if (i && access % 16)
                continue;
            memset(b, 0, PAGE_SIZE);
            b[at[i]] = descriptor(access, 0xa);
            must(page_rights(kinds[KIND_B].pfn, PTE_P), "read-only");
            ask("descriptor/page/access-%x/at-%u", access, at[i]);
            tell_rc(hypercall_set_gdt(frames, 1024));
            tell("now=%lx", slot_read(&kinds[KIND_B], at[i]));
            tell("writable=%lx", (unsigned long)page_rights(kinds[KIND_B].pfn, PTE_P | PTE_RW));
            must(hypercall_set_gdt(frames, 512), "gdt back");
            told();
            must(page_rights(kinds[KIND_B].pfn, PTE_P | PTE_RW), "writable");
        }
    memset(b, 0, PAGE_SIZE);
}

/* ---- what loading a selector does ---- */

static void loads(void)
{
    static const char *const names[] = { "ds", "es", "fs", "gs", "ss" };
    static const uint8_t modrm[] = { 0xd8, 0xc0, 0xe0, 0xe8, 0xd0 };
    static const unsigned int access[] = { 0x00, 0x10, 0x90, 0x91, 0x92, 0x93, 0x96, 0x98, 0x9a,
                                           0x9e, 0xf0, 0xf2, 0xf3, 0xfa, 0xfb, 0xfc, 0xfe, 0x72 };

    for (unsigned int a = 0; a < sizeof(access) / sizeof(access[0]); a++)
        for (unsigned int s = 0; s < 5; s++)
            for (unsigned int rpl = 0; rpl < 4; rpl += 3)
                for (unsigned int ldt = 0; ldt < 2; ldt++) {
                    uint8_t code[] = { 0x8e, modrm[s], 0x31, 0xc0, 0x8e, modrm[s] };
                    struct trial t = trial_of(IN_USER);

                    if (hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], 21),
                                                    descriptor(access[a], 0xc)))
                        continue;
                    t.in.rax = 21 * 8 + rpl + (ldt ? 4 : 0);
                    trial_code(code, s == 4 ? 2 : 6);
                    ask("descriptor/load/%s/access-%x/%s/rpl-%u", names[s], access[a],
                        ldt ? "ldt" : "gdt", rpl);
                    trial_run(&t);
                    tell("vec=%u", t.vector);
                    if (t.has_error)
                        tell("err=%lx", t.error);
                    tell_va("rip", *t.rip);
                    tell("ss=%lx", t.rip[4]);
                    if (t.vector == 14)
                        tell("cr2=%s+%lx",
                             t.cr2 >> 12 == (uint64_t)page_va(kinds[KIND_SEG].pfn) >> 12 ? "seg"
                                                                                         : "?",
                             t.cr2 & ~PAGE_MASK);
                    told();
                }
    (void)hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], 21), 0);
}

/* ---- the LDT ---- */

static long ldt_set(uint64_t va, unsigned int entries)
{
    mmuext_op_t op = { .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = va, .arg2.nr_ents = entries };

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void ldt_arguments(void)
{
    static const unsigned int counts[] = { 0,    1,    2,    512,        513,
                                           8191, 8192, 8193, 0x7fffffff, 0xffffffff };
    const struct {
        const char *name;
        uint64_t va;
    } at[] = { { "seg", (uint64_t)page_va(kinds[KIND_SEG].pfn) },
               { "seg+8", (uint64_t)page_va(kinds[KIND_SEG].pfn) + 8 },
               { "data", TRIAL_DATA },
               { "absent", TRIAL_ABSENT },
               { "zero", 0 },
               { "noncanonical", 0x0000800000000000 },
               { "user-last", 0x00007ffffffff000 },
               { "hypervisor", HV_VA_START },
               { "hypervisor-last", HV_VA_END - PAGE_SIZE },
               { "last", 0xfffffffffffff000 } };

    for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        for (unsigned int c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
            ask("descriptor/set_ldt/%s/%x", at[i].name, counts[c]);
            tell_rc(ldt_set(at[i].va, counts[c]));
            tell_rc(ldt_set(at[i].va, counts[c]));
            told();
        }
    must(ldt_set(0, 0), "no LDT");
}

/* A selector of the LDT, where its page is what. */
static void ldt_pages(void)
{
    const struct {
        const char *name;
        uint64_t va;
        unsigned int entries;
    } at[] = { { "seg", (uint64_t)page_va(kinds[KIND_SEG].pfn), 512 },
               { "seg-short", (uint64_t)page_va(kinds[KIND_SEG].pfn), 20 },
               { "writable", (uint64_t)page_va(kinds[KIND_B].pfn), 512 },
               { "readonly", (uint64_t)page_va(kinds[KIND_RO].pfn), 512 },
               { "bare", (uint64_t)page_va(kinds[KIND_BARE].pfn), 512 },
               { "table", (uint64_t)page_va(kinds[KIND_T1].pfn), 512 },
               { "user-page", TRIAL_READONLY, 512 },
               { "absent", TRIAL_ABSENT, 512 } };

    must(hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], 22), descriptor(0xf3, 0xc)), "data");
    for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        for (unsigned int mode = 0; mode < 2; mode++) {
            struct trial t = trial_of(mode);

            must(ldt_set(at[i].va, at[i].entries), "ldt");
            t.in.rax = 22 * 8 + 7;
            trial_code("\x8e\xe0\x8c\xe3\x31\xc0\x8e\xe0", 8); /* FS, read back, NUL */
            ask("descriptor/ldt-page/%s/%s", at[i].name, mode ? "user" : "kernel");
            trial_run(&t);
            tell("vec=%u", t.vector);
            if (t.has_error)
                tell("err=%lx", t.error);
            if (t.vector == 14)
                tell("cr2=+%lx", t.cr2 - at[i].va);
            tell_va("rip", *t.rip);
            tell("rbx=%lx", t.at.rbx);
            /* A page that serves as LDT is no writable one. */
            if (i == 3)
                tell("writable=%lx",
                     (unsigned long)page_rights(kinds[KIND_RO].pfn, PTE_P | PTE_RW));
            told();
            must(ldt_set(0, 0), "no LDT");
        }
    must(page_rights(kinds[KIND_RO].pfn, PTE_P), "read-only again");
    must(hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], 22), 0), "none");
}

void ask_descriptor(void)
{
    trial_begin();
    gdt_frames();
    every_descriptor();
    places();
    whole_pages();
    loads();
    must(ldt_set((uint64_t)page_va(kinds[KIND_SEG].pfn), 512), "ldt");
    must(ldt_set(0, 0), "no LDT");
    ldt_arguments();
    ldt_pages();
    trial_end();
}
