# SPDX-License-Identifier: MIT
# The benchmark kernel.

$(eval $(call TEST_KERNEL,bench,bench.c fault.S))

bench: $(BUILD)/pinion.elf $(BUILD)/bench.elf ## What each request costs, in instructions, beside real Xen
	$(Q)$(PYTHON) scripts/bench --build $(BUILD)
.PHONY: bench
