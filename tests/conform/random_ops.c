/*
 * SPDX-License-Identifier: MIT
 *
 * random_ops.c - mostly sensible: tables are built, hooked, used, changed and taken apart, with a
 * share of wrong levels, wrong flags and wrong moments; and some of it is plain noise.
 *
 * What a draw believes of the state (which tables are hooked where) may be wrong: it only makes
 * requests likelier that get past the first check.
 */
#include "random_ops.h"

#include "random_draw.h"
#include "sequence_arena.h"

#define GRANT_HOST 2U /* GNTMAP_host_map */

/* ---- sensible steps ----------------------------------------------------------------------------------- */

static void window(unsigned int frame, unsigned int rights)
{
    draw_emit((struct op){
        .kind = OP_WINDOW, .frame = frame, .target = frame, .flags = F_P | F_AD | F_NX | rights });
}

static void pin(unsigned int frame, unsigned int level)
{
    draw_emit((struct op){ .kind = OP_PIN, .frame = frame, .option = level - 1 });
    draw.pinned = frame;
}

static void store(unsigned int frame, unsigned int slot, unsigned int target, unsigned int flags)
{
    draw_emit((struct op){
        .kind = OP_STORE, .frame = frame, .place = slot, .target = target, .flags = flags });
}

static void mmu(unsigned int frame, unsigned int slot, unsigned int target, unsigned int flags)
{
    draw_emit((struct op){
        .kind = OP_MMU, .frame = frame, .place = slot, .target = target, .flags = flags });
}

/* A table of `level` with one entry, read-only, perhaps pinned. */
static void table(unsigned int level, unsigned int frame, unsigned int slot, unsigned int child)
{
    bool before = draw_percent(60);
    unsigned int flags = draw_percent(90) ? (level == 1 ? F_P | F_RW | F_AD | F_NX : TABLE)
                                          : draw_flags(level);

    if (before)
        store(frame, slot, child, flags);
    if (draw_percent(97))
        window(frame, 0);
    if (draw_percent(50))
        pin(frame, draw_percent(97) ? level : 1 + draw_below(4));
    if (!before)
        mmu(frame, slot, child, flags);
}

/* A tree of three tables, hooked into the root. */
static void tree(void)
{
    unsigned int s1 = draw_below(3), s2 = draw_below(LAST_PLACE), s3 = draw_below(LAST_PLACE),
                 s4 = draw_below(6);

    draw.l1 = draw_frame(1);
    draw.l2 = draw_frame(2);
    draw.l3 = draw_frame(3);
    draw.place = s1 | s2 << 3 | s3 << 6 | s4 << 9;
    table(1, draw.l1, s1, draw_frame(0));
    if (draw_percent(30))
        store(draw.l1, draw_below(3), draw_frame(0), draw_flags(1));
    table(2, draw.l2, s2, draw.l1);
    table(3, draw.l3, s3, draw.l2);
    mmu(draw.root, s4, draw.l3, TABLE);
}

/* A second root with the kernel in it. */
static void root(void)
{
    unsigned int frame = draw_frame(4);

    draw_emit((struct op){ .kind = OP_FILL, .frame = frame });
    if (draw_percent(50))
        store(frame, draw.place >> 9 & 7, draw.l3, TABLE);
    window(frame, 0);
    if (draw_percent(70))
        pin(frame, 4);
    if (draw_percent(70)) {
        draw_emit((struct op){ .kind = OP_BASE, .frame = frame });
        draw.root = frame;
    }
    if (draw_percent(40))
        draw_emit(
            (struct op){ .kind = OP_USER_BASE, .frame = draw_percent(70) ? frame : draw_frame(4) });
}

static void go_home(void)
{
    draw_emit((struct op){ .kind = OP_BASE, .frame = ARENA_HOME });
    draw.root = ARENA_HOME;
}

static void descriptors(void)
{
    unsigned int frame = draw_percent(80) ? ARENA_DESC + draw_below(2) : draw_any_frame();
    unsigned int slot = draw_below(ARENA_SLOTS);

    for (unsigned int n = 1 + draw_below(2); n--;)
        store(frame, draw_percent(60) ? slot : draw_below(ARENA_SLOTS), OP_DESCRIPTOR,
              draw_percent(60) ? 1 + draw_below(5) : draw_below(16));
    if (draw_percent(80))
        window(frame, 0);
    if (draw_percent(50))
        draw_emit((struct op){ .kind = OP_GDT,
                               .frame = frame,
                               .target = draw_percent(70) ? frame : draw_any_frame(),
                               .option = draw_below(8) });
    else
        draw_emit((struct op){
            .kind = OP_LDT, .frame = frame, .option = (draw_percent(95) ? 8 : 0) | draw_below(8) });
    for (unsigned int n = draw_below(3); n--;)
        draw_emit((struct op){ .kind = OP_SELECTOR,
                               .place = draw_percent(60) ? slot : draw_below(ARENA_SLOTS),
                               .option = draw_below(2) });
}

