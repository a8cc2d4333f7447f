/* SPDX-License-Identifier: MIT */
/*
 * The final map, built at boot on top of the temporary one: the image with the rights of its
 * sections, all RAM at DIRECTMAP_VA, the M2P twice, the frame table.
 *
 * Invariant: a machine page that holds text or constants of the image is read-only under every
 * address; text is executable under its linked address alone. Only RAM is in the direct map.
 * Boot work grows with RAM only in the two tables: one store of 8 and two of 8 bytes for each
 * frame.
 */
#include "mm/boot_map.h"

#include "hooks.h"
#include "lib/string.h"
#include "mm/hv_map.h"
#include "mm/m2p.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"

#define BIG_SIZE   0x200000ull /* what an L2 entry maps */
#define VGA_START  0xa0000ull  /* the display's memory */
#define VGA_END    0xc0000ull
#define BIOS_START 0xe0000ull
#define BOOT_REACH 0x100000000ull /* tables are written through the temporary direct map */

/* hv.lds.S: the image is in one of these. */
_Static_assert(HV_IMAGE_PA % BIG_SIZE == 0, "the image begins a large page");

#define M2P_RO_ABOVE (PTE_P | PTE_U | PTE_A)
#define M2P_RO_LEAF  (PTE_P | PTE_U | PTE_A | PTE_NX)

/* hv.lds.S. Each is a page boundary; [__boot_guard, __data_resume) is left out of the map. */
extern char __image_start[], __text_end[], __rodata_end[], __boot_guard[], __data_resume[],
    __boot_tables_start[], __image_end[];

static struct mem_ranges *source;

static uint64_t image_pa(const char *symbol)
{
    return (uint64_t)symbol - HV_IMAGE_VA + HV_IMAGE_PA;
}

struct mem_range boot_map_image(void)
{
    return (struct mem_range){ HV_IMAGE_PA, image_pa(__image_end) };
}

/* Memory aligned to its size, all of it below limit; 0 = there is none. */
static uint64_t memory_take(uint64_t bytes, uint64_t limit)
{
    return hook_fail() ? 0 : mem_ranges_take(source, bytes, bytes, limit);
}

static uint64_t boot_table_page(void)
{
    uint64_t pa = memory_take(PAGE_SIZE, BOOT_REACH);

    if (pa)
        memset(frame_va(ma_to_mfn(pa)), 0, PAGE_SIZE);
    return pa;
}

static bool map_pages(uint64_t va, uint64_t pa, uint64_t end_pa, uint64_t flags)
{
    for (; pa < end_pa; va += PAGE_SIZE, pa += PAGE_SIZE)
        if (hv_map_set(va, 1, pa | flags, HV_PTE_TABLE))
            return false;
    return true;
}

static bool map_image(void)
{
    /* The boot's tables are in use until the final map is loaded, but not under this address. */
    const struct {
        const char *start, *end;
        uint64_t flags;
    } parts[] = {
        { __image_start, __text_end, HV_PTE_TEXT },
        { __text_end, __rodata_end, HV_PTE_RO },
        { __rodata_end, __boot_guard, HV_PTE_DATA },
        { __data_resume, __boot_tables_start, HV_PTE_DATA },
    };

    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!map_pages((uint64_t)parts[i].start, image_pa(parts[i].start), image_pa(parts[i].end),
                       parts[i].flags))
            return false;
    return true;
}

/*
 * One range of RAM: large pages, but for what they do not cover wholly and for those with the
 * image.
 */
static bool map_direct(uint64_t start, uint64_t end)
{
    const uint64_t constant_end = image_pa(__rodata_end);

    while (start < end) {
        uint64_t va = DIRECTMAP_VA + start, size = BIG_SIZE;
        bool constant = start >= HV_IMAGE_PA && start < constant_end;
        unsigned level = 2;

        if (hv_map_small || start % BIG_SIZE || end - start < BIG_SIZE || start == HV_IMAGE_PA) {
            size = PAGE_SIZE;
            level = 1;
        }
        if (hv_map_set(va, level, start | (constant ? HV_PTE_RO : HV_PTE_DATA), HV_PTE_TABLE))
            return false;
        start += size;
    }
    return true;
}

