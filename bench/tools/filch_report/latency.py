# SPDX-License-Identifier: MIT
"""Histograms of latencies: from the runtime's own buckets, or, where the file ends before them, from the slices."""
from .trace import TASK

KINDS = (("queue", "submitted, until it started"), ("run", "ran"), ("gate", "waited for a permit"),
         ("suspension", "was suspended"), ("wake", "ready again, until it went on"))
QUANTILES = (0.5, 0.9, 0.99, 0.999)
SUB_BUCKETS = 32  # per octave, as in the runtime


class Histogram:
    """buckets: [low ns, high ns, count], rising."""

    def __init__(self, buckets, total_ns, longest_ns):
        self.buckets = [bucket for bucket in buckets if bucket[2] > 0]
        self.count = sum(bucket[2] for bucket in self.buckets)
        self.total_ns, self.longest_ns = total_ns, longest_ns

    def quantile(self, share):
        """Nanoseconds: the middle of the bucket that holds it."""
        rank, seen = share * self.count, 0
        for low, high, count in self.buckets:
            seen += count
            if seen >= rank:
                return min((low + high) / 2, self.longest_ns or high)
        return 0.0

    def octaves(self):
        """(low ns, high ns, count) by powers of two, for a picture."""
        found = {}
        for low, high, count in self.buckets:
            octave = int((low + high) / 2).bit_length()
            found[octave] = found.get(octave, 0) + count
        return [(2 ** octave / 2, 2 ** octave, found.get(octave, 0)) for octave in range(min(found), max(found) + 1)] \
            if found else []


def bucket_of(ns):
    ns = int(ns)
    if ns < 2 * SUB_BUCKETS:
        return ns, ns + 1
    shift = ns.bit_length() - SUB_BUCKETS.bit_length()
    low = ns >> shift << shift
    return low, low + (1 << shift)


def from_values(values_us):
    found, total, longest = {}, 0.0, 0.0
    for value in values_us:
        ns = value * 1000
        bucket = bucket_of(ns)
        found[bucket] = found.get(bucket, 0) + 1
        total, longest = total + ns, max(longest, ns)
    return Histogram([[low, high, count] for (low, high), count in sorted(found.items())], total, longest)


def from_pool(given):
    return Histogram(given.get("buckets") or [], given.get("sum_ns", 0), given.get("max_ns", 0))


def of(trace):
    """[(pool's name, kind, Histogram)] of those that have counted something; and whether they are the runtime's own."""
    found = []
    for pool in trace.pools:
        for kind, _ in KINDS:
            given = (pool.get("latency") or {}).get(kind)
            histogram = from_pool(given) if given else None
            if histogram is not None and histogram.count:
                found.append((trace.pool_name(pool), kind, histogram))
    if found:
        return found, True
    slices = trace.slices
    tasks = [row for row, kind in enumerate(slices.kind) if kind == TASK]
    made = [("", "queue", from_values(slices.queue[row] for row in tasks if slices.queue[row] >= 0)),
            ("", "run", from_values(slices.duration[row] for row in tasks)),
            ("", "suspension", from_values(found.stop - found.start for found in trace.suspensions))]
    return [entry for entry in made if entry[2].count], False
