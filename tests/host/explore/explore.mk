# SPDX-License-Identifier: MIT
# The exhaustive explorer: hv/ on a machine of two entries in a table. Fast, and once with sanitizers.

EXPLORE_HV := mm/frame.c mm/owner.c mm/page_alloc.c mm/m2p.c pt/page_type.c pt/table.c pt/entry.c \
	pt/pte_check.c pt/walk.c pt/pin.c pt/audit.c pt/descriptor.c pv/mmu_update.c pv/mmuext.c \
	pv/update_va.c pv/memory_op.c dom/teardown.c
EXPLORE_LIB := small.c hooks.c state.c state_install.c words.c choice.c tlb.c request.c describe.c
EXPLORE_GEOMETRY := -DPT_INDEX_BITS=1 -DPT_HV_SLOT_FIRST=2 -DPT_HV_SLOT_LAST=2
EXPLORE_CFLAGS = $(filter-out $(PREFIX_MAP),$(COMMON)) $(EXPLORE_GEOMETRY) \
	-Itests/host/config -Itests/host/explore -Ihv

explore_objs = $(call objs,host/$(1)/hv,$(EXPLORE_HV)) \
	$(call objs,host/$(1)/tests,$(EXPLORE_LIB) $(2))

# Fast: one unit for the optimizer, as a step takes less than a microsecond.
$(BUILD)/host/explore/hv/%.o: hv/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(EXPLORE_CFLAGS) -O2 -flto -c -o $@ $<
$(BUILD)/host/explore/tests/%.o: tests/host/explore/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(EXPLORE_CFLAGS) -O2 -flto -c -o $@ $<
$(BUILD)/host/explorer: $(call explore_objs,explore,explore.c options.c step.c store.c program.c)
	$(call say,LD)
	$(Q)$(CC) $(EXPLORE_CFLAGS) -O2 -flto -o $@ $^

$(BUILD)/host/schedules: $(call explore_objs,explore,pairs.c schedule.c pieces.c outcome.c starts.c)
	$(call say,LD)
	$(Q)$(CC) $(EXPLORE_CFLAGS) -O2 -flto -o $@ $^

EXPLORE_SAN = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
$(BUILD)/host/explore.san/hv/%.o: hv/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(EXPLORE_CFLAGS) $(EXPLORE_SAN) -c -o $@ $<
$(BUILD)/host/explore.san/tests/%.o: tests/host/explore/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(EXPLORE_CFLAGS) $(EXPLORE_SAN) -c -o $@ $<
$(BUILD)/host/explorer.san: $(call explore_objs,explore.san,explore.c options.c step.c store.c program.c)
	$(call say,LD)
	$(Q)$(CC) $(EXPLORE_CFLAGS) $(EXPLORE_SAN) -o $@ $^

EXPLORE_BINS := $(addprefix $(BUILD)/host/,explorer explorer.san schedules)
test: $(EXPLORE_BINS)

explore: $(EXPLORE_BINS) ## Explore small machines to the end (TIME= seconds, JOBS=)
	$(Q)$(PYTHON) scripts/explore --build $(BUILD) $(if $(TIME),--time $(TIME)) --jobs $(or $(JOBS),2) long
explore-short: $(EXPLORE_BINS) ## The machines that make test explores
	$(Q)$(PYTHON) scripts/explore --build $(BUILD) short
.PHONY: explore explore-short
