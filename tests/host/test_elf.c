/* SPDX-License-Identifier: MIT */
/*
 * The loader of guest kernels against images that are broken on purpose. Images are built here field
 * by field, copied into a buffer of exactly their size (so that the address sanitizer sees one byte
 * too far), and parsed; what is accepted must describe nothing outside of the image.
 */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "abi/abi.h"
#include "dom/elf.h"

#define IMAGE_MAX   2048u
#define HEADER      64u
#define PHDR        56u
#define SHDR        64u
#define TEXT_AT     0x200u
#define NOTES_AT    0x300u
#define SHDRS_AT    0x500u
#define NAMES_AT    0x680u
#define LEGACY_AT   0x6c0u
#define VIRT_BASE   0xffffffff80000000ul
#define FUZZ_ROUNDS 200000u

struct builder {
    uint8_t data[IMAGE_MAX];
    size_t bytes, note_bytes;
};

static void put(struct builder *b, size_t at, uint64_t value, size_t bytes)
{
    assert_true(at + bytes <= sizeof(b->data));
    memcpy(b->data + at, &value, bytes);
}

static void put_phdr(struct builder *b, unsigned i, uint32_t type, uint64_t offset, uint64_t paddr,
                     uint64_t filesz, uint64_t memsz)
{
    size_t at = HEADER + i * PHDR;

    put(b, at, type, 4);
    put(b, at + 4, 7, 4);
    put(b, at + 8, offset, 8);
    put(b, at + 16, 0xdead000, 8); /* p_vaddr plays no part */
    put(b, at + 24, paddr, 8);
    put(b, at + 32, filesz, 8);
    put(b, at + 40, memsz, 8);
}

static void put_shdr(struct builder *b, unsigned i, uint32_t name, uint32_t type, uint64_t offset,
                     uint64_t bytes)
{
    size_t at = SHDRS_AT + i * SHDR;

    put(b, at, name, 4);
    put(b, at + 4, type, 4);
    put(b, at + 24, offset, 8);
    put(b, at + 32, bytes, 8);
}

static void note(struct builder *b, uint32_t type, const void *desc, uint32_t bytes)
{
    size_t at = NOTES_AT + b->note_bytes;

    put(b, at, 4, 4);
    put(b, at + 4, bytes, 4);
    put(b, at + 8, type, 4);
    memcpy(b->data + at + 12, "Xen", 4);
    memcpy(b->data + at + 16, desc, bytes);
    b->note_bytes += 16 + ((bytes + 3) & ~3u);
    put(b, HEADER + 2 * PHDR + 32, b->note_bytes, 8);
    put(b, SHDRS_AT + SHDR + 32, b->note_bytes, 8);
}

static void note_text(struct builder *b, uint32_t type, const char *text)
{
    note(b, type, text, (uint32_t)strlen(text) + 1);
}

static void note_number(struct builder *b, uint32_t type, uint64_t value)
{
    note(b, type, &value, 8);
}

/* Two segments (the second with BSS), notes in a PT_NOTE, sections for the same notes. */
static struct builder image_plain(void)
{
    struct builder b = { .bytes = IMAGE_MAX };

