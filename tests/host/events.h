/* SPDX-License-Identifier: MIT */
/*
 * Event channels on the test machine: shared_info and a port table for each domain, vcpu_info for each
 * vCPU, and in place of the scheduler a count of how often each vCPU was woken (events.c).
 */
#ifndef TESTS_HOST_EVENTS_H
#define TESTS_HOST_EVENTS_H

#include "machine.h"

/* After machine_begin(), and before machine_end(). */
void events_begin(void);
void events_end(void);

/* Wakes of machine_vcpu[n] that found it blocked. */
extern unsigned machine_wakes[MACHINE_VCPUS];

/* event_channel_op as the current vCPU's guest asks for it; the argument is read and written back. */
long op_event(unsigned cmd, void *arg);

/* The auditor on the ports alone: differences found. */
unsigned events_audit(void);

#endif
