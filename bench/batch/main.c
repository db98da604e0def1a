/* SPDX-License-Identifier: MIT */
/* main.c - batch: hash and compress every regular file below the directories given. See batch.h. */
#include "batch.h"

#include <string.h>
#include <sys/resource.h>

/* Each level of the walk and each file in progress holds a descriptor; the usual soft limit of 1024 is for select(). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run_with_fault(struct options *options)
{
    int error = fault_open(options);
    if (error) {
        fprintf(stderr, "batch: --fault: %s\n", strerror(-error));
        return STATUS_ERRORS;
    }
    int status = run_job(options);
    fault_close(options);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    int status = options_parse(&options, argc, argv);
    if (status >= 0)
        return status;
    raise_descriptor_limit();
    return options.compare ? compare_backends(&options) : run_with_fault(&options);
}
