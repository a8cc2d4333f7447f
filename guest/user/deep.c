/*
 * SPDX-License-Identifier: MIT
 *
 * deep - recurses until the stack's guard page stops it.
 */
#include <stddef.h>
#include <stdint.h>

static volatile uint64_t depth;

static uint64_t dive(uint64_t n)
{
    volatile char frame[1024];

    frame[0] = (char)n;
    depth = n;
    if (depth == UINT64_MAX)
        return 0;
    return dive(n + 1) + (uint64_t)frame[0];
}

int main(void)
{
    return (int)dive(1);
}
