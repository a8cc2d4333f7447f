# SPDX-License-Identifier: MIT
# The benchmark kernel.

$(eval $(call TEST_KERNEL,bench,main.c area.c stubs.S rows_boot.c rows_calls.c rows_updates.c \
	rows_stores.c rows_faults.c rows_roots.c rows_users.c memory.c growth.c))

# What is on the clock before any hypervisor runs.
$(BUILD)/bench-firmware.elf: tests/bench/firmware.S
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -m32 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
	  -Wl,-Ttext-segment=0x200000 -Wl,--no-warn-rwx-segments -o $@ $<

BENCH_NEEDS = $(BUILD)/pinion.elf $(BUILD)/bench.elf $(BUILD)/bench-firmware.elf
BENCH = $(Q)$(PYTHON) scripts/bench --build $(BUILD)
bench: $(BENCH_NEEDS) ## What each request costs, beside real Xen, and what Linux does (LINUX=no: not)
	$(BENCH)
	$(if $(filter no,$(LINUX)),,$(Q)$(MAKE) --no-print-directory bench-linux)
bench-check: $(BENCH_NEEDS) ## Compare Pinion's instruction counts with the kept ones
	$(BENCH) --check
bench-keep: $(BENCH_NEEDS) ## Measure all of it, keep it, write table and charts (QUICK=1: Pinion's counts alone)
	$(BENCH) --keep $(if $(QUICK),--quick)
bench-growth: $(BENCH_NEEDS) ## Costs while tables, roots, address spaces and memory grow
	$(BENCH) --growth
bench-profile: $(BENCH_NEEDS) $(BUILD)/insn_count.so ## Where a row's instructions are: ROW= [LIST=FUNCTION] [ON=xen]
	$(BENCH) --profile $(ROW) $(if $(LIST),--list $(LIST)) $(if $(ON),--on $(ON))
.PHONY: bench bench-check bench-keep bench-growth bench-profile