/* Memory for one of the big tables, at va; the M2P also appears to guests, at ro_va. */
static bool map_table(uint64_t va, uint64_t bytes, uint64_t ro_va)
{
    for (uint64_t at = 0; at < bytes;) {
        bool big = bytes - at >= BIG_SIZE && !hv_map_small;
        uint64_t size = big ? BIG_SIZE : PAGE_SIZE;
        uint64_t pa = memory_take(size, ~0ull);

        if (!pa || hv_map_set(va + at, big ? 2 : 1, pa | HV_PTE_DATA, HV_PTE_TABLE))
            return false;
        if (ro_va && hv_map_set(ro_va + at, big ? 2 : 1, pa | M2P_RO_LEAF, M2P_RO_ABOVE))
            return false;
        at += size;
    }
    return true;
}

static bool map_build(const struct mem_ranges *ram)
{
    idle_root_pa = boot_table_page();
    if (!idle_root_pa || !map_image())
        return false;
    for (unsigned i = 0; i < ram->count; i++)
        if (!map_direct(ram->at[i].start, ram->at[i].end))
            return false;
    return map_table(M2P_RW_VA, frame_limit * sizeof(uint64_t), M2P_RO_VA) &&
           map_table(FRAME_TABLE_VA, frame_limit * sizeof(struct frame), 0);
}

/* By four, because this is what the boot's time grows with. */
static void owner_fill(uint64_t start, uint64_t end, uint64_t owner)
{
    struct frame *f = &frame_table[start >> PAGE_SHIFT], *last = &frame_table[end >> PAGE_SHIFT];
    uint64_t ref = owner << FRAME_OWNER_SHIFT;

    for (; last - f >= 4; f += 4) {
        f[0].ref = f[1].ref = f[2].ref = f[3].ref = ref;
        f[0].type = f[1].type = f[2].type = f[3].type = 0;
    }
    for (; f < last; f++)
        *f = (struct frame){ ref, 0 };
}

/* What is free lies in RAM, the rest of which is the hypervisor's; what is between ranges is no RAM. */
static void tables_fill(const struct mem_ranges *ram, const struct mem_ranges *free)
{
    const struct mem_range *next = free->at, *last = &free->at[free->count];
    uint64_t at = 0;

    memset(m2p_table, 0xff, frame_limit * sizeof(uint64_t));
    for (unsigned i = 0; i < ram->count; i++) {
        owner_fill(at, ram->at[i].start, OWNER_IO);
        at = ram->at[i].start;
        for (; next < last && next->end <= ram->at[i].end; next++) {
            owner_fill(at, next->start, OWNER_HV);
            owner_fill(next->start, next->end, OWNER_NONE);
            at = next->end;
        }
        owner_fill(at, ram->at[i].end, OWNER_HV);
        at = ram->at[i].end;
    }
}

static void firmware_fill(const struct mem_ranges *firmware)
{
    for (unsigned i = 0; i < firmware->count; i++) {
        for (uint64_t at = firmware->at[i].start; at < firmware->at[i].end; at += PAGE_SIZE) {
            if (at >= BIOS_START)
                owner_fill(at, at + PAGE_SIZE, OWNER_BIOS);
            else
                frame_assign(ma_to_mfn(at), at >= VGA_START && at < VGA_END ? OWNER_VGA : OWNER_ROM,
                             0);
        }
    }
}

bool boot_map_build(const struct mem_ranges *ram, const struct mem_ranges *firmware,
                    struct mem_ranges *free)
{
    bool good;

    frame_limit = ram->at[ram->count - 1].end >> PAGE_SHIFT;
    frame_ram_pages = mem_ranges_bytes(ram) >> PAGE_SHIFT;

    source = free;
    hv_map_table_source = boot_table_page;
    good = map_build(ram);
    hv_map_table_source = 0;
    if (!good)
        return false;
    tlb_load_root(idle_root_pa);
    tables_fill(ram, free);
    firmware_fill(firmware);
    return true;
}

void boot_map_release(uint64_t start, uint64_t end)
{
    owner_fill(start, end, OWNER_NONE);
    page_alloc_add(ma_to_mfn(start), (end - start) >> PAGE_SHIFT);
}

void boot_map_finish(void)
{
    boot_map_release(image_pa(__boot_tables_start), image_pa(__image_end));
    firmware_blank = page_alloc(0);
    page_clear(frame_va(firmware_blank));
    frame_assign(firmware_blank, OWNER_ROM, 0);
}
