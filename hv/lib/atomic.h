/* SPDX-License-Identifier: MIT */
/*
 * The atomic steps of the short ways, one instruction each. The compiler's own builtins do the same,
 * but want the address in a register by itself, which costs the short ways a fifth of their length.
 * All order like a full barrier.
 */
#ifndef HV_LIB_ATOMIC_H
#define HV_LIB_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

/* One read of a word that others may write at any time; never repeated by the compiler. */
static inline uint64_t atomic_read(const uint64_t *word)
{
    uint64_t value;

    __asm__("movq %1, %0" : "=r"(value) : "m"(*word));
    return value;
}

/* *word = new if it is still old: whether it was. */
static inline bool atomic_swap_if(uint64_t *word, uint64_t old, uint64_t new)
{
    bool same;

    __asm__ volatile("lock cmpxchgq %3, %0"
                     : "+m"(*word), "=@ccz"(same), "+a"(old)
                     : "r"(new)
                     : "memory");
    return same;
}

/* *word -= 1: whether it was 1 at most: 0 now, or below, which its users find out. */
static inline bool atomic_dec_was_last(uint32_t *word)
{
    bool last;

    __asm__ volatile("lock subl $1, %0" : "+m"(*word), "=@ccbe"(last) : : "memory");
    return last;
}

/* *byte &= mask. */
static inline void atomic_and8(uint8_t *byte, uint8_t mask)
{
    __asm__ volatile("lock andb %1, %0" : "+m"(*byte) : "iq"(mask) : "memory");
}

#endif
