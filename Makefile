# SPDX-License-Identifier: MIT
# Builds, runs and tests the pair: the hypervisor (hv/) and its guest (guest/).
# Lists are explicit: a new file is added to its list below. BUILD= names the
# output directory; nothing is written outside it. `make help` prints the targets.

BUILD    ?= build
# The same place by another name would be other flags, and everything built anew.
override BUILD := $(patsubst $(CURDIR)/%,%,$(BUILD))
VERSION  := 0.2
# What `make run` boots, and on what.
FIRMWARE ?= bios
MEM      ?= 512M
CPU      ?= qemu64
SCENARIO ?= all
TRACE    ?=
BOOTSTRAP ?= yes
XEN_INCLUDE ?= /usr/include/xen

# ---- What is in each program: edit here -------------------------------------

# The hypervisor: sources relative to hv/.
HV_SRCS := main.c domains.c boot/head.S boot/multiboot.c boot/cmdline.c cpu/machine.c cpu/dump.c \
	cpu/guest_symbols.c cpu/smap.c \
	cpu/syscall.S cpu/entry.S cpu/fault.S cpu/user.S cpu/traps.c cpu/exit.c \
	cpu/switch.c cpu/desc.c cpu/irq.c cpu/apic.c cpu/clock.c cpu/timer.c cpu/fpu.c \
	mm/frame.c mm/owner.c mm/page_alloc.c mm/mem_range.c mm/boot_map.c mm/hv_map.c \
	mm/tlb.c mm/guest_copy.c \
	pt/page_type.c pt/table.c pt/entry.c pt/pte_check.c pt/walk.c pt/pin.c pt/audit.c pt/audit_entry.c pt/audit_free.c pt/audit_sum.c pt/descriptor.c \
	pv/hypercall.c pv/multicall.c pv/mmu_update.c pv/mmu_entry.c pv/update_va.c pv/mmuext.c pv/base_pointer.c pv/bounce.c pv/trap_table.c pv/iret.c \
	pv/descriptor.c pv/decode.c pv/fetch.c pv/rmw.c pv/ptwr.c pv/ptwr_fault.c pv/store_form.c pv/priv_op.c pv/priv_io.c pv/pit.c \
	pv/priv_msr.c pv/cpuid.c pv/debugreg.c pv/segment_base.c pv/fpu_taskswitch.c \
	pv/memory_op.c pv/memory_info.c pv/memory_exchange.c pv/xen_version.c pv/vcpu_op.c pv/vcpu_context.c pv/dom_op.c \
	pv/misc_op.c pv/control_op.c pv/platform_op.c pv/physdev_op.c pv/refuse.c pv/grant_op.c pv/grant_copy.c pv/grant_map.c pv/grant_pte.c \
	dom/hypercall_page.c dom/elf.c dom/elf_notes.c dom/elf_legacy.c dom/build.c dom/build_memory.c \
	dom/build_tables.c dom/domain.c dom/recipe.c dom/teardown.c dom/vcpu.c dom/sched.c dom/share.c dom/sched_op.c dom/timer.c \
	dom/wallclock.c dom/evtchn.c dom/evtchn_op.c dom/evtchn_books.c dom/console.c dom/console_input.c dom/report.c dom/books.c dom/gnttab.c dom/gnttab_entry.c dom/gnttab_handle.c dom/gnttab_books.c \
	lib/printk.c lib/format.c lib/panic.c lib/trace.c lib/string.c lib/symbols.c \
	lib/uart.c

# Those of them that a guest waits for: compiled for speed, the others for size (160 KiB in all).
HV_FAST := cpu/exit.c cpu/timer.c dom/evtchn.c dom/timer.c \
	mm/frame.c mm/tlb.c mm/guest_copy.c  \
	pt/page_type.c pt/table.c pt/entry.c pt/pte_check.c pt/walk.c pt/pin.c \
	pv/hypercall.c pv/mmu_update.c pv/update_va.c pv/mmuext.c pv/ptwr_fault.c

# The guest kernel library and start-up: sources relative to guest/.
GUEST_SRCS := start.S notes.S entry.S main.c traps.c events.c clock.c console.c kprint.c cmdline.c \
	thread.c newlib.c xenstore.c ramdisk.c grants.c elf_load.c process.c syscall.c scenario.c scenario_help.c \
	mm/boot_map.c mm/page.c mm/pool.c mm/walk.c mm/steps.c mm/pt_page.c mm/pt_update.c mm/aspace.c \
	mm/region.c mm/region_anon.c mm/region_file.c mm/region_cow.c mm/region_guard.c \
	mm/page_cache.c mm/swap.c mm/reclaim.c mm/heap.c mm/fault.c

