/* SPDX-License-Identifier: MIT */
/*
 * The serial port: a 16550 by I/O ports. Sending polls, so it works with interrupts off and in a
 * panic; a port that is absent or stuck swallows bytes and never hangs. Callers: printk.c, main.c,
 * and cpu/ for input.
 */
#ifndef HV_LIB_UART_H
#define HV_LIB_UART_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Sets the parameters from com1='s value:
 * <baud>|auto[/<clock>][,<bits><parity><stop>[,<io-base>[,<irq>]]]. "auto" keeps what the firmware
 * set. False (nothing changed) if malformed.
 */
bool uart_parse(const char *value);

/* Programs the port. False if nothing answers there: later output is dropped. */
bool uart_init(void);

/* Sends bytes; "\n" goes out as "\r\n". */
void uart_write(const char *text, size_t bytes);

/* Waits, for a bounded time, until the last byte has left the shift register. */
void uart_drain(void);

/* A byte that came in, or -1. */
int uart_read(void);

/*
 * Lets the port raise its interrupt for input. The line is uart_irq(): 4 unless com1= says
 * otherwise; 0 = polled.
 */
void uart_input_irq(bool on);
unsigned uart_irq(void);

#endif
