# SPDX-License-Identifier: MIT
# The store domain: its protocol, which is plain C, and what makes a kernel of it.

STORE_PROTOCOL := account.c path.c perms.c node.c tree.c change.c watch.c transaction.c wire.c request.c \
	ring.c client.c domains.c
