/* SPDX-License-Identifier: MIT */
/* first.c - hand closures to filch, wait until they have run, read what they computed. */
#include <filch/filch.h>
#include <stdio.h>

struct sum {
    long upto;
    long result;
};

static int add_up(void *data)
{
    struct sum *sum = data;
    for (long i = 1; i <= sum->upto; i++)
        sum->result += i;
    return 0; /* or a negative errno */
}

int main(void)
{
    struct sum sums[] = {{10, 0}, {1000, 0}, {1000000, 0}};
    struct filch_future futures[3] = {0};
    for (int i = 0; i < 3; i++)
        filch_submit(NULL, &futures[i], add_up, &sums[i]); /* if it fails, the wait says why */
    for (int i = 0; i < 3; i++) {
        int status = filch_wait(&futures[i]);
        printf("1 + ... + %ld = %ld (status %d)\n", sums[i].upto, sums[i].result, status);
    }
}
