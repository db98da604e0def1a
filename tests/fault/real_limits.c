/* SPDX-License-Identifier: MIT */
/* real_limits.c - the kernel's own refusals: RLIMIT_NPROC, RLIMIT_AS and RLIMIT_NOFILE, and a sandbox without
 * membarrier(2). A pool opens whole or not at all, and what opened works. */
#include "support/child.h"
#include "support/tasks.h"
#include "support/test.h"

#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/resource.h>

enum { workers = 4, below = 20, OPENED = 40, REFUSED = 41 };

/* ThreadSanitizer starts no threads in a child of a process that had some. */
#define skip_under_tsan()                                                                                              \
    do {                                                                                                               \
        if (TEST_TSAN)                                                                                                 \
            test_skip("ThreadSanitizer starts no threads after a fork");                                               \
    } while (0)

static long threads_of_process(void)
{
    long count = 0;
    DIR *tasks = opendir("/proc/self/task");
    must(tasks != NULL);
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/* Submits and waits inside a task. */
static int sum_below(void *data)
{
    struct filch_future futures[below] = {{{0}}};
    for (int i = 0; i < below; i++)
        must(filch_submit(NULL, &futures[i], count_up, data) == 0);
    for (int i = 0; i < below; i++)
        must(filch_wait(&futures[i]) == 0);
    return 0;
}

/* Open a pool under the limits that are set, use it, and close it. `error` is what a refusal may say. */
static int open_and_use(const struct filch_pool_config *config, int error, filch_fn *body, int counts)
{
    struct filch_pool *const untouched = (struct filch_pool *)&error;
    struct filch_pool *pool = untouched;
    struct filch_future futures[30] = {{{0}}};
    atomic_int runs = 0;
    long threads = threads_of_process();
    int result = filch_pool_open(&pool, config);
    must(result == 0 || result == error || result == -ENOMEM);
    if (result != 0) {
        must(pool == untouched);
        wait_until(threads_of_process() == threads); /* a joined thread leaves the list a little later */
        return REFUSED;
    }
    must(stats_of(pool).workers >= config->min_workers);
    for (int i = 0; i < 30; i++)
        must(filch_submit(pool, &futures[i], body, &runs) == 0);
    for (int i = 0; i < 30; i++)
        must(filch_wait(&futures[i]) == 0);
    must(atomic_load(&runs) == 30 * counts);
    pool_end(pool);
    return OPENED;
}

static void limit(int resource, rlim_t value)
{
    struct rlimit given = {value, value};
    must(setrlimit((__rlimit_resource_t)resource, &given) == 0);
}

/* ---- threads ---- */

/* Root may start as many as it likes: become a user that runs nothing else. */
static bool leave_root(void)
{
    const uid_t unused = 64321;
    return getuid() != 0 || (setgroups(0, NULL) == 0 && setresgid(unused, unused, unused) == 0 &&
                             setresuid(unused, unused, unused) == 0);
}

static int under_thread_limit(void *data)
{
    const struct filch_pool_config config = {.min_workers = workers, .max_concurrency = workers + 2};
    if (!leave_root())
        return 77;
    limit(RLIMIT_NPROC, *(rlim_t *)data);
    return open_and_use(&config, -EAGAIN, sum_below, below);
}

/* One process of this user there is: the child itself. So with a limit of 1 + n, n workers can start. */
Test(real_limits, of_threads, .timeout = TEST_TIMEOUT)
{
    skip_under_tsan();
    int opened = 0, refused = 0;
    bool alone = getuid() == 0; /* else others of this user count as well */
    for (rlim_t most = 1; most <= workers + 3; most++) {
        struct child child;
        child_fork(&child, under_thread_limit, &most);
        if (child.exit_status == 77)
            test_skip("cannot become another user");
        cr_assert(child_exited(&child, child.exit_status == OPENED ? OPENED : REFUSED));
        opened += child.exit_status == OPENED;
        refused += child.exit_status == REFUSED;
        if (alone && !TEST_SANITIZED)
            cr_assert_eq(child.exit_status, most <= workers ? REFUSED : OPENED, "a limit of %ld", (long)most);
    }
    cr_assert_gt(refused, 0);
    printf("figure: P7 RLIMIT_NPROC: %d limits, %d pools whole, %d not opened\n", opened + refused, opened, refused);
}

/* ---- address space ---- */

static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    must(file && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int under_memory_limit(void *data)
{
    const struct filch_pool_config config = {.min_workers = workers, .max_concurrency = workers};
    limit(RLIMIT_AS, address_space() + *(rlim_t *)data);
    return open_and_use(&config, -EAGAIN, count_up, 1);
}

/* Threads' stacks come first to the limit: each takes 8 MiB. Tasks do not wait here: a wait needs a stack more. */
Test(real_limits, of_address_space, .timeout = TEST_TIMEOUT)
{
    skip_under_tsan();
    if (TEST_ASAN)
        test_skip("AddressSanitizer maps terabytes");
    int opened = 0, refused = 0;
    for (rlim_t room = 0; room <= 200 << 20; room += room < 64 << 20 ? 2 << 20 : 20 << 20) {
        struct child child;
        child_fork(&child, under_memory_limit, &room);
        cr_assert(child_exited(&child, child.exit_status == OPENED ? OPENED : REFUSED), "%ld bytes", (long)room);
        opened += child.exit_status == OPENED;
        refused += child.exit_status == REFUSED;
    }
    cr_assert(opened > 0 && refused > 0);
    printf("figure: P7 RLIMIT_AS: %d limits, %d pools whole, %d not opened\n", opened + refused, opened, refused);
}

/* ---- descriptors ---- */

static int under_descriptor_limit(void *unused)
{
    struct filch_completions *completions = NULL;
    struct filch_future future = {0}, *finished = NULL;
    (void)unused;
    struct filch_pool *pool = pool_of(1);
    struct filch_task_options options = {0};
    must(filch_completions_open(&completions) == 0);
    limit(RLIMIT_NOFILE, 3); /* standard input, output and error are open */
    int spare;
    while ((spare = dup(STDERR_FILENO)) >= 0)
        ;
    must(filch_completions_fd(completions) == -EMFILE);
    options.completions = completions;
    must(filch_submit_with(pool, &future, nothing, NULL, &options) == 0);
    must(filch_completions_next(completions, FILCH_NO_DEADLINE, &finished) == 0 && finished == &future);
    filch_completions_close(completions);
    pool_end(pool);
    return OPENED;
}

Test(real_limits, of_descriptors, .timeout = TEST_TIMEOUT)
{
    skip_under_tsan();
    struct child child;
    child_fork(&child, under_descriptor_limit, NULL);
    cr_assert(child_exited(&child, OPENED));
}

/* ---- a sandbox ---- */

#define SANDBOXED "FILCH_TEST_SANDBOXED"

/* From the program's start, for liburcu asks before main. */
static int start_sandboxed(void *program)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog code = {sizeof filter / sizeof filter[0], filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &code) != 0)
        return 77;
    setenv(SANDBOXED, "1", 1);
    execl(program, program, "--inside", (char *)NULL);
    return 98;
}

static int inside_sandbox(void)
{
    const struct filch_pool_config config = {.min_workers = 2, .max_concurrency = workers};
    must(syscall(SYS_membarrier, 0, 0, 0) == -1 && errno == EPERM);
    int result = OPENED;
    for (int i = 0; i < 50 && result == OPENED; i++)
        result = open_and_use(&config, 0, sum_below, below);
    return result;
}

__attribute__((constructor(65535))) static void enter_if_sandboxed(void)
{
    if (getenv(SANDBOXED))
        _exit(inside_sandbox());
}

Test(real_limits, a_sandbox_that_refuses_membarrier, .timeout = TEST_TIMEOUT)
{
    struct child child;
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    must(length > 0);
    program[length] = '\0';
    child_fork(&child, start_sandboxed, program);
    if (child.exit_status == 77)
        test_skip("no seccomp filters here");
    cr_assert(child_exited(&child, OPENED));
}
