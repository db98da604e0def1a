/* SPDX-License-Identifier: MIT */
/* victim_throw.cpp - a C++ program whose task throws: `victim_throw escape`; or catches what it threw: `... catch`. */
#include <filch/filch.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>

extern "C" {

static int thrower(void *)
{
    throw std::runtime_error("out of a task");
}

/* An exception that stays inside the task is the task's own affair, also around waits outside the handler. */
static int catcher(void *)
{
    int caught = 0;
    for (int i = 0; i < 3; i++) {
        filch_future inner = {};
        try {
            throw i;
        } catch (int value) {
            caught += value == i;
        }
        if (filch_submit(
                nullptr, &inner, [](void *) { return 1; }, nullptr) != 0)
            return -1;
        caught += filch_wait(&inner);
    }
    return caught;
}
}

static void on_terminate()
{
    std::fprintf(stderr, "terminate was called\n");
    std::abort();
}

int main(int argc, char **argv)
{
    bool escape = argc > 1 && std::strcmp(argv[1], "escape") == 0;
    std::set_terminate(on_terminate);
    filch_pool_config config = {};
    config.max_concurrency = 2;
    filch_pool *pool = nullptr;
    if (filch_pool_open(&pool, &config) != 0)
        return 1;
    filch_future future = {};
    if (filch_submit(pool, &future, escape ? thrower : catcher, nullptr) != 0)
        return 1;
    int status = filch_wait(&future);
    if (filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) != 0)
        return 1;
    filch_pool_free(pool);
    return !escape && status == 6 ? 0 : 1;
}
