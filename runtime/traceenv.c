/* SPDX-License-Identifier: MIT */
/* The environment asks for a trace: FILCH_TRACE and its companions (filch/trace.h). Whoever sets them wants to hear why there is
 * no file, so this alone prints. */
#include "traces.h"

#include "os.h"

#include <filch/trace.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void filch__trace_complain(const char *what, int error)
{
    fprintf(stderr, "filch: FILCH_TRACE: %s: %s\n", what, strerror(-error));
}

#ifdef FILCH_NO_ENVIRONMENT

void filch__trace_environment(void)
{
}

void filch__trace_environment_after_fork(void)
{
}

#else

enum { BILLION = 1000000000 };

/* A number with or without a fraction, whatever the locale, in billionths. False: it is none, or too large. */
static bool read_billionths(const char *text, uint64_t *ret_value)
{
    uint64_t value = 0, unit = BILLION;
    bool fraction = false;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (*text < '0' || *text > '9' || value > UINT64_MAX / 20)
            return false;
        if (!fraction)
            value = value * 10 + (uint64_t)(*text - '0') * BILLION;
        else
            value += (uint64_t)(*text - '0') * (unit /= 10);
    }
    *ret_value = value;
    return true;
}

static bool read_setting(const char *name, uint64_t *ret_value)
{
    const char *text = secure_getenv(name);
    if (!text || read_billionths(text, ret_value))
        return true;
    filch__trace_complain(name, -EINVAL);
    return false;
}

static bool read_signal(int *ret_signal)
{
    const char *text = secure_getenv("FILCH_TRACE_SIGNAL");
    uint64_t number = 0;
    if (!text)
        return true;
    if (!strncmp(text, "SIG", 3))
        text += 3;
    if (!strcmp(text, "USR1"))
        *ret_signal = SIGUSR1;
    else if (!strcmp(text, "USR2"))
        *ret_signal = SIGUSR2;
    else if (read_billionths(text, &number) && number && number % BILLION == 0 && number / BILLION < _NSIG)
        *ret_signal = (int)(number / BILLION);
    else
        filch__trace_complain("FILCH_TRACE_SIGNAL", -EINVAL);
    return *ret_signal != 0;
}

static void write_at_exit(void)
{
    (void)filch_trace_stop();
}

static void start(const char *file)
{
    struct filch_trace_config config = {.file = file};
    uint64_t megabytes = 0, seconds = 0;
    if (!read_setting("FILCH_TRACE_MB", &megabytes) || !read_setting("FILCH_TRACE_LAST", &seconds) ||
        !read_signal(&config.signal))
        return;
    config.bytes_per_thread = (size_t)(megabytes / BILLION) << 20;
    config.last_ns = seconds;
    int r = filch_trace_start(&config);
    if (r == -EALREADY) /* the program has begun by itself */
        return;
    if (r) {
        filch__trace_complain(file, r);
        return;
    }
    filch__trace_session_asked();
    static bool registered; /* a forked child inherits it */
    if (!registered)
        registered = !atexit(write_at_exit);
}

static struct filch__lock lock = {PTHREAD_MUTEX_INITIALIZER};

/* Once in a process: a forked child is another one. Others that open a pool at the same time wait. */
void filch__trace_environment(void)
{
    static uint32_t looked; /* at it, by so many of this process's ancestors, and by itself */
    if (filch__load_acquire(&looked) == filch__load_relaxed(&filch__generation) + 1)
        return;
    filch__lock(&lock);
    uint32_t generation = filch__load_relaxed(&filch__generation);
    const char *file = looked == generation + 1 ? NULL : secure_getenv("FILCH_TRACE");
    if (file && *file && (generation == 0 || strstr(file, "%p")))
        start(file);
    filch__store_release(&looked, generation + 1);
    filch__unlock(&lock);
}

void filch__trace_environment_after_fork(void)
{
    filch__lock_init(&lock); /* a thread that is no more may hold it */
}

#endif
