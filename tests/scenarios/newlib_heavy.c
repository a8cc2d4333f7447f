/*
 * SPDX-License-Identifier: MIT
 *
 * newlib-heavy: malloc and printf at work on memory that is wholly demand paged.
 *
 * Background: the arena under malloc is an anonymous region whose end is the program break.  sbrk
 * maps nothing; newlib's own code takes the faults, in the middle of its work.
 *
 * Steps: thousands of allocations of pseudo-random sizes, each filled with a pattern that depends on
 * it, half of them freed and others made in between; realloc through several megabytes; a long text
 * by snprintf with integers, strings and floating point, checked by sscanf; qsort; a stream read
 * from the ramdisk when there is one; everything freed.
 *
 * Expected: every pattern intact, every text right, faults were taken while newlib worked, and the
 * heap region's resident pages are the touched ones.
 */
#include "scenario.h"

#include "mm/mm.h"
#include "ramdisk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 2000

static uint32_t seed;

static uint32_t next_random(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static unsigned char pattern(size_t block, size_t at)
{
    return (unsigned char)(block * 31 + at * 7 + 1);
}

struct block {
    unsigned char *at;
    size_t bytes;
};

static void block_make(struct block *b, size_t n)
{
    b->bytes = next_random() % 100 == 0 ? 20000 + next_random() % 40000 : 1 + next_random() % 3000;
    b->at = malloc(b->bytes);
    EXPECT(b->at);
    for (size_t i = 0; i < b->bytes; i++)
        b->at[i] = pattern(n, i);
}

static void block_check(const struct block *b, size_t n)
{
    for (size_t i = 0; i < b->bytes; i++)
        if (b->at[i] != pattern(n, i))
            scenario_fail("block %lu byte %lu at %p", n, i, (void *)&b->at[i]);
}

static void churn(void)
{
    struct block *blocks = calloc(BLOCKS, sizeof(*blocks));

    EXPECT(blocks);
    for (size_t n = 0; n < BLOCKS; n++) {
        block_make(&blocks[n], n);
        if (n % 3 == 2) {
            size_t victim = next_random() % n;

            block_check(&blocks[victim], victim);
            free(blocks[victim].at);
            block_make(&blocks[victim], victim);
        }
    }
    for (size_t n = 0; n < BLOCKS; n++) {
        block_check(&blocks[n], n);
        free(blocks[n].at);
    }
    free(blocks);
}

static void grow(void)
{
    unsigned char *p = NULL;

    for (size_t bytes = 4096; bytes <= 4UL << 20; bytes *= 2) {
        unsigned char *grown = realloc(p, bytes);

        EXPECT(grown);
        p = grown;
        memset(p + bytes / 2, (int)(bytes >> 12), bytes / 2);
        for (size_t half = 2048; half < bytes; half *= 2)
            EXPECT_EQ(p[half], half == 2048 ? 1 : (unsigned char)((half * 2) >> 12));
    }
    free(p);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void text(void)
{
    enum { LINES = 500 };
    char **line = malloc(LINES * sizeof(*line));

    EXPECT(line);
    for (int i = 0; i < LINES; i++) {
        char got[32];
        int number;
        double value;

        line[i] = malloc(128);
        EXPECT(line[i]);
        int len = snprintf(line[i], 128, "%08lx line %d of %s: %+.4f %Lg",
                           (unsigned long)next_random(), i, "newlib", i / 8.0, (long double)i);
        EXPECT(len > 20 && len < 128);
        EXPECT_EQ(sscanf(line[i], "%*x line %d of %31[a-z]: %lf", &number, got, &value), 3);
        EXPECT_EQ(number, i);
        EXPECT(!strcmp(got, "newlib"));
        EXPECT(value == i / 8.0);
    }
    qsort(line, LINES, sizeof(*line), compare);
    for (int i = 1; i < LINES; i++)
        EXPECT(strcmp(line[i - 1], line[i]) <= 0);
    for (int i = 0; i < LINES; i++)
        free(line[i]);
    free(line);
}

static void stream(void)
{
    const struct ramdisk_file *file = ramdisk_get(0);
    size_t n = 0;
    int c;

    FILE *f = fopen("no/such/file", "r");

    EXPECT(!f);
    EXPECT_EQ(errno, ENOENT);
    if (!file)
        return;
    f = fopen(file->name, "r");

    EXPECT(f);
    while ((c = getc(f)) != EOF)
        EXPECT_EQ(c, (unsigned char)file->data[n++]);
    EXPECT_EQ(n, file->size);
    fclose(f);
}

SCENARIO(newlib_heavy, "newlib-heavy", "malloc, printf and streams on demand-paged memory")
{
    uint64_t faults = fault_stats.resolved;

    seed = 2024;
    churn();
    grow();
    text();
    stream();
    printf("# newlib-heavy: pi is %.10f, a third is %-8.3g|\n", 3.14159265358979, 1.0 / 3);
    fflush(stdout);
    faults = fault_stats.resolved - faults;
    EXPECT(faults > 100);
    EXPECT(heap_region->resident <= (heap_region->end - heap_region->start) >> PAGE_SHIFT);
    scenario_reason("%lu demand faults inside newlib, %lu heap pages resident", faults,
                    heap_region->resident);
}