/* An entry somewhere in a table, by mmu_update. */
static void change(void)
{
    unsigned int frames[4] = { draw.l1, draw.l2, draw.l3, draw.root };
    struct op op = { .kind = OP_MMU };

    op.frame = draw_percent(75) ? frames[draw_below(4)] : draw_any_frame();
    op.place = draw_below(draw_percent(50) ? 3 : ARENA_SLOTS);
    draw_entry(&op, draw_level(op.frame));
    if (draw_percent(20))
        op.option = MMU_PT_UPDATE_PRESERVE_AD;
    if (draw_percent(4))
        op.option = draw_below(8);
    if (draw_percent(3))
        op.option |= draw_below(8) << 3;
    if (draw_percent(4)) /* the home root alone gets them */
        op.flags |= F_CACHE & (draw_next() >> 40);
    if (draw_percent(1))
        op.pointer = draw_below(4);
    if (draw_percent(30))
        op.join = 1 + draw_below(2);
    draw_emit(op);
}

static void change_by_address(void)
{
    struct op op = { .kind = draw_percent(80) ? OP_UVM : OP_SEEN_FLUSH,
                     .place = draw_live_place() };

    draw_entry(&op, 1);
    op.option = op.kind == OP_UVM ? draw_below(8)
                                  : (unsigned int)draw_below(ARENA_SLOTS) | draw_below(4) << 3;
    if (draw_percent(15))
        op.join = 2;
    draw_emit(op);
}

static void access(void)
{
    struct op op = { .kind = OP_READ,
                     .place = draw_live_place(),
                     .option = draw_below(ARENA_SLOTS) };

    if (draw_percent(50)) {
        op.kind = OP_STORE;
        op.frame = draw_below(ARENA_FRAMES);
        op.option = 0x80 | (draw_percent(50) ? 0 : draw_below(8));
        draw_entry(&op, 1);
        if (draw_percent(50))
            op.target = OP_NUMBER;
    }
    draw_emit(op);
}

/* A store to a table by its window: carried out for an L1. */
static void store_to_table(void)
{
    struct op op = { .kind = OP_STORE, .option = draw_below(8) };

    op.frame = draw_percent(70) ? draw.l1 : draw_below(ARENA_FRAMES);
    op.place = draw_below(ARENA_SLOTS);
    draw_entry(&op, draw_level(op.frame));
    draw_emit(op);
}

static void memory(void)
{
    struct op op = { .kind = OP_GIVE, .frame = draw_below(ARENA_FRAMES) };

    if (draw_percent(30)) {
        op.kind = OP_EXCHANGE;
        op.option = draw_percent(10);
    } else if (draw_percent(30)) {
        op.kind = OP_TAKE;
    } else {
        op.option = draw_below(2) | (draw_percent(3) ? 2 : 0) | (draw_percent(3) ? 4 : 0);
        op.pointer = draw_percent(3) ? draw_below(4) : 0;
        if (draw_percent(4))
            op.frame = draw_any_frame();
    }
    draw_emit(op);
    if (op.kind == OP_GIVE && draw_percent(50))
        draw_emit((struct op){ .kind = OP_TAKE, .frame = op.frame });
}

/* One request that fits the frame, more or less. */
static void single(void)
{
    static const uint8_t kinds[] = { OP_PIN,     OP_UNPIN,  OP_UNPIN, OP_WINDOW,
                                     OP_WINDOW,  OP_WINDOW, OP_BASE,  OP_USER_BASE,
                                     OP_FLUSH,   OP_CLEAR,  OP_COPY,  OP_DESCRIPTOR_SET,
                                     OP_ODD_EXT, OP_LDT,    OP_GDT };
    struct op op = { .kind = kinds[draw_below(sizeof(kinds))], .frame = draw_any_frame() };

    op.target = op.kind == OP_DESCRIPTOR_SET ? OP_DESCRIPTOR : draw_any_frame();
    op.place = draw_live_place();
    op.option = draw_below(8);
    op.flags = draw_below(16);
    if (op.kind == OP_PIN)
        op.option = draw_percent(85) ? draw_level(op.frame) - 1 : draw_below(4);
    if (op.kind == OP_UNPIN && draw_percent(60))
        op.frame = draw.pinned;
    if (op.kind == OP_PIN || op.kind == OP_UNPIN || op.kind == OP_CLEAR || op.kind == OP_COPY)
        op.option |= draw_percent(3) ? draw_below(8) << 3 : 0;
    if (op.kind == OP_BASE)
        op.option = 0;
    if (op.kind == OP_DESCRIPTOR_SET)
        op.option = draw_percent(95) ? 0 : op.option;
    if (op.kind == OP_WINDOW) {
        op.target = draw_percent(85) ? op.frame % ARENA_FRAMES : draw_any_frame();
        op.frame %= ARENA_FRAMES;
        op.flags = draw_flags(1);
    }
    op.pointer = draw_percent(1) ? draw_below(4) : 0;
    op.join = draw_percent(25) ? 1 + draw_below(2) : 0;
    draw_emit(op);
}

