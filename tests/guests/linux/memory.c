/* SPDX-License-Identifier: MIT */
/* Memory of a process: anonymous and files', private and shared, copied on write, moved, protected. */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_PAGES 300u
#define COW_PAGES  2048u
#define COW_KIDS   6
#define AREAS      600u

#define BOTH (PROT_READ | PROT_WRITE)

static uint8_t *map(size_t pages, int kind, int fd)
{
    uint8_t *at = mmap(0, pages * PAGE, BOTH, fd < 0 ? kind | MAP_ANONYMOUS : kind, fd, 0);

    CHECK(at != MAP_FAILED, "mmap of %zu pages", pages);
    return at;
}

static int file_made(const char *path, size_t pages, uint64_t seed)
{
    static uint8_t page[PAGE];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0, "%s", path);
    for (size_t i = 0; i < pages; i++) {
        pattern_fill(page, 1, seed + i * PAGE);
        CHECK(write(fd, page, PAGE) == PAGE);
    }
    return fd;
}

/* A file in memory: both kinds of mapping, what each sees of the other, and its end cut off. */
static void run_file(void)
{
    int fd = file_made("/tmp/file", FILE_PAGES, 11);
    uint8_t *shared = map(FILE_PAGES, MAP_SHARED, fd), *again = map(FILE_PAGES, MAP_SHARED, fd);
    uint8_t *private = map(FILE_PAGES, MAP_PRIVATE, fd);
    static uint8_t page[PAGE];

    CHECK(pattern_holds(shared, FILE_PAGES, 11), "shared mapping");
    CHECK(pattern_holds(private, FILE_PAGES, 11), "private mapping");
    pattern_fill(private, FILE_PAGES / 2, 12);
    CHECK(pattern_holds(shared, FILE_PAGES, 11), "a private write is in the file");
    pattern_fill(shared, FILE_PAGES, 13);
    CHECK(pattern_holds(again, FILE_PAGES, 13), "two shared mappings differ");
    CHECK(pattern_holds(private, FILE_PAGES / 2, 12), "a private page is lost");
    CHECK(!memcmp(private + (FILE_PAGES - 1) * PAGE, shared + (FILE_PAGES - 1) * PAGE, PAGE),
          "a page nobody wrote to is the file's");
    CHECK(msync(shared, FILE_PAGES * PAGE, MS_SYNC) == 0);
    for (size_t i = 0; i < FILE_PAGES; i++) {
        CHECK(pread(fd, page, PAGE, (off_t)(i * PAGE)) == PAGE);
        CHECK(!memcmp(page, again + i * PAGE, PAGE), "read differs at page %zu", i);
    }
    again = mremap(again, FILE_PAGES * PAGE, 2 * FILE_PAGES * PAGE, MREMAP_MAYMOVE);
    CHECK(again != MAP_FAILED && pattern_holds(again, FILE_PAGES, 13), "moved mapping");
    CHECK(ftruncate(fd, 2 * FILE_PAGES * PAGE) == 0);
    pattern_fill(again + FILE_PAGES * PAGE, FILE_PAGES, 14);
    CHECK(pread(fd, page, PAGE, (2 * FILE_PAGES - 1) * PAGE) == PAGE);
    CHECK(!memcmp(page, again + (2 * FILE_PAGES - 1) * PAGE, PAGE), "the grown part");
    CHECK(munmap(shared, FILE_PAGES * PAGE) == 0 && munmap(private, FILE_PAGES * PAGE) == 0);
    CHECK(close(fd) == 0 && unlink("/tmp/file") == 0);
    done("%u pages shared, private, moved and grown", FILE_PAGES);
}

static sigjmp_buf landing;

static void land(int number)
{
    siglongjmp(landing, number);
}

/* Pages of a mapping behind the end that ftruncate gave: SIGBUS, before it: as they were. */
static void run_truncate(void)
{
    int fd = file_made("/tmp/cut", 16, 21);
    volatile uint8_t *shared = map(16, MAP_SHARED, fd);
    unsigned buses = 0;

    signal(SIGBUS, land);
    CHECK(pattern_holds((uint8_t *)shared, 16, 21));
    CHECK(ftruncate(fd, 5 * PAGE) == 0);
    for (size_t i = 0; i < 16; i++) {
        if (sigsetjmp(landing, 1) == 0) {
            (void)shared[i * PAGE];
            CHECK(i < 5, "page %zu is still there", i);
        } else {
            CHECK(i >= 5, "page %zu has gone", i);
            buses++;
        }
    }
    CHECK(buses == 11);
    unlink("/tmp/cut");
    done("%u SIGBUS behind the end", buses);
}

