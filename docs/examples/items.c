/* SPDX-License-Identifier: MIT */
/* items.c - a future inside each of the program's own items: one call submits them all, one call waits.
 *
 * Nothing is allocated. A batch is two addresses and two strides; here the futures lie in the items, so both strides
 * are the size of an item, and the task gets the item. To cancel one item, or to wait for it, its future is at hand.
 */
#include <filch/filch.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1000, WIDTH = 600 };

/* One row of a picture of the Mandelbrot set. */
struct row {
    double y;
    struct filch_future future;
    unsigned inside; /* points that do not escape */
};

static int draw_row(void *data)
{
    struct row *row = data;
    for (int column = 0; column < WIDTH; column++) {
        double x = -2.0 + 3.0 * column / WIDTH, re = 0, im = 0;
        int step = 0;
        for (; step < 200 && re * re + im * im <= 4; step++) {
            double next = re * re - im * im + x;
            im = 2 * re * im + row->y;
            re = next;
        }
        row->inside += step == 200;
    }
    return 0;
}

static struct row *make_rows(void)
{
    struct row *rows = calloc(ROWS, sizeof *rows); /* a future starts as zero bytes */
    for (int i = 0; rows && i < ROWS; i++)
        rows[i].y = -1.0 + 2.0 * (i + 0.5) / ROWS;
    return rows;
}

/* The known area of the set is the check, and so is its symmetry. */
static int check_rows(const struct row *rows)
{
    unsigned long inside = 0;
    for (int i = 0; i < ROWS; i++) {
        int status = filch_status(&rows[i].future);
        if (status < 0) {
            fprintf(stderr, "items: row %d: %s\n", i, strerror(-status));
            return 1;
        }
        inside += rows[i].inside;
    }
    double area = (double)inside / ((double)ROWS * WIDTH) * 6;
    printf("%d rows, area of the Mandelbrot set about %.2f\n", ROWS, area);
    return area > 1.45 && area < 1.65 && rows[0].inside == rows[ROWS - 1].inside ? 0 : 1;
}

int main(void)
{
    struct row *rows = make_rows();
    if (!rows) {
        fprintf(stderr, "items: no memory\n");
        return 1;
    }
    const struct filch_batch batch = {
        .futures = &rows[0].future,
        .future_stride = sizeof rows[0],
        .items = rows,
        .item_stride = sizeof rows[0],
        .count = ROWS,
    };
    int error = filch_submit_many(NULL, &batch, draw_row, NULL);
    if (!error)
        error = filch_wait_many(&batch, FILCH_NO_DEADLINE);
    if (error)
        fprintf(stderr, "items: %s\n", strerror(-error));
    int status = error ? 1 : check_rows(rows);
    free(rows);
    return status;
}
