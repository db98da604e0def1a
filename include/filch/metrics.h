/* SPDX-License-Identifier: MIT */
/* metrics.h - the statistics of all open pools as text that Prometheus and its like read.
 *
 * The exposition format 0.0.4: a server answers a scrape with it as `text/plain; version=0.0.4`. Every sample has the labels
 * pool, its name, and pool_id, a number that no other pool of the process gets:
 *
 *     # HELP filch_tasks_run_total Bodies that have returned.
 *     # TYPE filch_tasks_run_total counter
 *     filch_tasks_run_total{pool="batch",pool_id="1"} 12345
 *
 * What the figures mean: struct filch_pool_stats.
 */
#ifndef FILCH_METRICS_H
#define FILCH_METRICS_H

#include "base.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Write the statistics of all pools that are open in this process. Any thread may call it at any time, also in a task, and
 * while pools are opened and closed. Stops nobody; waits only as `out` does, and holds no lock while it writes. With no
 * pool open only the library's version is written. Errors: -EINVAL (NULL), -ENOMEM (nothing is written), -EIO.
 *
 *     filch_metrics_write(response);
 */
FILCH_API int filch_metrics_write(FILE *out);

#ifdef __cplusplus
}
#endif

#endif
