/* SPDX-License-Identifier: MIT */
/* The end of a run that has found something, the same for all targets. */
#include "fuzz.h"

#include <stdarg.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/printk.h"

uint64_t machine_touched; /* config/frame_va.h */
bool fuzz_verbose;
void (*fuzz_where)(char *text, size_t size);

/* A page of the file, shared: the numbers outlive a process that ends on a finding. */
static uint64_t *counts_open(void)
{
    static uint64_t nobody[2];
    const char *name = getenv("FUZZ_COUNTS");
    int file = name ? open(name, O_RDWR | O_CREAT, 0666) : -1;
    void *page = MAP_FAILED;

    if (file >= 0 && !ftruncate(file, sizeof(nobody)))
        page = mmap(0, sizeof(nobody), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file >= 0)
        close(file);
    return page == MAP_FAILED ? nobody : page;
}

void fuzz_count(uint64_t steps)
{
    static uint64_t *counts;

    if (!counts)
        counts = counts_open();
    __atomic_fetch_add(&counts[0], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counts[1], steps, __ATOMIC_RELAXED);
}

void fuzz_fail(const char *fmt, ...)
{
    char where[160] = "";
    va_list args;

    if (fuzz_where)
        fuzz_where(where, sizeof(where));
    fprintf(stderr, "\nfinding: %s%s", where, *where ? ": " : "");
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "\n");
    abort();
}

/* The hypervisor's, whatever it is that panics. */
void panic(const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    fuzz_fail("panic: %s", text);
}
