/* SPDX-License-Identifier: MIT */
/* cpu_limits.c - how many workers there are to be: a table of affinities, cgroups and settings.
 *
 * A directory of files stands for the system's root (filch__os_cgroup_root), and the affinity is made up, so that the
 * expected number does not depend on the machine. FILCH_CPUS is out of the way where it is not the point.
 */
#include "os.h"
#include "support/tasks.h"
#include "support/test.h"

#include <ftw.h>
#include <sched.h>
#include <sys/stat.h>

/* ---- the affinity ---- */

static int made_up_cpus = 8, kernel_cpus = 64; /* the mask's bits that are set, and its length in the kernel */

int __wrap_sched_getaffinity(pid_t process, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    (void)process;
    if (made_up_cpus < 0 || size * 8 < (size_t)kernel_cpus) {
        errno = made_up_cpus < 0 ? EPERM : EINVAL;
        return -1;
    }
    memset(set, 0, size);
    for (int cpu = 0; cpu < made_up_cpus; cpu++)
        CPU_SET_S((size_t)(kernel_cpus - 1 - cpu), size, set);
    return 0;
}

/* ---- a root ---- */

enum { files_most = 6 };

struct file {
    const char *path, *text; /* text NULL: a directory of that name; unreadable as a file */
};

static char root[64];

