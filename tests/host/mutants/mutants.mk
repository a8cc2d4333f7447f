# SPDX-License-Identifier: MIT
# Planted faults: what must be caught, and how the tool compiles the host tests.

mutants: $(BUILD)/pinion.elf $(BUILD)/guest.elf $(BUILD)/initrd.cpio $(BUILD)/conform.elf ## Plant faults in the hypervisor; the tests must catch them (ARGS=, see ARGS=--help)
	$(Q)$(PYTHON) scripts/mutants --build $(BUILD) $(ARGS)
mutants-settings:
	$(info cflags=$(HOST_CFLAGS))
	$(info tiny=$(HOST_TINY))
	$(info hv=$(HOST_HV_SRCS))
	$(info lib=$(HOST_LIB_SRCS))
	$(info tests=$(HOST_TESTS))
	$(info tiny-tests=$(HOST_TINY_TESTS))
	$(info boot=$(BOOT_FLAGS))
	$(info boot-hv=$(BOOT_HV))
	$(info boot-lib=$(BOOT_LIB))
	$(info boot-tests=$(BOOT_TESTS))
	@:
.PHONY: mutants mutants-settings
