# SPDX-License-Identifier: MIT
"""The slices, suspensions, flows and counters of a trace as columns for the page: unsigned 32-bit numbers, packed by
zlib.

Times are counted in units, which are nanoseconds unless the trace is longer than 2^32 of them. Slices are sorted by
track, depth of nesting and start, and starts are given as differences, which pack well. A page stays below 10 bytes per
slice so.
"""
import base64
import sys
import zlib
from array import array

from .account import ROUNDING
from .trace import BLOCK, CHILD, OUTSIDE, PARK, PERMIT, SEARCH, TASK, WORKER

# What a slice is to the page.
RANK = {TASK: 0, CHILD: 1, BLOCK: 2}
OWN_TIME, OUTSIDE_WAITS = 6, 7
WORKER_RANKS = {SEARCH: 3, PERMIT: 4, PARK: 5}
# Rows of suspended tasks that are shown; the rest is counted only.
ROWS = 10
MOST = (1 << 32) - 1


def pack(column):
    if sys.byteorder != "little":
        column.byteswap()
    return base64.b64encode(zlib.compress(column.tobytes(), 6)).decode("ascii")


def unit_of(trace):
    """Microseconds."""
    return max(0.001, (max(trace.wall, trace.last) + 1) / MOST)


class Columns:
    """Named columns of unsigned 32-bit numbers."""

    def __init__(self, *names):
        self.columns = {name: array("I") for name in names}
        self.appends = [column.append for column in self.columns.values()]

    def add(self, *values):
        for append, value in zip(self.appends, values):
            append(value)

    def packed(self):
        return {name: pack(column) for name, column in self.columns.items()}


def rank_of(trace, row):
    kind = trace.slices.kind[row]
    if kind == OUTSIDE:
        return OUTSIDE_WAITS if trace.text(trace.slices.name[row]) == "wait" else OWN_TIME
    return RANK[kind] if kind != WORKER else WORKER_RANKS.get(trace.text(trace.slices.name[row]), 3)


def nested(trace, rows):
    """The rows of one track by depth of nesting."""
    starts, durations = trace.slices.start, trace.slices.duration
    rows.sort(key=lambda row: (starts[row], -durations[row]))
    levels, open_ = [], []
    for row in rows:
        while open_ and open_[-1] <= starts[row] + ROUNDING:
            open_.pop()
        if len(open_) == len(levels):
            levels.append([])
        levels[len(open_)].append(row)
        open_.append(starts[row] + durations[row])
    return levels


def order(trace):
    """Tracks as they stand on the page: pools with their workers, then outside threads."""
    def key(place):
        track = trace.tracks[place]
        return (track.pool is None, track.pool or 0, track.worker or 0, track.order, track.tid)
    return sorted(range(len(trace.tracks)), key=key)


def pack_slices(trace, unit):
    """(groups: [track, level, first row, rows], packed columns)"""
    slices, by_track = trace.slices, {}
    for row, place in enumerate(slices.track):
        by_track.setdefault(place, []).append(row)
    columns = Columns("start", "duration", "name", "rank", "id", "end", "queue", "note")
    groups, total, scale = [], 0, 1 / unit
    for place in order(trace):
        for level, rows in enumerate(nested(trace, by_track.get(place, []))):
            before = 0
            for row in rows:
                start = max(before, round(slices.start[row] * scale))
                # A stretch's number and how it ended share a column; so do the id's lower bits only.
                columns.add(start - before, min(MOST, max(0, round(slices.duration[row] * scale))), slices.name[row],
                            rank_of(trace, row), slices.id[row] & MOST,
                            max(0, slices.n[row]) << 3 | (slices.end[row] + 1),
                            min(MOST, round(slices.queue[row] * scale) + 1) if slices.queue[row] >= 0 else 0,
                            slices.note[row] + 1)
                before = start
            groups.append([place, level, total, len(rows)])
            total += len(rows)
    return groups, columns.packed()


def pack_suspensions(trace, unit):
    """Spans in rows, each in the first row that is free; row ROWS is of those that are counted only."""
    columns = Columns("start", "stop", "name", "id", "row", "reason")
    ends, reasons = [], []
    for found in sorted(trace.suspensions, key=lambda found: found.start):
        row = next((place for place, end in enumerate(ends) if end <= found.start), None)
        if row is None and len(ends) < ROWS:
            row = len(ends)
            ends.append(0.0)
        if row is None:
            row = ROWS
        else:
            ends[row] = found.stop
        if found.reason not in reasons:
            reasons.append(found.reason)
        columns.add(round(found.start / unit), round(max(found.start, found.stop) / unit), found.name, found.id & MOST,
                    row, reasons.index(found.reason))
    return len(ends), reasons, columns.packed()


def pack_flows(trace, unit):
    columns = Columns("name", "from", "sent", "to", "received")
    for name, source, sent, target, received in trace.flows:
        columns.add(name, source, max(0, round(sent / unit)), target, max(0, round(received / unit)))
    return columns.packed()


def pack_counters(trace, unit):
    found = []
    limits = {f"pool {trace.pool_name(pool)}": int(pool.get("max_concurrency") or 0) for pool in trace.pools}
    for name, rows in trace.counters.items():
        columns = Columns("at", "queued", "permits", "running", "suspended")
        for ts, args in sorted(rows, key=lambda row: row[0]):
            columns.add(max(0, round(ts / unit)), *(min(MOST, max(0, int(args.get(key, 0))))
                                                    for key in ("queued", "permits", "running", "suspended")))
        found.append({"name": name, "limit": limits.get(name, 0), **columns.packed()})
    return found


def pack_all(facts):
    trace = facts.trace
    unit = unit_of(trace)
    groups, slices = pack_slices(trace, unit)
    rows, reasons, suspensions = pack_suspensions(trace, unit)
    colours = {}
    for name, _, _ in facts.tasks.by_name:
        colours.setdefault(name, len(colours))
    return {
        "unit": unit, "first": min(trace.slices.start) if facts.keeps_last else 0, "wall": facts.wall,
        "texts": trace.texts, "groups": groups, "slices": slices,
        "tracks": [{"name": track.name, "worker": track.is_worker} for track in trace.tracks],
        "suspended": {"rows": rows, "reasons": reasons, **suspensions}, "flows": pack_flows(trace, unit),
        "counters": pack_counters(trace, unit), "colours": [colours.get(text, -1) for text in trace.texts]}
