/* SPDX-License-Identifier: MIT */
#include "merge.h"

enum {
    BLOCK = 32,
    ROUND = 32,   /* steps after which a merge looks whether one run wins all of them */
    STRETCH = 16, /* items worth a search for where they end */
    SIZE_MOST = FILCH__MERGE_SIZE_MOST,
};

#define INLINE static inline __attribute__((always_inline))

/* What is the same for all items of one call; constant once inlined, but for the comparison. */
struct kind {
    int (*compare)(const void *a, const void *b, void *ctx);
    void *ctx;
    size_t size;
    bool pointers;
};

INLINE bool less(struct kind kind, const char *a, const char *b)
{
    if (kind.pointers)
        return kind.compare(*(void *const *)(const void *)a, *(void *const *)(const void *)b, kind.ctx) < 0;
    return kind.compare(a, b, kind.ctx) < 0;
}

INLINE void copy(struct kind kind, char *to, const char *from)
{
    memcpy(to, from, kind.size);
}

INLINE const char *at(struct kind kind, const char *base, size_t i)
{
    return base + i * kind.size;
}

/* ---- blocks ---- */

/* Four items into `to`, which is apart. */
INLINE void sort_four(struct kind kind, const char *from, char *to)
{
    bool swap_low = less(kind, at(kind, from, 1), from), swap_high = less(kind, at(kind, from, 3), at(kind, from, 2));
    const char *a = at(kind, from, swap_low), *b = at(kind, from, !swap_low);
    const char *c = at(kind, from, 2 + (size_t)swap_high), *d = at(kind, from, 3 - (size_t)swap_high);
    bool c_first = less(kind, c, a), b_last = less(kind, d, b);
    const char *first = c_first ? c : a, *last = b_last ? b : d;
    const char *left = c_first ? a : b_last ? c : b, *right = b_last ? d : c_first ? b : c;
    bool swap = less(kind, right, left);
    copy(kind, to, first);
    copy(kind, to + kind.size, swap ? right : left);
    copy(kind, to + 2 * kind.size, swap ? left : right);
    copy(kind, to + 3 * kind.size, last);
}

/* One item of a merge from the front, and one from the back. */
struct ends {
    const char *left, *right, *last_left, *last_right; /* the items that are next */
    char *to, *last_to;
};

INLINE void step(struct kind kind, struct ends *ends)
{
    bool front = less(kind, ends->right, ends->left), back = less(kind, ends->last_right, ends->last_left);
    copy(kind, ends->to, front ? ends->right : ends->left);
    copy(kind, ends->last_to, back ? ends->last_left : ends->last_right);
    ends->right += front * kind.size;
    ends->left += !front * kind.size;
    ends->last_left -= back * kind.size;
    ends->last_right -= !back * kind.size;
    ends->to += kind.size;
    ends->last_to -= kind.size;
}

INLINE void merge_rest(struct kind kind, struct ends *ends)
{
    const char *left_end = ends->last_left + kind.size, *right_end = ends->last_right + kind.size;
    const char *left = ends->left, *right = ends->right;
    char *to = ends->to;
    while (left < left_end && right < right_end) {
        bool front = less(kind, right, left);
        copy(kind, to, front ? right : left);
        right += front * kind.size;
        left += !front * kind.size;
        to += kind.size;
    }
    if (left < left_end)
        memcpy(to, left, (size_t)(left_end - left));
    if (right < right_end)
        memcpy(to, right, (size_t)(right_end - right));
}

/* How many of the first items of a run go before `other`: of the left run those that are not greater, of the right run
 * those that are less. Searched for in growing steps. */
INLINE size_t stretch(struct kind kind, const char *run, size_t count, const char *other, bool left)
{
    size_t low = 0, distance = 1;
#define BEFORE(i) (left ? !less(kind, other, at(kind, run, i)) : less(kind, at(kind, run, i), other))
    while (low + distance <= count && BEFORE(low + distance - 1)) {
        low += distance;
        distance *= 2;
    }
    size_t high = low + distance <= count ? low + distance - 1 : count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (BEFORE(middle))
            low = middle + 1;
        else
            high = middle;
    }
#undef BEFORE
    return low;
}

