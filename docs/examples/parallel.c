/* SPDX-License-Identifier: MIT */
/* parallel.c - primes below a million by parallel loops: for marks them, scan gives each its place, reduce finds the
 * widest gap, sort puts the gaps in order.
 *
 * A body gets a piece of the range and what the caller hands on; it may be called by several workers at once, each with
 * a piece of its own. How the range is cut is the loop's business, so one loop serves one processor and many.
 */
#include <filch/filch.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LIMIT = 1000000, MOST = 80000 };

struct primes {
    bool is_prime[LIMIT];
    unsigned prime[MOST], gap[MOST]; /* in order; gap[i] follows prime[i] */
};

static int mark(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct primes *primes = ctx;
    (void)slot;
    for (size_t n = begin; n < end; n++) {
        primes->is_prime[n] = n >= 2;
        for (size_t d = 2; d * d <= n && primes->is_prime[n]; d++)
            primes->is_prime[n] = n % d != 0;
    }
    return 0;
}

static int count(void *ctx, size_t begin, size_t end, void *sum)
{
    const struct primes *primes = ctx;
    for (size_t n = begin; n < end; n++)
        *(size_t *)sum += primes->is_prime[n];
    return 0;
}

static int add(void *ctx, void *sum, const void *right)
{
    (void)ctx;
    *(size_t *)sum += *(const size_t *)right;
    return 0;
}

/* What `count` adds up is, on the way, the place of the next prime. */
static int place(void *ctx, size_t begin, size_t end, void *sum)
{
    struct primes *primes = ctx;
    for (size_t n = begin; n < end; n++)
        if (primes->is_prime[n])
            primes->prime[(*(size_t *)sum)++] = (unsigned)n;
    return 0;
}

static int widest_of(void *ctx, size_t begin, size_t end, void *widest)
{
    struct primes *primes = ctx;
    for (size_t i = begin; i < end; i++) {
        primes->gap[i] = primes->prime[i + 1] - primes->prime[i];
        if (primes->gap[i] > *(unsigned *)widest)
            *(unsigned *)widest = primes->gap[i];
    }
    return 0;
}

static int wider(void *ctx, void *widest, const void *right)
{
    (void)ctx;
    if (*(const unsigned *)right > *(unsigned *)widest)
        *(unsigned *)widest = *(const unsigned *)right;
    return 0;
}

static int by_number(const void *a, const void *b, void *ctx)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    (void)ctx;
    return (x > y) - (x < y);
}

int main(void)
{
    static struct primes primes;
    const struct filch_reducer counting = {.size = sizeof(size_t), .fold = count, .combine = add};
    const struct filch_reducer widening = {.size = sizeof(unsigned), .fold = widest_of, .combine = wider};
    size_t found = 0;
    unsigned widest = 0;
    int error = filch_for(NULL, 0, LIMIT, NULL, mark, &primes);
    if (!error)
        error = filch_scan(NULL, 0, LIMIT, NULL, &counting, place, &primes, &found);
    if (!error)
        error = filch_reduce(NULL, 0, found - 1, NULL, &widening, &primes, &widest);
    if (!error)
        error = filch_sort(NULL, primes.gap, found - 1, sizeof primes.gap[0], NULL, by_number, NULL);
    if (error) {
        fprintf(stderr, "parallel: %s\n", strerror(-error));
        return 1;
    }
    printf("%zu primes, the last %u; gaps between them: half up to %u, all up to %u\n", found, primes.prime[found - 1],
           primes.gap[found / 2], widest);
    return found == 78498 && widest == 114 && primes.gap[found - 2] == widest ? 0 : 1;
}
