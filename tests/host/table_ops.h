/* SPDX-License-Identifier: MIT */
/*
 * Every operation on page tables, each from a stage of its own: three trees that share tables, one of
 * them loaded on both of the guest's first vCPUs. For tests that disturb them all.
 */
#ifndef TESTS_HOST_TABLE_OPS_H
#define TESTS_HOST_TABLE_OPS_H

#include "machine.h"

struct table_op {
    const char *name;
    void (*prepare)(void);
    long (*run)(void);
    long result;
};
extern const struct table_op table_ops[];
extern const unsigned table_ops_count;

/* A machine on which the operation can run, undisturbed; general: without the short ways. */
void table_op_stage(const struct table_op *op, bool general);

#endif
