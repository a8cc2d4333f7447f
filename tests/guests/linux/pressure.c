/* SPDX-License-Identifier: MIT */
/* Memory of the machine: more wanted than there is, and the balloon that changes how much there is. */
#include "work.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BALLOON      "/sys/devices/system/xen_memory/xen_memory0/"
#define BALLOON_KIB  65536l
#define WAIT_TICKS   600 /* of a twentieth of a second */
#define SIGNATURE_AT 4086

static uint8_t *memory(size_t pages)
{
    uint8_t *at = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    CHECK(at != MAP_FAILED);
    return at;
}

static void module_load(const char *path)
{
    int fd = open(path, O_RDONLY);

    CHECK(fd >= 0, "%s", path);
    CHECK(syscall(SYS_finit_module, fd, "", 0) == 0, "loading %s", path);
    close(fd);
}

/* A swap area that compresses into memory: what is swapped out is mostly zeros. */
static void swap_make(size_t bytes)
{
    static struct {
        uint8_t boot[1024];
        uint32_t version, last, bad;
    } head = { .version = 1 };
    int fd;

    module_load("/lib/zsmalloc.ko");
    module_load("/lib/zram.ko");
    text_write("/sys/block/zram0/disksize", "%zu", bytes);
    head.last = (uint32_t)(bytes / PAGE - 1);
    fd = open("/dev/zram0", O_RDWR);
    CHECK(fd >= 0);
    CHECK(pwrite(fd, &head, sizeof(head), 0) == sizeof(head));
    CHECK(pwrite(fd, "SWAPSPACE2", 10, SIGNATURE_AT) == 10);
    CHECK(close(fd) == 0);
    CHECK(swapon("/dev/zram0", 0) == 0, "swapon");
}

/* Half as much again as is free, written and read back in an order that does not suit the pager. */
static void run_reclaim(void)
{
    size_t pages = (size_t)number_of("/proc/meminfo", "MemAvailable:") / 4 * 3 / 2;
    long out = number_of("/proc/vmstat", "pswpout"), in = number_of("/proc/vmstat", "pswpin");
    uint8_t *at = memory(pages);

    swap_make(pages * PAGE);
    pattern_fill(at, pages, 51);
    for (size_t step = 0; step < pages; step++) {
        size_t page = step * 7919 % pages;

        CHECK(pattern_holds(at + page * PAGE, 1, 51 + page * PAGE), "page %zu", page);
    }
    out = number_of("/proc/vmstat", "pswpout") - out;
    in = number_of("/proc/vmstat", "pswpin") - in;
    CHECK(out > (long)pages / 8 && in > (long)pages / 8, "%ld pages out, %ld in", out, in);
    CHECK(munmap(at, pages * PAGE) == 0);
    CHECK(swapoff("/dev/zram0") == 0);
    CHECK(syscall(SYS_delete_module, "zram", 0) == 0 &&
              syscall(SYS_delete_module, "zsmalloc", 0) == 0,
          "unloading");
    done("%zu MiB wanted, %ld pages out, %ld in", pages * PAGE / MIB, out, in);
}

/* Without a swap area: the one that takes too much is killed, and the memory is there again. */
static void run_oom(void)
{
    long before = number_of("/proc/meminfo", "MemAvailable:"), after;
    int pid = fork(), status;

    CHECK(pid >= 0);
    if (!pid) {
        text_write("/proc/self/oom_score_adj", "1000");
        for (;;)
            memset(memory(256), 1, 256 * PAGE);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "ended with %#x", status);
    after = number_of("/proc/meminfo", "MemAvailable:");
    CHECK(after > before - 16384, "%ld kiB before, %ld after", before, after);
    done("killed; %ld kiB available before, %ld after", before, after);
}

static void balloon_to(long kib)
{
    long now = 0;

    text_write(BALLOON "target_kb", "%ld", kib);
    for (int i = 0; i < WAIT_TICKS; i++) {
        now = number_read(BALLOON "info/current_kb");
        if (now == kib)
            return;
        usleep(50000);
    }
    CHECK(now == kib, "the balloon is at %ld kiB, not at %ld", now, kib);
}

/* Memory that came with the balloon is zero, and holds what is written to it. */
static void memory_works(size_t pages)
{
    uint8_t *at = memory(pages);

    for (size_t i = 0; i < pages * PAGE; i += PAGE / 2)
        CHECK(!*(uint64_t *)(at + i), "memory that came back is not zero");
    pattern_fill(at, pages, 62);
    CHECK(pattern_holds(at, pages, 62));
    CHECK(munmap(at, pages * PAGE) == 0);
}

/* An initial domain may have more than it started with; only there Linux lists the machine's CPUs. */
static bool may_grow(void)
{
    return access("/sys/devices/system/xen_cpu/xen_cpu0", F_OK) == 0;
}

/* Down by a quarter and up again, with memory in use before, between and after; then up beyond. */
static void run_balloon(void)
{
    long start = number_read(BALLOON "info/current_kb");
    long total = number_of("/proc/meminfo", "MemTotal:"), changed;
    uint8_t *kept = memory(1024);

    pattern_fill(kept, 1024, 61);
    for (int round = 0; round < 3; round++) {
        balloon_to(start - BALLOON_KIB);
        changed = number_of("/proc/meminfo", "MemTotal:");
        CHECK(changed <= total - BALLOON_KIB + 64, "%ld kiB, then %ld", total, changed);
        CHECK(pattern_holds(kept, 1024, 61), "memory changed while the balloon grew");
        balloon_to(start);
        CHECK(number_of("/proc/meminfo", "MemTotal:") >= total - 64, "not all came back");
        memory_works(BALLOON_KIB / 4 * 3 / 4);
    }
    if (may_grow()) {
        balloon_to(start + BALLOON_KIB);
        changed = number_of("/proc/meminfo", "MemTotal:");
        CHECK(changed >= total + BALLOON_KIB - 64, "%ld kiB, then %ld", total, changed);
        memory_works(BALLOON_KIB / 4 * 5 / 4);
        balloon_to(start);
    }
    CHECK(pattern_holds(kept, 1024, 61));
    done("3 times %ld MiB down and up, from %ld MiB%s", BALLOON_KIB >> 10, start >> 10,
         may_grow() ? "; up beyond it" : "");
}

const struct part pressure_parts[] = {
    { "balloon", run_balloon, false },
    { "reclaim", run_reclaim, false },
    { "oom", run_oom, false },
    { 0 },
};
