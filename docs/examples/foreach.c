/* SPDX-License-Identifier: MIT */
/* foreach.c - for each of a hundred words, five at a time, in one call.
 *
 * The limit is the pool's, the loop is filch_for. A grain of 1 says that each index is worth a call of its own, as it is
 * where an item takes long or waits. `slot` is a number that no other running body has: for scratch memory without a lock.
 */
#include <filch/filch.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 100, AT_ONCE = 5 };

struct work {
    char words[WORDS][16];
    char reversed[WORDS][16];
    unsigned done[AT_ONCE]; /* by slot */
    atomic_int running, most;
};

static void reverse(const char *word, char *ret_reversed)
{
    size_t length = strlen(word);
    for (size_t i = 0; i < length; i++)
        ret_reversed[i] = word[length - 1 - i];
    ret_reversed[length] = '\0';
}

static int each(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct work *work = ctx;
    int now = atomic_fetch_add(&work->running, 1) + 1, most = atomic_load(&work->most);
    while (now > most && !atomic_compare_exchange_weak(&work->most, &most, now))
        ;
    for (size_t i = begin; i < end; i++)
        reverse(work->words[i], work->reversed[i]);
    work->done[slot] += (unsigned)(end - begin);
    atomic_fetch_sub(&work->running, 1);
    return 0; /* anything else ends the loop, and is what filch_for returns */
}

int main(void)
{
    static struct work work;
    struct filch_pool *pool;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = AT_ONCE});
    if (error) {
        fprintf(stderr, "foreach: no pool: %s\n", strerror(-error));
        return 1;
    }
    for (int i = 0; i < WORDS; i++)
        snprintf(work.words[i], sizeof work.words[i], "word%d", i);
    error = filch_for(pool, 0, WORDS, &(struct filch_for_options){.grain = 1}, each, &work);
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);

    unsigned sum = 0;
    for (int slot = 0; slot < AT_ONCE; slot++)
        sum += work.done[slot];
    bool held = atomic_load(&work.most) <= AT_ONCE;
    printf("%u words, the last %s; never more than %d at once: %s\n", sum, work.reversed[WORDS - 1], AT_ONCE,
           held ? "yes" : "no");
    return !error && sum == WORDS && held && strcmp(work.reversed[WORDS - 1], "99drow") == 0 ? 0 : 1;
}
