/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target "memory": programs of up to 64 records over hv/mm, hv/pt and the requests of hv/pv that
 * change memory, with the auditor and the ghost TLB after each record. memory.h has the machine.
 */
#include "memory_requests.h"

static void run(const uint8_t *data, size_t size)
{
    struct op ops[OPS_MAX];
    struct header h;
    size_t count = program_read(data, size, &h, ops);

    fuzz_where = program_where;
    program_start(ops, count);
    grants_start();
    machine_begin(&h);
    while (!program_ended())
        program_step();
    machine_end(&h);
    fuzz_count(count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run(data, size);
    return 0;
}

void fuzz_describe(const uint8_t *data, size_t size)
{
    struct op ops[OPS_MAX];
    struct header h;
    size_t count = program_read(data, size, &h, ops);

    fuzz_verbose = true;
    fprintf(stderr, "%zu records%s%s%s%s, domains end in order %u\n", count,
            h.mode & HEADER_ONE_CPU ? ", one CPU" : ", four CPUs",
            h.mode & HEADER_EAGER ? ", eager ghosts" : "", h.mode & HEADER_TRACE ? ", traced" : "",
            h.mode & HEADER_PREEMPT ? ", end preempted" : "", h.order % 6);
    run(data, size);
    fuzz_verbose = false;
}