# Scenarios, linked into the guest: names of tests/scenarios/NAME.c.
SCENARIOS := six_steps zero_fill pte_holds_mfn newlib_heavy process fork_duplicate \
	user_faults eviction address_spaces threads_and_time timers emulation emulation_io \
	emulation_fuzz emulation_timing descriptors debug_registers int_n writable_tables \
	user_privileged domain_requests event_channels memory_requests batches \
	shared_library fork_cow stack_guard fault_codes many_spaces user_mode hostile_types \
	hostile_frames hostile_flags hostile_hv_slots hostile_pointers hostile_addresses \
	hostile_descriptors death_stack death_iret_frame death_no_handler death_user_without_root \
	death_kernel_stack death_event deep_validation \
	platform hypercall_registers second vcpus vcpu_events vcpu_poll vcpu_time \
	vcpu_memory vcpu_context death_vcpu grants

# User programs: names of guest/user/NAME.c; and what each is linked with.
USER_PROGS := hello access forker deep privileged modes
USER_LIB_SRCS := crt/start.S crt/syscalls.c
# Data files for the ramdisk, as NAME=FILE (NAME is the name inside the archive).
INITRD_FILES :=

# Host tests: names of tests/host/NAME.c, each linked with all of the two lists
# under it: hv/ sources compiled for the host, and helpers in tests/host/.
HOST_TESTS := test_frames test_types test_entries test_entry_changes test_firmware test_audit test_audit_frames test_auditor test_batches test_update_va test_mmuext test_base_pointers test_callbacks test_hostile test_flush test_injection test_interference test_random test_decode test_rmw test_fetch test_descriptor test_segments test_reservation test_exchange test_memory_info test_lists test_refusals test_ptwr test_ptwr_ways test_store_form test_elf test_multiboot test_work test_edges test_audit_grants test_grants test_grant_entries test_grant_tables test_grant_faults test_grant_races test_grant_deaths test_events test_event_wakes test_vcpu_context test_context_faults test_vcpu_op test_vcpu_time test_calls test_control test_debugreg test_cpuid test_pit test_shares
# Tests that run a second time on a tiny machine: NAME.tiny.
HOST_TINY_TESTS := test_frames test_types test_entries test_entry_changes test_firmware test_audit test_audit_frames test_auditor test_batches test_update_va test_mmuext test_hostile test_flush test_injection test_interference test_random test_counts test_edges
HOST_HV_SRCS := mm/frame.c mm/owner.c mm/page_alloc.c mm/mem_range.c \
	pt/page_type.c pt/table.c pt/entry.c pt/pte_check.c pt/walk.c pt/pin.c pt/audit.c pt/audit_entry.c pt/audit_free.c pt/audit_sum.c pt/descriptor.c \
	pv/mmu_update.c pv/mmu_entry.c pv/mmuext.c pv/base_pointer.c pv/update_va.c pv/refuse.c pv/decode.c pv/rmw.c pv/fetch.c pv/ptwr.c pv/ptwr_fault.c pv/store_form.c \
	pv/descriptor.c pv/memory_op.c pv/memory_info.c pv/memory_exchange.c pv/multicall.c pv/trap_table.c \
	dom/teardown.c dom/share.c dom/elf.c dom/elf_notes.c dom/elf_legacy.c boot/multiboot.c lib/format.c \
	dom/evtchn.c dom/evtchn_op.c dom/evtchn_books.c pv/vcpu_context.c pv/vcpu_op.c pv/debugreg.c pv/control_op.c pv/physdev_op.c pv/platform_op.c pv/misc_op.c pv/xen_version.c pv/cpuid.c pv/pit.c \
	dom/gnttab.c dom/gnttab_entry.c dom/gnttab_handle.c dom/gnttab_books.c \
	pv/grant_op.c pv/grant_copy.c pv/grant_map.c pv/grant_pte.c
HOST_LIB_SRCS := machine.c check.c log.c events.c sched.c grants.c snapshot.c damage.c ghost.c guest.c cpu.c hooks.c reflect.c table_ops.c

