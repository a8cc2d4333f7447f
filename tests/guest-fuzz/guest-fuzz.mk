# SPDX-License-Identifier: MIT
# The fuzzing kernel: random requests and instructions from a seed.

FUZZ_GUEST_C := main.c random.c world.c pool.c fire.c trap.c calls.c call_memory.c call_grants.c call_cpu.c insn.c \
	steps.c step_cpu.c
$(eval $(call TEST_KERNEL,guest-fuzz,$(FUZZ_GUEST_C) shot.S))

# A step may leave TS set: nothing here computes in the FPU.
$(call objs,tests/guest-fuzz,$(FUZZ_GUEST_C)): private GUEST_CFLAGS += -mgeneral-regs-only

test: $(BUILD)/guest-fuzz.elf
fuzz-guest: $(BUILD)/pinion.elf $(BUILD)/guest-fuzz.elf ## Fuzz the hypervisor from inside a guest (TIME= SEED=)
	$(Q)$(PYTHON) scripts/fuzz-guest --build $(BUILD) $(if $(TIME),--time $(TIME)) $(if $(SEED),--seed $(SEED))
.PHONY: fuzz-guest
