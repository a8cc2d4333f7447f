/* SPDX-License-Identifier: MIT */
/*
 * Module lines: NAME [domain:KEY=VALUE[:KEY=VALUE...]] [the kernel's command line]. A line with the
 * word `domain:` opens a domain with this kernel, and so does the first line; any other is the
 * ramdisk of the domain that was opened last.
 *
 * Invariant: a line that cannot be followed to the letter ends the boot with its name and the word
 * at fault. Caller: main.c, once.
 */
#include "domains.h"

#include "boot/cmdline.h"
#include "dom/recipe.h"
#include "lib/errno.h"
#include "lib/machine.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/boot_map.h"
#include "mm/page_alloc.h"

#define OPENS       "domain:"
#define WORD_MAX    64u
#define KEEP_PAGES  256u                        /* for each domain's own structures */
#define KEEP_SHARE  16u                         /* if nobody says how much memory the first gets, */
#define KEEP_MAX    (128ul << 20 >> PAGE_SHIFT) /* so much stays free, but not more than this */
#define DOMU_PAGES  (128ul << 20 >> PAGE_SHIFT) /* of another without memory= */
#define STORE_PAGES (32ul << 20 >> PAGE_SHIFT)

/* The modules' memory, beside the recipes: a ramdisk's goes when nobody wants it any more. */
static const struct boot_module *ramdisk_module[RECIPES_MAX];

/* ---- values of keys: false if it is none ---- */

static bool name_set(struct domain_recipe *r, const char *value)
{
    static const char more[] = "_-.";

    if (!*value || strlen(value) >= sizeof(r->name))
        return false;
    for (const char *c = value; *c; c++)
        if (!(((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') || (*c >= '0' && *c <= '9') ||
              strchr(more, *c)))
            return false;
    for (const struct domain_recipe *other = recipes; other < r; other++)
        if (!strcmp(other->name, value))
            return false;
    strlcpy(r->name, value, sizeof(r->name));
    return true;
}

static bool pages_set(uint32_t *pages, const char *value)
{
    uint64_t bytes;

    if (!size_parse(value, &bytes) || bytes < PAGE_SIZE || bytes >> PAGE_SHIFT > UINT32_MAX)
        return false;
    *pages = (uint32_t)(bytes >> PAGE_SHIFT);
    return true;
}

static bool memory_set(struct domain_recipe *r, const char *value)
{
    return pages_set(&r->pages, value);
}

static bool max_memory_set(struct domain_recipe *r, const char *value)
{
    return pages_set(&r->pages_max, value);
}

static bool number_set(unsigned *number, const char *value, unsigned max)
{
    const char *end;
    unsigned long n = strtoul(value, &end, 10);

    *number = (unsigned)n;
    return end != value && !*end && n >= 1 && n <= max;
}

static bool vcpus_set(struct domain_recipe *r, const char *value)
{
    return number_set(&r->vcpus, value, DOMAIN_MAX_VCPUS);
}

static bool weight_set(struct domain_recipe *r, const char *value)
{
    return number_set(&r->weight, value, WEIGHT_MAX);
}

/* The place of a word in a list of them, -1 if it is not there. */
static int word_find(const char *const *words, int count, const char *value)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(words[i], value))
            return i;
    return -1;
}

static bool role_set(struct domain_recipe *r, const char *value)
{
    static const char *const roles[] = { "domu", "initial", "store" }; /* enum domain_role */
    int role = word_find(roles, 3, value);

    if (role > ROLE_DOMU && recipe_of((enum domain_role)role) &&
        recipe_of((enum domain_role)role) != r)
        boot_failure("Module \"%s\": a second domain with role=%s", r->kernel.name, value);
    if (role >= 0)
        r->role = (enum domain_role)role;
    return role >= 0;
}

static bool end_set(bool *restart, const char *value)
{
    static const char *const ends[] = { "destroy", "restart" };
    int end = word_find(ends, 2, value);

    *restart = end == 1;
    return end >= 0;
}