# Test programs with a build of their own say what they are made of, and how, beside their sources.
TEST_MAKEFILES := store/store.mk $(wildcard tests/*/*.mk tests/host/*/*.mk)

# ---- Tools and flags --------------------------------------------------------

CC      := gcc
PYTHON  := /usr/bin/python3
Q       := $(if $(V),,@)
say      = @echo "  $(1)  $(@:$(BUILD)/%=%)"
ABSBUILD := $(abspath $(BUILD))
export SOURCE_DATE_EPOCH ?= 1700000000

GCC_INCLUDE = $(eval GCC_INCLUDE := $$(shell $$(CC) -print-file-name=include))$(GCC_INCLUDE)
# The last that fits is taken.
PREFIX_MAP = -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(ABSBUILD)=build -fno-canonical-system-headers
WARN = -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes
ABI_FLAGS = -Ishared -isystem $(BUILD)/abi -D__XEN_INTERFACE_VERSION__=0x00040e00
COMMON = -std=gnu11 -g $(WARN) $(PREFIX_MAP) $(ABI_FLAGS) -MMD -MP
BARE = -O2 -mno-red-zone -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables

HV_CFLAGS = $(COMMON) $(BARE) -ffreestanding -nostdinc -isystem $(GCC_INCLUDE) -fpie \
	-fvisibility=hidden -include hv/config/hidden.h -mgeneral-regs-only \
	-fomit-frame-pointer -ffunction-sections -fdata-sections -fno-align-functions -fno-align-jumps -fno-align-loops \
	-DPINION_VERSION='"$(VERSION)"' -Ihv -Ihv/config -I$(BUILD)/hv $(HV_OPT)
# GCC's alone. R10 survives every function, and so every hypercall: see cpu/syscall.S.
HV_GCC = -malign-data=abi -fcall-saved-r10
# What keeps GCC from running out of registers where it counts, now that R10 is dear.
HV_QUICK = -fira-loop-pressure -fno-tree-coalesce-vars
# Of what -Oz leaves on, this makes code larger here; without it GCC takes variables for uninitialised
# that are not.
HV_SMALL = -Oz -fno-thread-jumps -fno-move-loop-invariants -fno-caller-saves -fno-tree-pre -fno-if-conversion \
	-fno-shrink-wrap -fno-tree-dominator-opts -fno-jump-tables -fno-optimize-sibling-calls -Wno-maybe-uninitialized
HV_LDFLAGS = -nostdlib -static -no-pie -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack \
	-Wl,--build-id=none -Wl,--no-warn-rwx-segments -Wl,--gc-sections

NEWLIB = $(BUILD)/newlib/x86_64-elf
NEWLIB_FLAGS = -nostdinc -isystem $(GCC_INCLUDE) -isystem $(NEWLIB)/include \
	-U__linux__ -Ulinux -U__gnu_linux__ -U__unix__ -Uunix
GUEST_CFLAGS = $(COMMON) $(BARE) $(NEWLIB_FLAGS) -fno-pie -mcmodel=kernel \
	-Iguest -I$(BUILD)/guest -Itests/scenarios
GUEST_LDFLAGS = -nostdlib -static -no-pie -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack \
	-Wl,--build-id=none -Wl,--no-warn-rwx-segments
NEWLIB_LIBS = -L$(NEWLIB)/lib -Wl,--start-group -lc -lm -lgcc -Wl,--end-group
USER_CFLAGS = $(COMMON) $(BARE) $(NEWLIB_FLAGS) -fno-pie -Iguest/user
USER_LDFLAGS = $(GUEST_LDFLAGS) -Wl,-Ttext-segment=0x400000

HOST_CFLAGS = $(filter-out $(PREFIX_MAP),$(COMMON)) -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all -DPINION_VERSION='"$(VERSION)"' \
	-Itests/host/config -Itests/host -Ihv -Iguest -Istore
# Four entries in a table, three-bit type counts, eight frees until a date comes round again, blocks of 32.
HOST_TINY = -DPT_INDEX_BITS=2 -DPT_HV_SLOT_FIRST=2 -DPT_HV_SLOT_LAST=2 -DFRAME_REF_BITS=4 \
	-DFRAME_REF_RESERVE=4 -DFRAME_TYPE_BITS=3 -DFRAME_EPOCH_BITS=3 -DPAGE_ORDER_MAX=5u

