/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target "map": the hypervisor's own mappings and the allocator under them, with allocations that
 * fail. An input is a list of two-byte steps. Every stack is two writable pages of its own with nothing
 * mapped below; at the end all pages are back but the tables under the idle L4.
 */
#include "fuzz.h"

#include <stdarg.h>
#include <string.h>

#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/x86.h"
#include "mm/frame.h"
#include "mm/hv_map.h"
#include "mm/layout.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"

#define FRAMES     128u
#define FRAME_IDLE 2u
#define FRAME_RAM  3u
#define STACKS     24u
#define MAPS       3u

static uint8_t pages[FRAMES * PAGE_SIZE] __attribute__((aligned(4096)));
static struct frame frames[FRAMES];
static struct percpu cpu;
static unsigned fail_in; /* steps until one fails; 0 = none does */

uint8_t *machine_memory = pages;
struct frame *frame_table = frames;
uint64_t *m2p_table;
struct percpu *machine_this_cpu = &cpu;
bool trace_on;

/* ---- hooks, TLB, log ---- */

bool hook_fail(void)
{
    return fail_in && !--fail_in;
}

void hook_shared_access(void)
{
}

void tlb_flush_all(void)
{
    cpu.flush_clock++;
}

void tlb_flush_va(uint64_t va)
{
    (void)va;
}

void write_cr3(uint64_t cr3)
{
    (void)cr3;
}

