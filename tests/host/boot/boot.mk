# SPDX-License-Identifier: MIT
# Host tests of the hypervisor's own map, on a machine of their own: the tables are of full size, and
# the addresses of the image's parts absolute ones, so that the code must not count on their being near.

BOOT_TESTS := test_boot_map test_hv_map
BOOT_HV := mm/frame.c mm/owner.c mm/page_alloc.c mm/mem_range.c mm/boot_map.c mm/hv_map.c
BOOT_LIB := boot.c
BOOT_FLAGS := -fPIC
BOOT_BINS := $(addprefix $(BUILD)/host/,$(BOOT_TESTS))
BOOT_OBJS := $(call objs,host/boot/hv,$(BOOT_HV)) $(call objs,host/boot/tests,$(BOOT_LIB))

$(BUILD)/host/boot/hv/%.o: hv/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HOST_CFLAGS) $(BOOT_FLAGS) --coverage -c -o $@ $<
$(BUILD)/host/boot/tests/%.o: tests/host/boot/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HOST_CFLAGS) $(BOOT_FLAGS) -c -o $@ $<
$(BOOT_BINS): $(BUILD)/host/%: $(BUILD)/host/boot/tests/%.o $(BOOT_OBJS)
	$(Q)$(CC) $(HOST_CFLAGS) --coverage -o $@ $^ -lcmocka

# Once more, to be counted (coverage.mk).
BOOT_COUNTED := $(BOOT_OBJS:$(BUILD)/host/%=$(BUILD)/host/coverage/%)
$(BUILD)/host/coverage/boot/hv/%.o: hv/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(COVERAGE_CFLAGS) $(BOOT_FLAGS) --coverage -c -o $@ $<
$(BUILD)/host/coverage/boot/tests/%.o: tests/host/boot/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(COVERAGE_CFLAGS) $(BOOT_FLAGS) --coverage -c -o $@ $<
$(BOOT_TESTS:%=$(BUILD)/host/coverage/%): $(BUILD)/host/coverage/%: $(BUILD)/host/coverage/boot/tests/%.o $(BOOT_COUNTED)
	$(Q)$(CC) --coverage -o $@ $^ -lcmocka

HOST_PROGRAMS += $(BOOT_TESTS)
host-tests test: $(BOOT_BINS) $(BOOT_TESTS:%=$(BUILD)/host/coverage/%)
