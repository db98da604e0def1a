/* SPDX-License-Identifier: MIT */
/* topfacts.h - what a process says of its pools over its socket (the protocol heads runtime/live.c). */
#ifndef TOOLS_TOPFACTS_H
#define TOOLS_TOPFACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum figure {
    SUBMITTED,
    RUN,
    DROPPED,
    STOLEN,
    PARKS,
    WAKES,
    SUSPENSIONS,
    RATES, /* these are counts; then the workers' times, and what is so now */
    BUSY_NS = RATES,
    SEARCH_NS,
    PARKED_NS,
    PERMIT_NS,
    BLOCKED_NS,
    TIMES,
    QUEUED = TIMES,
    HELD,
    SUSPENDED,
    STUCK,
    PERMITS,
    LIMIT,
    SEARCHING,
    PARKED,
    THREADS,
    KEPT,
    FIGURES,
};

struct top_worker {
    unsigned id;
    unsigned long long queued, for_ns;
    bool busy, blocked;
    char task[96];
};

struct top_pool {
    unsigned long long number, figure[FIGURES];
    char name[64], phase[16], last_stuck[96];
    unsigned long long last_stuck_ns;
    struct top_worker *worker;
    size_t workers;
};

struct top_facts {
    unsigned long long now_ns;
    struct top_pool *pool;
    size_t pools;
};

/* A connection to the process's socket; NULL, and the reason in a sentence. */
FILE *top_connect(long pid, char *reason, size_t size);

/* Ask for everything. False: the process has ended, or does not answer. */
bool top_ask(FILE *process, struct top_facts *ret_facts);
void top_free(struct top_facts *facts);

/* By number; NULL: none. */
struct top_pool *top_find(const struct top_facts *facts, unsigned long long number);

#endif