static void make_parents(char *path)
{
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        must(mkdir(path, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

static void make_file(const struct file *file)
{
    char path[512];
    must(snprintf(path, sizeof path, "%s%s", root, file->path) < (int)sizeof path);
    make_parents(path);
    if (!file->text) {
        must(mkdir(path, 0755) == 0);
        return;
    }
    FILE *out = fopen(path, "w");
    must(out && fputs(file->text, out) >= 0 && fclose(out) == 0);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static unsigned count_below(const struct file *files, size_t count)
{
    strcpy(root, "/tmp/filch-cpu-limits-XXXXXX");
    must(mkdtemp(root) != NULL);
    for (size_t i = 0; i < count && files[i].path; i++)
        make_file(&files[i]);
    filch__os_cgroup_root = root;
    unsigned cpus = filch_cpu_count();
    must(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    filch__os_cgroup_root = NULL;
    return cpus;
}

/* ---- cgroups ---- */

#define MOUNTS "/proc/self/mountinfo"
#define GROUPS "/proc/self/cgroup"
#define MOUNT_V2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_V1 "35 30 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:14 - cgroup cgroup rw,cpu,cpuacct\n"
#define MOUNT_OTHER "36 30 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
#define MOUNT_DISK "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
#define V2 "/sys/fs/cgroup"
#define V1 "/sys/fs/cgroup/cpu,cpuacct"
#define IN_V2(path_)                                                                                                   \
    {MOUNTS, MOUNT_DISK MOUNT_V2},                                                                                     \
    {                                                                                                                  \
        GROUPS, "0::" path_ "\n"                                                                                       \
    }
#define IN_V1(path_)                                                                                                   \
    {MOUNTS, MOUNT_OTHER MOUNT_V1 MOUNT_DISK},                                                                         \
    {                                                                                                                  \
        GROUPS, "5:cpuset:/\n3:cpu,cpuacct:" path_ "\n"                                                                \
    }

struct limited {
    const char *name;
    unsigned cpus; /* of 8 */
    struct file files[files_most];
};

static const struct limited cgroups[] = {
    {"no files at all", 8, {{NULL, NULL}}},
    {"v2: no limit", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "max 100000\n"}}},
    {"v2: no cpu.max", 8, {IN_V2("/a"), {V2 "/a/memory.max", "max\n"}}},
    {"v2: two processors", 2, {IN_V2("/a"), {V2 "/a/cpu.max", "200000 100000\n"}}},
    {"v2: one and a half", 2, {IN_V2("/a"), {V2 "/a/cpu.max", "150000 100000\n"}}},
    {"v2: just above two", 3, {IN_V2("/a"), {V2 "/a/cpu.max", "200001 100000\n"}}},
    {"v2: a tenth", 1, {IN_V2("/a"), {V2 "/a/cpu.max", "10000 100000\n"}}},
    {"v2: a thousandth", 1, {IN_V2("/a"), {V2 "/a/cpu.max", "1000 1000000\n"}}},
    {"v2: more than there are", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "6400000 100000\n"}}},
    {"v2: another period", 4, {IN_V2("/a"), {V2 "/a/cpu.max", "40000 10000\n"}}},
    {"v2: no newline", 3, {IN_V2("/a"), {V2 "/a/cpu.max", "300000 100000"}}},
    {"v2: the parent is narrower",
     2,
     {IN_V2("/a/b"), {V2 "/a/cpu.max", "200000 100000\n"}, {V2 "/a/b/cpu.max", "600000 100000\n"}}},
    {"v2: the child is narrower",
     3,
     {IN_V2("/a/b"), {V2 "/a/cpu.max", "600000 100000\n"}, {V2 "/a/b/cpu.max", "300000 100000\n"}}},
    {"v2: a far ancestor", 1, {IN_V2("/a/b/c/d"), {V2 "/a/cpu.max", "50000 100000\n"}}},
    {"v2: the mount itself, as in a container", 2, {IN_V2("/"), {V2 "/cpu.max", "200000 100000\n"}}},
    {"v2: a path of the host's", 2, {IN_V2("/docker/1234"), {V2 "/cpu.max", "200000 100000\n"}}},
    {"v1: no limit", 8, {IN_V1("/a"), {V1 "/a/cpu.cfs_quota_us", "-1\n"}, {V1 "/a/cpu.cfs_period_us", "100000\n"}}},
    {"v1: three processors",
     3,
     {IN_V1("/a"), {V1 "/a/cpu.cfs_quota_us", "300000\n"}, {V1 "/a/cpu.cfs_period_us", "100000\n"}}},
    {"v1: a fifth", 1, {IN_V1("/a"), {V1 "/a/cpu.cfs_quota_us", "20000\n"}, {V1 "/a/cpu.cfs_period_us", "100000\n"}}},
    {"v1: two and a bit",
     3,
     {IN_V1("/a"), {V1 "/a/cpu.cfs_quota_us", "100001\n"}, {V1 "/a/cpu.cfs_period_us", "50000\n"}}},
    {"v1: the mount itself",
     2,
     {IN_V1("/docker/1"), {V1 "/cpu.cfs_quota_us", "200000\n"}, {V1 "/cpu.cfs_period_us", "100000\n"}}},
    {"v1: no period", 8, {IN_V1("/a"), {V1 "/a/cpu.cfs_quota_us", "200000\n"}}},
    {"both: v1 holds the cpu controller",
     2,
     {{MOUNTS, MOUNT_V2 MOUNT_V1},
      {GROUPS, "3:cpu,cpuacct:/a\n0::/a\n"},
      {V1 "/a/cpu.cfs_quota_us", "200000\n"},
      {V1 "/a/cpu.cfs_period_us", "100000\n"}}},
    {"both: the narrower",
     1,
     {{MOUNTS, MOUNT_V2 MOUNT_V1},
      {GROUPS, "3:cpu,cpuacct:/a\n0::/a\n"},
      {V1 "/a/cpu.cfs_quota_us", "200000\n"},
      {V1 "/a/cpu.cfs_period_us", "100000\n"},
      {V2 "/a/cpu.max", "100000 100000\n"}}},
};

/* What cannot be read or understood limits nothing, and breaks nothing. */
static const struct limited malformed[] = {
    {"no number", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "nan nan\n"}}},
    {"a directory in place of cpu.max", 8, {IN_V2("/a"), {V2 "/a/cpu.max", NULL}}},
    {"a directory in place of the list of groups", 8, {{MOUNTS, MOUNT_V2}, {GROUPS, NULL}, {V2 "/cpu.max", "1 1\n"}}},
    {"a directory in place of the list of mounts", 8, {{MOUNTS, NULL}, {GROUPS, "0::/\n"}, {V2 "/cpu.max", "1 1\n"}}},
    {"empty files", 8, {IN_V2("/a"), {V2 "/a/cpu.max", ""}, {V2 "/cpu.max", ""}}},
    {"an empty list of groups", 8, {{MOUNTS, MOUNT_V2}, {GROUPS, ""}, {V2 "/cpu.max", "100000 100000\n"}}},
    {"nothing is mounted", 8, {{MOUNTS, MOUNT_DISK}, {GROUPS, "0::/a\n"}, {V2 "/a/cpu.max", "100000 100000\n"}}},
    {"words", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "many of them\n"}}},
    {"a quota without its period", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "100000\n"}}},
    {"a period of zero", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "100000 0\n"}}},
    {"a quota of zero", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "0 100000\n"}}},
    {"a negative quota", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "-100000 100000\n"}}},
    {"a negative period", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "100000 -100000\n"}}},
    {"no end", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "inf 100000\n"}}},
    {"no end to the period", 1, {IN_V2("/a"), {V2 "/a/cpu.max", "100000 1e300\n"}}},
    {"an overflow", 8, {IN_V2("/a"), {V2 "/a/cpu.max", "1e308 1e-308\n"}}},
    {"a line without colons", 8, {{MOUNTS, MOUNT_V2}, {GROUPS, "cgroup\n:\n"}, {V2 "/cpu.max", "100000 100000\n"}}},
    {"a mount without its dash",
     8,
     {{MOUNTS, "30 23 0:26 / /sys/fs/cgroup rw cgroup2 cgroup2 rw\n - \n"},
      {GROUPS, "0::/\n"},
      {V2 "/cpu.max", "100000 100000\n"}}},
    {"v1 with words", 8, {IN_V1("/a"), {V1 "/a/cpu.cfs_quota_us", "all\n"}, {V1 "/a/cpu.cfs_period_us", "of it\n"}}},
    {"a controller named almost so",
     8,
     {{MOUNTS, MOUNT_OTHER},
      {GROUPS, "5:cpuset:/a\n"},
      {"/sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "100000\n"},
      {"/sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "100000\n"}}},
};

static void check(const struct limited *list, size_t count)
{
    must(unsetenv("FILCH_CPUS") == 0);
    made_up_cpus = 8;
    for (size_t i = 0; i < count; i++) {
        unsigned cpus = count_below(list[i].files, files_most);
        cr_assert_eq(cpus, list[i].cpus, "%s: %u processors", list[i].name, cpus);
    }
    printf("figure: P14 %zu cgroups, each counted as expected\n", count);
}

Test(cpu_limits, of_cgroups, .timeout = TEST_TIMEOUT)
{
    check(cgroups, sizeof cgroups / sizeof cgroups[0]);
}

Test(cpu_limits, of_malformed_files, .timeout = TEST_TIMEOUT)
{
    check(malformed, sizeof malformed / sizeof malformed[0]);
}

Test(cpu_limits, of_a_path_too_long_to_follow, .timeout = TEST_TIMEOUT)
{
    static char groups[9000];
    strcpy(groups, "0::");
    for (size_t i = 0; i < 800; i++)
        strcat(groups, "/component");
    const struct file files[] = {{MOUNTS, MOUNT_V2}, {GROUPS, groups}, {V2 "/cpu.max", "200000 100000\n"}};
    made_up_cpus = 8;
    unsigned cpus = count_below(files, 3);
    cr_assert(cpus >= 1 && cpus <= 8);
}

/* ---- affinity, setting, and what a pool makes of it ---- */

Test(cpu_limits, of_affinity, .timeout = TEST_TIMEOUT)
{
    const int cases[][3] = {
        {1, 64, 1},      {2, 64, 2},         {64, 64, 64}, {1024, 1024, 1024},
        {1, 4096, 1},    {3000, 8192, 3000}, {0, 64, 1},   {-1, 64, 1}, /* refused */
        {5, 1 << 22, 1},                                                /* a mask longer than any kernel's */
    };
    const struct file half[] = {IN_V2("/"), {V2 "/cpu.max", "50000 100000\n"}};
    must(unsetenv("FILCH_CPUS") == 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        made_up_cpus = cases[i][0];
        kernel_cpus = cases[i][1];
        cr_assert_eq(count_below(NULL, 0), (unsigned)cases[i][2], "%d of %d", made_up_cpus, kernel_cpus);
        cr_assert_eq(count_below(half, 3), 1);
    }
    made_up_cpus = 8;
    kernel_cpus = 64;
}

static unsigned limit_of_pool(const struct filch_pool_config *config)
{
    struct filch_pool *pool = pool_open(config);
    struct filch_pool_stats stats = stats_of(pool);
    must(stats.workers >= 1);
    pool_end(pool);
    return stats.max_concurrency;
}

Test(cpu_limits, are_overridden_by_the_setting, .timeout = TEST_TIMEOUT)
{
    const struct {
        const char *setting;
        unsigned cpus, pool, pool_of_3; /* the last: of one with min_workers 3 */
    } cases[] = {
        {"1", 1, 1, 3}, {"2", 2, 2, 3}, {"5", 5, 5, 5}, {"100", 100, 100, 100}, {"100000", 100000, 4096, 4096},
        {"0", 2, 2, 3}, {"", 2, 2, 3},  {"x", 2, 2, 3}, {"2x", 2, 2, 3},        {"-1", 2, 2, 3},
    };
    const struct file two[] = {IN_V2("/"), {V2 "/cpu.max", "200000 100000\n"}};
    const struct filch_pool_config of_3 = {.min_workers = 3};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        must(setenv("FILCH_CPUS", cases[i].setting, 1) == 0);
        made_up_cpus = 8;
        cr_assert_eq(count_below(two, 3), cases[i].cpus, "FILCH_CPUS=%s", cases[i].setting);
        made_up_cpus = 2; /* the machine's own cgroup, which may be narrower, is out of the way */
        filch__os_cgroup_root = "/nonexistent";
        cr_assert_eq(limit_of_pool(NULL), cases[i].pool, "FILCH_CPUS=%s", cases[i].setting);
        cr_assert_eq(limit_of_pool(&of_3), cases[i].pool_of_3);
        filch__os_cgroup_root = NULL;
    }
    must(unsetenv("FILCH_CPUS") == 0);
}

/* A quota of a tenth still makes a pool that works. */
Test(cpu_limits, of_less_than_one_leave_one_worker, .timeout = TEST_TIMEOUT)
{
    struct filch_future future = {0};
    must(unsetenv("FILCH_CPUS") == 0);
    made_up_cpus = 0;
    filch__os_cgroup_root = "/nonexistent";
    struct filch_pool *pool = pool_open(NULL);
    cr_assert_eq(stats_of(pool).max_concurrency, 1);
    cr_assert_eq(filch_submit(pool, &future, nothing, NULL), 0);
    cr_assert_eq(filch_wait(&future), 0);
    pool_end(pool);
    filch__os_cgroup_root = NULL;
    made_up_cpus = 8;
}
