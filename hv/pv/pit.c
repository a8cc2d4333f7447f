/* SPDX-License-Identifier: MIT */
/*
 * Guests poll timer 2 to measure the TSC. It is computed from system time; no timer runs for it and
 * there is no speaker. Mode 0: counts down once from the reload value and raises its output at zero.
 */
#include "pv/pit.h"

#include "dom/sched.h"

#define PIT_HZ             1193182ull
#define PORT_DATA2         0x42
#define PORT_COMMAND       0x43
#define SPEAKER_GATE       0x01
#define SPEAKER_WRITABLE   0x03
#define SPEAKER_OUTPUT     0x20
#define COMMAND_CHANNEL(v) ((v) >> 6)
#define COMMAND_ACCESS(v)  ((v) >> 4 & 3)

static uint64_t ticks_since(uint64_t start)
{
    uint64_t ns = system_time() - start;

    return ns / 1000000000u * PIT_HZ + ns % 1000000000u * PIT_HZ / 1000000000u;
}

static uint32_t reload_value(const struct io_latches *io)
{
    return io->pit2.reload ? io->pit2.reload : 0x10000;
}

static uint16_t count_now(const struct io_latches *io)
{
    if (!(io->speaker & SPEAKER_GATE))
        return io->pit2.reload;
    return (uint16_t)(reload_value(io) - ticks_since(io->pit2.started));
}

static uint8_t data_read(struct io_latches *io)
{
    uint16_t count = io->pit2.latched ? io->pit2.latch : count_now(io);
    bool high = io->pit2.access == 2 || (io->pit2.access == 3 && io->pit2.high_next);

    if (io->pit2.access == 3)
        io->pit2.high_next = !io->pit2.high_next;
    if (io->pit2.latched)
        io->pit2.latched--;
    return (uint8_t)(high ? count >> 8 : count);
}

static void data_write(struct io_latches *io, uint8_t value)
{
    if (io->pit2.access == 3 && !io->pit2.high_next) {
        io->pit2.written_low = value;
        io->pit2.high_next = true;
        return;
    }
    io->pit2.high_next = false;
    io->pit2.reload = io->pit2.access == 1   ? value
                      : io->pit2.access == 2 ? (uint16_t)(value << 8)
                                             : (uint16_t)(value << 8 | io->pit2.written_low);
    io->pit2.started = system_time();
}

static void command_write(struct io_latches *io, uint8_t value)
{
    if (COMMAND_CHANNEL(value) != 2)
        return;
    io->pit2.high_next = false;
    if (COMMAND_ACCESS(value)) {
        io->pit2.access = COMMAND_ACCESS(value);
        io->pit2.latched = 0;
    } else if (!io->pit2.latched) {
        io->pit2.latch = count_now(io);
        io->pit2.latched = io->pit2.access == 3 ? 2 : 1;
    }
}

uint8_t pit_read(struct io_latches *io, uint16_t port)
{
    bool expired = (io->speaker & SPEAKER_GATE) &&
                   ticks_since(io->pit2.started) >= reload_value(io);

    if (port == PORT_DATA2)
        return data_read(io);
    if (port == PORT_COMMAND)
        return 0xff; /* write-only on the machine */
    return io->speaker | (expired ? SPEAKER_OUTPUT : 0);
}

void pit_write(struct io_latches *io, uint16_t port, uint8_t value)
{
    if (port == PORT_DATA2) {
        data_write(io, value);
    } else if (port == PORT_COMMAND) {
        command_write(io, value);
    } else {
        if ((value & ~io->speaker) & SPEAKER_GATE)
            io->pit2.started = system_time();
        io->speaker = value & SPEAKER_WRITABLE;
    }
}
