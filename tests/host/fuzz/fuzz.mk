# SPDX-License-Identifier: MIT
# The fuzzers: each target a program of clang's libFuzzer, and a replayer of kept inputs.

# What each target is made of: hypervisor sources, and its own.
FUZZ_TARGETS := memory elf multiboot options decode map store
FUZZ_memory_HV := mm/frame.c mm/owner.c mm/page_alloc.c mm/hv_map.c pt/page_type.c pt/table.c \
	pt/entry.c pt/pte_check.c pt/walk.c pt/pin.c pt/descriptor.c pv/mmu_update.c pv/mmu_entry.c pv/mmuext.c pv/base_pointer.c \
	pv/update_va.c pv/descriptor.c pv/memory_op.c pv/memory_info.c pv/memory_exchange.c \
	pv/multicall.c pv/refuse.c pv/decode.c pv/rmw.c pv/fetch.c pv/ptwr.c \
	pv/ptwr_fault.c pv/store_form.c dom/teardown.c \
	dom/gnttab.c dom/gnttab_entry.c dom/gnttab_handle.c dom/evtchn.c dom/evtchn_op.c \
	pv/grant_op.c pv/grant_map.c pv/grant_pte.c pv/grant_copy.c
FUZZ_memory_SRCS := memory.c memory_machine.c memory_domains.c memory_ghost.c memory_hooks.c memory_guest.c \
	memory_race.c memory_select.c memory_ops.c memory_requests.c memory_acts.c \
	memory_grants.c memory_granted.c memory_events.c
# The auditor looks at everything after each record: as fast as it gets, and not steered for.
FUZZ_memory_PLAIN := $(patsubst hv/%,%,$(wildcard hv/pt/audit*.c)) dom/gnttab_books.c dom/evtchn_books.c
FUZZ_memory_MUTATOR := memory_mutate.c
FUZZ_elf_HV := dom/elf.c dom/elf_notes.c dom/elf_legacy.c lib/format.c
FUZZ_elf_SRCS := elf.c
FUZZ_multiboot_HV := boot/multiboot.c mm/mem_range.c
FUZZ_multiboot_SRCS := multiboot.c
# With the hypervisor's own string functions, beside the C library's.
FUZZ_options_OWN := boot/cmdline.c lib/string.c lib/format.c lib/printk.c lib/uart.c
FUZZ_options_SRCS := options.c
FUZZ_options_LINK := -Wl,--wrap=uart_write
FUZZ_decode_HV := pv/decode.c pv/rmw.c
FUZZ_decode_SRCS := decode.c
FUZZ_map_HV := mm/frame.c mm/owner.c mm/page_alloc.c mm/hv_map.c
FUZZ_map_SRCS := map.c
# Not of the hypervisor, but of the store.
FUZZ_store_STORE := $(STORE_PROTOCOL)
FUZZ_store_SRCS := store.c

CLANG ?= clang
comma := ,
FUZZ_DIR := $(BUILD)/fuzz
# Counters narrow enough for a program to fill them, tables of full size.
FUZZ_GEOMETRY := -DFRAME_REF_BITS=8 -DFRAME_REF_RESERVE=16 -DFRAME_TYPE_BITS=6 -DFRAME_EPOCH_BITS=4 \
	-DEVTCHN_TABLE_ORDER=0
FUZZ_BASE = $(filter-out $(PREFIX_MAP),$(COMMON)) -fno-omit-frame-pointer $(FUZZ_GEOMETRY) \
	-DPINION_VERSION='"$(VERSION)"' -Itests/host/fuzz/config -Itests/host/config -Itests/host/fuzz -Itests/host -Ihv -Istore
FUZZ_CLANG = $(FUZZ_BASE) -Wno-unknown-warning-option -Wno-incompatible-library-redeclaration -O2 -march=native
FUZZ_OWN := -fno-builtin -include tests/host/fuzz/own_strings.h
FUZZ_SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all

# What flags were, so that a change of them rebuilds.
FUZZ_DEPS := $(HV_DEPS) $(BUILD)/fuzz/.flags
$(BUILD)/fuzz/.flags: FORCE | $(BOOT)
	$(call keep,$(FUZZ_CLANG) $(FUZZ_SANITIZE) $(FUZZ_OWN))

