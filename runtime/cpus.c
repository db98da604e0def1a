/* SPDX-License-Identifier: MIT */
#include "os.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many processors this process may keep busy: its affinity mask, cut by the CPU quota of its cgroup and of every
 * ancestor. Version 2 keeps "quota period" in cpu.max below the one mount (kernel: admin-guide/cgroup-v2); version 1
 * keeps two files below the mount of the cpu controller (scheduler/sched-bwc). What cannot be read limits nothing. A
 * quota is rounded up: 1.5 processors keep two threads busy part of the time.
 */
const char *filch__os_cgroup_root;

enum { PATH_BYTES = 4096 };

static FILE *open_below(const char *path)
{
    char full[PATH_BYTES];
    int length = snprintf(full, sizeof full, "%s%s", filch__os_cgroup_root ? filch__os_cgroup_root : "", path);
    return length > 0 && length < (int)sizeof full ? fopen(full, "re") : NULL;
}

static bool read_line(const char *directory, const char *name, char *line, size_t size)
{
    char path[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return false;
    FILE *f = open_below(path);
    if (!f)
        return false;
    bool read = fgets(line, (int)size, f) != NULL;
    fclose(f);
    return read;
}

static unsigned cut(unsigned count, double quota, double period)
{
    if (!(quota > 0 && period > 0)) /* nor what is no number */
        return count;
    double processors = quota / period;
    if (!(processors < count))
        return count;
    unsigned whole = (unsigned)processors;
    return whole < processors ? whole + 1 : whole;
}

static unsigned cut_by_v2(unsigned count, const char *directory)
{
    char line[128];
    double quota, period;
    if (read_line(directory, "cpu.max", line, sizeof line) && sscanf(line, "%lf %lf", &quota, &period) == 2)
        count = cut(count, quota, period); /* "max 100000" does not scan: no limit */
    return count;
}

static unsigned cut_by_v1(unsigned count, const char *directory)
{
    char quota[128], period[128];
    if (read_line(directory, "cpu.cfs_quota_us", quota, sizeof quota) &&
        read_line(directory, "cpu.cfs_period_us", period, sizeof period))
        count = cut(count, atof(quota), atof(period)); /* -1: no limit */
    return count;
}

/* Visit `mount`/`path` and every directory above it, down to the mount itself. In a container the path may be one of
 * the host's that is not visible here; then the mount itself is the group. */
static unsigned cut_up_the_tree(unsigned count, const char *mount, const char *path,
                                unsigned (*cut_by)(unsigned count, const char *directory))
{
    char directory[PATH_BYTES];
    size_t base = strlen(mount);
    if (snprintf(directory, sizeof directory, "%s%s", mount, strcmp(path, "/") ? path : "") >= (int)sizeof directory)
        return count;
    for (;;) {
        count = cut_by(count, directory);
        char *slash = strrchr(directory, '/');
        if (strlen(directory) <= base || !slash || (size_t)(slash - directory) < base)
            return count;
        *slash = 0;
    }
}

/* Is `name` one of the comma-separated words of `list`? */
static bool has_word(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += length)
        if ((at == list || at[-1] == ',') && (at[length] == ',' || !at[length]))
            return true;
    return false;
}

/* Where the controller's file system of version `v1` (or the unified one) is mounted. */
static bool find_mount(bool v1, char *ret_mount, size_t size)
{
    FILE *f = open_below("/proc/self/mountinfo");
    char line[PATH_BYTES], mount[PATH_BYTES], type[64], options[1024];
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        char *rest = strstr(line, " - ");
        if (!rest || sscanf(line, "%*s %*s %*s %*s %4095s", mount) != 1 ||
            sscanf(rest, " - %63s %*s %1023s", type, options) != 2)
            continue;
        found = v1 ? !strcmp(type, "cgroup") && has_word(options, "cpu") : !strcmp(type, "cgroup2");
    }
    if (f)
        fclose(f);
    if (found)
        snprintf(ret_mount, size, "%s", mount);
    return found;
}

static unsigned cut_by_cgroups(unsigned count)
{
    FILE *f = open_below("/proc/self/cgroup");
    char line[PATH_BYTES], mount[PATH_BYTES];
    while (f && fgets(line, sizeof line, f)) { /* hierarchy:controllers:path */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        controllers++;
        if (!*controllers && find_mount(false, mount, sizeof mount))
            count = cut_up_the_tree(count, mount, path, cut_by_v2);
        else if (has_word(controllers, "cpu") && find_mount(true, mount, sizeof mount))
            count = cut_up_the_tree(count, mount, path, cut_by_v1);
    }
    if (f)
        fclose(f);
    return count;
}

static unsigned count_affinity(void)
{
    for (int most = 1024; most <= 1 << 20; most *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)most);
        if (!set)
            return 1;
        int r = sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)most), set);
        int count = r ? 0 : CPU_COUNT_S(CPU_ALLOC_SIZE((size_t)most), set);
        CPU_FREE(set);
        if (!r)
            return count > 0 ? (unsigned)count : 1;
    }
    return 1;
}

unsigned filch__os_cpu_count(void)
{
    const char *override = secure_getenv("FILCH_CPUS");
    if (override) {
        char *end;
        unsigned long count = strtoul(override, &end, 10);
        if (end != override && !*end && count > 0 && count <= UINT_MAX)
            return (unsigned)count;
    }
    unsigned count = cut_by_cgroups(count_affinity());
    return count ? count : 1;
}
