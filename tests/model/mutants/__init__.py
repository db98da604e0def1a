# SPDX-License-Identifier: MIT
"""The faults that the models must see."""
from mutants import bells, forks, gates, graphs, holds, meters, pool, queues, rings, streams, waits, watchdogs

MUTANTS = queues.MUTANTS + waits.MUTANTS + pool.MUTANTS + forks.MUTANTS + gates.MUTANTS + streams.MUTANTS \
    + graphs.MUTANTS + holds.MUTANTS + meters.MUTANTS + rings.MUTANTS + watchdogs.MUTANTS + bells.MUTANTS
