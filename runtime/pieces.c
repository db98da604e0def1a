/* SPDX-License-Identifier: MIT */
#include "pieces.h"

#include "work.h"

#include <errno.h>

enum { PARTS_PER_WORKER = 4, PARTS_LEAST = 4 }; /* how many body calls a range is cut into, where nothing is stolen */

enum { PIECE_LEFT, PIECE_TAKEN, PIECE_AWAITED };

/* The upper half of a range, in the frame of who cut it off, which stays until it is synced. */
struct piece {
    struct filch__run *run; /* that it was cut from */
    struct filch_area area;
    size_t parts;
    uint32_t state;
    void *sum; /* of the run that took it; NULL: nobody did */
    _Alignas(16) char near[FILCH__SUM_NEAR];
};

FILCH_VOID_TASK_LOCAL(take_piece, (struct piece *, piece));
FILCH_VOID_TASK_LOCAL(run_area, (struct filch__run *, run), (const struct filch_area *, area), (size_t, parts));

/* ---- slots ---- */

static bool take_of_word(uint64_t *word, unsigned *ret_bit)
{
    uint64_t used = filch__load_relaxed(word);
    while (~used) {
        unsigned bit = (unsigned)__builtin_ctzll(~used);
        if (filch__cas_acquire(word, &used, used | (uint64_t)1 << bit)) { /* P2 */
            *ret_bit = bit;
            return true;
        }
    }
    return false;
}

/* All words in use are full. */
static filch__cold unsigned slot_take_slow(struct filch__slots *slots)
{
    filch__lock(&slots->lock);
    unsigned words = slots->words, slot = words * 64;
    if (words < FILCH__SLOT_WORDS) {
        slots->used[words] = 1;
        filch__store_release(&slots->words, words + 1);
    } else {
        slot += slots->beyond++;
    }
    filch__unlock(&slots->lock);
    return slot;
}

static unsigned slot_take(struct filch__slots *slots)
{
    unsigned words = filch__load_acquire(&slots->words), bit = 0;
    for (unsigned i = 0; i < words; i++)
        if (take_of_word(&slots->used[i], &bit))
            return i * 64 + bit;
    return slot_take_slow(slots);
}

static void slot_give(struct filch__run *run)
{
    unsigned slot = run->slot;
    if (run->has_slot && slot < FILCH__SLOT_WORDS * 64)
        filch__sub_acq_rel(&run->loop->slots.used[slot / 64], (uint64_t)1 << slot % 64); /* P2 */
    run->has_slot = false;
}

/* ---- sums ---- */

void filch__sum_set_identity(const struct filch_reducer *reducer, void *sum)
{
    if (reducer->identity)
        memcpy(sum, reducer->identity, reducer->size);
    else
        memset(sum, 0, reducer->size);
}

void *filch__sum_get(const struct filch_reducer *reducer, void *near)
{
    const struct filch_allocator *allocator = &filch_pool_current()->allocator;
    void *sum = reducer->size <= FILCH__SUM_NEAR ? near : allocator->alloc(allocator->ctx, reducer->size);
    if (sum)
        filch__sum_set_identity(reducer, sum);
    return sum;
}

void filch__sum_put(const struct filch_reducer *reducer, void *near, void *sum)
{
    const struct filch_allocator *allocator = &filch_pool_current()->allocator;
    if (sum && sum != near)
        allocator->free(allocator->ctx, sum, reducer->size);
}

void filch__loop_combine(struct filch__loop *loop, void *sum, const void *upper)
{
    int r = filch__load_relaxed(&loop->result) ? 0 : loop->reducer->combine(loop->ctx, sum, upper);
    if (filch__unlikely(r))
        filch__loop_stop(loop, r);
}

bool filch__reducer_is_valid(const struct filch_reducer *reducer)
{
    return reducer && reducer->size && reducer->fold && reducer->combine;
}

/* ---- pieces ---- */

void filch__loop_stop(struct filch__loop *loop, int result)
{
    int none = 0;
    filch__cas_relaxed(&loop->result, &none, result);
}

struct filch_area filch__loop_indices(const struct filch__loop *loop, const struct filch_area *area)
{
    const struct filch_area *all = &loop->all, *indices = &loop->indices;
    return (struct filch_area){
        .row_begin = indices->row_begin + area->row_begin * loop->grain[0],
        .row_end =
            area->row_end == all->row_end ? indices->row_end : indices->row_begin + area->row_end * loop->grain[0],
        .column_begin = indices->column_begin + area->column_begin * loop->grain[1],
        .column_end = area->column_end == all->column_end ? indices->column_end
                                                          : indices->column_begin + area->column_end * loop->grain[1],
    };
}

void filch__loop_call(struct filch__run *run, const struct filch_area *area)
{
    struct filch__loop *loop = run->loop;
    if (filch_cancelled()) {
        filch__loop_stop(loop, -ECANCELED);
        return;
    }
    if (loop->slotted && !run->has_slot) {
        run->slot = slot_take(&loop->slots);
        run->has_slot = true;
    }
    int r = loop->call(run, area);
    if (filch__unlikely(r))
        filch__loop_stop(loop, r);
}

static bool is_cut_by_rows(const struct filch_area *area)
{
    return area->row_end - area->row_begin >= area->column_end - area->column_begin;
}

static size_t length_of(const struct filch_area *area, bool rows)
{
    return rows ? area->row_end - area->row_begin : area->column_end - area->column_begin;
}

/* Take the first `length` rows or columns off *area. */
static struct filch_area cut(struct filch_area *area, bool rows, size_t length)
{
    struct filch_area first = *area;
    if (rows)
        first.row_end = area->row_begin += length;
    else
        first.column_end = area->column_begin += length;
    return first;
}

