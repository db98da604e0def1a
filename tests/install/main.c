/* SPDX-License-Identifier: MIT */
/* main.c - a program of somebody else's: C and C++ in one source, since the interface serves both. */
#include <filch/filch.h>

#include <stdio.h>

struct square {
    struct filch_future future;
    int side, area;
};

static int fill_in(void *data)
{
    struct square *square = (struct square *)data;
    square->area = square->side * square->side;
    return 0;
}

/* Typed tasks, as both languages see them. */
FILCH_TASK(int, sum_of_squares, (int, from), (int, to))
{
    if (to - from == 1)
        return from * from;
    int middle = from + (to - from) / 2;
    FILCH_SPAWN(sum_of_squares, from, middle);
    int above = FILCH_CALL(sum_of_squares, middle, to);
    return FILCH_SYNC(sum_of_squares) + above;
}

int main(void)
{
    static struct square squares[10];
    struct filch_pool *pool = NULL;
    int status = filch_pool_open(&pool, NULL), sum = 0;
    if (status < 0)
        return 1;
    for (int i = 0; i < 10; i++) {
        squares[i].side = i + 1;
        status = filch_submit(pool, &squares[i].future, fill_in, &squares[i]);
        if (status < 0)
            return 1;
    }
    for (int i = 0; i < 10; i++) {
        if (filch_wait(&squares[i].future) != 0)
            return 1;
        sum += squares[i].area;
    }
    if (FILCH_RUN(pool, sum_of_squares, 1, 11) != sum)
        return 1;
    if (filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) != 0)
        return 1;
    filch_pool_free(pool);
    if (filch_version() != FILCH_VERSION)
        return 1;
    printf("%d.%d.%d %d\n", FILCH_VERSION_MAJOR, FILCH_VERSION_MINOR, FILCH_VERSION_PATCH, sum);
    return 0;
}