static void run_anonymous(void)
{
    uint8_t *shared = map(64, MAP_SHARED, -1), *private = map(64, MAP_PRIVATE, -1), *moved;
    int pid;

    for (size_t i = 0; i < 64 * PAGE; i += 8)
        CHECK(!*(uint64_t *)(private + i) && !*(uint64_t *)(shared + i), "memory is not zero");
    pattern_fill(shared, 64, 1);
    pattern_fill(private, 64, 2);
    pid = fork();
    if (!pid) {
        CHECK(pattern_holds(shared, 64, 1) && pattern_holds(private, 64, 2), "in the child");
        pattern_fill(shared, 64, 3);
        pattern_fill(private, 64, 4);
        _exit(0);
    }
    child_ends(pid, 0);
    CHECK(pattern_holds(shared, 64, 3), "the child's writes to shared memory");
    CHECK(pattern_holds(private, 64, 2), "the child's writes to private memory");
    CHECK(madvise(private, 32 * PAGE, MADV_DONTNEED) == 0);
    for (size_t i = 0; i < 32 * PAGE; i += 8)
        CHECK(!*(uint64_t *)(private + i), "given back and not zero");
    CHECK(pattern_holds(private + 32 * PAGE, 32, 2 + 32 * PAGE));
    moved = mremap(private + 32 * PAGE, 32 * PAGE, 4096 * PAGE, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED && pattern_holds(moved, 32, 2 + 32 * PAGE), "moved");
    pattern_fill(moved, 4096, 5);
    CHECK(pattern_holds(moved, 4096, 5));
    CHECK(munmap(moved, 4096 * PAGE) == 0);
    done("shared and private over fork, given back, moved");
}

/* Children write to parts of what they share with their parent; each sees its own. */
static void run_cow(void)
{
    uint8_t *data = map(COW_PAGES, MAP_PRIVATE, -1);
    int pids[COW_KIDS];

    pattern_fill(data, COW_PAGES, 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COW_KIDS; i++) {
            pids[i] = fork();
            CHECK(pids[i] >= 0, "fork");
            if (pids[i])
                continue;
            CHECK(pattern_holds(data, COW_PAGES, (uint64_t)round), "child %d at its start", i);
            for (size_t page = (size_t)i; page < COW_PAGES; page += COW_KIDS)
                pattern_fill(data + page * PAGE, 1, 1000 + page);
            for (size_t page = 0; page < COW_PAGES; page++)
                CHECK(pattern_holds(data + page * PAGE, 1,
                                    page % COW_KIDS == (size_t)i ? 1000 + page
                                                                 : (uint64_t)round + page * PAGE),
                      "child %d, page %zu", i, page);
            _exit(0);
        }
        for (int i = 0; i < COW_KIDS; i++)
            child_ends(pids[i], 0);
        CHECK(pattern_holds(data, COW_PAGES, (uint64_t)round), "the parent's memory changed");
        pattern_fill(data, COW_PAGES, (uint64_t)round + 1); /* the last reference: not copied */
    }
    done("3 rounds, %d children, %u pages", COW_KIDS, COW_PAGES);
}

/* Rights that come and go, and a great many areas, each of its own. */
static void run_protect(void)
{
    uint8_t *at = map(AREAS, MAP_PRIVATE, -1);
    volatile unsigned faults = 0;

    signal(SIGSEGV, land);
    pattern_fill(at, AREAS, 31);
    for (size_t i = 0; i < AREAS; i += 2)
        CHECK(mprotect(at + i * PAGE, PAGE, i % 4 ? PROT_READ : PROT_NONE) == 0, "area %zu", i);
    for (volatile size_t i = 0; i < AREAS; i++) {
        if (sigsetjmp(landing, 1) == 0) {
            *(volatile uint8_t *)(at + i * PAGE + 8) = 1;
            CHECK(i & 1, "page %zu could be written to", i);
        } else {
            CHECK(!(i & 1), "page %zu could not be written to", i);
            faults++;
        }
    }
    CHECK(faults == AREAS / 2);
    CHECK(mprotect(at, AREAS * PAGE, BOTH) == 0);
    CHECK(pattern_holds(at, 1, 31), "rights changed the contents");
    for (size_t i = 0; i < AREAS; i += 2)
        CHECK(munmap(at + i * PAGE, PAGE) == 0);
    for (size_t i = 1; i < AREAS; i += 2)
        CHECK(at[i * PAGE + 8] == 1, "page %zu", i);
    CHECK(munmap(at, AREAS * PAGE) == 0);
    done("%u areas, %u faults", AREAS, faults);
}

/* Far apart, so that each page needs tables at three levels of its own; all of them go again. */
static void run_sparse(void)
{
    unsigned made = 0;

    for (int round = 0; round < 4; round++) {
        long before = number_of("/proc/self/status", "VmPTE:");
        for (uint64_t i = 1; i <= 100; i++) {
            uint64_t *at = mmap((void *)(i << 39 | i << 30 | i << 21), PAGE, BOTH,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

            CHECK(at != MAP_FAILED || errno == EEXIST, "area %lu", i);
            if (at == MAP_FAILED)
                continue;
            *at = i;
            made++;
            CHECK(*at == i);
        }
        CHECK(number_of("/proc/self/status", "VmPTE:") >= before + 80 * 12, "tables were made");
        for (uint64_t i = 1; i <= 100; i++)
            munmap((void *)(i << 39 | i << 30 | i << 21), PAGE);
        CHECK(number_of("/proc/self/status", "VmPTE:") <= before + 8, "tables are still there");
    }
    done("%u areas far apart", made);
}

const struct part memory_parts[] = {
    { "file", run_file, false },
    { "truncate", run_truncate, false },
    { "anonymous", run_anonymous, false },
    { "cow", run_cow, false },
    { "protect", run_protect, false },
    { "sparse", run_sparse, false },
    { 0 },
};