/* At the front, as long as one run has many items in a row: these are moved as a whole. */
INLINE void merge_stretches(struct kind kind, struct ends *ends)
{
    const char *left_end = ends->last_left + kind.size, *right_end = ends->last_right + kind.size;
    size_t lefts = STRETCH, rights = 0;
    while ((lefts >= STRETCH || rights >= STRETCH) && ends->left < left_end && ends->right < right_end) {
        lefts = stretch(kind, ends->left, (size_t)(left_end - ends->left) / kind.size, ends->right, true);
        memcpy(ends->to, ends->left, lefts * kind.size);
        ends->left += lefts * kind.size;
        ends->to += lefts * kind.size;
        if (ends->left == left_end)
            return;
        rights = stretch(kind, ends->right, (size_t)(right_end - ends->right) / kind.size, ends->left, false);
        memcpy(ends->to, ends->right, rights * kind.size);
        ends->right += rights * kind.size;
        ends->to += rights * kind.size;
    }
}

/* Steps are taken in rounds so short that the front and the back cannot meet in either run. */
INLINE void merge_rounds(struct kind kind, const char *left, size_t lefts, const char *right, size_t rights, char *to)
{
    struct ends ends = {left,
                        right,
                        at(kind, left, lefts) - kind.size,
                        at(kind, right, rights) - kind.size,
                        to,
                        to + (lefts + rights - 1) * kind.size};
    for (;;) {
        size_t left_bytes = (size_t)(ends.last_left + kind.size - ends.left);
        size_t right_bytes = (size_t)(ends.last_right + kind.size - ends.right);
        size_t steps = (left_bytes < right_bytes ? left_bytes : right_bytes) / (2 * kind.size);
        if (steps < 4)
            break;
        if (steps > ROUND)
            steps = ROUND;
        const char *before = ends.left;
        for (size_t i = 0; i < steps; i++)
            step(kind, &ends);
        size_t taken = (size_t)(ends.left - before);
        if (taken == 0 || taken == steps * kind.size)
            merge_stretches(kind, &ends);
    }
    merge_rest(kind, &ends);
}

/* Two runs of the same length, next to one another: as many steps from either end. In no run can they go past its end
 * within that many; whether they have met is seen at the end, and unless they have, the comparison is at fault. */
INLINE void merge_equal(struct kind kind, const char *from, size_t half, char *to)
{
    const char *middle = at(kind, from, half), *end = at(kind, middle, half);
    struct ends ends = {from, middle, middle - kind.size, end - kind.size, to, to + (2 * half - 1) * kind.size};
    for (size_t i = 0; i < half; i++)
        step(kind, &ends);
    if (filch__unlikely(ends.left != ends.last_left + kind.size))
        merge_rounds(kind, from, half, middle, half, to);
}

INLINE void insert_all(struct kind kind, char *items, size_t count)
{
    _Alignas(SIZE_MOST) char item[SIZE_MOST]; /* the comparison sees it */
    for (size_t i = 1; i < count; i++) {
        char *gap = items + i * kind.size;
        if (!less(kind, gap, gap - kind.size))
            continue;
        copy(kind, item, gap);
        do {
            copy(kind, gap, gap - kind.size);
            gap -= kind.size;
        } while (gap > items && less(kind, item, gap - kind.size));
        copy(kind, gap, item);
    }
}

/* BLOCK items. */
INLINE void sort_block(struct kind kind, const char *from, char *to)
{
    _Alignas(SIZE_MOST) char one[BLOCK * SIZE_MOST], other[BLOCK * SIZE_MOST];
    for (size_t i = 0; i < BLOCK; i += 4)
        sort_four(kind, at(kind, from, i), one + i * kind.size);
    for (size_t i = 0; i < BLOCK; i += 8)
        merge_equal(kind, one + i * kind.size, 4, other + i * kind.size);
    for (size_t i = 0; i < BLOCK; i += 16)
        merge_equal(kind, other + i * kind.size, 8, one + i * kind.size);
    merge_equal(kind, one, 16, to);
}

/* ---- runs ---- */

/* What is in order, or the other way round, is not compared. */
INLINE void merge_runs(struct kind kind, const char *left, size_t lefts, const char *right, size_t rights, char *to)
{
    size_t left_bytes = lefts * kind.size, right_bytes = rights * kind.size;
    if (!lefts || !rights || !less(kind, right, left + left_bytes - kind.size)) {
        memcpy(to, left, left_bytes);
        memcpy(to + left_bytes, right, right_bytes);
    } else if (less(kind, right + right_bytes - kind.size, left)) {
        memcpy(to, right, right_bytes);
        memcpy(to + right_bytes, left, left_bytes);
    } else if (lefts == rights && lefts <= 2 * ROUND && left + left_bytes == right) {
        merge_equal(kind, left, lefts, to);
    } else {
        merge_rounds(kind, left, lefts, right, rights, to);
    }
}

