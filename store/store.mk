# SPDX-License-Identifier: MIT
# The store domain: its protocol, which is plain C, and what makes a kernel of it.

STORE_PROTOCOL := account.c path.c perms.c node.c tree.c change.c watch.c access.c transaction.c wire.c \
	request.c ring.c client.c homes.c orders.c
STORE_OBJS := $(call objs,store,$(STORE_PROTOCOL) link.c main.c)

$(BUILD)/store/%.o: store/%.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<
$(BUILD)/store.elf: $(GUEST_OBJS) $(STORE_OBJS) guest/guest.lds $(BUILD)/.lists
	$(call say,LD)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T guest/guest.lds -o $@ $(GUEST_OBJS) $(STORE_OBJS) $(NEWLIB_LIBS)

guest: $(BUILD)/store.elf