void printk(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

/* ---- looking at the tables ---- */

/* The present entry of va at this level, or of a larger page above it; 0 for nothing. */
static uint64_t entry_at(uint64_t pa, unsigned top, uint64_t va, unsigned bottom)
{
    for (unsigned level = top;; level--) {
        uint64_t pte = ((uint64_t *)frame_va(ma_to_mfn(pa)))[level_index(va, level)];

        if (!(pte & PTE_P) || level == bottom || (pte & PTE_PS))
            return pte & PTE_P ? pte : 0;
        pa = pte & PTE_ADDR_MASK;
        fuzz_assert(ma_to_mfn(pa).n < FRAMES);
    }
}

static uint64_t entry_of(uint64_t pa, unsigned top, uint64_t va)
{
    return entry_at(pa, top, va, 1);
}

static unsigned tables_below(uint64_t pa, unsigned level)
{
    const uint64_t *table = frame_va(ma_to_mfn(pa));
    unsigned n = 0;

    for (unsigned i = 0; level > 1 && i < PT_ENTRIES; i++)
        if ((table[i] & PTE_P) && !(table[i] & PTE_PS))
            n += 1 + tables_below(table[i] & PTE_ADDR_MASK, level - 1);
    return n;
}

static void stack_check(uint64_t top)
{
    uint64_t a = entry_of(idle_root_pa, 4, top - PAGE_SIZE);
    uint64_t b = entry_of(idle_root_pa, 4, top - 2 * PAGE_SIZE);

    fuzz_assert((a & ~PTE_ADDR_MASK) == HV_PTE_DATA && (b & ~PTE_ADDR_MASK) == HV_PTE_DATA);
    fuzz_assert(pte_mfn(a).n != pte_mfn(b).n);
    fuzz_assert(frame_owner(pte_mfn(a)) == OWNER_HV && frame_owner(pte_mfn(b)) == OWNER_HV);
    for (unsigned i = 3; i <= 4; i++)
        fuzz_assert(!entry_of(idle_root_pa, 4, top - i * PAGE_SIZE));
}

/* ---- steps ---- */

static uint64_t stacks[STACKS];
static struct perdomain_map maps[MAPS];

static void stack_step(uint8_t x)
{
    uint64_t *top = &stacks[x % STACKS];

    if (*top) {
        hv_stack_free(*top);
        fuzz_assert(!entry_of(idle_root_pa, 4, *top - PAGE_SIZE));
        *top = 0;
        return;
    }
    *top = hv_stack_alloc();
    for (unsigned i = 0; *top && i < STACKS; i++)
        fuzz_assert(i == x % STACKS || stacks[i] != *top);
}

static void io_step(uint8_t x)
{
    uint64_t pa = 0xfec00000ul + x * 0x804ul;
    uint64_t va = (uint64_t)hv_map_io(pa);

    if (!va)
        return;
    fuzz_assert((va & ~PAGE_MASK) == (pa & ~PAGE_MASK));
    fuzz_assert(entry_of(idle_root_pa, 4, va) == ((pa & PAGE_MASK) | HV_PTE_IO));
}

static void window_step(uint8_t x)
{
    struct perdomain_map *map = &maps[x % MAPS];
    uint64_t va = PERDOMAIN_VA + (uint64_t)(x >> 4) * (PERDOMAIN_VCPU_SIZE * 5);
    uint64_t pte = x & 8 ? pte_make(mfn_of(FRAME_IDLE), HV_PTE_RO) : 0;
    int rc;

    if ((x & 0xf) == 0xf) {
        perdomain_free(map);
        fuzz_assert(!map->l3_pa);
        return;
    }
    rc = perdomain_set(map, va, pte);
    fuzz_assert(rc == 0 || rc == -ENOMEM);
    fuzz_assert(rc || entry_of(map->l3_pa, 3, va) == pte);
}

/* A page, or one of 2 MiB, in the direct map: refused where a larger one is in the way. */
static void map_step(uint8_t x)
{
    unsigned level = x & 1 ? 2 : 1;
    uint64_t va = DIRECTMAP_VA + (uint64_t)(x >> 1 & 7) * 0x1000 + (uint64_t)(x >> 4) * 0x200000;
    uint64_t pte = pte_make(mfn_of(0x200), HV_PTE_DATA),
             before = entry_at(idle_root_pa, 4, va, level);
    int rc;

    /* A table is never replaced by a large page: nobody asks for it. */
    if (level == 2 && before && !(before & PTE_PS))
        return;
    rc = hv_map_set(va, level, pte, HV_PTE_TABLE);
    fuzz_assert(rc == 0 || rc == -ENOMEM);
    fuzz_assert(entry_at(idle_root_pa, 4, va, level) ==
                (rc ? before : pte | (level == 2 ? PTE_PS : 0)));
}

static void slots_step(uint8_t x)
{
    static uint64_t l4[PT_ENTRIES];
    const uint64_t *idle = frame_va(mfn_of(FRAME_IDLE));

    memset(l4, x, sizeof(l4));
    hv_map_fill_slots(l4, 0x1234000 | PTE_P);
    for (unsigned slot = 0; slot < PT_ENTRIES; slot++) {
        bool hv = slot >= PT_HV_SLOT_FIRST && slot <= PT_HV_SLOT_LAST;
        uint64_t want = slot == 256 ? 0 : slot == 260 ? 0x1234000 | PTE_P : idle[slot];

        fuzz_assert(l4[slot] == (hv ? want : x * 0x0101010101010101ul));
    }
    hv_map_show_m2p(l4, 1);
    fuzz_assert(l4[256] == idle[256]);
    hv_map_show_m2p(l4, 0);
    fuzz_assert(!l4[256]);
}

/* ---- the target ---- */

static uint64_t begin(void)
{
    uint64_t *idle = frame_va(mfn_of(FRAME_IDLE));

    fail_in = 0;
    frame_limit = FRAMES;
    idle_root_pa = FRAME_IDLE * PAGE_SIZE;
    memset(idle, 0, PAGE_SIZE);
    idle[256] = 0x5000 | PTE_P | PTE_U;
    while (frame_valid(page_alloc(0)))
        ;
    for (unsigned n = 0; n < FRAMES; n++)
        frames[n] = (struct frame){ .ref = (uint64_t)(n < FRAME_RAM ? OWNER_HV : OWNER_NONE)
                                           << FRAME_OWNER_SHIFT };
    page_alloc_add(mfn_of(FRAME_RAM), FRAMES - FRAME_RAM);
    return page_free_count();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const steps[8])(uint8_t) = { stack_step, stack_step, window_step, window_step,
                                               map_step,   slots_step, io_step,     0 };
    uint64_t at_first = begin();

    for (size_t i = 0; i + 2 <= size; i += 2) {
        if (!steps[data[i] & 7])
            fail_in = data[i + 1] % 8;
        else
            steps[data[i] & 7](data[i + 1]);
        if (fuzz_verbose)
            fprintf(stderr, "step %u of %u: %lu pages free\n", data[i] & 7, data[i + 1],
                    page_free_count());
        for (unsigned k = 0; k < STACKS; k++)
            if (stacks[k])
                stack_check(stacks[k]);
    }
    for (unsigned i = 0; i < STACKS; i++)
        if (stacks[i])
            hv_stack_free(stacks[i]);
    memset(stacks, 0, sizeof(stacks));
    for (unsigned i = 0; i < MAPS; i++)
        perdomain_free(&maps[i]);
    ((uint64_t *)frame_va(mfn_of(FRAME_IDLE)))[256] = 0;
    fuzz_assert(page_free_count() + tables_below(idle_root_pa, 4) == at_first);
    fuzz_count(size / 2);
    return 0;
}

void fuzz_describe(const uint8_t *data, size_t size)
{
    fuzz_verbose = true;
    (void)LLVMFuzzerTestOneInput(data, size);
    fuzz_verbose = false;
}