# ---- Names made from the lists ----------------------------------------------

objs = $(addprefix $(BUILD)/$(1)/,$(addsuffix .o,$(basename $(2))))
HV_OBJS       := $(call objs,hv,$(HV_SRCS))
GUEST_OBJS    := $(call objs,guest,$(GUEST_SRCS))
SCENARIO_OBJS := $(call objs,scenarios,$(SCENARIOS))
USER_LIB_OBJS := $(call objs,user,$(USER_LIB_SRCS))
USER_BINS     := $(addprefix $(BUILD)/user/,$(USER_PROGS))
HOST_OBJS     := $(call objs,host/hv,$(HOST_HV_SRCS)) $(call objs,host/tests,$(HOST_LIB_SRCS))
HOST_TINY_OBJS := $(HOST_OBJS:$(BUILD)/host/%=$(BUILD)/host/tiny/%)
HOST_PROGRAMS := $(HOST_TESTS) $(HOST_TINY_TESTS:%=%.tiny)
HOST_BINS     := $(addprefix $(BUILD)/host/,$(HOST_PROGRAMS))
ABI_STAMP     := $(BUILD)/abi/.stamp
NEWLIB_STAMP  := $(BUILD)/newlib/.stamp
HV_DEPS       := $(ABI_STAMP) $(BUILD)/.flags
GUEST_DEPS    := $(HV_DEPS) $(NEWLIB_STAMP)
# `make run` and `make test` install what is missing before anything is compiled.
BOOT := $(if $(filter run test,$(MAKECMDGOALS)),bootstrap)

.DEFAULT_GOAL := build
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: run test help lint format clean build hv guest iso host-tests arch newlib bootstrap \
	reproducible

# ---- Targets ----------------------------------------------------------------

build: hv guest $(BUILD)/initrd.cpio ## Build pinion.elf, guest.elf and initrd.cpio
hv: $(BUILD)/pinion.elf ## Build the hypervisor alone
guest: $(BUILD)/guest.elf $(BUILD)/hello.elf ## Build the guest kernel and the example alone
iso: $(BUILD)/pinion.iso ## Build the GRUB image that boots the pair
newlib: $(NEWLIB_STAMP) ## Build newlib from Debian's newlib-source (once)

run: bootstrap build ## Boot the pair from GRUB (FIRMWARE= MEM= CPU= SCENARIO= TRACE=1 BOOTSTRAP=no)
	$(Q)$(PYTHON) scripts/pinion --build $(BUILD) run $(BUILD)/guest.elf --firmware $(FIRMWARE) \
	  --host-memory $(MEM) --cpu $(CPU) --cmdline "scenarios=$(SCENARIO)" \
	  --module $(BUILD)/initrd.cpio --summary $(if $(TRACE),--trace)

test: bootstrap build iso $(HOST_BINS) ## Run every test; the last line gives the counts
	$(Q)$(PYTHON) scripts/test-all --build $(BUILD)

host-tests: $(HOST_BINS) ## Run the host tests under sanitizers, with line and branch coverage
	$(Q)$(PYTHON) scripts/host-tests --build $(BUILD) --strict $(HOST_PROGRAMS)

lint: export LINT_HV_CFLAGS = $(HV_CFLAGS)
lint: export LINT_GUEST_CFLAGS = $(GUEST_CFLAGS)
lint: export LINT_USER_CFLAGS = $(USER_CFLAGS)
lint: export LINT_HOST_CFLAGS = $(HOST_CFLAGS)
lint: export LINT_TINY_CFLAGS = $(HOST_CFLAGS) $(HOST_TINY)
lint: export LINT_TINY_ONLY = $(filter-out $(HOST_TESTS),$(HOST_TINY_TESTS))
lint: $(ABI_STAMP) $(NEWLIB_STAMP) ## Check format, layers, headers, clang-tidy, cppcheck
	$(Q)$(PYTHON) scripts/lint $(CHECKS)

arch: ## Check that includes follow the layers of the architecture
	$(Q)$(PYTHON) scripts/check-layers hv

format: ## Rewrite C sources in the house format
	find hv guest store shared tests -name '*.[ch]' | xargs -r clang-format -i

reproducible: ## Build twice in two directories and compare the bytes
	sh scripts/check-reproducible

