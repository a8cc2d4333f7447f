# SPDX-License-Identifier: MIT
# The benchmark kernel.

$(eval $(call TEST_KERNEL,bench,main.c area.c stubs.S rows_boot.c rows_calls.c rows_updates.c \
	rows_faults.c rows_roots.c rows_users.c memory.c growth.c))

# What is on the clock before any hypervisor runs.
$(BUILD)/bench-firmware.elf: tests/bench/firmware.S
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -m32 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
	  -Wl,-Ttext-segment=0x200000 -Wl,--no-warn-rwx-segments -o $@ $<

BENCH_NEEDS = $(BUILD)/pinion.elf $(BUILD)/bench.elf
bench: $(BENCH_NEEDS) ## What each request costs, in instructions, beside real Xen
	$(Q)$(PYTHON) scripts/bench --build $(BUILD)
bench-profile: $(BENCH_NEEDS) $(BUILD)/insn_count.so ## Where a row's instructions are (ROW=NAME [LIST=FUNCTION])
	$(Q)$(PYTHON) scripts/bench --build $(BUILD) --profile $(ROW) $(if $(LIST),--list $(LIST))
.PHONY: bench bench-profile
