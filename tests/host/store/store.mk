# SPDX-License-Identifier: MIT
# Host tests of the store's protocol (store/), each linked with all of it.

STORE_TESTS := test_store_nodes test_store_watches test_store_transactions test_store_clients test_store_domains test_store_orders
STORE_HOST_OBJS := $(call objs,host/store,$(STORE_PROTOCOL)) $(call objs,host/tests/store,talk.c)

$(BUILD)/host/store/%.o: store/%.c $(HV_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HOST_CFLAGS) --coverage -c -o $@ $<
$(addprefix $(BUILD)/host/,$(STORE_TESTS)): $(BUILD)/host/%: $(BUILD)/host/tests/store/%.o $(STORE_HOST_OBJS)
	$(Q)$(CC) $(HOST_CFLAGS) --coverage -o $@ $^ -lcmocka

HOST_PROGRAMS += $(STORE_TESTS)
host-tests test: $(addprefix $(BUILD)/host/,$(STORE_TESTS))
