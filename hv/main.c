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
#include "dom/build.h"
#include "dom/domain.h"
#include "dom/dump.h"
#include "dom/sched.h"
#include "lib/errno.h"
#include "lib/machine.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "lib/uart.h"
#include "mm/boot_map.h"
#include "mm/frame.h"
#include "mm/hv_map.h"
#include "mm/page_alloc.h"

#define BOOT_REACH 0x100000000ul /* what head.S maps */
#define LOW_MEMORY 0x100000ul    /* the firmware's: never used */
#define KEEP_PAGES 256u          /* of the hypervisor, for the domain's own structures */
#define KEEP_SHARE 16u           /* without dom0_mem=, so much of memory stays free, */
#define KEEP_MAX   (128ul << 20 >> PAGE_SHIFT) /* but not more than this */

void boot_main(uint32_t magic, uint32_t info_pa);

static struct boot_info info;
static struct mem_ranges free_ram;

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
    mem_ranges_cut(&free_ram, image.start, image.end);
    for (unsigned i = 0; i < info.modules; i++) {
        const struct boot_module *m = &info.module[i];

        if (!mem_ranges_hold(&info.ram, m->pa, m->pa + m->bytes))
            boot_failure("Module %u at %lx (%lu bytes) is not in memory", i, m->pa, m->bytes);
        if (m->bytes && m->pa < image.end && m->pa + m->bytes > image.start)
            boot_failure("Module %u at %lx overlaps the hypervisor", i, m->pa);
        mem_ranges_cut(&free_ram, m->pa & PAGE_MASK,
                       (m->pa + m->bytes + PAGE_SIZE - 1) & PAGE_MASK);
    }
    if (!boot_map_build(&info.ram, &free_ram))
        boot_failure("Not enough memory: %lukB of RAM cannot hold the hypervisor's tables",
                     mem_ranges_bytes(&info.ram) >> 10);
    for (unsigned i = 0; i < free_ram.count; i++)
        page_alloc_add(ma_to_mfn(free_ram.at[i].start),
                       (free_ram.at[i].end - free_ram.at[i].start) >> PAGE_SHIFT);
    boot_map_finish();
}

/* Pages that dom0_mem= asks for, as far as there are that many. */
static uint32_t domain_pages(void)
{
    const struct boot_options *o = &boot_options;
    int64_t free_pages = (int64_t)page_free_count() - KEEP_PAGES;
    int64_t keep = free_pages / KEEP_SHARE, pages = free_pages;
    int64_t least = o->dom0_min >> PAGE_SHIFT, most = o->dom0_max >> PAGE_SHIFT;

    if (o->dom0_bytes > 0 || o->dom0_percent)
        pages = (o->dom0_bytes >> PAGE_SHIFT) + free_pages * o->dom0_percent / 100;
    else
        pages -= o->dom0_bytes ? -o->dom0_bytes >> PAGE_SHIFT
                               : (int64_t)(keep < (int64_t)KEEP_MAX ? keep : (int64_t)KEEP_MAX);
    if (pages < least)
        pages = least;
    if (most && pages > most)
        pages = most;
    if (pages > free_pages) {
        if (free_pages < least)
            boot_failure("Not enough memory: dom0_mem=min:%luk, but only %ldkB are free",
                         (uint64_t)least << 2, free_pages << 2);
        printk(LOG_WARNING, "dom0_mem: only %ldkB are free\n", free_pages << 2);
        pages = free_pages;
    }
    if (pages <= 0)
        boot_failure("Not enough memory: nothing is left for the guest");
    return pages > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)pages;
}

/* The n-th module as a named image; its string is a name, then the command line. */
static struct build_image module_image(unsigned n)
{
    struct boot_module *m = &info.module[n];
    char *words = (char *)m->string, *space = strchr(words, ' ');

    if (space)
        *space = 0;
    return (struct build_image){ .data = frame_va(ma_to_mfn(m->pa)) + (m->pa & ~PAGE_MASK),
                                 .bytes = m->bytes,
                                 .name = words,
                                 .cmdline = space ? space + 1 : "" };
}

static void domain_start(void)
{
    struct build_image kernel, ramdisk;
    bool initial = !boot_options.domu;
    uint32_t pages, most;
    struct domain *d;
    int err;

    if (!info.modules)
        boot_failure("No guest kernel module: give one with -initrd (QEMU) or module2 (GRUB)");
    kernel = module_image(0);
    if (info.modules > 1)
        ramdisk = module_image(1);
    if (info.modules > 2)
        printk(LOG_WARNING, "%u modules more than a kernel and a ramdisk: ignored\n",
               info.modules - 2);
    printk(LOG_INFO, "Free memory: %lukB\n", page_free_count() << (PAGE_SHIFT - 10));
    pages = domain_pages();
    most = boot_options.dom0_max ? (uint32_t)(boot_options.dom0_max >> PAGE_SHIFT)
           : initial             ? UINT32_MAX
                                 : pages;
    d = domain_create(initial ? 0 : 1, initial, most > pages ? most : pages);
    if (!d)
        boot_failure("Not enough memory: the guest's domain cannot be created");
    err = domain_build(d, &kernel, info.modules > 1 ? &ramdisk : 0, pages);
    if (err == -ENOMEM)
        boot_failure("Not enough memory: the guest got %u pages, and they do not hold it", pages);
    if (err)
        boot_failure("The guest kernel \"%s\" cannot be started", kernel.name);
    dump_guest_image(kernel.data, kernel.bytes);
    if (info.modules > 1)
        boot_map_release((info.module[1].pa + PAGE_SIZE - 1) & PAGE_MASK,
                         (info.module[1].pa + info.module[1].bytes) & PAGE_MASK);
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
    smap_init();
    hv_map_small = boot_options.audit == BOOKS_EACH;
    memory_init();
    cpu_init();
    timer_init();
    printk_clock = system_time;
    sched_init();
    books_init((enum books_when)boot_options.audit);
    domain_start();
    sched_idle_loop();
}
