/* SPDX-License-Identifier: MIT */
/* cpus.c - filch_cpu_count: affinity, and FILCH_CPUS. Programs of their own are asked: the answer may be remembered. */
#include "support/child.h"
#include "support/test.h"

#include <sched.h>

static unsigned cpus_in_child(const char *setting)
{
    struct child child;
    child_run(&child, FILCH_VICTIM, "cpus", setting);
    must(child_exited(&child, 0));
    return (unsigned)strtoul(child.output, NULL, 10);
}

static unsigned cpus_of_affinity(void)
{
    cpu_set_t set;
    must(sched_getaffinity(0, sizeof set, &set) == 0);
    return (unsigned)CPU_COUNT(&set);
}

Test(cpus, count_is_that_of_the_affinity_or_less, .timeout = TEST_TIMEOUT)
{
    unsigned count = filch_cpu_count();
    cr_assert(count >= 1 && (count <= cpus_of_affinity() || getenv("FILCH_CPUS")));
    cr_assert_eq(filch_cpu_count(), count);
}

Test(cpus, affinity_to_one_makes_one, .timeout = TEST_TIMEOUT)
{
    cpu_set_t before, one;
    cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &before)) {
            CPU_SET(cpu, &one);
            break;
        }
    }
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    unsigned count = cpus_in_child("FILCH_CPUS=");
    cr_assert_eq(sched_setaffinity(0, sizeof before, &before), 0);
    cr_assert_eq(count, 1);
}

Test(cpus, environment_overrides, .timeout = TEST_TIMEOUT)
{
    cr_assert_eq(cpus_in_child("FILCH_CPUS=1"), 1);
    cr_assert_eq(cpus_in_child("FILCH_CPUS=3"), 3);
    cr_assert_eq(cpus_in_child("FILCH_CPUS=64"), 64);
}

Test(cpus, nonsense_in_the_environment_is_ignored, .timeout = TEST_TIMEOUT)
{
    const char *settings[] = {"FILCH_CPUS=",
                              "FILCH_CPUS=0",
                              "FILCH_CPUS=-4",
                              "FILCH_CPUS=many",
                              "FILCH_CPUS=3x",
                              "FILCH_CPUS= ",
                              "FILCH_CPUS=99999999999999999999999"};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        unsigned count = cpus_in_child(settings[i]);
        cr_assert(count >= 1 && count <= cpus_of_affinity(), "%s: %u", settings[i], count);
    }
}
