/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target "elf": the loader of guest kernels, notes and legacy section included. What is accepted
 * must describe nothing outside of the image: every byte that would be loaded is read here.
 */
#include "fuzz.h"

#include <stdarg.h>
#include <string.h>

#include "dom/elf.h"
#include "lib/printk.h"

static void text_check(const char *text, size_t size)
{
    fuzz_assert(memchr(text, 0, size));
}

static void image_check(const struct elf_image *image)
{
    volatile uint8_t sum = 0;
    unsigned loaded = 0;

    for (unsigned i = 0; i < image->phnum; i++) {
        struct elf_segment s;

        if (!elf_segment(image, i, &s))
            continue;
        loaded++;
        fuzz_assert(s.filesz <= s.memsz && s.paddr + s.memsz >= s.paddr);
        fuzz_assert(s.paddr >= image->pstart && s.paddr + s.memsz <= image->pend);
        fuzz_assert(s.data >= image->data && s.filesz <= image->bytes &&
                    s.data + s.filesz <= image->data + image->bytes);
        for (uint64_t at = 0; at < s.filesz; at++)
            sum = sum ^ s.data[at];
    }
    fuzz_assert(loaded && image->pstart < image->pend);
    fuzz_assert(image->v_kstart < image->v_kend);
    fuzz_assert(image->v_kend - image->v_kstart == image->pend - image->pstart);
    fuzz_assert(image->entry >= image->v_kstart && image->entry <= image->v_kend);
    fuzz_assert(image->virt_base != ELF_UNSET && image->paddr_offset != ELF_UNSET);
    text_check(image->xen_version, sizeof(image->xen_version));
    text_check(image->guest_os, sizeof(image->guest_os));
    text_check(image->loader, sizeof(image->loader));
    text_check(image->guest_version, sizeof(image->guest_version));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_image image;

    if (!elf_parse(&image, data, size, "fuzz"))
        image_check(&image);
    fuzz_count(1);
    return 0;
}

void fuzz_describe(const uint8_t *data, size_t size)
{
    struct elf_image image;

    fuzz_verbose = true;
    if (!elf_parse(&image, data, size, "fuzz"))
        fprintf(stderr, "accepted: %u headers, %lx-%lx, kernel %lx-%lx, entry %lx\n", image.phnum,
                image.pstart, image.pend, image.v_kstart, image.v_kend, image.entry);
    (void)LLVMFuzzerTestOneInput(data, size);
    fuzz_verbose = false;
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list args;

    (void)level;
    if (!fuzz_verbose)
        return;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
}
