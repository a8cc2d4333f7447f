/* SPDX-License-Identifier: MIT */
/* The hypervisor's own function names, for call traces. The table is made by scripts/hv-symbols. */
#ifndef HV_LIB_SYMBOLS_H
#define HV_LIB_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

/* A function that an address lies in. name 0: none is known. */
struct symbol {
    const char *name;
    uint64_t offset, size; /* of the address in the function, and of the function; bytes */
};

/* The name stands until the next call. */
struct symbol symbol_find(uint64_t va);

/* "name+0x12/0x40", or "???" for an unknown one. */
void symbol_format(char *buf, size_t size, struct symbol s);

#endif
