/*
 * SPDX-License-Identifier: MIT
 *
 * sides_count.c - a plugin for QEMU's TCG: instructions of hypervisor, kernel and programs between marks.
 *
 * The marks are those of plugin.h. A row that runs several times counts with the run that took the
 * fewest instructions. Row 0 is the way from the instruction at start=ADDRESS (a kernel's entry) to the
 * first mark there is.
 *
 * Arguments: start=ADDRESS, hexadecimal; out=FILE, which holds for each row three 64-bit words, and is
 * mapped, so that it is whole even when QEMU gets killed. Loaded by scripts/bench-linux.
 */
#include "plugin.h"

#include <stdlib.h>

EXPORT int qemu_plugin_version = 1;

#define ROWS 256

enum side { HYPERVISOR, KERNEL, PROGRAM, SIDES };

struct counts {
    uint64_t side[SIDES];
};

static struct counts now, at_start[ROWS], *rows;
static bool started[ROWS], finished[ROWS];
static uint64_t start_address;

static uint64_t sum(const struct counts *c)
{
    return c->side[HYPERVISOR] + c->side[KERNEL] + c->side[PROGRAM];
}

static void row_start(unsigned int row)
{
    started[row] = true;
    at_start[row] = now;
}

static void row_end(unsigned int row)
{
    struct counts took;

    if (!started[row])
        return;
    started[row] = false;
    for (unsigned int i = 0; i < SIDES; i++)
        took.side[i] = now.side[i] - at_start[row].side[i];
    if (!finished[row] || sum(&took) < sum(&rows[row]))
        rows[row] = took;
    finished[row] = true;
}

static void passed_entry(unsigned int cpu, void *data)
{
    (void)cpu, (void)data;
    if (!finished[0])
        row_start(0);
}

static void passed_mark(unsigned int cpu, void *data)
{
    uintptr_t mark = (uintptr_t)data;

    (void)cpu;
    row_end(0);
    if (mark & MARK_END)
        row_end(mark & 0xff);
    else if (mark & 0xff)
        row_start(mark & 0xff);
}

static enum side side_of(uint64_t address)
{
    if (address < 1UL << 47)
        return PROGRAM;
    return is_hypervisor(address) ? HYPERVISOR : KERNEL;
}

static void translated(plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        uint32_t mark = mark_of(insn);

        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD, &now.side[side_of(address)],
                                                   1);
        if (address == start_address)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, passed_entry, 0, NULL);
        if (mark)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, passed_mark, 0, (void *)(uintptr_t)mark);
    }
}

int qemu_plugin_install(plugin_id_t id, const void *info, int argc, char **argv)
{
    const char *out = "";

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "start=", 6))
            start_address = strtoull(argv[i] + 6, NULL, 16);
        else if (!strncmp(argv[i], "out=", 4))
            out = argv[i] + 4;
        else {
            fprintf(stderr, "sides_count: unknown argument %s\n", argv[i]);
            return -1;
        }
    }
    rows = counters_map(out, ROWS * sizeof(*rows));
    if (!rows)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
