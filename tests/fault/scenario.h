/* SPDX-License-Identifier: MIT */
/* scenario.h - one run through the public interface, in which any call of the system may fail at any time.
 *
 * It asserts what must hold whatever fails: each call succeeds or returns an errno that its comment names, a pool opens
 * whole or not at all, each accepted task has run or was reported as dropped, once, and a refused one did neither.
 */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include "support/tasks.h"

struct scenario {
    struct filch_pool_config config;
    bool keep_threads; /* with bodies that keep their thread while they wait */
    enum filch_close mode;
    bool held; /* with edges, gates, scopes and what else may hold tasks back */
};

struct outcome {
    int open; /* what filch_pool_open returned; the rest is zero if it was not 0 */
    long accepted;
    long refused;
    long ran;
    long dropped;
};

struct outcome scenario_run(const struct scenario *scenario);
struct outcome scenario_held_run(const struct scenario *scenario); /* another one, in scenario_held.c */

#endif
