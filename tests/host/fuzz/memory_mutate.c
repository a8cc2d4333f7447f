/* SPDX-License-Identifier: MIT */
/*
 * How libFuzzer changes memory programs: record by record, so that a change keeps what the rest means.
 * Bytes that make a request fail or wait stay rare, as most state is behind requests that succeed.
 */
#include "memory.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *two,
                                 size_t two_size, uint8_t *out, size_t max_out, unsigned seed);

static uint64_t state;

static unsigned pick(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 32) % n;
}

static uint8_t frame_byte(const struct op *ops, size_t count)
{
    /* A frame that another record names, more often than not. */
    if (count && pick(3)) {
        const struct op *o = &ops[pick((unsigned)count)];

        return pick(2) ? o->a : o->b;
    }
    return (uint8_t)(pick(8) ? pick(pick(3) ? 12 : 24) : pick(256));
}

static struct op record_new(const struct op *ops, size_t count)
{
    struct op op = { .kind = (uint8_t)(pick(5) < 3 ? pick(128) : 128 + pick(128)),
                     .mode = (uint8_t)(pick(3) ? pick(4) & 1 : pick(4)) };

    op.a = frame_byte(ops, count);
    op.b = frame_byte(ops, count);
    op.slot = (uint8_t)(pick(5) ? pick(4) : pick(256));
    op.bits = (uint8_t)(pick(4) ? pick(32) : pick(256));
    op.x = (uint8_t)(pick(4) ? pick(32) : pick(256));
    op.y = (uint8_t)(pick(4) ? pick(32) : pick(256));
    op.race_at = (uint8_t)pick(64);
    op.race_for = (uint8_t)pick(64);
    if (!pick(4))
        op.mode |= (uint8_t)(1u << (2 + pick(5)));
    if (op.mode & OP_FOREIGN && pick(4)) { /* by the one that may, of domains that there are */
        op.mode = (uint8_t)((op.mode & ~OP_VCPU) | 2);
        op.y = (uint8_t)((pick(2) ? 1 : 2) | pick(4) << 5);
    }
    if (!pick(6))
        op.preempt = (uint8_t)(0x80 + pick(128));
    if (!pick(16))
        op.fail = (uint8_t)(0xa0 + pick(24));
    return op;
}

static void field_change(struct op *op, const struct op *ops, size_t count)
{
    uint8_t *bytes = (uint8_t *)op;
    struct op other = record_new(ops, count);
    unsigned at = pick(sizeof(*op));

    switch (pick(4)) {
    case 0:
        bytes[at] = (uint8_t)(bytes[at] + 1 - 2 * pick(2));
        break;
    case 1:
        bytes[at] ^= (uint8_t)(1u << pick(8));
        break;
    case 2:
        bytes[at] = ((uint8_t *)&other)[at];
        break;
    default:
        op->a = pick(2) ? op->a : other.a;
        op->b = pick(2) ? op->b : other.b;
        op->x = pick(2) ? op->x : other.x;
        break;
    }
}

/* One change. Returns how many records there are then. */
static size_t change(struct op *ops, size_t count, size_t max)
{
    unsigned what = pick(16), at = count ? pick((unsigned)count) : 0, to;

    if (!count || (what < 5 && count < max)) { /* a new record */
        at = pick((unsigned)count + 1);
        memmove(ops + at + 1, ops + at, (count - at) * sizeof(*ops));
        ops[at] = record_new(ops, count);
        return count + 1;
    }
    switch (what) {
    case 5: /* one less */
    case 6:
        if (count > 1) {
            memmove(ops + at, ops + at + 1, (count - at - 1) * sizeof(*ops));
            return count - 1;
        }
        break;
    case 7: /* two in the other order */
        to = pick((unsigned)count);
        struct op kept = ops[at];

        ops[at] = ops[to];
        ops[to] = kept;
        break;
    case 8: /* one again, at the end or right after */
        if (count < max) {
            to = pick(2) ? (unsigned)count : at + 1;
            memmove(ops + to + 1, ops + to, (count - to) * sizeof(*ops));
            ops[to] = ops[at];
            return count + 1;
        }
        break;
    case 9: /* interference here */
        ops[at].mode ^= (uint8_t)(pick(2) ? OP_NEST : OP_RACE);
        ops[at].preempt = (uint8_t)(pick(2) ? 0xe0 : 0x80 + pick(0x60));
        break;
    case 10: /* a failure here */
        ops[at].fail = (uint8_t)(pick(3) ? 0xa0 + pick(24) : 0);
        break;
    default:
        field_change(&ops[at], ops, count);
        break;
    }
    return count;
}

static size_t program_write(uint8_t *data, size_t max_size, const struct header *h,
                            const struct op *ops, size_t count)
{
    if (max_size < sizeof(*h))
        return 0;
    if (count > (max_size - sizeof(*h)) / sizeof(*ops))
        count = (max_size - sizeof(*h)) / sizeof(*ops);
    memcpy(data, h, sizeof(*h));
    memcpy(data + sizeof(*h), ops, count * sizeof(*ops));
    return sizeof(*h) + count * sizeof(*ops);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct op ops[OPS_MAX + 1];
    struct header h;
    size_t count = program_read(data, size, &h, ops);

    state = (uint64_t)seed * 0x9e3779b97f4a7c15 + 1;
    for (unsigned n = 1 + pick(3); n > 0; n--)
        count = change(ops, count, OPS_MAX);
    if (!pick(16))
        h.mode ^= (uint8_t)(1u << pick(5));
    if (!pick(16))
        h.order = (uint8_t)pick(6);
    return program_write(data, max_size, &h, ops, count);
}

/* The first part of one, the last part of the other. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *two,
                                 size_t two_size, uint8_t *out, size_t max_out, unsigned seed)
{
    struct op a[OPS_MAX], b[OPS_MAX], ops[OPS_MAX];
    struct header h, unused;
    size_t a_count = program_read(one, one_size, &h, a), b_count;
    size_t from, keep, count;

    state = (uint64_t)seed * 0x9e3779b97f4a7c15 + 1;
    b_count = program_read(two, two_size, &unused, b);
    keep = a_count ? pick((unsigned)a_count + 1) : 0;
    from = b_count ? pick((unsigned)b_count + 1) : 0;
    memcpy(ops, a, keep * sizeof(*ops));
    count = b_count - from < OPS_MAX - keep ? b_count - from : OPS_MAX - keep;
    memcpy(ops + keep, b + from, count * sizeof(*ops));
    return program_write(out, max_out, &h, ops, keep + count);
}
