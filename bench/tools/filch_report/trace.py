# SPDX-License-Identifier: MIT
"""A trace in memory: slices, samples, counters and flows as columns, the log of the computation as it stands in the
file.

Times are microseconds from the trace's start. A slice is a row of Slices; its track is an index into Trace.tracks, its
name and note are indices into Trace.texts, and -1 is none.
"""
import gzip
import re
from array import array
from collections import defaultdict

from .reader import Cut, Reader

TASK, CHILD, WORKER, BLOCK, OUTSIDE = range(5)
KINDS = {"task": TASK, "child": CHILD, "worker": WORKER, "block": BLOCK, "outside": OUTSIDE}
ENDS = ("done", "wait", "yield", "block", "gone", "nested")
# What a thread was in, where the kernel does not tell.
UNKNOWN_CALL = "?"
# What a track does is told apart by these names of worker slices.
SEARCH, PARK, PERMIT = "search", "park", "permit"
NONE = -1
# The parent of a stolen child whose parent is not known.
NO_PARENT = -2


class NotATrace(Exception):
    """The file is not what filch writes."""


class Track:
    def __init__(self, tid):
        self.tid, self.name, self.pool, self.worker, self.order = tid, f"track {tid}", None, None, tid

    @property
    def is_worker(self):
        return self.pool is not None


class Slices:
    """One row per slice, in the file's order."""

    def __init__(self):
        self.kind, self.end = array("b"), array("b")
        self.track, self.name, self.note, self.n = array("i"), array("i"), array("i"), array("i")
        self.start, self.duration, self.queue = array("d"), array("d"), array("d")
        self.id, self.parent, self.status = array("q"), array("q"), array("i")

    def __len__(self):
        return len(self.kind)


class Suspension:
    __slots__ = ("id", "name", "reason", "start", "stop")

    def __init__(self, id_, name, reason, start):
        self.id, self.name, self.reason, self.start, self.stop = id_, name, reason, start, None


class Trace:
    def __init__(self):
        self.slices = Slices()
        self.tracks, self.track_of = [], {}
        self.texts, self.text_of = [], {}
        self.suspensions, self.open_suspensions = [], {}
        self.flows, self.open_flows = [], {}
        self.counters = defaultdict(list)  # name: (ts, args)
        self.samples = []  # (track, ts, on, in, cpu_us, task or None)
        self.other, self.names, self.log = {}, [], []
        self.pid, self.process, self.events, self.last = None, "", 0, 0.0
        self.cut, self.has_log, self.complete_log = None, False, False

    def intern(self, text):
        place = self.text_of.get(text)
        if place is None:
            place = self.text_of[text] = len(self.texts)
            self.texts.append(text)
        return place

    def text(self, place):
        return self.texts[place] if place >= 0 else ""

    def track_index(self, tid):
        place = self.track_of.get(tid)
        if place is None:
            place = self.track_of[tid] = len(self.tracks)
            self.tracks.append(Track(tid))
        return place

    @property
    def wall(self):
        """Microseconds from the trace's start to its end."""
        return float(self.other.get("duration_us") or self.last)

    @property
    def pools(self):
        return self.other.get("pools") or []

    def pool_name(self, pool):
        """As its counters have it: pools of one name are told apart by their numbers."""
        name = str(pool.get("name", ""))
        has_twin = any(other is not pool and other.get("name") == pool.get("name") for other in self.pools)
        return f"{name} #{pool.get('id')}" if has_twin else name

    @property
    def processors(self):
        return int(self.other.get("cpus") or 0)


def add_slice(trace, event):
    kind = KINDS.get(event.get("cat"))
    if kind is None:
        return
    start, duration = round(float(event["ts"]), 3), round(float(event["dur"]), 3)  # to the nanosecond
    args = event.get("args") or {}
    slices, intern = trace.slices, trace.intern
    slices.track.append(trace.track_index(event["tid"]))
    slices.start.append(start)
    slices.duration.append(duration)
    slices.name.append(intern(str(event["name"])))
    slices.kind.append(kind)
    slices.id.append(args.get("id", NONE))
    slices.n.append(args.get("n", 0))
    end = args.get("end")
    slices.end.append(ENDS.index(end) if end in ENDS else NONE)
    slices.status.append(args.get("status", 0))
    slices.queue.append(args.get("queue_us", -1.0))
    note = args.get("note")
    slices.note.append(NONE if note is None else intern(str(note)))
    slices.parent.append(args.get("parent", NO_PARENT if args.get("stolen") else NONE))
    if start + duration > trace.last:
        trace.last = start + duration


