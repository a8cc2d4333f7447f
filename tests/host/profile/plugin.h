/* SPDX-License-Identifier: MIT */
/*
 * What the plugins for QEMU's TCG have in common: the part of its plugin interface, version 1, that they
 * use; the marks that a program makes; the file of counters. One C file is one plugin.
 */
#ifndef PROFILE_PLUGIN_H
#define PROFILE_PLUGIN_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
EXPORT int qemu_plugin_install(plugin_id_t id, const void *info, int argc, char **argv);

/* ---- addresses and marks ---- */

#define MARK     0x5e9d0000U
#define MARK_END 0x100U
#define HV_FIRST 0xffff800000000000UL /* what the ABI leaves to the hypervisor */
#define HV_LAST  0xffff87ffffffffffUL

static inline bool is_hypervisor(uint64_t address)
{
    return address >= HV_FIRST && address <= HV_LAST;
}

/*
 * Marks are instructions of no effect that a program makes: `nopl MARK(%rax)`, with a row's number in the
 * last byte, and MARK_END set at the row's end. Result: the mark that this instruction is, or 0.
 */
static inline uint32_t mark_of(const struct qemu_plugin_insn *insn)
{
    static const uint8_t nopl[] = { 0x0f, 0x1f, 0x80 };
    const uint8_t *bytes = qemu_plugin_insn_data(insn);
    uint32_t mark;

    if (qemu_plugin_insn_size(insn) != 7 || memcmp(bytes, nopl, sizeof(nopl)))
        return 0;
    memcpy(&mark, bytes + sizeof(nopl), sizeof(mark));
    return (mark & ~0x1ffU) == MARK ? mark : 0;
}

/* ---- counters ---- */

/* A new file of that many bytes, all 0, mapped: it is whole even when QEMU gets killed. Or NULL. */
static inline void *counters_map(const char *path, size_t bytes)
{
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    void *counters;

    if (file < 0 || ftruncate(file, (off_t)bytes)) {
        perror(path);
        return NULL;
    }
    counters = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return counters == MAP_FAILED ? NULL : counters;
}

#endif
