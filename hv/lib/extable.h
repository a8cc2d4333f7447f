/* SPDX-License-Identifier: MIT */
/*
 * Instructions of the hypervisor that may fault, and where to go on then. Each entry is a pair of
 * addresses in section ex_table; cpu/traps.c looks them up. At the landing place every register is
 * as it was at the fault.
 */
#ifndef HV_LIB_EXTABLE_H
#define HV_LIB_EXTABLE_H

#ifdef __ASSEMBLY__

/* clang-format off */
/* Places for STAC and CLAC, see guest_access_begin(). Guests may enter with their own AC flag set. */
.macro SMAP_SITE section
.Lsite\@:
    nopl (%rax)
    .pushsection \section, "a"
    .balign 4
    .long .Lsite\@ - .
    .popsection
.endm

.macro SMAP_STAC
    SMAP_SITE smap_stac
.endm

.macro SMAP_CLAC
    SMAP_SITE smap_clac
.endm

.macro EX_TABLE from, to
    .pushsection ex_table, "a"
    .balign 4
    .long \from - ., \to - .
    .popsection
.endm
/* clang-format on */

#else

#include <stdint.h>

/* In an asm statement: if the instruction at label `from` faults, go on at label `to`. */
#define EX_TABLE(from, to)             \
    ".pushsection ex_table, \"a\"\n\t" \
    ".balign 4\n\t"                    \
    ".long " from "-., " to "-.\n\t"   \
    ".popsection\n\t"

/* Addresses in these sections are distances from the word that has them. */
static inline uint64_t ex_address(const int32_t *distance)
{
    return (uint64_t)distance + (uint64_t)(int64_t)*distance;
}

struct ex_entry {
    int32_t from, to;
};
/* Bounds made by the linker for a section whose name is a C identifier. */
extern const struct ex_entry __start_ex_table[], __stop_ex_table[];

/*
 * Around every access to guest memory by its VA, also on the way that a fault takes. Three-byte
 * NOPs, which cpu/smap.c turns into STAC and CLAC at boot when SMAP is used.
 */
#define SMAP_SITE(section)                             \
    asm volatile("1:\tnopl (%%rax)\n\t"                \
                 ".pushsection " section ", \"a\"\n\t" \
                 ".balign 4\n\t"                       \
                 ".long 1b-.\n\t"                      \
                 ".popsection"                         \
                 :                                     \
                 :                                     \
                 : "memory")
#define guest_access_begin() SMAP_SITE("smap_stac")
#define guest_access_end()   SMAP_SITE("smap_clac")

/*
 * One 64-bit word at a guest VA, read or written; goes to label fault when that faults. The caller
 * has checked the range (guest_range_ok()). As statements, so that a frame costs one instruction a
 * word.
 */
#define guest_word_put(va, value, fault)                \
    asm goto("1: movq %1, %0\n\t" EX_TABLE("1b", "%l2") \
             :                                          \
             : "m"(*(uint64_t *)(va)), "er"(value)      \
             : "memory"                                 \
             : fault)

#define guest_word_get(var, va, fault)                      \
    do {                                                    \
        uint64_t word_;                                     \
                                                            \
        asm goto("1: movq %1, %0\n\t" EX_TABLE("1b", "%l2") \
                 : "=r"(word_)                              \
                 : "m"(*(const uint64_t *)(va))             \
                 : "memory"                                 \
                 : fault);                                  \
        (var) = word_;                                      \
    } while (0)

#endif
#endif