define FUZZ_TARGET
$(FUZZ_DIR)/$(1)-fuzzer: $(call objs,fuzz/hv,$(FUZZ_$(1)_HV)) $(call objs,fuzz/plain/hv,$(FUZZ_$(1)_PLAIN)) \
	$(call objs,fuzz/own/hv,$(FUZZ_$(1)_OWN)) $(call objs,fuzz/store,$(FUZZ_$(1)_STORE)) \
	$(call objs,fuzz/tests,$(FUZZ_$(1)_SRCS) $(FUZZ_$(1)_MUTATOR) fuzz.c)
	$$(call say,LD)
	$$(Q)$$(CLANG) -g -fsanitize=fuzzer,address,undefined $(FUZZ_$(1)_LINK) -o $$@ $$^
$(BUILD)/host/fuzz-$(1): $(call objs,host/fuzz/hv,$(FUZZ_$(1)_HV) $(FUZZ_$(1)_PLAIN)) \
	$(call objs,host/fuzz/own/hv,$(FUZZ_$(1)_OWN)) $(call objs,host/store,$(FUZZ_$(1)_STORE)) \
	$(call objs,host/fuzz/tests,$(FUZZ_$(1)_SRCS) fuzz.c replay_$(1).c)
	@mkdir -p $$(@D)
	$$(call say,LD)
	$$(Q)$$(CC) $$(FUZZ_BASE) $$(FUZZ_SANITIZE) --coverage $(FUZZ_$(1)_LINK) -o $$@ $$^
$(BUILD)/host/fuzz/tests/replay_$(1).o: tests/host/fuzz/replay.c $$(FUZZ_DEPS)
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(FUZZ_BASE) -O1 $$(FUZZ_SANITIZE) -DFUZZ_PACK='"tests/host/fuzz/corpus/$(1).pack"' -c -o $$@ $$<
endef
$(foreach target,$(FUZZ_TARGETS),$(eval $(call FUZZ_TARGET,$(target))))

$(BUILD)/fuzz/hv/%.o: hv/%.c $(FUZZ_DEPS)
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(CLANG) $(FUZZ_CLANG) $(FUZZ_SANITIZE) \
	  -fsanitize-coverage=inline-8bit-counters,pc-table$(if $(filter dom/elf% boot/% mm/mem_range,$*),$(comma)trace-cmp) -c -o $@ $<
$(BUILD)/fuzz/store/%.o: store/%.c $(FUZZ_DEPS)
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(CLANG) $(FUZZ_CLANG) $(FUZZ_SANITIZE) \
	  -fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp -c -o $@ $<
$(BUILD)/fuzz/plain/hv/%.o: hv/%.c $(FUZZ_DEPS)
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(CLANG) $(FUZZ_CLANG) -DFRAME_VA_QUIET -c -o $@ $<
$(BUILD)/fuzz/own/hv/%.o: hv/%.c $(FUZZ_DEPS) tests/host/fuzz/own_strings.h
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(CLANG) $(FUZZ_CLANG) $(FUZZ_SANITIZE) $(FUZZ_OWN) \
	  -fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp -c -o $@ $<
