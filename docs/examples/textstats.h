/* SPDX-License-Identifier: MIT */
/* textstats.h - a small library that counts lines and words of many texts at once; library.c is its user.
 *
 * It works in the pool that it is given. NULL: in the pool of the task that calls, else in the process's default pool. So
 * a program that has a pool hands it down, or calls from a task of that pool, and its limit covers the library's work too.
 */
#ifndef TEXTSTATS_H
#define TEXTSTATS_H

#include <stddef.h>

struct filch_pool;

struct textstats {
    size_t lines, words;
};

/* Count in all texts. Blocks a thread, suspends a task. Errors: -ENOMEM, and those of filch_submit_many; then *ret_total
 * is untouched. */
int textstats_count(struct filch_pool *pool, const char *const texts[], size_t count, struct textstats *ret_total);

#endif
