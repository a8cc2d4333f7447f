/* SPDX-License-Identifier: MIT */
/* The PIT: channel 0 interrupts by line 0 of the 8259s, channel 2 is what the clock is measured by. */
#ifndef HV_CPU_PIT_H
#define HV_CPU_PIT_H

#define PIT_HZ       1193182ull
#define PIT_CHANNEL0 0x40
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PIT_ONESHOT0 0x30 /* channel 0, both bytes, interrupt on terminal count */
#define PIT_ONESHOT2 0xb0

#endif
