/*
 * SPDX-License-Identifier: MIT
 *
 * sides_count.c - a plugin for QEMU's TCG: instructions of hypervisor, kernel and programs between marks.
 *
 * Marks are instructions of no effect that a program makes: `nopl MARK(%rax)`, MARK being 0x5e9d0000
 * with a row's number in its last byte, and bit 8 set at the row's end. A row that runs several times
 * counts with the run that took the fewest instructions. Row 0 is the way from the instruction at
 * start=ADDRESS (a kernel's entry) to the first mark there is.
 *
 * Arguments: start=ADDRESS, hexadecimal; out=FILE, which holds for each row three 64-bit words, and is
 * mapped, so that it is whole even when QEMU gets killed. Loaded by scripts/bench-linux.
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
#define EXPORT     __attribute__((visibility("default")))
#define INLINE_ADD 0
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id_t;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id_t id,
                                           void (*cb)(plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*cb)(unsigned int cpu, void *data), int flags,
                                            void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
                                                void *counter, uint64_t number);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id_t id, const void *info, int argc, char **argv);

#define ROWS     256
#define MARK     0x5e9d0000U
#define MARK_END 0x100U
#define HV_FIRST 0xffff800000000000UL /* what the ABI leaves to the hypervisor */
#define HV_LAST  0xffff87ffffffffffUL

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
    return address >= HV_FIRST && address <= HV_LAST ? HYPERVISOR : KERNEL;
}

/* The mark that this instruction is, or 0. */
static uint32_t mark_of(const struct qemu_plugin_insn *insn)
{
    static const uint8_t nopl[] = { 0x0f, 0x1f, 0x80 };
    const uint8_t *bytes = qemu_plugin_insn_data(insn);
    uint32_t mark;

    if (qemu_plugin_insn_size(insn) != 7 || memcmp(bytes, nopl, sizeof(nopl)))
        return 0;
    memcpy(&mark, bytes + sizeof(nopl), sizeof(mark));
    return (mark & ~0x1ffU) == MARK ? mark : 0;
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

static bool rows_map(const char *path)
{
    size_t bytes = ROWS * sizeof(*rows);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

    if (file < 0 || ftruncate(file, (off_t)bytes)) {
        perror(path);
        return false;
    }
    rows = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return rows != MAP_FAILED;
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
    if (!rows_map(out))
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