bootstrap: ## Install the Debian packages that are missing (BOOTSTRAP=no lists them)
	@BOOTSTRAP=$(BOOTSTRAP) sh scripts/bootstrap $(filter run test,$(MAKECMDGOALS))

clean: ## Remove what was built, downloads and newlib included
	rm -rf $(BUILD)

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile $(TEST_MAKEFILES)

# ---- ABI headers, newlib, offsets for assembly ------------------------------

$(ABI_STAMP): | $(BOOT)
	@mkdir -p $(@D)
	@test -f $(XEN_INCLUDE)/xen.h || { echo "$(XEN_INCLUDE)/xen.h is missing: make bootstrap"; exit 1; }
	rm -rf $(@D)/xen && cp -R $(XEN_INCLUDE) $(@D)/xen && touch $@

$(NEWLIB_STAMP): scripts/build-newlib | $(BOOT)
	sh scripts/build-newlib $(BUILD)/newlib

# Writes the text to the target if it is another than before. The folder is made by $(shell), since
# make expands a whole recipe before it runs a line of it.
keep = @$(shell mkdir -p $(@D))$(file >$@.new,$(1))cmp -s $@.new $@ || mv $@.new $@
# What flags were and which objects there were, so that a change of either rebuilds.
$(BUILD)/.flags: FORCE | $(BOOT)
	$(call keep,$(HV_CFLAGS) $(HV_GCC) $(HV_QUICK) $(HV_SMALL) but for $(HV_FAST): $(GUEST_CFLAGS) $(USER_CFLAGS) $(HOST_CFLAGS))
$(BUILD)/.lists: FORCE | $(BOOT)
	$(call keep,$(HV_OBJS) $(GUEST_OBJS) $(SCENARIO_OBJS) $(USER_BINS) $(HOST_OBJS))
.PHONY: FORCE

OFFSETS = sed -n 's/^.*->\([A-Za-z0-9_]*\) \(-\{0,1\}[0-9][0-9]*\).*$$/\#define \1 \2/p'

$(BUILD)/hv/offsets.h: hv/cpu/offsets.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -MT $@ -MF $(@D)/offsets.d -S -o $(@D)/offsets.s $<
	$(Q)$(OFFSETS) $(@D)/offsets.s > $@

$(BUILD)/guest/offsets.h: guest/offsets.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -MT $@ -MF $(@D)/offsets.d -S -o $(@D)/offsets.s $<
	$(Q)$(OFFSETS) $(@D)/offsets.s > $@

# ---- Compiling and linking (V=1 shows the commands) --------------------------------------------------

