/* SPDX-License-Identifier: MIT */
/* options.c - the options of a submit, right and wrong. */
#define TEST_FURTHER_SOURCE
#include "fuzz.h"

/* One field that is wrong, or that this version does not act on. */
static void spoil(struct choice *choice)
{
    static struct filch_future *after[1], never, *idle = &never;
    static struct filch_scope closed;
    struct filch_task_options *options = &choice->options;
    switch (input_below(&world.input, 8)) {
    case 0:
        options->flags |= 1u << 12;
        break;
    case 1:
        options->flags |= 1u << 31;
        break;
    case 2:
        options->reserved[input_below(&world.input, 4)] = 1;
        break;
    case 3:
        options->priority = input_rarely(&world.input, 2) ? 2 : -2;
        break;
    case 4:
        options->scope = &closed;
        allow(&choice->errors, -ESHUTDOWN);
        return;
    case 5:
        options->after = &idle; /* never submitted */
        options->after_count = 1;
        break;
    case 6:
        options->after = after;
        options->after_count = 1;
        break;
    default:
        options->after_count = 1; /* of a list that there is not */
    }
    allow(&choice->errors, -EINVAL);
}

struct choice pick_options(void (*dropped)(void *data, int status))
{
    static const uint64_t timeouts[] = {1, FILCH_MS(1), UINT64_MAX - 1, UINT64_MAX};
    struct choice choice = {.given = true, .queue = -1};
    unsigned bits = input_byte(&world.input);
    if (bits < 64) {
        choice.given = bits >= 32;
        return choice;
    }
    choice.options.name = bits & 1 ? "fuzzed" : NULL;
    choice.options.flags = bits & 2 ? FILCH_TASK_OWN_THREAD : 0;
    choice.options.dropped = bits & 4 ? dropped : NULL;
    if (bits & 32)
        choice.options.priority = input_below(&world.input, 2) ? 1 : -1;
    if (bits & 8)
        choice.options.timeout_ns = timeouts[input_below(&world.input, 4)];
    if (bits & 16) {
        int queue = (int)input_below(&world.input, QUEUES);
        choice.queue = world.queues[queue] ? queue : -1;
        choice.options.completions = world.queues[queue];
    }
    if ((bits & 96) == 96)
        spoil(&choice);
    else if (bits & 64)
        pick_holds(&choice);
    return choice;
}

const struct filch_task_options *options_of(const struct choice *choice)
{
    return choice->given ? &choice->options : NULL;
}