def add_async(trace, event):
    key = event["id"]
    if event["ph"] == "b":
        reason = (event.get("args") or {}).get("for", "wait")
        found = Suspension(int(str(key).split(".")[0]), trace.intern(str(event["name"])), str(reason),
                           float(event["ts"]))
        trace.suspensions.append(found)
        trace.open_suspensions[key] = found
        return
    found = trace.open_suspensions.pop(key, None)
    if found is not None:
        found.stop = float(event["ts"])


def add_flow(trace, event):
    key = event["name"], event["id"]
    place = trace.track_index(event["tid"]), float(event["ts"])
    if event["ph"] == "s":
        trace.open_flows[key] = place
        return
    source = trace.open_flows.pop(key, None)
    if source is not None:
        trace.flows.append((trace.intern(str(event["name"])), *source, *place))


def add_counter(trace, event):
    trace.counters[str(event["name"])].append((float(event["ts"]), event["args"]))


def add_sample(trace, event):
    if event.get("cat") != "sample":
        return
    args = event.get("args") or {}
    trace.samples.append((trace.track_index(event["tid"]), float(event["ts"]), event["name"] == "on cpu",
                          str(args.get("in", UNKNOWN_CALL)), float(args.get("cpu_us", 0.0)), args.get("task")))


def add_metadata(trace, event):
    args = event.get("args") or {}
    if event["name"] == "process_name":
        trace.process, trace.pid = str(args.get("name", "")), event.get("pid")
    elif event["name"] == "thread_name":
        trace.tracks[trace.track_index(event["tid"])].name = str(args.get("name", ""))
    elif event["name"] == "thread_sort_index":
        trace.tracks[trace.track_index(event["tid"])].order = args.get("sort_index", 0)


ADD = {"X": add_slice, "b": add_async, "e": add_async, "s": add_flow, "f": add_flow, "C": add_counter,
       "i": add_sample, "I": add_sample, "M": add_metadata}


def read_events(trace, reader):
    for event in reader.elements():
        add = ADD.get(event["ph"])
        if add is not None:
            add(trace, event)
        trace.events += 1


def read_graph(trace, reader):
    for key in reader.keys():
        if key == "log":
            trace.has_log = True
            read_rows(trace.log, reader)
            trace.complete_log = True
        elif key == "names":
            trace.names = [str(name) for name in reader.value()]
        elif key == "tracks":
            for row in reader.value():
                track = trace.tracks[trace.track_index(row["tid"])]
                track.pool, track.worker = row.get("pool"), row.get("worker")
                track.name = str(row.get("name", track.name))
        else:
            reader.value()


def read_rows(rows, reader):
    for row in reader.elements():
        rows.append(row)


def read_text(trace, reader):
    for key in reader.keys():
        if key == "traceEvents":
            read_events(trace, reader)
        elif key == "otherData":
            trace.other = reader.value()
        elif key == "filch":
            read_graph(trace, reader)
        else:
            reader.value()


def guess_workers(trace):
    """A file that ends before it names the tracks: who has searched or parked is a worker, or is called as one."""
    slices = trace.slices
    searched = {slices.track[row] for row in range(len(slices)) if slices.kind[row] == WORKER}
    for place, track in enumerate(trace.tracks):
        if track.pool is None and (place in searched or re.search(r"/\d+$", track.name)):
            track.pool = 0


def check_shape(trace):
    """What is used without looking later on."""
    if not isinstance(trace.other, dict) or not isinstance(trace.pools, list) \
            or not all(isinstance(pool, dict) for pool in trace.pools):
        raise NotATrace("otherData is not what filch writes")


def open_text(path):
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    opened = gzip.open if packed else open
    return opened(path, "rt", encoding="utf-8", errors="replace")


def read(path):
    """The trace in a file. Raises NotATrace, OSError."""
    trace = Trace()
    with open_text(path) as file:
        reader = Reader(file)
        first = reader.next_character()
        if first != "{":
            raise NotATrace("it is empty" if not first else "it is not a JSON object")
        try:
            read_text(trace, reader)
        except (Cut, EOFError):
            trace.cut = reader.where()
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise NotATrace(f"what stands before character {reader.where()} is not filch's ({error!r})") from error
    if not trace.cut and not trace.has_log:
        raise NotATrace("it has no part of filch's")
    if trace.cut and not trace.slices.kind:
        raise NotATrace("it is cut off before its first slice")
    check_shape(trace)
    if trace.cut:
        guess_workers(trace)
    trace.samples.sort(key=lambda sample: sample[1])
    for suspension in trace.suspensions:
        if suspension.stop is None:
            suspension.stop = trace.wall
    return trace
