/* SPDX-License-Identifier: MIT */
/* spans.c - programs whose work and span are known in closed form: runs the kernel that its argument names, and prints both in
 * nanoseconds; without one, the kernels' names.
 */
#include "spans.h"

#include <inttypes.h>

static const struct kernel {
    const char *name;
    struct cost (*run)(struct filch_pool *pool);
    unsigned workers;
    bool full; /* what is submitted runs inside who submits it, for the most part */
} kernels[] = {
    {"tree", run_tree, 2, false},         {"tree_alone", run_tree, 1, false},
    {"unequal", run_unequal, 2, false},   {"stolen", run_stolen, 2, false},
    {"below", run_below, 2, false},       {"back", run_back, 2, false},
    {"loop", run_loop, 2, false},         {"chain", run_chain, 2, false},
    {"diamond", run_diamond, 2, false},   {"wavefront", run_wavefront, 2, false},
    {"fan", run_fan, 2, false},           {"fan_alone", run_fan, 1, false},
    {"fan_inside", run_fan, 1, true},     {"any", run_any, 2, false},
    {"promise", run_promise, 2, false},   {"scope", run_scope, 2, false},
    {"scope_inside", run_scope, 1, true}, {"completions", run_completions, 2, false},
    {"inner", run_inner, 1, false},       {"inner_of_two", run_inner, 2, false},
};

static void run(const struct kernel *kernel)
{
    const struct filch_pool_config config = {
        .max_concurrency = kernel->workers, .queue_limit = kernel->full ? 1 : 0, .when_full = FILCH_FULL_RUN};
    struct filch_pool *pool = pool_open(&config);
    struct cost cost = kernel->run(pool);
    printf("{\"work\": %" PRIu64 ", \"span\": %" PRIu64 "}\n", cost.work, cost.span);
    pool_end(pool);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        if (argc < 2)
            puts(kernels[i].name);
        else if (!strcmp(argv[1], kernels[i].name))
            run(&kernels[i]);
    }
}
