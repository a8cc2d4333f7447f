/*
 * SPDX-License-Identifier: MIT
 *
 * hello - prints its arguments, uses floating point and a megabyte of malloc; status 7.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BYTES (1024UL * 1024)

static const char greeting[8192] = "hello from user mode"; /* pages of .rodata */
static char bss[16384];

int main(int argc, char **argv)
{
    double root = 0;
    int wrong = 0;
    unsigned char *big = malloc(BYTES);

    if (!big)
        return 1;
    for (size_t i = 0; i < BYTES; i += 4096)
        big[i] = (unsigned char)(i >> 12);
    for (size_t i = 0; i < BYTES; i += 4096)
        wrong += big[i] != (unsigned char)(i >> 12);
    free(big);
    if (wrong || bss[8000])
        return 2;
    for (int i = 1; i <= 100; i++)
        root += 1.0 / i;
    bss[8000] = 1;
    printf("# %s: pid %d, %d arguments, H(100) = %.6f\n", greeting, getpid(), argc, root);
    for (int i = 0; i < argc; i++)
        printf("#   argv[%d] = %s\n", i, argv[i]);
    return 7;
}
