/* SPDX-License-Identifier: MIT */
/* filch.h - a work-stealing task runtime for C: the umbrella header. */
#ifndef FILCH_FILCH_H
#define FILCH_FILCH_H

#include "base.h"
#include "blocking.h"
#include "completions.h"
#include "fork.h"
#include "future.h"
#include "gate.h"
#include "graph.h"
#include "local.h"
#include "metrics.h"
#include "parallel.h"
#include "pool.h"
#include "progress.h"
#include "report.h"
#include "scope.h"
#include "trace.h"

#endif
