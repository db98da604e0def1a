/* SPDX-License-Identifier: MIT */
/* progress.c - how far a job is, as a bar on the terminal, while tasks of it say something now and then.
 *
 * Each task counts what it has done by one call, which is one atomic addition. Run on a terminal, this draws a bar; else it
 * draws nothing. What the tasks report appears above the bar: it is hidden while a line is printed. The program asks for
 * the figures as well.
 */
#include <filch/filch.h>

#include <stdio.h>
#include <string.h>

enum { NUMBERS = 60, STEPS = 2000 };

struct number {
    struct filch_future future;
    struct filch_progress *progress;
    unsigned n;
    unsigned primes; /* below n * STEPS, from (n - 1) * STEPS on */
};

static int is_prime(unsigned number)
{
    for (unsigned divisor = 2; divisor * divisor <= number; divisor++)
        if (number % divisor == 0)
            return 0;
    return number > 1;
}

static int count_primes(void *data)
{
    struct number *number = data;
    for (unsigned i = (number->n - 1) * STEPS; i < number->n * STEPS; i++) {
        number->primes += (unsigned)is_prime(i);
        if (i % 100 == 99)
            filch_progress_add(number->progress, 100);
    }
    if (number->n % 20 == 0)
        filch_report(FILCH_INFO, "another twenty");
    return 0;
}

static void print_report(void *ctx, const char *task, enum filch_level level, const char *text)
{
    struct filch_progress *progress = *(struct filch_progress **)ctx;
    (void)task;
    filch_progress_hide(progress);
    fprintf(stderr, "%s: %s\n", filch_level_name(level), text);
    filch_progress_show(progress);
}

int main(void)
{
    static struct number numbers[NUMBERS];
    struct filch_progress *progress;
    struct filch_progress_state state;
    struct filch_pool *pool;
    const struct filch_progress_config bar = {
        .total = (uint64_t)NUMBERS * STEPS, .label = "primes", .unit = "numbers", .fd = 2};
    int error = filch_progress_open(&progress, &bar);
    if (!error &&
        (error = filch_pool_open(&pool, &(struct filch_pool_config){.report = print_report, .report_ctx = &progress})))
        filch_progress_close(progress);
    if (error) {
        fprintf(stderr, "progress: %s\n", strerror(-error));
        return 1;
    }
    for (unsigned i = 0; i < NUMBERS; i++) {
        numbers[i].n = i + 1;
        numbers[i].progress = progress;
    }
    const struct filch_batch batch = {&numbers[0].future, sizeof numbers[0], numbers, sizeof numbers[0], NUMBERS};
    error = filch_submit_many(pool, &batch, count_primes, NULL);
    if (!error)
        error = filch_wait_many(&batch, FILCH_NO_DEADLINE);
    filch_progress_get(progress, &state);
    filch_progress_close(progress); /* the bar's last state stays */
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    unsigned primes = 0;
    for (unsigned i = 0; i < NUMBERS; i++)
        primes += numbers[i].primes;
    printf("%u primes among %llu of %llu numbers, nothing left to wait for: %s\n", primes,
           (unsigned long long)state.done, (unsigned long long)state.total, state.eta_ns == 0 ? "yes" : "no");
    return !error && primes == 11301 && state.eta_ns == 0 ? 0 : 1;
}
