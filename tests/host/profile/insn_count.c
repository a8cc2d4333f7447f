/*
 * SPDX-License-Identifier: MIT
 *
 * insn_count.c - a plugin for QEMU's TCG: how often each instruction ran between the benchmark's marks.
 *
 * Arguments: start=ADDRESS and stop=ADDRESS (hexadecimal, as often as there are such marks), row=NUMBER,
 * out=FILE. Counting begins behind an instruction at a start mark and ends before one at a stop mark; with
 * row=, the marks are that row's of the Linux workload (plugin.h), every time it runs, and only
 * instructions of the hypervisor count.
 * FILE holds the counters, pairs of 64-bit words: address, count; it is mapped, so that it is whole even
 * when QEMU gets killed, as it is at the end of a run on Xen. Loaded by scripts/bench --profile and
 * scripts/bench-linux --profile; no part of any test's verdict.
 */
#include "plugin.h"

#include <stdlib.h>

EXPORT int qemu_plugin_version = 1;

#define MARKS_MAX 256
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

static bool is_start(const struct qemu_plugin_insn *insn, uint64_t address)
{
    return among(starts, start_count, address) || (row && mark_of(insn) == row);
}

static bool is_stop(const struct qemu_plugin_insn *insn, uint64_t address)
{
    return among(stops, stop_count, address) || (row && mark_of(insn) == (row | MARK_END));
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
        else if (row ? is_hypervisor(address) : address >> 63 || address < 1UL << 47)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, ran, 0, counter_of(address));
    }
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
            row = MARK | ((uint32_t)strtoul(argv[i] + 4, NULL, 10) & 0xff);
        else if (!strncmp(argv[i], "out=", 4))
            out = argv[i] + 4;
        else {
            fprintf(stderr, "insn_count: unknown argument %s\n", argv[i]);
            return -1;
        }
    }
    counters = counters_map(out, SLOTS * sizeof(*counters));
    if (!counters)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
