/* SPDX-License-Identifier: MIT */
/*
 * Runs kept inputs of a fuzz target without a fuzzer.
 *
 *   replay               the inputs that the repository keeps
 *   replay FILE...       each file is one input, or a pack of them (scripts/fuzz makes packs)
 *   replay -d FILE...    and prints what it means and what comes of each step
 *
 * A finding ends the process. The last line says how many inputs ran.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define PACK_MAGIC "fuzzpack"
#ifndef FUZZ_PACK
#define FUZZ_PACK "/dev/null" /* the build names the target's */
#endif

static void run(const uint8_t *data, size_t size, bool describe)
{
    /* A block of its own size, so that the sanitizer sees where it ends. */
    uint8_t *copy = malloc(size ? size : 1);

    memcpy(copy, data, size);
    if (describe)
        fuzz_describe(copy, size);
    else
        LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static uint8_t *file_read(const char *name, size_t *size)
{
    FILE *file = fopen(name, "rb");
    uint8_t *data = 0;
    long bytes;

    if (!file || fseek(file, 0, SEEK_END) || (bytes = ftell(file)) < 0) {
        perror(name);
        exit(2);
    }
    rewind(file);
    *size = (size_t)bytes;
    data = malloc(*size + 1);
    if (fread(data, 1, *size, file) != *size) {
        perror(name);
        exit(2);
    }
    fclose(file);
    return data;
}

/* A pack: the magic, then for each input its size in 4 bytes, least first, and its bytes. */
static unsigned pack_run(const char *name, const uint8_t *data, size_t size, bool describe)
{
    unsigned count = 0;
    size_t at = strlen(PACK_MAGIC);

    while (at < size) {
        uint32_t bytes;

        if (size - at < sizeof(bytes))
            break;
        memcpy(&bytes, data + at, sizeof(bytes));
        at += sizeof(bytes);
        if (bytes > size - at)
            break;
        run(data + at, bytes, describe);
        at += bytes;
        count++;
    }
    if (at != size) {
        fprintf(stderr, "%s: cut off\n", name);
        exit(2);
    }
    return count;
}

int main(int argc, char **argv)
{
    bool describe = argc > 1 && !strcmp(argv[1], "-d");
    unsigned count = 0;

    if (describe && argc == 2) {
        fprintf(stderr, "usage: %s [-d] FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 1 + describe; i < argc || i == 1; i++) {
        const char *name = i < argc ? argv[i] : FUZZ_PACK;
        size_t size;
        uint8_t *data = file_read(name, &size);

        if (size >= strlen(PACK_MAGIC) && !memcmp(data, PACK_MAGIC, strlen(PACK_MAGIC))) {
            count += pack_run(name, data, size, describe);
        } else {
            run(data, size, describe);
            count++;
        }
        free(data);
    }
    printf("%u inputs ran\n", count);
    return 0;
}
