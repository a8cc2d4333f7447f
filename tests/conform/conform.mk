# SPDX-License-Identifier: MIT
# The conformance kernel: a suite of questions, and sequences from a seed.

CONFORM_SRCS := main.c record.c stage.c trial.c trial_entry.S ask_roots.c ask_segments.c ask_nested.c ask_entries.c \
	ask_mmu_update.c ask_va.c ask_mmuext.c ask_pin.c ask_frames.c ask_iret.c ask_modes.c \
	ask_emulate.c ask_msr.c ask_ptwr.c ask_descriptor.c ask_memory.c ask_calls.c ask_reservation.c \
	ask_vcpu.c ask_events.c ask_channels.c ask_context.c ask_failsafe.c ask_grant_tables.c \
	ask_grant_copies.c ask_grant_maps.c ask_grant_unmaps.c grant_spot.c ask_domains.c
# Sequences from a seed.
CONFORM_SRCS += sequence.c sequence_text.c sequence_arena.c sequence_reset.c sequence_op.c \
	sequence_request.c sequence_access.c sequence_trade.c sequence_grant.c random_ops.c random_draw.c

$(eval $(call TEST_KERNEL,conform,$(CONFORM_SRCS)))

test: $(BUILD)/conform.elf

conform-suite: $(BUILD)/pinion.elf $(BUILD)/conform.elf ## The same questions to Pinion and real Xen
	$(Q)$(PYTHON) scripts/conform --build $(BUILD) suite
.PHONY: conform-suite

SEED  ?= 1
COUNT ?= 2000
FROM  ?= 0
conform: $(BUILD)/pinion.elf $(BUILD)/conform.elf ## Random sequences to both (SEED= COUNT= FROM=)
	$(Q)$(PYTHON) scripts/conform --build $(BUILD) random --seed "$(SEED)" --count "$(COUNT)" --from "$(FROM)"
.PHONY: conform
