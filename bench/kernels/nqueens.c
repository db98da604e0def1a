/* SPDX-License-Identifier: MIT */
/* nqueens.c - W2: all ways to place N queens, one task per placement that attacks nobody.
 *
 *     nqueens WORKERS N
 */
#include "../fork/fork.h"

#include <stdint.h>

enum { SIZE_MAX_ = 15 };

struct board {
    int8_t size, rows;        /* rows: how many have a queen */
    int8_t column[SIZE_MAX_]; /* of each row's queen */
};

static bool attacked(const struct board *board, int column)
{
    for (int i = 0; i < board->rows; i++) {
        int distance = board->column[i] - column;
        int rows = board->rows - i;
        if (!distance || distance == rows || distance == -rows)
            return true;
    }
    return false;
}

TASK(long, nqueens, (struct board, board))
{
    if (board.rows == board.size)
        return 1;
    long solutions = 0;
    TERMS(long, nqueens, SIZE_MAX_);
    for (int column = 0; column < board.size; column++) {
        if (attacked(&board, column))
            continue;
        struct board next = board;
        next.column[next.rows++] = (int8_t)column;
        SPAWN_TERM(nqueens, next);
    }
    ADD_TERMS(solutions, nqueens);
    return solutions;
}

static const long known_solutions[SIZE_MAX_ + 1] = {1,  1,   0,   0,    2,     10,    4,      40,
                                                    92, 352, 724, 2680, 14200, 73712, 365596, 2279184};
static int size;
static long result;

void kernel_open(int argc, char **argv)
{
    size = (int)bench_argument(argc, argv, 1, 12);
    if (size > SIZE_MAX_)
        bench_die("more than %d queens have no room", SIZE_MAX_);
}

void kernel_reset(void)
{
}

void kernel_run(bool warm)
{
    struct board board = {};
    board.size = (int8_t)(warm && size > 8 ? 8 : size);
    RUN(result, nqueens, board);
}

void kernel_check(void)
{
    BENCH_CHECK(result == known_solutions[size]);
}

double kernel_tasks(void)
{
    return 0;
}
