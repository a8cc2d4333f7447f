/*
 * SPDX-License-Identifier: MIT
 *
 * ask.h - the parts of the suite, one file each; main.c runs them.
 */
#ifndef CONFORM_ASK_H
#define CONFORM_ASK_H

void ask_entries(void);
void ask_mmu_update(void);
void ask_va(void);
void ask_mmuext(void);
void ask_pin(void);
void ask_frames(void);
void ask_iret(void);
void ask_modes(void);
void ask_emulate(void);
void ask_msr(void);
void ask_ptwr(void);
void ask_descriptor(void);
void ask_memory(void);
void ask_calls(void);
void ask_reservation(void);
void ask_vcpu(void);
void ask_events(void);
void ask_channels(void);
void ask_contexts(void);
void ask_failsafe(void);
void ask_roots(void);
void ask_segments(void);
void ask_nested(void);
void ask_grant_tables(void);
void ask_grant_copies(void);
void ask_grant_maps(void);
void ask_grant_unmaps(void); /* in the middle of ask_grant_maps() */
void ask_domains(void);

#endif
