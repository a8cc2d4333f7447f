/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target "multiboot": the boot loader's information, in both protocols. An input is a head (which
 * protocol, where the information lies) and the memory that is in reach, which ends where the
 * sanitizer sees it.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "boot/multiboot.h"
#include "mm/frame.h"

struct head {
    uint8_t protocol; /* 0, 1: the two; else none */
    uint8_t in_words; /* the information's address in units of 8 bytes, else of 1 */
    uint16_t at;
};

uint8_t *machine_memory;
struct frame *frame_table;

static struct boot_info info;

static void text_check(const char *text)
{
    const char *end = info.strings + sizeof(info.strings);

    if (text >= info.strings && text < end)
        fuzz_assert(memchr(text, 0, (size_t)(end - text)));
    else
        fuzz_assert(!*text); /* one that was not given is a constant */
}

static void info_check(const char *error)
{
    uint64_t last = 0;

    text_check(info.loader);
    text_check(info.cmdline);
    fuzz_assert(info.strings_used <= sizeof(info.strings));
    fuzz_assert(info.modules <= BOOT_MODULES_MAX);
    for (unsigned i = 0; i < info.modules; i++)
        if (!error)
            text_check(info.module[i].string);
    fuzz_assert(info.ram.count <= MEM_RANGES_MAX);
    for (unsigned i = 0; i < info.ram.count; i++) {
        const struct mem_range *r = &info.ram.at[i];

        fuzz_assert(r->start < r->end && !(r->start & ~PAGE_MASK) && !(r->end & ~PAGE_MASK));
        fuzz_assert(!i || r->start > last);
        fuzz_assert(mem_ranges_hold(&info.ram, r->start, r->end));
        last = r->end;
    }
    fuzz_assert(error || info.ram.count);
}

static const char *read_info(const uint8_t *data, size_t size)
{
    static const uint32_t magic[3] = { 0x2badb002, 0x36d76289, 0x12345678 };
    struct head head;
    const char *error;

    memcpy(&head, data, sizeof(head));
    size -= sizeof(head);
    machine_memory = aligned_alloc(8, (size + 7) & ~7ul ? (size + 7) & ~7ul : 8);
    memcpy(machine_memory, data + sizeof(head), size);
    memset(&info, 0, sizeof(info));
    error = multiboot_read(&info, magic[head.protocol % 4 > 2 ? 2 : head.protocol & 1],
                           head.in_words & 1 ? head.at : head.at * 8u, size);
    info_check(error);
    free(machine_memory);
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= sizeof(struct head))
        (void)read_info(data, size);
    fuzz_count(1);
    return 0;
}

void fuzz_describe(const uint8_t *data, size_t size)
{
    const char *error = size < sizeof(struct head) ? "too short" : read_info(data, size);

    fprintf(stderr, "%s; loader \"%s\", options \"%s\", %u modules, %u ranges\n",
            error ? error : "accepted", info.loader, info.cmdline, info.modules, info.ram.count);
}
