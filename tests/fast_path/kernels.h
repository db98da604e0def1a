/* SPDX-License-Identifier: MIT */
/* kernels.h - tasks compiled apart, as a user's are, at each level of optimisation that is checked. */
#ifndef TESTS_FAST_PATH_KERNELS_H
#define TESTS_FAST_PATH_KERNELS_H

struct filch__forks;
struct filch__slot;

/* One child per call, synced right after one plain call. */
long kernel_fib(struct filch__forks *forks, struct filch__slot *head, int n);
/* n children per call, all of them spawned before the first is synced; each has n - 1. */
long kernel_spread(struct filch__forks *forks, struct filch__slot *head, int n);

#endif
