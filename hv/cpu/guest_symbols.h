/* SPDX-License-Identifier: MIT */
/* Function names of the guest kernel, from the ELF image it was built from. */
#ifndef HV_CPU_GUEST_SYMBOLS_H
#define HV_CPU_GUEST_SYMBOLS_H

#include <stddef.h>

#include "lib/symbols.h"

/*
 * Lookups are in this image from now on, if it has a symbol table. It stays in memory, unchanged,
 * but is hostile: every lookup checks what it uses.
 */
void guest_symbols_set(const void *elf, size_t bytes);

/* The function that va lies in; name 0 if the image does not say. The name is cut at 64 bytes. */
struct symbol guest_symbol_find(uint64_t va);

#endif
