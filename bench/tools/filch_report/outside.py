# SPDX-License-Identifier: MIT
"""Threads outside the pools: which of their time is their own.

Their depth runs with the clock except in filch's own waits. A main loop that sleeps in poll until the completions
queue's eventfd is readable waits for tasks as well, and nothing in the log says so: its depth would make it the longest
chain of any program. What the log has is that the thread took the result of a task at a time, and that the task had
ended so much earlier. Where the thread was mostly off the processor, the time between the row before and the task's end
is taken for waiting.
"""
from collections import Counter

from .graph import COMPLETE, END, JOIN, START, SUBMIT, WAIT

FEW_SAMPLES = 10
# A thread that had a processor for less than this part of its own time has mostly waited.
MOSTLY = 0.5


def own_times(rows):
    """Microseconds of depth of each outside thread, and its track."""
    found, tracks = Counter(), {}
    for row in rows:
        if row[0] == START and row[4] is None:
            tracks[row[2]], found[row[2]] = row[3], 0.0
        elif row[0] in (SUBMIT, WAIT, JOIN, COMPLETE) and row[2] in tracks:
            found[row[2]] = max(found[row[2]], row[3])
    return found, tracks


def who_waits(trace, rows, cpu_of_others):
    """Ids of the outside threads that were mostly off the processor in their own time: by their samples, or, as they
    have none, by what is left of the process's CPU time for all of them."""
    own, tracks = own_times(rows)
    on, count = Counter(), Counter()
    for place, _, running, _, _, task in trace.samples:
        if not trace.tracks[place].is_worker and task is None:
            on[trace.tracks[place].tid] += running
            count[trace.tracks[place].tid] += 1
    found = {id_ for id_, tid in tracks.items() if count[tid] >= FEW_SAMPLES and on[tid] < MOSTLY * count[tid]}
    unsampled = [id_ for id_, tid in tracks.items() if count[tid] < FEW_SAMPLES]
    if cpu_of_others is not None and cpu_of_others < MOSTLY * sum(own[id_] for id_ in unsampled):
        found.update(unsampled)
    return found


def ends_of(rows):
    found = {}
    for row in rows:
        if row[0] == END:
            found[row[2]] = row[1]
        elif row[0] == COMPLETE:
            found[row[4]] = row[1]
    return found


def without_waits(trace, rows, cpu_of_others):
    """(rows with the depths of such threads made less by what they waited, microseconds of waits by id)"""
    waiting = who_waits(trace, rows, cpu_of_others)
    if not waiting:
        return rows, {}
    ends, before, cut, found = ends_of(rows), {}, Counter(), []
    for row in rows:
        if row[0] not in (SUBMIT, WAIT, JOIN, COMPLETE) or row[2] not in waiting:
            if row[0] == START and row[2] in waiting:
                before[row[2]] = row[1], 0.0
            found.append(row)
            continue
        id_, ts, depth = row[2], row[1], row[3]
        last_ts, last_depth = before.get(id_, (ts, depth))
        if row[0] == WAIT and last_ts < ends.get(row[4], last_ts) <= ts:
            cut[id_] += max(0.0, min(ends[row[4]] - last_ts, depth - last_depth))
        before[id_] = ts, depth
        found.append(row[:3] + [depth - cut[id_]] + row[4:])
    return found, cut
