/* SPDX-License-Identifier: MIT */
/* The machine of boot.h. Its memory is a file without a name, mapped wherever the tables map it. */
#define _GNU_SOURCE /* memfd_create() */
#include "boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/printk.h"
#include "lib/x86.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"

#define SPINS_MAX 1000000u

/* hv.lds.S */
asm(".globl __image_start, __text_end, __rodata_end, __boot_guard, __data_resume\n"
    ".globl __boot_tables_start, __image_end\n"
    ".set __image_start, 0xffff82d000000000\n"
    ".set __text_end, __image_start + 0x5000\n"
    ".set __rodata_end, __image_start + 0x8000\n"
    ".set __boot_guard, __image_start + 0xc000\n"
    ".set __data_resume, __image_start + 0xd000\n"
    ".set __boot_tables_start, __image_start + 0x10000\n"
    ".set __image_end, __image_start + 0x16000\n");
_Static_assert(HV_IMAGE_VA == 0xffff82d000000000, "__image_start");

/* A range of the hypervisor's addresses that the test's own stand in for. */
struct window {
    uint64_t va, bytes;
    uint8_t *at;
};

static struct window windows[] = {
    { DIRECTMAP_VA, BOOT_MEMORY, 0 },
    { M2P_RW_VA, BOOT_MEMORY / PAGE_SIZE * sizeof(uint64_t), 0 },
    { FRAME_TABLE_VA, BOOT_MEMORY / PAGE_SIZE * sizeof(struct frame), 0 },
};
#define WINDOWS (sizeof(windows) / sizeof(windows[0]))

uint8_t *machine_memory;
struct frame *frame_table;
uint64_t *m2p_table;
struct percpu *machine_this_cpu;
bool trace_on;

struct mem_ranges boot_ram, boot_firmware, boot_free;
unsigned boot_fail_at, boot_steps, boot_loads, boot_reloads, boot_accesses, boot_other_at;
uint64_t boot_flushed;
void (*boot_other)(void);

static struct percpu cpu;
static int file;
static uint8_t *all; /* of the memory */

/* ---- hooks, TLB, log ---- */

bool hook_fail(void)
{
    return ++boot_steps == boot_fail_at;
}

void hook_shared_access(void)
{
    if (++boot_accesses > SPINS_MAX)
        fail_msg("a lock is waited for that nobody gives back");
    if (boot_accesses == boot_other_at)
        boot_other();
}

void tlb_flush_all(void)
{
    cpu.flush_clock++;
}

void tlb_flush_since(uint32_t epoch)
{
    if (epoch == tlb_epoch())
        tlb_flush_all();
}

void tlb_flush_va(uint64_t va)
{
    boot_flushed = va;
}

void write_cr3(uint64_t cr3)
{
    assert_int_equal(cr3, cpu.cr3);
    boot_reloads++;
}

void printk(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

void panic(const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    fail_msg("panic: %s", text);
    abort();
}

/* ---- memory and the tables in it ---- */

void *boot_memory(uint64_t pa)
{
    assert_true(pa < BOOT_MEMORY);
    return all + pa;
}

static uint64_t level_bytes(unsigned level)
{
    return PAGE_SIZE << 9 * (level - 1);
}

static void walk(uint64_t table_pa, unsigned level, uint64_t va, boot_visit *visit)
{
    const uint64_t *table = boot_memory(table_pa);

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        uint64_t at = va + i * level_bytes(level);
        bool leaf = level == 1 || (table[i] & PTE_PS);

        if (!(table[i] & PTE_P))
            continue;
        if (level == 4 && i >= PT_ENTRIES / 2)
            at |= 0xfffful << 48;
        visit(at, level, table[i], leaf);
        if (!leaf)
            walk(table[i] & PTE_ADDR_MASK, level - 1, at, visit);
    }
}

void boot_walk(uint64_t table_pa, unsigned top, boot_visit *visit)
{
    walk(table_pa, top, top == 3 ? PERDOMAIN_VA : 0, visit);
}

