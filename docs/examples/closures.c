/* SPDX-License-Identifier: MIT */
/* closures.c - a closure's data by reference, copied in, and copied in with nobody waiting.
 *
 * filch_submit hands on a pointer: what it points to, and the future, stay where they are until the task has ended.
 * filch_submit_copy copies the data and brings a future of its own, so the caller's may go out of scope at once.
 */
#include <filch/filch.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 10 };

struct square {
    int side;
    int area;
    atomic_int *done;
};

static int measure(void *data)
{
    struct square *square = data;
    square->area = square->side * square->side;
    atomic_fetch_add(square->done, 1);
    return 0;
}

/* By reference: results are where the caller put the arguments. */
static int by_reference(struct filch_pool *pool, atomic_int *done, int *ret_sum)
{
    struct filch_future futures[COUNT] = {0};
    struct square squares[COUNT];
    int error = 0, sum = 0;
    for (int i = 0; i < COUNT; i++) {
        squares[i] = (struct square){.side = i, .done = done};
        filch_submit(pool, &futures[i], measure, &squares[i]);
    }
    for (int i = 0; i < COUNT; i++) { /* all of them: the arrays end with this function */
        int status = filch_wait(&futures[i]);
        error = error ? error : status;
        sum += squares[i].area;
    }
    *ret_sum = sum;
    return error;
}

/* Copied: one variable serves all submits; the results are in the copies. */
static int by_copy(struct filch_pool *pool, atomic_int *done, int *ret_sum)
{
    struct filch_future *futures[COUNT] = {NULL};
    int error = 0, sum = 0;
    for (int i = 0; i < COUNT && !error; i++) {
        struct square square = {.side = i, .done = done};
        error = filch_submit_copy(pool, measure, &square, sizeof square, NULL, &futures[i]);
    }
    for (int i = 0; i < COUNT && futures[i]; i++) {
        int status = filch_wait(futures[i]);
        error = error ? error : status;
        sum += ((const struct square *)filch_future_data(futures[i]))->area;
        filch_future_release(futures[i]);
    }
    *ret_sum = sum;
    return error;
}

/* Detached: begun and forgotten; closing the pool waits for them. */
static int detached(struct filch_pool *pool, atomic_int *done)
{
    int error = 0;
    for (int i = 0; i < COUNT && !error; i++) {
        struct square square = {.side = i, .done = done};
        error = filch_submit_copy(pool, measure, &square, sizeof square, NULL, NULL);
    }
    return error;
}

int main(void)
{
    atomic_int done = 0;
    int referenced = 0, copied = 0;
    struct filch_pool *pool;
    int error = filch_pool_open(&pool, NULL);
    if (error) {
        fprintf(stderr, "closures: no pool: %s\n", strerror(-error));
        return 1;
    }
    error = by_reference(pool, &done, &referenced);
    error = error ? error : by_copy(pool, &done, &copied);
    error = error ? error : detached(pool, &done);
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    if (error)
        fprintf(stderr, "closures: %s\n", strerror(-error));
    printf("by reference %d, copied %d, %d tasks ran\n", referenced, copied, atomic_load(&done));
    return !error && referenced == 285 && copied == 285 && atomic_load(&done) == 3 * COUNT ? 0 : 1;
}
