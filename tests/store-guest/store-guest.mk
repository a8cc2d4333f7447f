# SPDX-License-Identifier: MIT
# The kernel that is a client of the store: what it does is on its command line.

$(eval $(call TEST_KERNEL,store-guest,main.c talk.c hostile.c))

test: $(BUILD)/store-guest.elf $(BUILD)/store.elf
