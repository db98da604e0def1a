/* SPDX-License-Identifier: MIT */
/* storm.c - a stress program under a storm of signals: its own main is load_main here, and its claims are to hold.
 *
 * 10,000 signals a second, one after another to each thread there is: SIGUSR1, which callers take in their waits and
 * workers block, and SIGPROF, which workers do not block. The handler is installed without SA_RESTART, so each signal
 * ends the system call that it meets.
 */
#include "storm.h"

#include "support/stress.h"

#include <fcntl.h>

enum { signals_per_second = 10000, threads_most = 256, full_seconds = 60 };

static struct {
    atomic_bool stop;
    long sent;
    atomic_long taken, taken_by_workers;
    _Atomic uint64_t tasks;
    uint64_t began_ns;
} storm;

static void on_signal(int signal_number)
{
    int before = errno;
    atomic_fetch_add_explicit(&storm.taken, 1, memory_order_relaxed);
    if (signal_number == SIGPROF && filch_pool_current())
        atomic_fetch_add_explicit(&storm.taken_by_workers, 1, memory_order_relaxed);
    errno = before;
}

/* All threads but this one. */
static int list_threads(long *ret_thread)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && count < threads_most && (entry = readdir(tasks));) {
        ret_thread[count] = atol(entry->d_name);
        count += ret_thread[count] > 0 && ret_thread[count] != thread_id();
    }
    if (tasks)
        closedir(tasks);
    return count;
}

static long due(void)
{
    return (long)((filch_now_ns() - storm.began_ns) / (1000000000u / signals_per_second));
}

/* Threads come and go: the list is read anew for each burst, and a thread that has ended is missed. */
static void *send_signals(void *unused)
{
    long thread[threads_most];
    (void)unused;
    while (!atomic_load(&storm.stop)) {
        struct timespec pause = {0, 500000};
        int count = list_threads(thread);
        for (int i = 0; count > 0 && storm.sent < due(); i++)
            for (int k = 0; k < count; k++, storm.sent++)
                syscall(SYS_tgkill, getpid(), thread[k], i % 2 ? SIGUSR1 : SIGPROF);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static pthread_t storm_begin(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t all, before;
    sigemptyset(&action.sa_mask);
    must(sigaction(SIGUSR1, &action, NULL) == 0 && sigaction(SIGPROF, &action, NULL) == 0);
    storm.began_ns = filch_now_ns();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread = thread_start(send_signals, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return thread;
}

/* The load's pools are counted as they are freed. */
void __real_filch_pool_free(struct filch_pool *pool);
void __wrap_filch_pool_free(struct filch_pool *pool);
void __wrap_filch_pool_free(struct filch_pool *pool)
{
    struct filch_pool_stats stats;
    if (pool && filch_pool_get_stats(pool, &stats, sizeof stats) == 0)
        atomic_fetch_add(&storm.tasks, stats.run + stats.dropped);
    __real_filch_pool_free(pool);
}

static bool is_full(void)
{
    const char *size = getenv("FILCH_STRESS");
    return size && strcmp(size, "full") == 0;
}

/* The load's figures are of single rounds, and another program's. What fails goes to the standard error. */
static int silence(void)
{
    int kept = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    must(kept >= 0 && null >= 0 && dup2(null, STDOUT_FILENO) >= 0);
    close(null);
    return kept;
}

static void speak(int kept)
{
    fflush(stdout);
    must(dup2(kept, STDOUT_FILENO) >= 0);
    close(kept);
}

/* Rounds of the load, one by one, until the time is over; or as FILCH_ROUNDS says. The load goes on counting rounds. */
static int run_load(int argc, char **argv)
{
    char rounds[24];
    int result = 0, kept = silence();
    bool given = getenv("FILCH_ROUNDS") != NULL;
    uint64_t until_ns = filch_in_ns(is_full() ? FILCH_S(full_seconds) : FILCH_MS(STORM_CI_MS));
    for (int round = 1; result == 0 && (round == 1 || (!given && filch_now_ns() < until_ns)); round++) {
        snprintf(rounds, sizeof rounds, "%d", round);
        if (!given)
            setenv("FILCH_ROUNDS", rounds, 1);
        result = load_main(argc, argv);
    }
    speak(kept);
    return result;
}

int main(int argc, char **argv)
{
#if defined(__clang__)
    if (TEST_TSAN) {
        printf("skipped: clang 14's ThreadSanitizer waits for itself when a signal comes while it frees a thread's "
               "memory\n");
        return 77;
    }
#endif
    pthread_t thread = storm_begin();
    int result = run_load(argc, argv);
    atomic_store(&storm.stop, true);
    thread_join(thread);
    double seconds = (double)(filch_now_ns() - storm.began_ns) / 1e9;
    must(atomic_load(&storm.taken) > 0 && atomic_load(&storm.taken_by_workers) > 0);
    printf("figure: P12 %ld signals in %.1f s (%ld taken, %ld in tasks), %" PRIu64 " tasks of %s, none lost\n",
           storm.sent, seconds, atomic_load(&storm.taken), atomic_load(&storm.taken_by_workers),
           atomic_load(&storm.tasks), STORM_LOAD);
    return result;
}
