# SPDX-License-Identifier: MIT
# The exhaustive explorer: hv/ on a machine of two entries in a table. Fast, and once with sanitizers.

EXPLORE_HV := mm/frame.c mm/owner.c mm/page_alloc.c $(patsubst hv/%,%,$(wildcard hv/pt/*.c)) \
	lib/format.c pv/mmu_update.c pv/mmu_entry.c pv/mmuext.c pv/base_pointer.c \
	pv/update_va.c pv/memory_op.c dom/teardown.c \
	dom/gnttab.c dom/gnttab_entry.c dom/gnttab_handle.c dom/gnttab_books.c \
	pv/grant_op.c pv/grant_map.c pv/grant_pte.c pv/grant_copy.c
EXPLORE_LIB := grants.c grant_requests.c small.c hooks.c state.c state_install.c words.c choice.c tlb.c request.c describe.c
EXPLORE_CFLAGS = $(filter-out $(PREFIX_MAP),$(COMMON)) -DPT_INDEX_BITS=1 \
	-Itests/host/config -Itests/host/explore -Ihv

# $(call EXPLORE_BUILD,FOLDER,FLAGS): rules for the objects in build/host/FOLDER.
define EXPLORE_BUILD
$(BUILD)/host/$(1)/hv/%.o: hv/%.c $(HV_DEPS)
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(EXPLORE_CFLAGS) $(2) -c -o $$@ $$<
$(BUILD)/host/$(1)/tests/%.o: tests/host/explore/%.c $(HV_DEPS)
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(EXPLORE_CFLAGS) $(2) -c -o $$@ $$<
endef
# $(call EXPLORE_PROGRAM,NAME,FOLDER,FLAGS,SOURCES): build/host/NAME of that folder's objects.
define EXPLORE_PROGRAM
$(BUILD)/host/$(1): $(call objs,host/$(2)/hv,$(EXPLORE_HV)) \
  $(call objs,host/$(2)/tests,$(EXPLORE_LIB) $(4))
	$$(call say,LD)
	$$(Q)$$(CC) $$(EXPLORE_CFLAGS) $(3) -o $$@ $$^
endef

# The hypervisor's slots lie beyond the two of an L4, or are the second one (.hv).
EXPLORE_BEYOND := -DPT_HV_SLOT_FIRST=2 -DPT_HV_SLOT_LAST=2
EXPLORE_WITHIN := -DPT_HV_SLOT_FIRST=1 -DPT_HV_SLOT_LAST=1
# Type counts up to 3 and general ones up to 6 (and a reserve), which are soon full (.narrow).
EXPLORE_NARROW := $(EXPLORE_BEYOND) -DFRAME_TYPE_BITS=2 -DFRAME_REF_BITS=4 -DFRAME_REF_RESERVE=8
# One unit for the optimizer, as a step takes less than a microsecond; and slow, with sanitizers.
EXPLORE_FAST := -O2 -flto -flto-partition=one
EXPLORE_SAN := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# Frames are set aside for the grant tables (.grants).
EXPLORE_GRANTS := $(EXPLORE_BEYOND) -DGRANT_PAGES=6
EXPLORE_MAIN := explore.c options.c step.c store.c program.c

$(eval $(call EXPLORE_BUILD,explore,$(EXPLORE_FAST) $(EXPLORE_BEYOND)))
$(eval $(call EXPLORE_BUILD,explore.hv,$(EXPLORE_FAST) $(EXPLORE_WITHIN)))
$(eval $(call EXPLORE_BUILD,explore.narrow,$(EXPLORE_FAST) $(EXPLORE_NARROW)))
$(eval $(call EXPLORE_BUILD,explore.grants,$(EXPLORE_FAST) $(EXPLORE_GRANTS)))
$(eval $(call EXPLORE_BUILD,explore.grants.san,$(EXPLORE_SAN) $(EXPLORE_GRANTS)))
$(eval $(call EXPLORE_BUILD,explore.san,$(EXPLORE_SAN) $(EXPLORE_BEYOND)))
$(eval $(call EXPLORE_PROGRAM,explorer,explore,$(EXPLORE_FAST),$(EXPLORE_MAIN)))
$(eval $(call EXPLORE_PROGRAM,explorer.hv,explore.hv,$(EXPLORE_FAST),$(EXPLORE_MAIN)))
$(eval $(call EXPLORE_PROGRAM,explorer.narrow,explore.narrow,$(EXPLORE_FAST),$(EXPLORE_MAIN)))
$(eval $(call EXPLORE_PROGRAM,explorer.grants,explore.grants,$(EXPLORE_FAST),$(EXPLORE_MAIN)))
$(eval $(call EXPLORE_PROGRAM,explorer.grants.san,explore.grants.san,$(EXPLORE_SAN),$(EXPLORE_MAIN)))
$(eval $(call EXPLORE_PROGRAM,explorer.san,explore.san,$(EXPLORE_SAN),$(EXPLORE_MAIN)))
$(eval $(call EXPLORE_PROGRAM,schedules,explore,$(EXPLORE_FAST), \
  pairs.c schedule.c pieces.c outcome.c starts.c))

EXPLORE_BINS := $(addprefix $(BUILD)/host/,explorer explorer.hv explorer.narrow explorer.san explorer.grants \
	explorer.grants.san schedules)
test: $(EXPLORE_BINS)

explore: $(EXPLORE_BINS) ## Explore small machines to the end (TIME= seconds, JOBS=)
	$(Q)$(PYTHON) scripts/explore --build $(BUILD) $(if $(TIME),--time $(TIME)) --jobs $(or $(JOBS),2) long
explore-short: $(EXPLORE_BINS) ## The machines that make test explores
	$(Q)$(PYTHON) scripts/explore --build $(BUILD) short
.PHONY: explore explore-short
