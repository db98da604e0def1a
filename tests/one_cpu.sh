#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# one_cpu.sh PROGRAM [ARGS] - runs the program on the first of the processors that this process may use.
set -euo pipefail
allowed=$(taskset -cp $$)
allowed=${allowed##*: }
exec taskset -c "${allowed%%[-,]*}" "$@"
