/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 and 2 information, read once at boot. Every length and address in it is checked
 * before it is used; what does not fit in struct boot_info is left out and said so.
 *
 * Invariant: RAM ranges are rounded inward to whole pages, sorted, merged where they touch; what
 * the loader calls anything but available is cut out even where it overlaps RAM.
 */
#include "boot/multiboot.h"

#include "lib/string.h"
#include "mm/frame.h"

#define MB1_MAGIC 0x2badb002u
#define MB2_MAGIC 0x36d76289u

#define MB1_HAS_CMDLINE (1u << 2)
#define MB1_HAS_MODULES (1u << 3)
#define MB1_HAS_MMAP    (1u << 6)
#define MB1_HAS_LOADER  (1u << 9)

#define MMAP_RAM   1u
#define STRING_MAX 2048u
#define MB2_MAX    (1u << 20)

struct mb1_info {
    uint32_t flags, mem_lower, mem_upper, boot_device;
    uint32_t cmdline, mods_count, mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length, mmap_addr;
    uint32_t drives[2], config, loader_name;
};
_Static_assert(sizeof(struct mb1_info) == 68, "Multiboot 1 information, as far as it is read");

struct mb1_module {
    uint32_t start, end, string, reserved;
};

struct mb1_mmap {
    uint32_t size; /* of the rest */
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

struct mb2_tag {
    uint32_t type, size;
};

enum { MB2_END = 0, MB2_CMDLINE = 1, MB2_LOADER = 2, MB2_MODULE = 3, MB2_MMAP = 6 };

struct mb2_module {
    struct mb2_tag tag;
    uint32_t start, end;
    char string[];
};

struct mb2_mmap {
    struct mb2_tag tag;
    uint32_t entry_size, version;
    char entries[];
};

struct mb2_mmap_entry {
    uint64_t base, length;
    uint32_t type, reserved;
};

/* Machine addresses below it are in the direct map of the boot. */
static uint64_t boot_reach;

/* The loader's memory at a machine address; 0 if any of the bytes is out of reach. */
static const void *boot_va(uint64_t pa, uint64_t bytes)
{
    if (pa >= boot_reach || bytes > boot_reach - pa)
        return 0;
    return (const char *)frame_va(ma_to_mfn(pa)) + (pa & ~PAGE_MASK);
}

/* Copies text of at most max bytes; "" when there is no room left. */
static const char *string_keep(struct boot_info *info, const char *text, size_t max)
{
    uint32_t room = BOOT_STRINGS_MAX - info->strings_used;
    char *copy = info->strings + info->strings_used;
    size_t length;

    if (!text)
        return "";
    length = strnlen(text, max < STRING_MAX ? max : STRING_MAX);
    if (length >= STRING_MAX || length + 1 >= room)
        info->truncated = true;
    if (length + 1 >= room)
        return "";
    memcpy(copy, text, length);
    copy[length] = 0;
    info->strings_used += (uint32_t)length + 1;
    return copy;
}

static const char *string_keep_pa(struct boot_info *info, uint32_t pa)
{
    return string_keep(info, boot_va(pa, 1), pa < boot_reach ? boot_reach - pa : 0);
}

/*
 * The options: what follows the name of the image, which QEMU puts in front and GRUB does not.
 * Other loaders are taken to have given a name if the first word looks like a path.
 */
static const char *cmdline_options(const struct boot_info *info, const char *cmdline)
{
    size_t word = 0;
    bool name = !strcmp(info->loader, "qemu"), option = false;

    for (; cmdline[word] && cmdline[word] != ' '; word++) {
        name |= cmdline[word] == '/';
        option |= cmdline[word] == '=';
    }
    if (!name || option)
        return cmdline;
    return cmdline[word] ? cmdline + word + 1 : "";
}

/* ---- memory ranges ---- */

/*
 * One entry of a memory map, in the pass that adds RAM or in the one that cuts out everything else.
 */
static void mmap_entry(struct boot_info *info, bool adding, uint64_t base, uint64_t length,
                       uint32_t type)
{
    uint64_t end = base + length;

    if (end < base || end > DIRECTMAP_END - DIRECTMAP_VA)
        end = DIRECTMAP_END - DIRECTMAP_VA;
    if (base >= end || adding != (type == MMAP_RAM))
        return;
    if (adding)
        mem_ranges_add(&info->ram, (base + PAGE_SIZE - 1) & PAGE_MASK, end & PAGE_MASK);
    else
        mem_ranges_cut(&info->ram, base & PAGE_MASK, (end + PAGE_SIZE - 1) & PAGE_MASK);
}

/* ---- modules ---- */

static const char *module_add(struct boot_info *info, uint32_t start, uint32_t end)
{
    if (end < start)
        return "The boot loader gave a module that ends before it starts";
    if (info->modules == BOOT_MODULES_MAX) {
        info->truncated = true;
        return 0;
    }
    info->module[info->modules++] = (struct boot_module){ start, end - start, "" };
    return 0;
}

/* ---- Multiboot 1 ---- */

static void mb1_mmap_read(struct boot_info *info, const struct mb1_info *mb, bool adding)
{
    const char *map = boot_va(mb->mmap_addr, mb->mmap_length);
    uint32_t at = 0;

    while (map && mb->mmap_length - at >= sizeof(struct mb1_mmap)) {
        struct mb1_mmap e;

        memcpy(&e, map + at, sizeof(e));
        mmap_entry(info, adding, e.base, e.length, e.type);
        if (e.size < sizeof(e) - 4 || e.size > mb->mmap_length - at - 4)
            break;
        at += e.size + 4;
    }
}

static const char *mb1_modules_read(struct boot_info *info, const struct mb1_info *mb)
{
    const char *modules =
        boot_va(mb->mods_addr, (uint64_t)mb->mods_count * sizeof(struct mb1_module));
    const char *error = 0;

    for (uint32_t i = 0; modules && i < mb->mods_count && !error; i++) {
        struct mb1_module m;

        if (i == BOOT_MODULES_MAX) {
            info->truncated = true;
            break;
        }
        memcpy(&m, modules + i * sizeof(m), sizeof(m));
        error = module_add(info, m.start, m.end);
        if (!error)
            info->module[i].string = string_keep_pa(info, m.string);
    }
    return error;
}

static const char *mb1_read(struct boot_info *info, uint32_t pa)
{
    const void *va = boot_va(pa, sizeof(struct mb1_info));
    struct mb1_info mb;

    if (!va)
        return "The boot loader's information is out of reach";
    memcpy(&mb, va, sizeof(mb));
    if (mb.flags & MB1_HAS_LOADER)
        info->loader = string_keep_pa(info, mb.loader_name);
    if (mb.flags & MB1_HAS_CMDLINE)
        info->cmdline = cmdline_options(info, string_keep_pa(info, mb.cmdline));
    if (!(mb.flags & MB1_HAS_MMAP))
        return "The boot loader gave no memory map";
    mb1_mmap_read(info, &mb, true);
    mb1_mmap_read(info, &mb, false);
    return mb.flags & MB1_HAS_MODULES ? mb1_modules_read(info, &mb) : 0;
}

/* ---- Multiboot 2 ---- */

static void mb2_mmap_read(struct boot_info *info, const struct mb2_mmap *map, bool adding)
{
    struct mb2_mmap_entry e;

    if (map->tag.size < sizeof(*map) || map->entry_size < sizeof(e))
        return;
    for (uint32_t at = 0, end = map->tag.size - sizeof(*map); end - at >= map->entry_size;
         at += map->entry_size) {
        memcpy(&e, map->entries + at, sizeof(e));
        mmap_entry(info, adding, e.base, e.length, e.type);
    }
}

static const char *mb2_tag_read(struct boot_info *info, const struct mb2_tag *tag)
{
    const struct mb2_module *mod = (const void *)tag;
    const char *text = (const char *)(tag + 1), *error;
    uint32_t length = tag->size - sizeof(*tag), before = info->modules;

    switch (tag->type) {
    case MB2_CMDLINE:
        info->cmdline = cmdline_options(info, string_keep(info, text, length));
        break;
    case MB2_LOADER:
        info->loader = string_keep(info, text, length);
        break;
    case MB2_MMAP:
        mb2_mmap_read(info, (const void *)tag, true);
        mb2_mmap_read(info, (const void *)tag, false);
        break;
    case MB2_MODULE:
        if (tag->size < sizeof(*mod))
            return "The boot loader gave a module without an address";
        error = module_add(info, mod->start, mod->end);
        if (error)
            return error;
        if (info->modules > before)
            info->module[before].string = string_keep(info, mod->string, tag->size - sizeof(*mod));
        break;
    }
    return 0;
}

static const char *mb2_read(struct boot_info *info, uint32_t pa)
{
    const uint32_t *total = pa % 8 ? 0 : boot_va(pa, 8);
    const char *start, *error = 0;
    uint32_t size;

    size = total ? *total : 0;
    start = boot_va(pa, size);
    if (size < 8 || size > MB2_MAX || !start)
        return "The boot loader's information has an impossible size";
    for (uint32_t at = 8; size - at >= sizeof(struct mb2_tag) && !error;) {
        const struct mb2_tag *tag = (const void *)(start + at);

        if (tag->type == MB2_END)
            break;
        if (tag->size < sizeof(*tag) || tag->size > size - at)
            return "The boot loader's information is cut off";
        error = mb2_tag_read(info, tag);
        at += (tag->size + 7) & ~7u;
        if (at > size)
            break;
    }
    return error;
}

const char *multiboot_read(struct boot_info *info, uint32_t magic, uint32_t info_pa, uint64_t reach)
{
    const char *error = "Not started by a Multiboot 1 or 2 boot loader";

    boot_reach = reach;
    info->loader = info->cmdline = "";
    if (magic == MB1_MAGIC)
        error = mb1_read(info, info_pa);
    else if (magic == MB2_MAGIC)
        error = mb2_read(info, info_pa);
    if (!error && !info->ram.count)
        error = "The boot loader's memory map has no available memory";
    return error;
}