/* Takes a table apart, and makes the frame something else. */
static void recycle(void)
{
    unsigned int frame = draw_percent(60) ? draw.l1 : draw_below(ARENA_FRAMES),
                 level = draw_level(frame);

    if (draw_percent(60))
        draw_emit((struct op){ .kind = OP_UNPIN, .frame = frame });
    if (draw_percent(60))
        mmu(draw_percent(80) ? draw.l2 : draw_any_frame(), draw.place >> 3 & 7, OP_NOTHING, 0);
    window(frame, F_RW);
    if (draw_percent(50)) {
        store(frame, draw_below(3), draw_frame(level - 1), draw_flags(level));
        window(frame, 0);
        pin(frame, draw_percent(60) ? level : 1 + draw_below(4));
    }
}

/* A page granted, mapped, used, unmapped, some of it. */
static void grant(void)
{
    unsigned int entry = draw_below(8),
                 frame = draw_percent(80) ? draw_below(ARENA_FRAMES) : draw_any_frame();
    struct op map = { .kind = OP_GRANT_MAP, .frame = draw.l1, .target = entry };

    if (draw_percent(85))
        draw_emit((struct op){ .kind = OP_GRANT,
                               .frame = frame,
                               .place = entry,
                               .option = draw_percent(70) ? 0 : draw_below(16) });
    map.place = draw_live_place();
    map.option = draw_percent(60) ? GRANT_HOST : draw_below(32);
    if (draw_percent(40))
        map.option |= 16;
    draw_emit(map);
    if (draw_percent(25))
        draw_emit((struct op){ .kind = OP_GRANT_COPY,
                               .frame = draw_below(ARENA_FRAMES),
                               .target = draw_percent(50) ? entry : draw_below(ARENA_FRAMES),
                               .place = draw_below(ARENA_SLOTS),
                               .option = draw_below(32) });
    if (draw_percent(50))
        draw_emit((struct op){ .kind = OP_GRANT_UNMAP,
                               .target = draw_below(3),
                               .place = draw_live_place(),
                               .option = draw_percent(70) ? 0 : draw_below(16) });
}

static void noise(void)
{
    struct op op = op_decode(draw_next());

    op.frame = draw_any_frame();
    op.target = draw_percent(70) ? draw_any_frame() : OP_NOTHING;
    op.flags = draw_flags(1 + draw_below(4));
    op.pointer = draw_percent(95) ? 0 : op.pointer;
    op.join = draw_percent(80) ? 0 : op.join;
    if (op.kind == OP_MMU || op.kind == OP_PIN || op.kind == OP_BASE)
        op.option &= draw_percent(80) ? 7 : 0x3f;
    draw_emit(op);
}

unsigned int random_ops(uint64_t seed, uint64_t number, uint64_t words[RANDOM_OPS_MAX])
{
    static const struct {
        void (*step)(void);
        unsigned int weight;
    } steps[] = {
        { tree, 8 },        { root, 4 },           { go_home, 3 },
        { descriptors, 5 }, { change, 22 },        { change_by_address, 14 },
        { access, 10 },     { store_to_table, 8 }, { memory, 5 },
        { single, 16 },     { recycle, 6 },        { noise, 4 },
        { grant, 7 },
    };
    unsigned int length, total = 0;

    draw = (struct draw){
        .state = seed, .words = words, .most = RANDOM_OPS_MAX, .l2 = ARENA_L2, .l3 = ARENA_L3
    };
    draw.root = ARENA_HOME;
    draw.state = draw_next() ^ number * 0xd1342543de82ef95UL;
    length = 6 + draw_below(RANDOM_OPS_MAX - 5);
    for (unsigned int i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        total += steps[i].weight;
    if (draw_percent(75))
        tree();
    while (draw.count < length && draw.count < RANDOM_OPS_MAX) {
        unsigned int pick = draw_below(total), i = 0;

        while (pick >= steps[i].weight)
            pick -= steps[i++].weight;
        steps[i].step();
    }
    return draw.count;
}
