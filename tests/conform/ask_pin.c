/*
 * SPDX-License-Identifier: MIT
 *
 * ask_pin.c - validation of whole tables: what is adjusted, what is refused, and what the order of
 * pin, unpin, hook and unhook does to a frame.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "hypercall.h"
#include "mm/page.h"

#include <string.h>

static struct kind page; /* what becomes a table */

static void page_take(void)
{
    page = (struct kind){ .name = "page", .pfn = page_alloc_zero(PAGE_KERNEL) };
    page.mfn = p2m(page.pfn);
    record_name(page.mfn, page.name);
}

static void page_write(unsigned int index, pte_t value)
{
    ((volatile pte_t *)page_va(page.pfn))[index] = value;
}

static long pin(unsigned int level)
{
    return mmuext_one(MMUEXT_PIN_L1_TABLE + level - 1, page.mfn);
}

static long unpin(void)
{
    return mmuext_one(MMUEXT_UNPIN_TABLE, page.mfn);
}

/* Pins the page, which has one entry, as a table of `level`; tells, unpins, clears. */
static void pin_told(unsigned int level, unsigned int index)
{
    long rc;

    must(page_rights(page.pfn, PTE_P), "read-only");
    rc = pin(level);
    tell_rc(rc);
    tell_pte("pte", slot_read(&page, index));
    if (!rc) {
        tell("unpin=%lu", (unsigned long)unpin());
        tell_pte("after", slot_read(&page, index));
    }
    told();
    must(page_rights(page.pfn, PTE_P | PTE_RW), "writable");
    page_write(index, 0);
}

static void one_entry(unsigned int level)
{
    pte_t good = level == 1 ? pte_make(kinds[KIND_RO].mfn, PTE_P)
                            : pte_make(stage_pinned(level - 1)->mfn, PTE_P);

    for (unsigned int bit = 0; bit < 64; bit++) {
        if (!(PTE_FLAGS_MASK >> bit & 1))
            continue;
        ask("pin/l%u/bit/%u", level, bit);
        page_write(10, good | 1UL << bit);
        pin_told(level, 10);
        ask("pin/l%u/bit/%u/absent", level, bit);
        page_write(10, bit ? 1UL << bit : 0xabcd00);
        pin_told(level, 10);
    }
    for (unsigned int kind = 0; kind < KINDS; kind++)
        for (unsigned int rw = 0; rw < 2; rw++) {
            ask("pin/l%u/frame/%s/%s", level, kinds[kind].name, rw ? "rw" : "ro");
            page_write(10, pte_make(kinds[kind].mfn, PTE_P | (rw ? PTE_RW : 0)));
            pin_told(level, 10);
        }
    ask("pin/l%u/frame/itself/ro", level);
    page_write(10, pte_make(page.mfn, PTE_P));
    pin_told(level, 10);
    ask("pin/l%u/frame/itself/rw", level);
    page_write(10, pte_make(page.mfn, PTE_P | PTE_RW));
    pin_told(level, 10);
}

/* A bad entry behind good ones: those give back what they took. */
static void undone(unsigned int level)
{
    static const unsigned int at[] = { 0, 1, 2, 100, 511 };
    mfn_t child = level == 1 ? kinds[KIND_RO].mfn : stage_pinned(level - 1)->mfn;

    for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        for (unsigned int n = 0; n < 512; n++)
            if (level != 4 || n < 256 || n > 271)
                page_write(n, pte_make(n == at[i] ? kinds[KIND_FREE].mfn : child, PTE_P));
        must(page_rights(page.pfn, PTE_P), "read-only");
        ask("pin/l%u/bad-at/%u", level, at[i]);
        tell_rc(pin(level));
        tell_pte("first", slot_read(&page, 0));
        tell_pte("last", slot_read(&page, 511));
        tell("writable=%lu", (unsigned long)page_rights(page.pfn, PTE_P | PTE_RW));
        told();
        memset(page_va(page.pfn), 0, PAGE_SIZE);
    }
}

