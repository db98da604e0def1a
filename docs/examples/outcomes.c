/* SPDX-License-Identifier: MIT */
/* outcomes.c - is it done, how did it end, and what did it compute: each item has a status of its own.
 *
 * A task returns 0 (or more) or a negative errno, which is its future's status. Results lie in the closure's data. One
 * that fails does not disturb the others.
 */
#include <filch/filch.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct number {
    const char *text;
    struct filch_future future;
    struct filch_future *needs; /* what must be there before it can begin to read */
    long value;
};

static int parse(void *data)
{
    struct number *number = data;
    char *end;
    if (number->needs && filch_wait(number->needs) < 0) /* suspends the task, not its worker */
        return -EIO;
    errno = 0;
    long value = strtol(number->text, &end, 10);
    if (errno != 0)
        return -errno;
    if (!isdigit((unsigned char)number->text[0]) || *end != '\0')
        return -EINVAL;
    number->value = value;
    return 0;
}

static const char *outcome(const struct filch_future *future)
{
    int status = filch_status(future); /* -EINPROGRESS until it is done */
    return status < 0 ? strerror(-status) : "success";
}

int main(void)
{
    struct filch_future input = {0};
    struct number numbers[] = {
        {.text = "42"},
        {.text = "x42"},
        {.text = "1e3"},
        {.text = "99999999999999999999"},
        {.text = "58", .needs = &input},
    };
    enum { COUNT = sizeof numbers / sizeof numbers[0], LAST = COUNT - 1 };
    long sum = 0;
    int good = 0;
    filch_promise_init(&input);
    for (int i = 0; i < COUNT; i++)
        filch_submit(NULL, &numbers[i].future, parse, &numbers[i]);

    bool early = filch_done(&numbers[LAST].future);
    printf("%s, before its input is there: %s\n", numbers[LAST].text, outcome(&numbers[LAST].future));
    filch_complete(&input, 0);
    for (int i = 0; i < COUNT; i++) {
        int status = filch_wait(&numbers[i].future);
        printf("%s: %s\n", numbers[i].text, outcome(&numbers[i].future));
        good += status == 0;
        sum += numbers[i].value;
    }
    printf("%d of %d are numbers, their sum is %ld\n", good, COUNT, sum);
    bool right = filch_status(&numbers[1].future) == -EINVAL && filch_status(&numbers[2].future) == -EINVAL &&
                 filch_status(&numbers[3].future) == -ERANGE;
    return !early && right && good == 2 && sum == 100 ? 0 : 1;
}