/* The items at `from` are one run: ascending, or strictly descending. False: they are not. */
INLINE bool sort_run(struct kind kind, char *from, size_t count, char *to)
{
    size_t run = 1;
    bool down = count > 1 && less(kind, at(kind, from, 1), from);
    while (run < count && less(kind, at(kind, from, run), at(kind, from, run - 1)) == down)
        run++;
    if (run < count)
        return false;
    if (!down) {
        if (to != from)
            memcpy(to, from, count * kind.size);
        return true;
    }
    char item[SIZE_MOST];
    for (size_t i = 0, j = count - 1; i <= j && j < count; i++, j--) { /* also in place */
        copy(kind, item, at(kind, from, i));
        copy(kind, to + i * kind.size, at(kind, from, j));
        copy(kind, to + j * kind.size, item);
    }
    return true;
}

INLINE void sort_blocks(struct kind kind, char *from, size_t count, char *to)
{
    size_t i = 0;
    for (; count - i >= BLOCK; i += BLOCK)
        sort_block(kind, at(kind, from, i), to + i * kind.size);
    if (to != from)
        memcpy(to + i * kind.size, at(kind, from, i), (count - i) * kind.size);
    insert_all(kind, to + i * kind.size, count - i);
}

INLINE void sort_items(struct kind kind, char *from, size_t count, char *to, char *spare)
{
    if (sort_run(kind, from, count, to))
        return;
    unsigned passes = 0;
    for (size_t length = BLOCK; length < count; length *= 2)
        passes++;
    char *here = passes % 2 ? spare : to, *there = passes % 2 ? to : spare;
    sort_blocks(kind, from, count, here);
    for (size_t length = BLOCK; length < count; length *= 2) {
        for (size_t i = 0; i < count; i += 2 * length) {
            size_t lefts = count - i < length ? count - i : length;
            size_t rights = count - i - lefts < length ? count - i - lefts : length;
            merge_runs(kind, at(kind, here, i), lefts, at(kind, here, i + lefts), rights, there + i * kind.size);
        }
        char *swap = here;
        here = there;
        there = swap;
    }
}

INLINE size_t split_runs(struct kind kind, const char *left, size_t lefts, const char *right, size_t rights,
                         size_t count)
{
    size_t low = count > rights ? count - rights : 0, high = count < lefts ? count : lefts;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (less(kind, at(kind, right, count - 1 - middle), at(kind, left, middle)))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* ---- for each size ---- */

#define MERGER(name, size_, pointers_)                                                                                 \
    static void sort_##name(const struct filch__order *order, char *from, size_t count, char *to, char *spare)         \
    {                                                                                                                  \
        struct kind kind = {order->compare, order->ctx, size_, pointers_};                                             \
        sort_items(kind, from, count, to, spare);                                                                      \
    }                                                                                                                  \
    static void merge_##name(const struct filch__order *order, const char *left, size_t lefts, const char *right,      \
                             size_t rights, char *to)                                                                  \
    {                                                                                                                  \
        struct kind kind = {order->compare, order->ctx, size_, pointers_};                                             \
        merge_runs(kind, left, lefts, right, rights, to);                                                              \
    }                                                                                                                  \
    static size_t split_##name(const struct filch__order *order, const char *left, size_t lefts, const char *right,    \
                               size_t rights, size_t count)                                                            \
    {                                                                                                                  \
        struct kind kind = {order->compare, order->ctx, size_, pointers_};                                             \
        return split_runs(kind, left, lefts, right, rights, count);                                                    \
    }                                                                                                                  \
    static const struct filch__merger merger_##name = {sort_##name, merge_##name, split_##name};

MERGER(4, 4, false)
MERGER(8, 8, false)
MERGER(16, 16, false)
MERGER(32, 32, false)
MERGER(any, order->size, false)
MERGER(pointer, sizeof(void *), true)

const struct filch__merger *filch__merger_for(size_t size, bool pointers)
{
    if (pointers)
        return &merger_pointer;
    switch (size) {
    case 4:
        return &merger_4;
    case 8:
        return &merger_8;
    case 16:
        return &merger_16;
    case 32:
        return &merger_32;
    default:
        return &merger_any;
    }
}