    memcpy(b.data, "\177ELF\2\1\1", 7);
    put(&b, 16, 2, 2);
    put(&b, 18, 62, 2);
    put(&b, 20, 1, 4);
    put(&b, 24, 0x1234, 8);
    put(&b, 32, HEADER, 8);
    put(&b, 40, SHDRS_AT, 8);
    put(&b, 52, HEADER, 2);
    put(&b, 54, PHDR, 2);
    put(&b, 56, 3, 2);
    put(&b, 58, SHDR, 2);
    put(&b, 60, 4, 2);
    put(&b, 62, 2, 2);
    put_phdr(&b, 0, 1, TEXT_AT, 0x1000, 0x100, 0x100);
    put_phdr(&b, 1, 1, TEXT_AT + 0x80, 0x2080, 0x40, 0x3000);
    put_phdr(&b, 2, 4, NOTES_AT, 0, 0, 0);
    put_shdr(&b, 1, 1, 7, NOTES_AT, 0);
    put_shdr(&b, 2, 7, 3, NAMES_AT, 32);
    put_shdr(&b, 3, 17, 1, LEGACY_AT, 0);
    memcpy(b.data + NAMES_AT, "\0.note\0.names\0\0\0\0__xen_guest", 29);
    note_number(&b, XEN_ELFNOTE_VIRT_BASE, VIRT_BASE);
    note_number(&b, XEN_ELFNOTE_ENTRY, VIRT_BASE + 0x1000);
    note_text(&b, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    note_text(&b, XEN_ELFNOTE_LOADER, "generic");
    note_text(&b, XEN_ELFNOTE_GUEST_OS, "test");
    return b;
}

/* Checks what every accepted image must keep. */
static void check_accepted(const struct elf_image *image)
{
    struct elf_segment s;

    assert_true(image->pstart < image->pend);
    assert_true(image->v_kstart < image->v_kend);
    assert_true(image->entry >= image->v_kstart && image->entry <= image->v_kend);
    assert_true(image->pstart >= image->paddr_offset);
    for (unsigned i = 0; i < image->phnum; i++) {
        if (!elf_segment(image, i, &s))
            continue;
        assert_true(s.filesz <= s.memsz);
        assert_true(s.paddr >= image->pstart && s.paddr + s.memsz <= image->pend);
        assert_true(s.data >= image->data && s.data + s.filesz <= image->data + image->bytes);
    }
}

/* Parses a copy of exactly b->bytes bytes. Strings of *image are its own; data is gone after. */
static int parse(const struct builder *b, struct elf_image *image)
{
    uint8_t *copy = malloc(b->bytes ? b->bytes : 1);
    int rc;

    memcpy(copy, b->data, b->bytes);
    rc = elf_parse(image, copy, b->bytes, "test");
    assert_true(rc == 0 || rc == -EINVAL);
    if (!rc)
        check_accepted(image);
    free(copy);
    return rc;
}

#define REFUSED(b)                                       \
    do {                                                 \
        struct elf_image image_;                         \
        assert_int_equal(parse(&(b), &image_), -EINVAL); \
    } while (0)

static void plain_image(void **state)
{
    struct builder b = image_plain();
    struct elf_image image;

    (void)state;
    assert_int_equal(parse(&b, &image), 0);
    assert_int_equal(image.place, ELF_NOTES_SEGMENT);
    assert_int_equal(image.pstart, 0x1000);
    assert_int_equal(image.pend, 0x5080);
    assert_true(image.v_kstart == VIRT_BASE + 0x1000);
    assert_true(image.entry == VIRT_BASE + 0x1000);
    assert_true(image.hypercall_page == ELF_UNSET && image.init_p2m == ELF_UNSET);
    assert_string_equal(image.guest_os, "test");
}

static void notes_in_sections(void **state)
{
    struct builder b = image_plain();
    struct elf_image image;

    (void)state;
    put_phdr(&b, 2, 0, 0, 0, 0, 0);
    assert_int_equal(parse(&b, &image), 0);
    assert_int_equal(image.place, ELF_NOTES_SECTION);
    put_phdr(&b, 2, 4, 0, 0, 64, 0); /* a PT_NOTE at offset 0 is skipped */
    assert_int_equal(parse(&b, &image), 0);
    assert_int_equal(image.place, ELF_NOTES_SECTION);
    put_shdr(&b, 1, 1, 7, NOTES_AT, IMAGE_MAX);
    REFUSED(b);
    put_shdr(&b, 1, 1, 1, NOTES_AT, b.note_bytes);
    REFUSED(b);
}

static void notes_in_legacy_text(void **state)
{
    static const char text[] = "GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0xFFFFFFFF80000000,"
                               "HYPERCALL_PAGE=0x2,PAE=yes,FEATURES=!writable_page_tables|new";
    struct builder b = image_plain();
    struct elf_image image;

    (void)state;
    put_phdr(&b, 2, 0, 0, 0, 0, 0);
    put_shdr(&b, 1, 1, 1, 0, 0);
    put_shdr(&b, 3, 17, 1, LEGACY_AT, strlen(text));
    memcpy(b.data + LEGACY_AT, text, strlen(text));
    put(&b, 24, VIRT_BASE + 0x2000, 8);
    put_phdr(&b, 0, 1, TEXT_AT, VIRT_BASE + 0x1000, 0x100, 0x100); /* paddr = VA by default */
    put_phdr(&b, 1, 1, TEXT_AT, VIRT_BASE + 0x2000, 0x40, 0x3000);
    assert_int_equal(parse(&b, &image), 0);
    assert_int_equal(image.place, ELF_NOTES_LEGACY);
    assert_true(image.virt_base == VIRT_BASE && image.paddr_offset == VIRT_BASE);
    assert_true(image.hypercall_page == VIRT_BASE + 0x2000);
    assert_true(image.pae);
    assert_int_equal(image.required, 1u << XENFEAT_writable_page_tables);
    memcpy(b.data + LEGACY_AT + 32, "XXXX_BASE=0xG", 13);
    put_shdr(&b, 3, 17, 1, LEGACY_AT, IMAGE_MAX);
    REFUSED(b);
}

static void features(void **state)
{
    struct builder b = image_plain();
    struct elf_image image;

    (void)state;
    note_text(&b, XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb||of_tomorrow");
    note_number(&b, XEN_ELFNOTE_SUPPORTED_FEATURES, 1u << XENFEAT_dom0);
    note_text(&b, XEN_ELFNOTE_PAE_MODE, "yes");
    assert_int_equal(parse(&b, &image), 0);
    assert_int_equal(image.required, 1u << XENFEAT_writable_page_tables);
    assert_int_equal(image.features, 1u << XENFEAT_writable_page_tables |
                                         1u << XENFEAT_pae_pgdir_above_4gb | 1u << XENFEAT_dom0);
    assert_true(image.pae && image.supported_given);
    note_text(&b, XEN_ELFNOTE_FEATURES, "!of_tomorrow");
    REFUSED(b);
    b = image_plain();
    note_text(&b, XEN_ELFNOTE_FEATURES, "!supervisor_mode_kernel");
    REFUSED(b);
}

static void broken_headers(void **state)
{
    static const struct {
        size_t at, bytes;
        uint64_t value;
    } change[] = {
        { 0, 1, 0x7e },
        { 4, 1, 1 },
        { 5, 1, 2 },
        { 16, 2, 1 },
        { 18, 2, 3 },
        { 32, 8, IMAGE_MAX },
        { 32, 8, ~0ul },
        { 32, 8, ~0ul - 100 },
        { 54, 2, 55 },
        { 54, 2, 0 },
        { 56, 2, 0 },
        { 56, 2, 0xffff },
        /* segment 0: offset, paddr, filesz, memsz */
        { 72, 8, IMAGE_MAX },
        { 72, 8, ~0ul },
        { 88, 8, ~0ul },
        { 96, 8, 0x101 },
        { 96, 8, ~0ul },
        { 104, 8, 0xff },
        { 104, 8, ~0ul },
        { 104, 8, 1ul << 63 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
        struct builder b = image_plain();

        put(&b, change[i].at, change[i].value, change[i].bytes);
        REFUSED(b);
    }
    for (size_t bytes = 0; bytes < NOTES_AT + 32; bytes++) {
        struct builder b = image_plain();

        b.bytes = bytes;
        REFUSED(b);
    }
}

static void broken_notes(void **state)
{
    static const struct {
        uint32_t type, bytes;
        uint64_t value;
    } bad[] = {
        { XEN_ELFNOTE_VIRT_BASE, 2, 0 },
        { XEN_ELFNOTE_VIRT_BASE, 8, VIRT_BASE + 1 },
        { XEN_ELFNOTE_VIRT_BASE, 8, ~0xffful },
        { XEN_ELFNOTE_ENTRY, 8, 0 },
        { XEN_ELFNOTE_ENTRY, 8, VIRT_BASE + 0x5081 },
        { XEN_ELFNOTE_PADDR_OFFSET, 8, 0x2000 },
        { XEN_ELFNOTE_PADDR_OFFSET, 8, 1 },
        { XEN_ELFNOTE_INIT_P2M, 8, VIRT_BASE + 0x2000 },
        { XEN_ELFNOTE_XEN_VERSION, 8, 0x302d6e6578 }, /* "xen-0" */
        { XEN_ELFNOTE_LOADER, 1, 0 },
    };
    struct builder b;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        b = image_plain();
        note(&b, bad[i].type, &bad[i].value, bad[i].bytes);
        REFUSED(b);
    }
    b = image_plain();
    put(&b, NOTES_AT, ~0u, 4); /* name longer than everything */
    REFUSED(b);
    b = image_plain();
    put(&b, NOTES_AT + 4, ~0u, 4); /* descriptor, too */
    REFUSED(b);
    b = image_plain();
    put_phdr(&b, 2, 4, NOTES_AT, 0, IMAGE_MAX, 0);
    REFUSED(b);
}

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Random changes of a few fields, sizes and cuts: nothing is read outside, nothing hangs. */
static void mutated_images(void **state)
{
    static const uint64_t odd[] = { 0,        1,         3,          4,
                                    7,        8,         0x7fffffff, 0xffffffff,
                                    ~0ul,     1ul << 63, IMAGE_MAX,  IMAGE_MAX - 1,
                                    VIRT_BASE };
    uint64_t seed = 0x9e3779b97f4a7c15;
    unsigned accepted = 0;

    (void)state;
    for (unsigned round = 0; round < FUZZ_ROUNDS; round++) {
        struct builder b = image_plain();
        struct elf_image image;
        unsigned changes = 1 + random_next(&seed) % 4;

        if (random_next(&seed) % 4 == 0)
            put_phdr(&b, 2, 0, 0, 0, 0, 0);
        while (changes--) {
            size_t bytes = 1u << random_next(&seed) % 4;
            size_t at = random_next(&seed) % (IMAGE_MAX - 8) & ~(bytes - 1);
            uint64_t value = random_next(&seed) % 2
                                 ? odd[random_next(&seed) % (sizeof(odd) / sizeof(odd[0]))]
                                 : random_next(&seed);

            if (random_next(&seed) % 2)
                at %= HEADER + 3 * PHDR;
            put(&b, at, value, bytes);
        }
        if (random_next(&seed) % 8 == 0)
            b.bytes = random_next(&seed) % IMAGE_MAX;
        accepted += !parse(&b, &image);
    }
    assert_true(accepted > FUZZ_ROUNDS / 20); /* the changes are not all of one kind */
    assert_true(accepted < FUZZ_ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_image),          cmocka_unit_test(notes_in_sections),
        cmocka_unit_test(notes_in_legacy_text), cmocka_unit_test(features),
        cmocka_unit_test(broken_headers),       cmocka_unit_test(broken_notes),
        cmocka_unit_test(mutated_images),
    };

    return cmocka_run_group_tests_name("elf", tests, 0, 0);
}
