# SPDX-License-Identifier: MIT
# The host tests once more, to be counted: without sanitizers, which add branches of their own, and
# without optimisation, which takes some away. scripts/host-tests runs them. The tests are compiled for
# it too: they call functions of headers themselves. A function is counted once, wherever it is inlined.

COVERAGE_CFLAGS = $(filter-out -fsanitize% -fno-sanitize% -O1,$(HOST_CFLAGS)) -O0 -Dalways_inline=unused
COVERAGE_OBJS = $(HOST_OBJS:$(BUILD)/host/%=$(BUILD)/host/coverage/%)
COVERAGE_TINY_OBJS = $(HOST_OBJS:$(BUILD)/host/%=$(BUILD)/host/coverage/tiny/%)
COVERAGE_BINS = $(addprefix $(BUILD)/host/coverage/,$(HOST_TESTS) $(HOST_TINY_TESTS:%=%.tiny))

host-tests test: $(COVERAGE_BINS)

$(BUILD)/host/coverage/hv/%.o: hv/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(COVERAGE_CFLAGS) --coverage -c -o $@ $<
$(BUILD)/host/coverage/tests/%.o: tests/host/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(COVERAGE_CFLAGS) --coverage -c -o $@ $<
$(BUILD)/host/coverage/tiny/hv/%.o: hv/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(COVERAGE_CFLAGS) $(HOST_TINY) --coverage -c -o $@ $<
$(BUILD)/host/coverage/tiny/tests/%.o: tests/host/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(COVERAGE_CFLAGS) $(HOST_TINY) --coverage -c -o $@ $<
$(addprefix $(BUILD)/host/coverage/,$(HOST_TESTS)): $(BUILD)/host/coverage/%: $(BUILD)/host/coverage/tests/%.o $(COVERAGE_OBJS)
	$(Q)$(CC) --coverage -o $@ $^ -lcmocka
$(BUILD)/host/coverage/%.tiny: $(BUILD)/host/coverage/tiny/tests/%.o $(COVERAGE_TINY_OBJS)
	$(Q)$(CC) --coverage -o $@ $^ -lcmocka
