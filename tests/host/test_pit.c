/* SPDX-License-Identifier: MIT */
/*
 * Timer 2 and its gate: what counts when, in each way of access, what a latched count is, and when its
 * output is up.
 */
#include "sched.h"

#include <string.h>

#include "pv/pit.h"

#define DATA    0x42
#define COMMAND 0x43
#define GATE    0x61
#define HZ      1193182ul
#define LOW     (2u << 6 | 1u << 4)
#define HIGH    (2u << 6 | 2u << 4)
#define BOTH    (2u << 6 | 3u << 4)
#define LATCH   (2u << 6)

static struct io_latches io;

static int stage(void **state)
{
    (void)state;
    memset(&io, 0, sizeof(io));
    machine_sched = (struct machine_sched){ .now = 1000000 };
    return 0;
}

/* So that n ticks have gone by since, and not one more. */
static void ticks(uint64_t n)
{
    machine_sched.now += n * 1000000000ul / HZ + 1;
}

static void load(uint16_t count)
{
    pit_write(&io, COMMAND, BOTH);
    pit_write(&io, DATA, (uint8_t)count);
    pit_write(&io, DATA, (uint8_t)(count >> 8));
}

static unsigned count_read(void)
{
    unsigned low = pit_read(&io, DATA);

    return low | (unsigned)pit_read(&io, DATA) << 8;
}

static void counts_while_its_gate_is_open(void **state)
{
    (void)state;
    load(0x1234);
    assert_int_equal(count_read(), 0x1234);
    ticks(0x100);
    assert_int_equal(count_read(), 0x1234);
    pit_write(&io, GATE, 1);
    assert_int_equal(count_read(), 0x1234);
    ticks(0x34);
    assert_int_equal(count_read(), 0x1200);
    ticks(0x100);
    assert_int_equal(count_read(), 0x1100);
    /* Open already: it goes on. Opened again: anew. */
    pit_write(&io, GATE, 3);
    assert_int_equal(count_read(), 0x1100);
    pit_write(&io, GATE, 2);
    assert_int_equal(count_read(), 0x1234);
    pit_write(&io, GATE, 1);
    assert_int_equal(count_read(), 0x1234);
    /* A new count begins at once. */
    ticks(5);
    load(0x500);
    assert_int_equal(count_read(), 0x500);
    ticks(1);
    assert_int_equal(count_read(), 0x4ff);
}

static void output(void **state)
{
    (void)state;
    load(0x100);
    assert_int_equal(pit_read(&io, GATE), 0);
    ticks(0x200);
    assert_int_equal(pit_read(&io, GATE), 0);
    pit_write(&io, GATE, 0xff);
    assert_int_equal(pit_read(&io, GATE), 3);
    ticks(0xff);
    assert_int_equal(pit_read(&io, GATE), 3);
    ticks(1);
    assert_int_equal(pit_read(&io, GATE), 0x23);
    assert_int_equal(count_read(), 0);
    machine_sched.now += 5000000000ul; /* seconds, too */
    assert_int_equal(pit_read(&io, GATE), 0x23);
    load(0); /* is 65536 */
    assert_int_equal(pit_read(&io, GATE), 3);
    ticks(0xffff);
    assert_int_equal(pit_read(&io, GATE), 3);
    assert_int_equal(count_read(), 1);
    ticks(1);
    assert_int_equal(pit_read(&io, GATE), 0x23);
    load(0xffff);
    machine_sched.now += 2000000000ul;
    assert_int_equal(count_read(), (uint16_t)(0xffff - 2 * HZ));
    pit_write(&io, GATE, 0);
    assert_int_equal(pit_read(&io, GATE), 0);
}

static void ways_of_access(void **state)
{
    (void)state;
    load(0x1234);
    pit_write(&io, COMMAND, LOW);
    assert_int_equal(pit_read(&io, DATA), 0x34);
    assert_int_equal(pit_read(&io, DATA), 0x34);
    pit_write(&io, COMMAND, HIGH);
    assert_int_equal(pit_read(&io, DATA), 0x12);
    assert_int_equal(pit_read(&io, DATA), 0x12);
    pit_write(&io, DATA, 0x77);
    pit_write(&io, COMMAND, BOTH);
    assert_int_equal(count_read(), 0x7700);
    pit_write(&io, COMMAND, LOW);
    pit_write(&io, DATA, 0x55);
    pit_write(&io, COMMAND, BOTH);
    assert_int_equal(count_read(), 0x55);
    /* A command begins with the low byte again; another channel's is not ours. */
    pit_write(&io, DATA, 0x11);
    pit_write(&io, COMMAND, BOTH);
    pit_write(&io, DATA, 0x22);
    pit_write(&io, COMMAND, 0x30);
    pit_write(&io, COMMAND, 0x70);
    pit_write(&io, COMMAND, 0xf0);
    pit_write(&io, DATA, 0x33);
    assert_int_equal(count_read(), 0x3322);
    assert_int_equal(pit_read(&io, COMMAND), 0xff);
}

/* A latched count stands until it was read, whatever else is asked for. */
static void latched(void **state)
{
    (void)state;
    load(0x1234);
    pit_write(&io, GATE, 1);
    pit_write(&io, COMMAND, LATCH);
    ticks(0x34);
    pit_write(&io, COMMAND, LATCH);
    assert_int_equal(count_read(), 0x1234);
    assert_int_equal(count_read(), 0x1200);
    pit_write(&io, COMMAND, LATCH);
    ticks(0x100);
    pit_write(&io, COMMAND, BOTH); /* forgets it */
    assert_int_equal(count_read(), 0x1100);
    pit_write(&io, COMMAND, LOW);
    pit_write(&io, COMMAND, LATCH);
    ticks(1);
    assert_int_equal(pit_read(&io, DATA), 0);
    assert_int_equal(pit_read(&io, DATA), 0xff);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, stage)
    const struct CMUnitTest tests[] = {
        T(counts_while_its_gate_is_open),
        T(output),
        T(ways_of_access),
        T(latched),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
