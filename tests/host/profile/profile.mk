# SPDX-License-Identifier: MIT
# The plugin for QEMU that says which instructions a row of the benchmark is made of.

$(BUILD)/insn_count.so: tests/host/profile/insn_count.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -O2 $(WARN) -shared -fPIC -fvisibility=hidden -o $@ $<