/* Call the body for one part of *area after the other, until the rest of the range has been taken: then others may want
 * some of this, too. Parts become smaller, so that who is done first does not wait long (the trapezoid of Tzen and Ni
 * 1993). Returns the parts that are left. */
static size_t work_off(struct filch__run *run, struct filch_area *area, size_t parts, const uint32_t *state)
{
    bool rows = is_cut_by_rows(area);
    size_t length = length_of(area, rows);
    while (length > 0 && filch__load_relaxed(state) != PIECE_TAKEN && !filch__load_relaxed(&run->loop->result)) {
        size_t next = length - length / (parts + 1) * (parts - 1); /* `parts` of 1 + 2 + ... + parts */
        struct filch_area first = cut(area, rows, next);
        filch__loop_call(run, &first);
        length -= next;
        parts--;
    }
    return length ? parts : 0;
}

FILCH_VOID_TASK_DEF(run_area, (struct filch__run *, run), (const struct filch_area *, area), (size_t, parts))
{
    struct piece upper = {.run = run, .area = *area, .parts = parts / 2, .state = PIECE_LEFT};
    bool rows = is_cut_by_rows(area);
    size_t length = length_of(area, rows);
    if (filch__unlikely(filch__load_relaxed(&run->loop->result)))
        return;
    if (length < 2 || parts < 2) {
        filch__loop_call(run, area);
        return;
    }
    struct filch_area lower = cut(&upper.area, rows, length - length / 2);
    FILCH_SPAWN(take_piece, &upper);
    parts -= parts / 2;
    if (run->loop->on_demand)
        parts = work_off(run, &lower, parts, &upper.state);
    if (parts)
        FILCH_CALL(run_area, run, &lower, parts);
    if (run->loop->slotted && filch__exchange_acq_rel(&upper.state, PIECE_AWAITED) == PIECE_TAKEN) /* P1 */
        slot_give(run);
    FILCH_SYNC(take_piece);
    if (filch__unlikely(upper.sum != NULL)) {
        filch__loop_combine(run->loop, run->sum, upper.sum);
        filch__sum_put(run->loop->reducer, upper.near, upper.sum);
    }
}

static void run_begin_stolen(struct filch__run *run, struct piece *piece)
{
    struct filch__loop *loop = run->loop;
    if (piece->parts < PARTS_LEAST)
        piece->parts = PARTS_LEAST;
    if (filch__exchange_acq_rel(&piece->state, PIECE_TAKEN) == PIECE_AWAITED) { /* P1 */
        run->slot = piece->run->slot;
        run->has_slot = piece->run->has_slot;
        piece->run->has_slot = false;
    }
    if (loop->reducer && !(run->sum = piece->sum = filch__sum_get(loop->reducer, piece->near)))
        filch__loop_stop(loop, -ENOMEM);
}

FILCH_VOID_TASK_DEF(take_piece, (struct piece *, piece))
{
    if (filch__likely(filch__forks == piece->run->forks)) {
        FILCH_CALL(run_area, piece->run, &piece->area, piece->parts);
        return;
    }
    struct filch__run run = {.loop = piece->run->loop, .forks = filch__forks};
    run_begin_stolen(&run, piece);
    FILCH_CALL(run_area, &run, &piece->area, piece->parts);
    slot_give(&run);
}

/* ---- whole loops ---- */

int filch__for_options_check(const struct filch_for_options *options, unsigned flags_known)
{
    bool valid =
        !options || !(options->reserved32 || filch__any_set(options->reserved, 4) || options->flags & ~flags_known);
    return valid ? 0 : -EINVAL;
}

static size_t blocks(size_t begin, size_t end, size_t grain)
{
    return begin == end ? 0 : (end - begin - 1) / grain + 1;
}

/* With a grain for one side alone, the other is not cut. */
static size_t grain_or_all(size_t grain, size_t all, bool on_demand)
{
    return grain ? grain : on_demand || !all ? 1 : all;
}

void filch__loop_init(struct filch__loop *loop, const struct filch_area *indices, size_t grain, size_t grain_columns)
{
    loop->on_demand = !grain && !grain_columns;
    loop->grain[0] = grain_or_all(grain, indices->row_end - indices->row_begin, loop->on_demand);
    loop->grain[1] = grain_or_all(grain_columns, indices->column_end - indices->column_begin, loop->on_demand);
    loop->indices = *indices;
    loop->all = (struct filch_area){
        .row_end = blocks(indices->row_begin, indices->row_end, loop->grain[0]),
        .column_end = blocks(indices->column_begin, indices->column_end, loop->grain[1]),
    };
    loop->reducer = NULL;
    loop->result = 0;
    loop->slots.used[0] = 1; /* the first run's */
    loop->slots.words = 1;
    loop->slots.beyond = 0;
    filch__lock_init(&loop->slots.lock);
}

FILCH_VOID_TASK_DEF(filch__loop_task, (struct filch__loop *, loop))
{
    struct filch__run run = {.loop = loop, .forks = filch__forks, .sum = loop->sum, .has_slot = true, .first = true};
    size_t parts = (size_t)filch_pool_current()->config.max_concurrency * PARTS_PER_WORKER;
    if (!loop->on_demand)
        parts = SIZE_MAX;
    else if (parts < PARTS_LEAST)
        parts = PARTS_LEAST;
    if (loop->all.row_end && loop->all.column_end)
        FILCH_CALL(run_area, &run, &loop->all, parts);
}

int filch__loop_run(struct filch_pool *pool, struct filch__loop *loop)
{
    int status;
    if (!loop->all.row_end || !loop->all.column_end)
        return 0;
    FILCH_TRY_RUN(&status, pool, filch__loop_task, loop);
    return status ? status : loop->result;
}
