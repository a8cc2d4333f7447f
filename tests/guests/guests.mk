# SPDX-License-Identifier: MIT
# Kernels that others made: Debian's GRUB; Debian's Linux with a workload of ours, built for Linux itself.

WORK_C := main.c processes.c memory.c pressure.c signals.c threads.c cpu.c bench.c
WORK_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(WARN) $(PREFIX_MAP) -O2 -fno-pie -pthread -MMD -MP
WORK_OBJS := $(addprefix $(BUILD)/linux/,$(WORK_C:.c=.o))

lint: export LINT_LINUX_CFLAGS = $(WORK_CFLAGS)

$(BUILD)/linux/%.o: tests/guests/linux/%.c $(BUILD)/.flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(WORK_CFLAGS) -c -o $@ $<
$(BUILD)/linux/work: $(WORK_OBJS)
	$(call say,LD)
	$(Q)$(CC) -static -no-pie -s -pthread -o $@ $(WORK_OBJS)
$(BUILD)/linux/ramdisk.cpio: $(BUILD)/linux/work tests/guests/linux/init scripts/linux \
		scripts/pinion_lib/linux.py scripts/pinion_lib/debian.py
	$(Q)PINION_BUILD=$(BUILD) $(PYTHON) scripts/linux $(@D) $<
$(BUILD)/linux/vmlinuz-newer: scripts/linux scripts/pinion_lib/linux.py scripts/pinion_lib/debian.py
	$(Q)PINION_BUILD=$(BUILD) $(PYTHON) scripts/linux --newer $(@D)

$(BUILD)/grub/grub-x86_64-xen.bin: scripts/grub scripts/pinion_lib/grub.py
	$(Q)PINION_BUILD=$(BUILD) $(PYTHON) scripts/grub $(@D)

grub: $(BUILD)/grub/grub-x86_64-xen.bin ## Fetch Debian's GRUB for PV domains
linux: $(BUILD)/linux/ramdisk.cpio ## Fetch Debian's Linux; make a ramdisk with a shell for it
test: $(BUILD)/linux/ramdisk.cpio $(BUILD)/grub/grub-x86_64-xen.bin
linux-newer: $(BUILD)/linux/vmlinuz-newer ## Fetch a newer Linux, of Debian's backports
test-guests: bootstrap build linux linux-newer grub odd ## Run kernels that others made, and their workloads (minutes)
	$(Q)PINION_BUILD=$(BUILD) $(PYTHON) -m pytest -q -p no:cacheprovider tests/guests
bench-linux: build linux $(BUILD)/sides_count.so ## What Debian's Linux costs on Pinion and on Xen (minutes; KEEP=1)
	$(Q)$(PYTHON) scripts/bench-linux --build $(BUILD) $(if $(KEEP),--keep)
.PHONY: grub linux linux-newer test-guests bench-linux
