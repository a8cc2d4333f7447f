/* SPDX-License-Identifier: MIT */
/* Timer 2 of the PC's interval timer as each domain has it: it counts, its output can be polled. */
#ifndef HV_PV_PIT_H
#define HV_PV_PIT_H

#include <stdint.h>

#include "dom/domain.h"

/* Reads and writes of ports 0x42, 0x43 and 0x61. */
uint8_t pit_read(struct io_latches *io, uint16_t port);
void pit_write(struct io_latches *io, uint16_t port, uint8_t value);

#endif
