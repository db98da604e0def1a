#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# clock_symbols.sh LIBRARY NM - the static library knows the time by clock_gettime alone, and sleeps by its own futex
# calls alone: it refers to no other function that reads a clock, or that waits on one. The exception is ppoll, for the socket
# of the live view: it takes a duration, which the kernel measures on the same clock.
set -euo pipefail
symbols=$("${2:-nm}" --undefined-only --format=just-symbols "$1" 2>/dev/null || "${2:-nm}" -u "$1")
if ! grep -qw clock_gettime <<<"$symbols"; then
    echo "$1: no symbol clock_gettime: is this the library?" >&2
    exit 1
fi
pattern='time|gettimeofday|ftime|clock|timespec_get|clock_nanosleep|nanosleep|usleep|sleep|alarm|setitimer|timer_.*'
pattern+='|timerfd_.*|pthread_cond_.*|pthread_.*timed.*|pthread_.*clock.*|sem_timedwait|sem_clockwait|select|pselect'
pattern+='|poll|epoll_.*|mtx_timedlock|cnd_.*|thrd_sleep'
if found=$(sed 's/^ *U *//; s/@.*//' <<<"$symbols" | grep -xE "$pattern" | sort -u); then
    echo "$1 refers to:" $found >&2
    exit 1
fi
