/*
 * SPDX-License-Identifier: MIT
 *
 * random_draw.c - see random_draw.h. The generator is splitmix64.
 */
#include "random_draw.h"

#include "sequence_arena.h"

struct draw draw;

uint64_t draw_next(void)
{
    uint64_t z = draw.state += 0x9e3779b97f4a7c15UL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9UL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebUL;
    return z ^ z >> 31;
}

unsigned int draw_below(unsigned int n)
{
    return (unsigned int)(draw_next() >> 32) % n;
}

bool draw_percent(unsigned int n)
{
    return draw_below(100) < n;
}

void draw_emit(struct op op)
{
    if (draw.count < draw.most)
        draw.words[draw.count++] = op_encode(&op);
}

static const uint8_t level_first[6] = { ARENA_DATA, ARENA_L1, ARENA_L2,
                                        ARENA_L3,   ARENA_L4, ARENA_DATA };

unsigned int draw_frame(unsigned int level)
{
    static const uint8_t many[5] = { 4, 3, 2, 2, 2 };

    return level_first[level] + draw_below(many[level]);
}

unsigned int draw_any_frame(void)
{
    return draw_percent(85) ? draw_below(ARENA_FRAMES) : draw_below(ARENA_NAMED);
}

unsigned int draw_level(unsigned int frame)
{
    if (frame == ARENA_HOME)
        return 4;
    for (unsigned int level = 4; level; level--)
        if (frame >= level_first[level] && frame < ARENA_DATA)
            return level;
    return 1;
}

unsigned int draw_place(void)
{
    unsigned int p = 0;

    for (unsigned int level = 0; level < 4; level++)
        p |= draw_below(draw_percent(95) ? LAST_PLACE : ARENA_SLOTS) << level * 3;
    return p;
}

unsigned int draw_live_place(void)
{
    if (draw_percent(45))
        return draw.place;
    return draw_percent(70) ? (draw.place & ~7U) | draw_below(draw_percent(60) ? 3 : ARENA_SLOTS)
                            : draw_place();
}

unsigned int draw_flags(unsigned int level)
{
    static const uint16_t odd[] = { F_P,  F_RW,  F_U,    F_AD,   0x20,   0x40,  0x100, 0x200,
                                    F_NX, 0x400, 0x1000, 0x2000, 0x8000, 0x800, 0x100 };
    unsigned int flags = TABLE;

    if (level == 1)
        flags = F_P | F_AD | (draw_percent(50) ? F_RW : 0) | (draw_percent(60) ? F_NX : 0) |
                (draw_percent(30) ? F_U : 0);
    while (draw_percent(20))
        flags ^= odd[draw_below(sizeof(odd) / sizeof(odd[0]))];
    return flags;
}

void draw_entry(struct op *op, unsigned int level)
{
    op->target = draw_frame(level - 1);
    op->flags = draw_flags(level);
    if (draw_percent(12))
        op->target = draw_any_frame();
    if (draw_percent(12))
        op->target = OP_NOTHING;
    else if (draw_percent(4))
        op->target = OP_NUMBER;
}