$(call objs,hv,$(HV_FAST)): HV_OPT = $(HV_GCC) $(HV_QUICK)
$(filter-out $(call objs,hv,$(HV_FAST)),$(HV_OBJS)): HV_OPT = $(HV_GCC) $(HV_SMALL)
$(BUILD)/hv/%.o: hv/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HV_CFLAGS) -c -o $@ $<
$(BUILD)/hv/%.o: hv/%.S $(HV_DEPS) $(BUILD)/hv/offsets.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -c -o $@ $<
$(BUILD)/hv/hv.lds: hv/hv.lds.S $(HV_DEPS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -E -P -x assembler-with-cpp -MT $@ -o $@ $<
# Linked twice: the table of function names is made from the first link and lies behind the text.
HV_LINK = $(CC) $(HV_LDFLAGS) -T $(BUILD)/hv/hv.lds -o $@ $(HV_OBJS)
$(BUILD)/hv/no-symbols.S: scripts/hv-symbols
	@mkdir -p $(@D)
	$(Q)$(PYTHON) scripts/hv-symbols > $@
$(BUILD)/hv/pinion-1.elf: $(HV_OBJS) $(BUILD)/hv/hv.lds $(BUILD)/hv/no-symbols.S $(BUILD)/.lists
	$(call say,LD)
	$(Q)$(HV_LINK) $(BUILD)/hv/no-symbols.S
$(BUILD)/hv/symbols.S: $(BUILD)/hv/pinion-1.elf
	$(Q)$(PYTHON) scripts/hv-symbols $< > $@
$(BUILD)/pinion.elf: $(HV_OBJS) $(BUILD)/hv/hv.lds $(BUILD)/hv/symbols.S
	$(call say,LD)
	$(Q)$(HV_LINK) $(BUILD)/hv/symbols.S

$(BUILD)/guest/%.o: guest/%.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<
$(BUILD)/guest/%.o: guest/%.S $(GUEST_DEPS) $(if $(wildcard guest/offsets.c),$(BUILD)/guest/offsets.h)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(GUEST_CFLAGS) -D__ASSEMBLY__ -c -o $@ $<
$(BUILD)/scenarios/%.o: tests/scenarios/%.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<
$(BUILD)/guest.elf: $(GUEST_OBJS) $(SCENARIO_OBJS) guest/guest.lds $(BUILD)/.lists
	$(call say,LD)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T guest/guest.lds -o $@ $(GUEST_OBJS) $(SCENARIO_OBJS) $(NEWLIB_LIBS)
# The smallest kernel on the guest library: a guest_main of its own.
$(BUILD)/hello.elf: $(GUEST_OBJS) $(BUILD)/guest/examples/hello.o guest/guest.lds $(BUILD)/.lists
	$(call say,LD)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T guest/guest.lds -o $@ $(GUEST_OBJS) $(BUILD)/guest/examples/hello.o \
	  $(NEWLIB_LIBS)

$(BUILD)/user/%.o: guest/user/%.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(USER_CFLAGS) -c -o $@ $<
$(BUILD)/user/%.o: guest/user/%.S $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(USER_CFLAGS) -D__ASSEMBLY__ -c -o $@ $<
$(USER_BINS): $(BUILD)/user/%: $(BUILD)/user/%.o $(USER_LIB_OBJS)
	$(call say,LD)
	$(Q)$(CC) $(USER_LDFLAGS) -o $@ $^ $(NEWLIB_LIBS)
$(BUILD)/initrd.cpio: $(USER_BINS) $(foreach f,$(INITRD_FILES),$(lastword $(subst =, ,$(f)))) scripts/mkinitrd
	$(Q)$(PYTHON) scripts/mkinitrd $@ $(foreach p,$(USER_PROGS),$(p)=$(BUILD)/user/$(p)) $(INITRD_FILES)

$(BUILD)/pinion.iso: $(BUILD)/pinion.elf $(BUILD)/guest.elf $(BUILD)/initrd.cpio scripts/pinion
	$(Q)$(PYTHON) scripts/pinion --build $(BUILD) iso $@

# ---- Host tests -------------------------------------------------------------

$(BUILD)/host/hv/%.o: hv/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HOST_CFLAGS) --coverage -c -o $@ $<
$(BUILD)/host/tests/%.o: tests/host/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HOST_CFLAGS) -c -o $@ $<
$(addprefix $(BUILD)/host/,$(HOST_TESTS)): $(BUILD)/host/%: $(BUILD)/host/tests/%.o $(HOST_OBJS)
	$(Q)$(CC) $(HOST_CFLAGS) --coverage -o $@ $^ -lcmocka
$(BUILD)/host/tiny/hv/%.o: hv/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HOST_CFLAGS) $(HOST_TINY) --coverage -c -o $@ $<
$(BUILD)/host/tiny/tests/%.o: tests/host/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HOST_CFLAGS) $(HOST_TINY) -c -o $@ $<
$(BUILD)/host/%.tiny: $(BUILD)/host/tiny/tests/%.o $(HOST_TINY_OBJS)
	$(Q)$(CC) $(HOST_CFLAGS) --coverage -o $@ $^ -lcmocka

# A kernel of its own on the guest library: $(call TEST_KERNEL,NAME,SOURCES) makes NAME.elf of tests/NAME/.
$(BUILD)/tests/%.o: tests/%.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<
$(BUILD)/tests/%.o: tests/%.S $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(GUEST_CFLAGS) -D__ASSEMBLY__ -c -o $@ $<
define TEST_KERNEL
$(BUILD)/$(1).elf: $(GUEST_OBJS) $(call objs,tests/$(1),$(2)) guest/guest.lds $(BUILD)/.lists
	$$(call say,LD)
	$$(Q)$$(CC) $$(GUEST_LDFLAGS) -T guest/guest.lds -o $$@ $(GUEST_OBJS) \
	  $(call objs,tests/$(1),$(2)) $$(NEWLIB_LIBS)
endef
include $(TEST_MAKEFILES)

-include $(shell find $(BUILD) -name '*.d' -not -path '*/newlib/*' 2>/dev/null)