static bool on_reboot_set(struct domain_recipe *r, const char *value)
{
    return end_set(&r->restart_on_reboot, value);
}

static bool on_crash_set(struct domain_recipe *r, const char *value)
{
    return end_set(&r->restart_on_crash, value);
}

static const struct {
    const char *name;
    bool (*set)(struct domain_recipe *r, const char *value);
} keys[] = {
    { "name", name_set },           { "memory", memory_set },     { "max-memory", max_memory_set },
    { "vcpus", vcpus_set },         { "weight", weight_set },     { "role", role_set },
    { "on-reboot", on_reboot_set }, { "on-crash", on_crash_set },
};

static void key_set(struct domain_recipe *r, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);

    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strlen(keys[i].name) != length || strncmp(keys[i].name, word, length))
            continue;
        if (!equals || !keys[i].set(r, equals + 1))
            boot_failure("Module \"%s\": bad value in \"%s\"", r->kernel.name, word);
        return;
    }
    boot_failure("Module \"%s\": no such key: \"%s\"", r->kernel.name, word);
}

/* ---- module lines ---- */

/* The module as a named image; cuts its string into name and the rest. */
static struct build_image module_image(const struct boot_module *m)
{
    char *words = (char *)m->string, *space = strchr(words, ' ');

    if (space)
        *space = 0;
    return (struct build_image){ .data = frame_va(ma_to_mfn(m->pa)) + (m->pa & ~PAGE_MASK),
                                 .bytes = m->bytes,
                                 .name = words,
                                 .cmdline = space ? space + 1 : "" };
}

static bool image_opens(const struct build_image *image)
{
    return !strncmp(image->cmdline, OPENS, strlen(OPENS));
}

/* Takes the word that opens a domain off the front of the command line and reads it. */
static void keys_read(struct domain_recipe *r)
{
    const char *at = r->kernel.cmdline + strlen(OPENS);
    char word[WORD_MAX];

    while (*at && *at != ' ') {
        size_t length = 0;

        while (at[length] && at[length] != ' ' && at[length] != ':')
            length++;
        strlcpy(word, at, length < sizeof(word) ? length + 1 : sizeof(word));
        if (length >= sizeof(word))
            boot_failure("Module \"%s\": \"%s...\" is too long", r->kernel.name, word);
        key_set(r, word);
        at += length;
        at += *at == ':';
    }
    r->kernel.cmdline = at + (*at == ' ');
}

static void domain_open(struct build_image kernel)
{
    struct domain_recipe *r = &recipes[recipes_count];

    if (recipes_count == RECIPES_MAX)
        boot_failure("Module \"%s\": more than %u domains", kernel.name, RECIPES_MAX);
    *r = (struct domain_recipe){ .kernel = kernel, .vcpus = 1, .weight = WEIGHT_DEFAULT };
    recipes_count++;
    if (r == recipes && boot_options.vcpus > 1)
        r->vcpus = boot_options.vcpus < DOMAIN_MAX_VCPUS ? boot_options.vcpus : DOMAIN_MAX_VCPUS;
    if (r == recipes && !boot_options.domu)
        r->role = ROLE_INITIAL;
    if (image_opens(&kernel))
        keys_read(r);
}

static void ramdisk_add(struct build_image image, const struct boot_module *m)
{
    struct domain_recipe *r = &recipes[recipes_count - 1];

    if (r->ramdisk.data) {
        printk(LOG_ERROR, "Module \"%s\" is one more than a kernel and a ramdisk: ignored\n",
               image.name);
        return;
    }
    r->ramdisk = image;
    ramdisk_module[recipes_count - 1] = m;
}

