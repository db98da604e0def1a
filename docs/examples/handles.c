/* SPDX-License-Identifier: MIT */
/* handles.c - ten thousand handles: wait for any of them, for all of them, and through one descriptor in a poll loop.
 *
 * WaitHandle.WaitAny ends at 64 handles, and a loop over IsCompleted asks all of them again and again. Here a wait is one
 * registration per future, and the waiter is woken once.
 */
#include <filch/filch.h>

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDLES = 10000, CHOSEN = 7777 };

struct item {
    struct filch_future future;
    long number, twice;
};

static struct item items[HANDLES];
static struct filch_future *handles[HANDLES];

static int twice(void *data)
{
    struct item *item = data;
    item->twice = 2 * item->number;
    return 0;
}

/* A promise ends when somebody says so; of these, one does. */
static int wait_for_any(void)
{
    size_t index = HANDLES;
    for (int i = 0; i < HANDLES; i++)
        filch_promise_init(handles[i]);
    filch_complete(handles[CHOSEN], 0);
    int error = filch_wait_any(handles, HANDLES, FILCH_NO_DEADLINE, &index);
    printf("any: number %zu of %d\n", index, HANDLES);
    for (int i = 0; i < HANDLES; i++)
        filch_complete(handles[i], 0); /* -EALREADY for that one */
    return error ? error : index == CHOSEN ? 0 : -EIO;
}

static int wait_for_all(void)
{
    for (int i = 0; i < HANDLES; i++)
        filch_submit(NULL, handles[i], twice, &items[i]);
    int error = filch_wait_all(handles, HANDLES, FILCH_NO_DEADLINE);
    for (int i = 0; i < HANDLES && !error; i++)
        error = filch_status(handles[i]); /* what each came to, also if its submit failed */
    printf("all: %d of %d\n", error ? 0 : HANDLES, HANDLES);
    return error;
}

/* Takes what is there now; how many that were. */
static int take(struct filch_completions *completions, long *sum)
{
    struct filch_future *future;
    int taken = 0;
    for (; filch_completions_next(completions, 0, &future) == 0; taken++)
        *sum += ((struct item *)((char *)future - offsetof(struct item, future)))->twice;
    return taken;
}

/* The descriptor stands in a poll loop between the program's others. */
static int poll_for_each(long *ret_sum)
{
    struct filch_completions *completions;
    int error = filch_completions_open(&completions);
    if (error)
        return error;
    struct pollfd descriptor = {.fd = filch_completions_fd(completions), .events = POLLIN};
    const struct filch_task_options options = {.completions = completions};
    int accepted = 0, taken = 0;
    for (int i = 0; i < HANDLES; i++)
        accepted += filch_submit_with(NULL, handles[i], twice, &items[i], &options) == 0;
    while (taken < accepted && descriptor.fd >= 0)
        if (poll(&descriptor, 1, -1) > 0)
            taken += take(completions, ret_sum);
    filch_completions_close(completions);
    printf("one by one: %d, through one descriptor, sum %ld\n", taken, *ret_sum);
    return taken == HANDLES ? 0 : -EIO;
}

int main(void)
{
    long sum = 0;
    for (int i = 0; i < HANDLES; i++) {
        items[i].number = i;
        handles[i] = &items[i].future;
    }
    int error = wait_for_any();
    error = error ? error : wait_for_all();
    error = error ? error : poll_for_each(&sum);
    if (error)
        fprintf(stderr, "handles: %s\n", strerror(-error));
    return !error && sum == (long)HANDLES * (HANDLES - 1) ? 0 : 1;
}