$(BUILD)/host/fuzz/own/hv/%.o: hv/%.c $(FUZZ_DEPS) tests/host/fuzz/own_strings.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(FUZZ_BASE) -O1 $(FUZZ_SANITIZE) $(FUZZ_OWN) --coverage -c -o $@ $<
$(BUILD)/fuzz/tests/%.o: tests/host/fuzz/%.c $(FUZZ_DEPS)
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(CLANG) $(FUZZ_CLANG) -c -o $@ $<
$(BUILD)/host/fuzz/hv/%.o: hv/%.c $(FUZZ_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(FUZZ_BASE) -O1 $(FUZZ_SANITIZE) --coverage -c -o $@ $<
$(BUILD)/host/fuzz/tests/%.o: tests/host/fuzz/%.c $(FUZZ_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(FUZZ_BASE) -O1 $(FUZZ_SANITIZE) -c -o $@ $<

# The replays that reach hv/mm and hv/pt once more, to be counted (coverage.mk).
FUZZ_COUNTED := memory map
FUZZ_COUNT = $(FUZZ_BASE) -O0 -Dalways_inline=unused --coverage
define FUZZ_COUNTED_TARGET
$(BUILD)/host/coverage/fuzz-$(1): $(call objs,host/coverage/fuzz/hv,$(FUZZ_$(1)_HV) $(FUZZ_$(1)_PLAIN)) \
	$(call objs,host/coverage/fuzz/tests,$(FUZZ_$(1)_SRCS) fuzz.c) $(BUILD)/host/fuzz/tests/replay_$(1).o
	$$(call say,LD)
	$$(Q)$$(CC) $$(FUZZ_SANITIZE) --coverage -o $$@ $$^
endef
$(foreach target,$(FUZZ_COUNTED),$(eval $(call FUZZ_COUNTED_TARGET,$(target))))
$(BUILD)/host/coverage/fuzz/hv/%.o: hv/%.c $(FUZZ_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(FUZZ_COUNT) -c -o $@ $<
$(BUILD)/host/coverage/fuzz/tests/%.o: tests/host/fuzz/%.c $(FUZZ_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(FUZZ_COUNT) -c -o $@ $<
host-tests test: $(FUZZ_COUNTED:%=$(BUILD)/host/coverage/fuzz-%)

# The kept inputs are run with the host tests.
FUZZ_REPLAYS := $(FUZZ_TARGETS:%=$(BUILD)/host/fuzz-%)
HOST_PROGRAMS += $(FUZZ_TARGETS:%=fuzz-%)
host-tests test: $(FUZZ_REPLAYS)

TIME ?= 60
JOBS ?= 1
FUZZ = $(Q)$(PYTHON) scripts/fuzz --build $(BUILD) $(if $(TARGET),--target $(TARGET))

# What the small corpus reaches, branch by branch: clang's instrumentation, without sanitizers.
FUZZ_COVER := -fprofile-instr-generate -fcoverage-mapping
define FUZZ_COVERAGE
$(FUZZ_DIR)/$(1)-cover: $(call objs,fuzz/cover/hv,$(FUZZ_$(1)_HV) $(FUZZ_$(1)_PLAIN)) \
	$(call objs,fuzz/cover/own/hv,$(FUZZ_$(1)_OWN)) $(call objs,fuzz/cover/store,$(FUZZ_$(1)_STORE)) \
	$(call objs,fuzz/tests,$(FUZZ_$(1)_SRCS) fuzz.c) $(FUZZ_DIR)/cover/tests/replay_$(1).o
	$$(call say,LD)
	$$(Q)$$(CLANG) -g $(FUZZ_COVER) $(FUZZ_$(1)_LINK) -o $$@ $$^
$(FUZZ_DIR)/cover/tests/replay_$(1).o: tests/host/fuzz/replay.c $$(FUZZ_DEPS)
	@mkdir -p $$(@D)
	$$(Q)$$(CLANG) $$(FUZZ_CLANG) -DFUZZ_PACK='"tests/host/fuzz/corpus/$(1).pack"' -c -o $$@ $$<
endef
$(foreach target,$(FUZZ_TARGETS),$(eval $(call FUZZ_COVERAGE,$(target))))
$(BUILD)/fuzz/cover/hv/%.o: hv/%.c $(FUZZ_DEPS)
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(CLANG) $(FUZZ_CLANG) $(FUZZ_COVER) -c -o $@ $<
$(BUILD)/fuzz/cover/store/%.o: store/%.c $(FUZZ_DEPS)
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(CLANG) $(FUZZ_CLANG) $(FUZZ_COVER) -c -o $@ $<
$(BUILD)/fuzz/cover/own/hv/%.o: hv/%.c $(FUZZ_DEPS) tests/host/fuzz/own_strings.h
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(CLANG) $(FUZZ_CLANG) $(FUZZ_COVER) $(FUZZ_OWN) -c -o $@ $<

# libFuzzer is a package of its own: installed like the others (BOOTSTRAP=no says what is missing).
fuzz-clang:
	@BOOTSTRAP=$(BOOTSTRAP) sh scripts/bootstrap fuzz
	@echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | $(CLANG) -x c -fsanitize=fuzzer,address - -o /dev/null \
	  || { echo "$(CLANG) has no libFuzzer; CLANG= names another one"; exit 2; }
fuzz-build: fuzz-clang $(FUZZ_TARGETS:%=$(FUZZ_DIR)/%-fuzzer) $(FUZZ_REPLAYS)
fuzz: fuzz-build ## Fuzz for TIME= seconds (TARGET= one of several, JOBS= at once)
	$(FUZZ) run --time $(TIME) --jobs $(JOBS)
fuzz-merge: fuzz-build ## Make the repository's small corpus of the inputs that were gathered
	$(FUZZ) merge
fuzz-coverage: $(FUZZ_TARGETS:%=$(FUZZ_DIR)/%-cover) ## Branches of hv/ that the small corpus reaches
	$(FUZZ) coverage
.PHONY: fuzz-coverage fuzz fuzz-build fuzz-clang fuzz-merge
