# SPDX-License-Identifier: MIT
# The kernel that is one of several domains: what it does is on its command line.

DOMAINS_C := main.c talk.c call.c time.c share.c peek.c lend.c wild.c kill.c
$(eval $(call TEST_KERNEL,domains,$(DOMAINS_C)))

test: $(BUILD)/domains.elf
