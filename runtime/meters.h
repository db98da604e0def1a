/* SPDX-License-Identifier: MIT */
/* meters.h - what each worker measures of its own doing. Its worker writes, others read, without stopping it. */
#ifndef FILCH_METERS_H
#define FILCH_METERS_H

#include "histogram.h"

struct filch__meters {
#ifdef FILCH_MODEL
    char none; /* nothing is measured in a model: there time is steps, and so would be each count */
#else
    struct filch__histogram latency[FILCH_LATENCIES];
#endif
};

#endif
