/* SPDX-License-Identifier: MIT */
/*
 * A 16550 on I/O ports, sending by polling. Every wait is bounded: a port that stops answering costs
 * one long wait, then one look for each text, which is lost, until it answers again. It may: behind
 * an emulated port stands a reader who can be late.
 */
#include "lib/uart.h"

#include <stdint.h>

#include "lib/string.h"
#include "lib/x86.h"

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCR = 7 };

#define LSR_READY 0x01 /* a byte came in */
#define LSR_THRE  0x20 /* the holding register is empty */
#define LSR_TEMT  0x40 /* so is the shift register */
#define LCR_DLAB  0x80
#define FIFO_SIZE 16
#define TICKS_MAX (1ull << 35) /* of the TSC: about ten seconds, on any machine long enough */

static struct {
    uint16_t base;
    unsigned baud, clock; /* baud 0 = as the firmware left it */
    uint8_t lcr;
    unsigned irq;
    bool alive;
    bool stuck;    /* it did not answer in time: do not wait again before it does */
    bool returned; /* the last byte sent was '\r' */
} port = { .base = 0x3f8, .baud = 115200, .clock = 115200, .lcr = 3, .irq = 4 };

/* "8n1" to the line control register. False if malformed. */
static bool line_parse(const char *text, size_t length, uint8_t *lcr)
{
    static const char parities[] = "nomes"; /* none, odd, mark, even, space */
    static const uint8_t parity_bits[] = { 0x00, 0x08, 0x28, 0x18, 0x38 };
    const char *parity;

    if (length != 3 || text[0] < '5' || text[0] > '8' || (text[2] != '1' && text[2] != '2'))
        return false;
    parity = strchr(parities, text[1]);
    if (!parity || !*parity)
        return false;
    *lcr = (uint8_t)((text[0] - '5') | parity_bits[parity - parities] | (text[2] == '2' ? 4 : 0));
    return true;
}

/* <baud>|auto[/<clock>]; *end past it. */
static bool baud_parse(const char *value, const char **end, unsigned *baud, unsigned *clock)
{
    if (!strncmp(value, "auto", 4)) {
        *baud = 0;
        *end = value + 4;
        return true;
    }
    *baud = (unsigned)strtoul(value, end, 10);
    if (*end == value || !*baud || *baud > 4000000)
        return false;
    if (**end == '/') {
        const char *number = *end + 1;

        *clock = (unsigned)strtoul(number, end, 10) / 16;
        return *end != number && *clock >= *baud;
    }
    return *clock >= *baud;
}

bool uart_parse(const char *value)
{
    unsigned baud, clock = 115200, irq = port.irq;
    unsigned long base = port.base;
    uint8_t lcr = port.lcr;
    const char *end;
    size_t length = 0;

    if (!baud_parse(value, &end, &baud, &clock))
        return false;
    if (*end == ',') {
        value = end + 1;
        while (value[length] && value[length] != ',')
            length++;
        if (length && !line_parse(value, length, &lcr))
            return false;
        end = value + length;
    }
    if (*end == ',') {
        value = end + 1;
        base = strtoul(value, &end, 0);
        if (end == value || base < 0x100 || base > 0xfff8)
            return false;
    }
    if (*end == ',') {
        value = end + 1;
        irq = (unsigned)strtoul(value, &end, 10);
        if (end == value || irq > 15)
            return false;
    }
    if (*end)
        return false;
    port.base = (uint16_t)base;
    port.baud = baud;
    port.clock = clock;
    port.lcr = lcr;
    port.irq = irq;
    return true;
}

bool uart_init(void)
{
    unsigned divisor = port.baud ? port.clock / port.baud : 0;

    /* The scratch register holds what is written to it, if there is a port at all. */
    outb(port.base + SCR, 0x5a);
    port.alive = inb(port.base + SCR) == 0x5a;
    if (!port.alive)
        return false;
    outb(port.base + IER, 0);
    if (divisor) {
        outb(port.base + LCR, LCR_DLAB | port.lcr);
        outb(port.base + DLL, (uint8_t)divisor);
        outb(port.base + DLM, (uint8_t)(divisor >> 8));
    }
    outb(port.base + LCR, port.lcr);
    outb(port.base + FCR, 0x07); /* FIFO on, both sides emptied */
    outb(port.base + MCR, 0x0b); /* DTR, RTS, and OUT2, which passes the interrupt on */
    return true;
}

static bool wait_for(uint8_t bits)
{
    uint64_t start = rdtsc();

    while (!(inb(port.base + LSR) & bits)) {
        if (port.stuck || rdtsc() - start > TICKS_MAX) {
            port.stuck = true;
            return false;
        }
    }
    port.stuck = false;
    return true;
}

void uart_write(const char *text, size_t bytes)
{
    unsigned room = 0;

    for (size_t i = 0; i < bytes && port.alive;) {
        bool cr = text[i] == '\n' && !port.returned;

        if (!room) {
            if (!wait_for(LSR_THRE))
                return;
            room = FIFO_SIZE;
        }
        outb(port.base + THR, (uint8_t)(cr ? '\r' : text[i]));
        room--;
        port.returned = cr || text[i] == '\r';
        i += !cr;
    }
}

void uart_drain(void)
{
    if (port.alive)
        wait_for(LSR_TEMT);
}

int uart_read(void)
{
    return port.alive && (inb(port.base + LSR) & LSR_READY) ? inb(port.base + RBR) : -1;
}

void uart_input_irq(bool on)
{
    if (port.alive)
        outb(port.base + IER, on ? 1 : 0);
}

unsigned uart_irq(void)
{
    return port.irq;
}
