/* SPDX-License-Identifier: MIT */
#include "overflow.h"

#include "strand.h"

#include <filch/detail/atomic.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIGNAL_STACK_SIZE = 16 << 10 };

static struct sigaction before;

static void say(const char *text)
{
    size_t length = strlen(text);
    while (length) {
        ssize_t r = write(STDERR_FILENO, text, length);
        if (r <= 0)
            return;
        text += r;
        length -= (size_t)r;
    }
}

static void say_address(const void *address)
{
    char digits[19] = "0x";
    for (int i = 0; i < 16; i++)
        digits[2 + i] = "0123456789abcdef"[(uintptr_t)address >> (60 - 4 * i) & 15];
    say(digits);
}

/* Is the fault in the guard page, or in the strand's stack (a fault while growing into the guard)? */
static bool is_overflow(const struct filch__strand *strand, const char *fault)
{
    return strand && !strand->thread && strand->guarded && fault < strand->low &&
           fault >= strand->low - filch__os_page_size();
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    const struct filch__strand *strand = filch__strand_current();
    if (is_overflow(strand, info->si_addr)) {
        const char *label = filch__load_relaxed(&strand->label);
        say("filch: stack overflow in task ");
        if (label) {
            say("\"");
            say(label);
            say("\"");
        } else {
            say("with function ");
            filch_fn *fn = filch__load_relaxed(&strand->fn);
            void *address;
            memcpy(&address, &fn, sizeof address);
            say_address(address);
        }
        say(" (see stack_size in struct filch_pool_config)\n");
    }
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(signal_number, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(signal_number);
    else
        signal(SIGSEGV, SIG_DFL); /* the instruction faults again on return */
}

static void install(void)
{
#if !defined(FILCH_ASAN) && !defined(FILCH_TSAN)
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    if (!sigaction(SIGSEGV, NULL, &before))
        sigaction(SIGSEGV, &action, NULL);
#else
    (void)on_fault;
#endif
}

void filch__overflow_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
}

void *filch__overflow_enter(void)
{
    stack_t now, mine = {.ss_size = SIGNAL_STACK_SIZE};
    if (sigaltstack(NULL, &now) || !(now.ss_flags & SS_DISABLE) || !(mine.ss_sp = malloc(SIGNAL_STACK_SIZE)))
        return NULL;
    if (sigaltstack(&mine, NULL)) {
        free(mine.ss_sp);
        return NULL;
    }
    return mine.ss_sp;
}

void filch__overflow_leave(void *signal_stack)
{
    if (!signal_stack)
        return;
    stack_t off = {.ss_flags = SS_DISABLE};
    sigaltstack(&off, NULL);
    free(signal_stack);
}
