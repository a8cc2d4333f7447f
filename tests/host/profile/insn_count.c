/*
 * SPDX-License-Identifier: MIT
 *
 * insn_count.c - a plugin for QEMU's TCG: how often each instruction ran between the benchmark's marks.
 *
 * Arguments: start=ADDRESS and stop=ADDRESS (hexadecimal, as often as there are such marks), row=NUMBER,
 * out=FILE. Counting begins behind an instruction at a start mark and ends before one at a stop mark; with
 * row=, the marks are that row's of the Linux workload, which sides_count.c describes, every time it runs,
 * and only instructions of the hypervisor count.
 * FILE holds the counters, pairs of 64-bit words: address, count; it is mapped, so that it is whole even
 * when QEMU gets killed, as it is at the end of a run on Xen. Loaded by scripts/bench --profile and
 * scripts/bench-linux --profile; no part of any test's verdict.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The part of QEMU's plugin interface, version 1, that is used here. */
#define EXPORT __attribute__((visibility("default")))
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id_t;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id_t id,
                                           void (*cb)(plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*cb)(unsigned int cpu, void *data), int flags,
                                            void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id_t id, const void *info, int argc, char **argv);

#define MARKS_MAX 256
#define ROW_MARK  0x5e9d0000U
#define ROW_END   0x100U
#define HV_FIRST  0xffff800000000000UL /* what the ABI leaves to the hypervisor */
#define HV_LAST   0xffff87ffffffffffUL
#define SLOTS     (1U << 18) /* a power of two; twice as many as there are instructions to count */

struct counter {
    uint64_t address, count;
};

static struct counter *counters;
static uint64_t starts[MARKS_MAX], stops[MARKS_MAX];
static unsigned int start_count, stop_count;
static uint32_t row; /* its mark, 0 = none is asked for */
static bool counting;

static void ran(unsigned int cpu, void *data)
{
    (void)cpu;
    if (counting)
        ((struct counter *)data)->count++;
}

static void passed_start(unsigned int cpu, void *data)
{
    (void)cpu, (void)data;
    counting = true;
}

static void passed_stop(unsigned int cpu, void *data)
{
    (void)cpu, (void)data;
    counting = false;
}

/* Open addressing; a counter never moves, as translated code refers to it. */
static struct counter *counter_of(uint64_t address)
{
    uint64_t slot = address * 0x9e3779b97f4a7c15UL >> 46;

    for (unsigned int n = 0; n < SLOTS; n++, slot++) {
        struct counter *counter = &counters[slot & (SLOTS - 1)];

        if (!counter->address)
            counter->address = address;
        if (counter->address == address)
            return counter;
    }
    fprintf(stderr, "insn_count: more than %u instructions\n", SLOTS);
    exit(1);
}

static bool among(const uint64_t *marks, unsigned int count, uint64_t address)
{
    for (unsigned int i = 0; i < count; i++)
        if (marks[i] == address)
            return true;
    return false;
}

/* The mark of a row that this instruction is, or 0. */
static uint32_t row_mark(const struct qemu_plugin_insn *insn)
{
    static const uint8_t nopl[] = { 0x0f, 0x1f, 0x80 };
    const uint8_t *bytes = qemu_plugin_insn_data(insn);
    uint32_t mark;

    if (qemu_plugin_insn_size(insn) != 7 || memcmp(bytes, nopl, sizeof(nopl)))
        return 0;
    memcpy(&mark, bytes + sizeof(nopl), sizeof(mark));
    return mark;
}

static bool is_start(const struct qemu_plugin_insn *insn, uint64_t address)
{
    return among(starts, start_count, address) || (row && row_mark(insn) == row);
}

static bool is_stop(const struct qemu_plugin_insn *insn, uint64_t address)
{
    return among(stops, stop_count, address) || (row && row_mark(insn) == (row | ROW_END));
}

static void translated(plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);

        if (is_start(insn, address))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, passed_start, 0, NULL);
        else if (is_stop(insn, address))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, passed_stop, 0, NULL);
        else if (row ? address >= HV_FIRST && address <= HV_LAST
                     : address >> 63 || address < 1UL << 47)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, ran, 0, counter_of(address));
    }
}

static bool counters_map(const char *path)
{
    size_t bytes = SLOTS * sizeof(*counters);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

    if (file < 0 || ftruncate(file, (off_t)bytes)) {
        perror(path);
        return false;
    }
    counters = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return counters != MAP_FAILED;
}

int qemu_plugin_install(plugin_id_t id, const void *info, int argc, char **argv)
{
    const char *out = "";

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "start=", 6) && start_count < MARKS_MAX)
            starts[start_count++] = strtoull(argv[i] + 6, NULL, 16);
        else if (!strncmp(argv[i], "stop=", 5) && stop_count < MARKS_MAX)
            stops[stop_count++] = strtoull(argv[i] + 5, NULL, 16);
        else if (!strncmp(argv[i], "row=", 4))
            row = ROW_MARK | ((uint32_t)strtoul(argv[i] + 4, NULL, 10) & 0xff);
        else if (!strncmp(argv[i], "out=", 4))
            out = argv[i] + 4;
        else {
            fprintf(stderr, "insn_count: unknown argument %s\n", argv[i]);
            return -1;
        }
    }
    if (!counters_map(out))
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
