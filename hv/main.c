/* SPDX-License-Identifier: MIT */
/*
 * Bring-up, in order. head.S enters here on the temporary map with interrupts off; each step needs
 * the ones above it. What the machine was given and cannot be worked with ends in boot_failure().
 */
#include "boot/cmdline.h"
#include "boot/multiboot.h"
#include "cpu/desc.h"
#include "cpu/smap.h"
#include "cpu/timer.h"
#include "dom/books.h"
#include "dom/gnttab.h"
#include "dom/sched.h"
#include "domains.h"
#include "lib/machine.h"
#include "lib/printk.h"
#include "lib/uart.h"
#include "mm/boot_map.h"
#include "mm/frame.h"
#include "mm/hv_map.h"
#include "mm/page_alloc.h"

_Static_assert(GRANT_FRAMES_MOST == GNTTAB_FRAMES_MAX, "what the option accepts can be had");

#define BOOT_REACH 0x100000000ul /* what head.S maps */
#define LOW_MEMORY 0x100000ul    /* the firmware's: never used */

void boot_main(uint32_t magic, uint32_t info_pa);

static struct boot_info info;
static struct mem_ranges free_ram, firmware; /* firmware: of the first MiB, what holds no module */

static void console_start(const char *cmdline)
{
    cmdline_early(cmdline);
    if (!boot_options.console_none)
        uart_init();
}

static void banner(void)
{
    printk(LOG_ALWAYS, "Pinion " PINION_VERSION " x86_64 (gcc " __VERSION__ ")\n");
    if (info.loader[0])
        printk(LOG_INFO, "Bootloader: %s\n", info.loader);
    printk(LOG_INFO, "Command line: %s\n", info.cmdline);
}

static void memory_report(void)
{
    printk(LOG_INFO, "Multiboot RAM map:\n");
    for (unsigned i = 0; i < info.ram.count; i++)
        printk(LOG_INFO, " [%016lx, %016lx] (usable)\n", info.ram.at[i].start,
               info.ram.at[i].end - 1);
    printk(LOG_INFO, "System RAM: %luMB (%lukB)\n", mem_ranges_bytes(&info.ram) >> 20,
           mem_ranges_bytes(&info.ram) >> 10);
    if (info.truncated || info.ram.truncated)
        printk(LOG_WARNING,
               "The boot loader gave more than there is room for: some of it is ignored\n");
}

/* Everything that is free: RAM without the firmware's part, the image and the modules. */
static void memory_init(void)
{
    struct mem_range image = boot_map_image();

    memory_report();
    free_ram = info.ram;
    mem_ranges_cut(&free_ram, 0, LOW_MEMORY);
    mem_ranges_add(&firmware, 0, LOW_MEMORY);
    mem_ranges_cut(&free_ram, image.start, image.end);
    for (unsigned i = 0; i < info.modules; i++) {
        const struct boot_module *m = &info.module[i];
        uint64_t start = m->pa & PAGE_MASK, end = (m->pa + m->bytes + PAGE_SIZE - 1) & PAGE_MASK;

        if (!mem_ranges_hold(&info.ram, m->pa, m->pa + m->bytes))
            boot_failure("Module %u at %lx (%lu bytes) is not in memory", i, m->pa, m->bytes);
        if (m->bytes && m->pa < image.end && m->pa + m->bytes > image.start)
            boot_failure("Module %u at %lx overlaps the hypervisor", i, m->pa);
        mem_ranges_cut(&free_ram, start, end);
        mem_ranges_cut(&firmware, start, end);
    }
    if (!boot_map_build(&info.ram, &firmware, &free_ram))
        boot_failure("Not enough memory: %lukB of RAM cannot hold the hypervisor's tables",
                     mem_ranges_bytes(&info.ram) >> 10);
    for (unsigned i = 0; i < free_ram.count; i++)
        page_alloc_add(ma_to_mfn(free_ram.at[i].start),
                       (free_ram.at[i].end - free_ram.at[i].start) >> PAGE_SHIFT);
    boot_map_finish();
}

void boot_main(uint32_t magic, uint32_t info_pa)
{
    const char *error;

    cpu_init_early();
    error = multiboot_read(&info, magic, info_pa, BOOT_REACH);
    console_start(info.cmdline);
    banner();
    cmdline_parse(info.cmdline);
    if (error)
        boot_failure("%s", error);
    tsc_stable = boot_options.tsc_stable;
    if (boot_options.gnttab_frames)
        gnttab_frames_limit = boot_options.gnttab_frames;
    smap_init();
    hv_map_small = boot_options.audit == BOOKS_EACH;
    memory_init();
    domains_read(&info);
    cpu_init();
    timer_init();
    printk_clock = system_time;
    sched_init();
    books_init((enum books_when)boot_options.audit);
    domains_start();
    sched_idle_loop();
}