static void recipe_finish(struct domain_recipe *r, uint16_t *next_id)
{
    if (r->role != ROLE_INITIAL)
        r->id = (*next_id)++;
    if (!r->name[0])
        snprintk(r->name, sizeof(r->name), "Domain-%u", r->id);
    if (r->pages && r->pages_max && r->pages_max < r->pages)
        boot_failure("Domain %s: max-memory= is less than memory=", r->name);
    if (r->role == ROLE_STORE && (r->restart_on_reboot || r->restart_on_crash))
        boot_failure("Domain %s: the store cannot be made again: what it keeps is lost", r->name);
}

void domains_read(const struct boot_info *info)
{
    uint16_t next_id = 1;

    if (!info->modules)
        boot_failure("No guest kernel module: give one with -initrd (QEMU) or module2 (GRUB)");
    for (unsigned i = 0; i < info->modules; i++) {
        struct build_image image = module_image(&info->module[i]);

        if (!i || image_opens(&image))
            domain_open(image);
        else
            ramdisk_add(image, &info->module[i]);
    }
    for (unsigned i = 0; i < recipes_count; i++)
        recipe_finish(&recipes[i], &next_id);
}

/* ---- memory ---- */

static int64_t free_for_domains(void)
{
    return (int64_t)page_free_count() - (int64_t)recipes_count * KEEP_PAGES;
}

/* Pages that dom0_mem= asks for, as far as there are that many. */
static uint32_t first_pages(int64_t free_pages)
{
    const struct boot_options *o = &boot_options;
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

static void memory_share(void)
{
    int64_t left = free_for_domains();
    struct domain_recipe *first = recipes;

    for (struct domain_recipe *r = recipes + recipes_count; r-- > recipes;) {
        if (!r->pages && r == first)
            r->pages = first_pages(left);
        else if (!r->pages)
            r->pages = r->role == ROLE_STORE ? STORE_PAGES : DOMU_PAGES;
        left -= r->pages;
        if (left < 0)
            boot_failure("Not enough memory: domain %s is to have %luk, but %ldkB are free",
                         r->name, (uint64_t)r->pages << 2, (left + r->pages) << 2);
        if (!r->pages_max && r == first && boot_options.dom0_max)
            r->pages_max = (uint32_t)(boot_options.dom0_max >> PAGE_SHIFT);
        else if (!r->pages_max && r->role == ROLE_INITIAL)
            r->pages_max = UINT32_MAX;
        if (r->pages_max < r->pages)
            r->pages_max = r->pages;
    }
}

/* ---- building ---- */

static void recipe_build_or_fail(struct domain_recipe *r)
{
    int err = recipe_build(r);

    if (err == -ENOMEM)
        boot_failure("Not enough memory: the guest got %u pages, and they do not hold it",
                     r->pages);
    if (err)
        boot_failure("The guest kernel \"%s\" cannot be started", r->kernel.name);
}

/* A ramdisk that no domain will be built from again is memory like any other. */
static void ramdisk_release(unsigned n)
{
    struct domain_recipe *r = &recipes[n];
    const struct boot_module *m = ramdisk_module[n];

    if (!m || r->restart_on_reboot || r->restart_on_crash)
        return;
    r->ramdisk = (struct build_image){ 0 };
    boot_map_release((m->pa + PAGE_SIZE - 1) & PAGE_MASK, (m->pa + m->bytes) & PAGE_MASK);
}

void domains_start(void)
{
    printk(LOG_INFO, "Free memory: %lukB\n", page_free_count() << (PAGE_SHIFT - 10));
    memory_share();
    for (unsigned i = 0; i < recipes_count; i++) {
        recipe_build_or_fail(&recipes[i]);
        ramdisk_release(i);
    }
    if (!recipe_of(ROLE_STORE))
        for (unsigned i = 0; i < recipes_count; i++)
            if (recipes[i].role == ROLE_DOMU)
                printk(LOG_INFO, "No store domain: d%u %s\n", recipes[i].id,
                       recipe_of(ROLE_INITIAL) ? "will wait for xenstore" : "gets no xenstore");
    for (unsigned i = 0; i < recipes_count; i++)
        recipe_start(&recipes[i]);
}
