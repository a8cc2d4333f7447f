/*
 * SPDX-License-Identifier: MIT
 *
 * access - one access that a scenario asks for: access r|w|x ADDRESS (hex), or by name:
 * access w text | access x data | access x stack.
 * Status 0 when the access went through; else the process is killed and its record tells.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv);

static uint64_t data[512] = { 1 };

static uint64_t address_of(const char *what)
{
    uint64_t here = (uint64_t)&what;

    if (!strcmp(what, "text"))
        return (uint64_t)main;
    if (!strcmp(what, "data"))
        return (uint64_t)data + (data[0] - 1); /* touched: present from here on */
    if (!strcmp(what, "stack"))
        return here & ~7UL;
    return strtoull(what, NULL, 16);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    uint64_t va = address_of(argv[2]);

    switch (argv[1][0]) {
    case 'r':
        (void)*(volatile uint64_t *)va;
        return 0;
    case 'w':
        *(volatile uint64_t *)va = 0;
        return 0;
    case 'x':
        ((void (*)(void))va)();
        return 0;
    default:
        return 2;
    }
}
