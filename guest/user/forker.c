/*
 * SPDX-License-Identifier: MIT
 *
 * forker - duplicates itself; both write what they share; neither sees the other's writes.
 * Status 0, or the number of the check that failed.
 */
#include "user.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PTE_RW 2
#define MFN(e) (((uint64_t)(e) >> 12) & 0xffffffffffUL)
#define WORDS  1024

static uint64_t data[WORDS] = { 11 };
static uint64_t bss[WORDS];
static uint64_t *heap;

static int child(volatile uint64_t *stack)
{
    volatile uint64_t *h = heap;

    if (data[0] != 11 || bss[0] != 12 || h[0] != 13 || stack[0] != 14)
        return 21;
    data[0] = bss[0] = stack[0] = h[0] = 99;
    return data[0] == 99 && h[0] == 99 ? 42 : 22;
}

int main(void)
{
    volatile uint64_t stack[WORDS];

    heap = malloc(WORDS * sizeof(*heap));
    if (!heap)
        return 1;
    bss[0] = 12;
    heap[0] = 13;
    stack[0] = 14;
    long before = sys_probe(PROBE_ENTRY, bss);
    int pid = sys_fork();

    if (pid < 0)
        return 2;
    if (pid == 0)
        return child(stack);
    /* Before anybody writes: one page, read-only, two references. */
    long shared = sys_probe(PROBE_ENTRY, bss);
    if (MFN(shared) != MFN(before) || shared & PTE_RW || sys_probe(PROBE_REFS, bss) != 2)
        return 3;
    if (sys_wait(pid) != 42)
        return 4;
    if (data[0] != 11 || bss[0] != 12 || heap[0] != 13 || stack[0] != 14)
        return 5;
    /* The child is gone: the page is ours alone; the write needs no copy. */
    bss[0] = 55;
    long after = sys_probe(PROBE_ENTRY, bss);
    if (MFN(after) != MFN(before) || !(after & PTE_RW) || sys_probe(PROBE_REFS, bss) != 1)
        return 6;
    return 0;
}
