/* SPDX-License-Identifier: MIT */
/* blocking.c - look names up with getaddrinfo, which blocks: more at a time than the pool runs bodies, and the pool computes
 * meanwhile.
 */
#define _POSIX_C_SOURCE 200809L

#include <filch/filch.h>

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { LOOKUPS = 16, SUMS = 8 };

struct lookup {
    char host[32];
    int family;
    struct filch_future future;
};

static int resolve(void *data)
{
    struct lookup *it = data;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(it->host, "80", &hints, &found) != 0)
        return -1;
    it->family = found->ai_family;
    freeaddrinfo(found);
    return 0;
}

/* The task: before and after the call it holds a permit of the pool, in the call another body has it. */
static int look_up(void *data)
{
    return filch_blocking(resolve, data);
}

static int sum(void *data)
{
    long *n = data, total = 0;
    for (long i = 1; i <= *n; i++)
        total += i;
    *n = total;
    return 0;
}

int main(void)
{
    static struct lookup lookups[LOOKUPS];
    struct filch_future futures[SUMS] = {{{0}}};
    long numbers[SUMS];
    struct filch_pool *pool;
    int resolved = 0, added = 0;
    if (filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = 2}) != 0)
        return 1;
    for (int i = 0; i < LOOKUPS; i++) {
        snprintf(lookups[i].host, sizeof lookups[i].host, i % 2 ? "::%d" : "127.0.0.%d", i + 1);
        filch_submit(pool, &lookups[i].future, look_up, &lookups[i]);
    }
    for (int i = 0; i < SUMS; i++) {
        numbers[i] = 1000;
        filch_submit(pool, &futures[i], sum, &numbers[i]);
    }
    for (int i = 0; i < LOOKUPS; i++)
        resolved += filch_wait(&lookups[i].future) == 0 && lookups[i].family == (i % 2 ? AF_INET6 : AF_INET);
    for (int i = 0; i < SUMS; i++)
        added += filch_wait(&futures[i]) == 0 && numbers[i] == 500500;
    printf("%d of %d addresses understood, %d of %d sums right\n", resolved, LOOKUPS, added, SUMS);
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    return resolved == LOOKUPS && added == SUMS ? 0 : 1;
}