uint64_t boot_entry(uint64_t table_pa, unsigned top, uint64_t va, unsigned level)
{
    for (;; top--) {
        uint64_t entry = ((uint64_t *)boot_memory(table_pa))[level_index(va, top)];

        if (!(entry & PTE_P) || top == level || (entry & PTE_PS))
            return entry & PTE_P ? entry : 0;
        table_pa = entry & PTE_ADDR_MASK;
    }
}

static void map(void *at, uint64_t bytes, uint64_t pa, int rights)
{
    if (mmap(at, bytes, rights, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file, (off_t)pa) != at)
        fail_msg("no mapping of %lu bytes", bytes);
}

static void window_map(uint64_t va, unsigned level, uint64_t entry, bool leaf)
{
    uint64_t bytes = level_bytes(level);

    for (unsigned i = 0; leaf && i < WINDOWS; i++) {
        const struct window *w = &windows[i];

        if (va - w->va < w->bytes)
            map(w->at + (va - w->va), bytes, entry & PTE_ADDR_MASK,
                PROT_READ | (entry & PTE_RW ? PROT_WRITE : 0));
    }
}

static void windows_close(void)
{
    for (unsigned i = 0; i < WINDOWS; i++) {
        struct window *w = &windows[i];

        w->at = mmap(w->at, w->bytes, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (w->at ? MAP_FIXED : 0), -1, 0);
        assert_ptr_not_equal(w->at, MAP_FAILED);
    }
    machine_memory = windows[0].at;
    m2p_table = (uint64_t *)windows[1].at;
    frame_table = (struct frame *)windows[2].at;
}

void tlb_load_root(uint64_t cr3)
{
    boot_loads++;
    cpu.cr3 = cr3;
    windows_close();
    boot_walk(cr3, 4, window_map);
}

/* ---- start and stop ---- */

/* What lies behind the last range of a list is none. */
static void list_fill(struct mem_ranges *list)
{
    for (unsigned i = list->count; i < MEM_RANGES_MAX; i++)
        list->at[i] = (struct mem_range){ 8 * MIB, 8 * MIB + PAGES(2) };
}

void boot_begin(const struct mem_range *ram, unsigned count)
{
    const struct mem_range image = boot_map_image();

    if (!all) {
        file = memfd_create("memory", 0);
        assert_int_equal(ftruncate(file, BOOT_MEMORY), 0);
        all = mmap(0, BOOT_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
        assert_ptr_not_equal(all, MAP_FAILED);
    }
    memset(all, GARBAGE & 0xff, BOOT_GARBAGE);
    windows_close();
    map(machine_memory, 4 * GIB, 0, PROT_READ | PROT_WRITE);
    cpu = (struct percpu){ .self = &cpu };
    machine_this_cpu = &cpu;
    boot_fail_at = boot_steps = boot_loads = boot_reloads = boot_accesses = boot_other_at = 0;
    boot_flushed = idle_root_pa = 0;

    memset(&boot_ram, 0, sizeof(boot_ram));
    memset(&boot_firmware, 0, sizeof(boot_firmware));
    for (unsigned i = 0; i < count; i++)
        mem_ranges_add(&boot_ram, ram[i].start, ram[i].end);
    boot_free = boot_ram;
    mem_ranges_cut(&boot_free, 0, MIB);
    mem_ranges_cut(&boot_free, image.start, image.end);
    mem_ranges_add(&boot_firmware, 0, MIB);
    list_fill(&boot_ram);
    list_fill(&boot_firmware);
    list_fill(&boot_free);
}

void boot_small(uint64_t bytes)
{
    const struct mem_range ram = { MIB, MIB + bytes };

    boot_begin(&ram, 1);
    boot_firmware.count = 0;
    assert_true(boot_map_build(&boot_ram, &boot_firmware, &boot_free));
    for (unsigned i = 0; i < boot_free.count; i++)
        page_alloc_add(ma_to_mfn(boot_free.at[i].start),
                       (boot_free.at[i].end - boot_free.at[i].start) / PAGE_SIZE);
    boot_steps = boot_accesses = 0;
}

void boot_end(void)
{
    boot_fail_at = boot_other_at = 0;
    while (page_free_count() && frame_valid(page_alloc(0)))
        ;
    hv_map_small = false;
}