static void hypervisor_slots(void)
{
    static const uint64_t values[] = { PTE_P | 0x1000, 0xff00, PTE_P | PTE_RW | PTE_U | PTE_PS };

    for (unsigned int index = 255; index <= 272; index++)
        for (unsigned int i = 0; i < 3; i++) {
            bool hidden = index > 256 && index < 272;
            long rc;

            page_write(index, values[i]);
            must(page_rights(page.pfn, PTE_P), "read-only");
            ask("pin/l4-slot/%u/%lx", index, values[i]);
            rc = pin(4);
            tell_rc(rc);
            if (hidden)
                tell("kept=%u", slot_read(&page, index) == values[i]);
            else
                tell_pte("pte", slot_read(&page, index));
            if (!rc)
                must(unpin(), "unpin");
            told();
            must(page_rights(page.pfn, PTE_P | PTE_RW), "writable");
            memset(page_va(page.pfn), 0, PAGE_SIZE);
        }
}

/* ---- orders ---- */

/*
 * Steps on the page: 1..4 pin, u unpin, h/H hook into the table above and unhook, w/r writable and
 * read-only.
 */
static void step(char what, unsigned int level)
{
    unsigned int above = level < 4 ? level + 1 : 4;
    uint64_t ma = slot_ma(stage_table(above), stage_free(above));
    long rc;

    if (what >= '1' && what <= '4')
        rc = pin((unsigned int)(what - '0'));
    else if (what == 'u')
        rc = unpin();
    else if (what == 'h')
        rc = update_one(ma, pte_make(page.mfn, PTE_P), NULL);
    else if (what == 'H')
        rc = update_one(ma, 0, NULL);
    else if (what == 'w')
        rc = page_rights(page.pfn, PTE_P | PTE_RW);
    else if (what == 'r')
        rc = page_rights(page.pfn, PTE_P);
    else
        rc = update_one(slot_ma(&page, 3), 0, NULL);
    if (rc < 0)
        tell("%c:-%lu", what, -(unsigned long)rc);
    else
        tell("%c:%lu", what, (unsigned long)rc);
}

static void order(unsigned int level, const char *steps)
{
    ask("pin/order/l%u/%s", level, steps);
    for (const char *s = steps; *s; s++)
        step(*s, level);
    told();
    /* Back to an ordinary writable page, whatever happened. */
    (void)update_one(
        slot_ma(stage_table(level < 4 ? level + 1 : 4), stage_free(level < 4 ? level + 1 : 4)), 0,
        NULL);
    (void)unpin();
    must(page_rights(page.pfn, PTE_P | PTE_RW), "writable");
}

static void orders(void)
{
    static const char *const steps[] = {
        "w1u",   "w2u",   "w3u",   "w4u",       "r1u",    "r1uu",   "r11u",   "r12u",
        "r13u",  "r14u",  "r21u",  "r22u",      "r33u",   "r44u",   "r1wuw",  "r2wuw",
        "r3wuw", "r4wuw", "r1uw",  "r1u2u3u4u", "rhH",    "rhu",    "rhwHw",  "wh",
        "rhhH",  "rh1uH", "rh2uH", "rh3uH",     "rh4uH",  "r1hHu",  "r1huH",  "r1huwHw",
        "r2huH", "r3huH", "r4huH", "rhHu",      "rhHw1",  "r1m",    "rhmH",   "rm",
        "wm",    "r1umw", "r4m",   "r4hum",     "r1hHuw", "rh1Huw", "rh1Hwuw"
    };

    for (unsigned int level = 1; level <= 4; level++)
        for (unsigned int i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
            order(level, steps[i]);
}

void ask_pin(void)
{
    page_take();
    for (unsigned int level = 1; level <= 4; level++) {
        one_entry(level);
        undone(level);
    }
    hypervisor_slots();
    orders();
    record_unname(page.mfn);
    page_put(page.pfn);
}
