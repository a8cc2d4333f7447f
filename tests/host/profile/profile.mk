# SPDX-License-Identifier: MIT
# Plugins for QEMU: which instructions a row of a benchmark is made of, and whose they are.

$(BUILD)/%_count.so: tests/host/profile/%_count.c tests/host/profile/plugin.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -O2 $(WARN) -shared -fPIC -fvisibility=hidden -o $@ $<
