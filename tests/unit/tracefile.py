#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tracefile.py PROGRAM [MODE] - runs tests/support/traced.c with FILCH_TRACE in each of its modes, and checks the files."""
import collections
import json
import os
import signal
import subprocess
import sys
import tempfile

ENDS = {"done", "wait", "yield", "block", "nested", "gone"}
BETWEEN = {"search", "park", "permit"}


def ns(microseconds):
    return round(microseconds * 1000)


def check_order(before, after):
    """As readers compute it: in doubles, or by cutting off what is below a nanosecond."""
    assert before["ts"] + before["dur"] <= after["ts"], (before, after)
    assert int(before["ts"] * 1000) + int(before["dur"] * 1000) <= int(after["ts"] * 1000), (before, after)


class Trace:
    """A file, its form checked: what must hold whatever the program did."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.all = json.loads(text)
        assert list(self.all) == ["displayTimeUnit", "traceEvents", "otherData", "filch"], list(self.all)
        self.events, self.other, self.graph = self.all["traceEvents"], self.all["otherData"], self.all["filch"]
        self.slices = [event for event in self.events if event["ph"] == "X"]
        self.tasks = [event for event in self.slices if event["cat"] == "task"]
        self.check_tracks()
        self.check_nesting()
        self.check_stretches()
        self.check_pairs()
        self.check_log()

    def check_tracks(self):
        tracks = {track["tid"]: track for track in self.graph["tracks"]}
        names = {event["tid"]: event["args"]["name"] for event in self.events
                 if event["ph"] == "M" and event["name"] == "thread_name"}
        assert names == {tid: track["name"] for tid, track in tracks.items()}
        numbers = {pool["id"] for pool in self.other["pools"]}
        for track in tracks.values():
            assert track["pool"] is None or track["pool"] in numbers, track
        for event in self.events:
            assert event["pid"] == self.events[0]["pid"]
            assert event["ph"] in "MXbesfCi", event
            assert event["ph"] == "M" or event["ts"] >= 0
            assert event["ph"] in "MC" or event["tid"] in tracks, event
        for slice_ in self.slices:
            assert slice_["dur"] >= 0 and ns(slice_["ts"]) + ns(slice_["dur"]) <= ns(self.other["duration_us"]) + 1000
            assert slice_["cat"] != "worker" or slice_["name"] in BETWEEN, slice_

    def check_nesting(self):
        by_track = collections.defaultdict(list)
        for slice_ in self.slices:
            start = ns(slice_["ts"])
            by_track[slice_["tid"]].append((start, -ns(slice_["dur"]), slice_))
        for slices in by_track.values():
            open_ = []
            for start, minus, slice_ in sorted(slices, key=lambda row: row[:2]):
                while open_ and open_[-1][0] <= start:
                    check_order(open_.pop()[1], slice_)
                end = start - minus
                if open_:
                    assert end <= open_[-1][0], ("overlaps", slice_, open_[-1][1])
                    assert slice_["cat"] == "child" and open_[-1][1]["cat"] in ("task", "child"), slice_
                else:
                    assert slice_["cat"] != "child", slice_
                open_.append((end, slice_))

    def check_stretches(self):
        """Each task has stretches 0, 1, ... in the order of time, and only the last one is done."""
        stretches = collections.defaultdict(list)
        for slice_ in self.tasks:
            args = slice_["args"]
            assert args["end"] in ENDS and ("status" in args) == (args["end"] == "done"), slice_
            assert args["n"] == 0 or "queue_us" not in args
            stretches[args["id"]].append((args["n"], ns(slice_["ts"]), args["end"]))
        for rows in stretches.values():
            rows.sort()
            assert [row[0] for row in rows] == list(range(len(rows))), rows
            assert [row[1] for row in rows] == sorted(row[1] for row in rows), rows
            assert all(row[2] not in ("done", "gone") for row in rows[:-1]), rows

    def check_pairs(self):
        waits = collections.Counter()
        flows = collections.defaultdict(list)
        for event in self.events:
            if event["ph"] in "be":
                waits[event["id"]] += 1 if event["ph"] == "b" else -1
                assert waits[event["id"]] in (0, 1), event
            if event["ph"] in "sf":
                flows[event["id"]].append(event)
        assert not any(waits.values())
        starts = {(slice_["tid"], slice_["ts"]) for slice_ in self.tasks}
        for pair in flows.values():
            assert [event["ph"] for event in pair] == ["s", "f"], pair
            source, target = pair
            assert source["name"] == target["name"] in ("submit", "wake", "steal")
            assert source["tid"] != target["tid"] and source["ts"] <= target["ts"], pair
            assert (target["tid"], target["ts"]) in starts, target

    def check_log(self):
        rows, widths = self.graph["log"], {0: 6, 1: 6, 2: 6, 3: 5, 4: 4, 5: 6, 6: 5, 7: 7}
        assert [row[1] for row in rows] == sorted(row[1] for row in rows)
        known = {0}
        for row in rows:
            assert len(row) == widths[row[0]], row
            known.update(row[column] for column in {0: (4,), 1: (2,), 4: (2,), 6: (4,)}.get(row[0], ()))
            if row[0] == 1:
                assert -1 <= row[5] < len(self.graph["names"]), row
        for op, column in ((2, 2), (3, 2), (3, 4), (4, 3), (5, 4)):
            for row in rows:
                assert row[0] != op or row[column] in known or self.other["dropped"], row

    def rows(self, op):
        return [row for row in self.graph["log"] if row[0] == op]

    def done(self, stolen=False):
        """Tasks that have ended, or stolen children; without those of the graph's pool."""
        return [slice_ for slice_ in self.tasks if slice_["args"]["end"] == "done" and
                slice_["name"] not in ("node", "filch_graph_run") and slice_["args"].get("stolen", False) == stolen]

    def stats(self, name):
        found = [pool["stats"] for pool in self.other["pools"] if pool["name"] == name]
        assert len(found) == 1, [pool["name"] for pool in self.other["pools"]]
        return found[0]


class Skipped(Exception):
    """Not in this build, or not under this emulator."""


class Tests:
    def __init__(self, program):
        self.command = [os.environ["FILCH_TEST_EMULATOR"]] if os.environ.get("FILCH_TEST_EMULATOR") else []
        self.command.append(os.path.abspath(program))
        self.directory = tempfile.TemporaryDirectory(prefix="filch-tracefile-")

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def run(self, mode, file, status=0, says="", **settings):
        """What the program printed, a JSON value a line."""
        environment = dict(os.environ, FILCH_TRACE=file, **settings)
        done = subprocess.run([*self.command, mode], env=environment, cwd=self.directory.name, capture_output=True,
                              text=True, timeout=600, check=False)
        if done.returncode == 77:
            raise Skipped
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        said = [line for line in done.stderr.splitlines() if line.startswith("filch:")]  # sanitizers say other things
        assert said == ([says] if says else []), done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_totals_are_the_counters(self):
        figures, = self.run("tasks", self.path("tasks.json"))
        trace = Trace(self.path("tasks.json"))
        assert trace.other["dropped"] == 0
        stats = trace.stats("tasks")
        assert figures["run"] == stats["run"] == stats["submitted"] == len(trace.done()) == len(trace.rows(0)) == 1000
        assert len(trace.rows(2)) == 1000 and len(trace.rows(3)) == 1000
        waits = [slice_ for slice_ in trace.tasks if slice_["args"]["end"] == "wait"]
        assert len(waits) == figures["suspensions"] == stats["suspensions"]
        assert all(slice_["name"] in ("branch", "leaf") for slice_ in trace.tasks)
        leaves = [slice_ for slice_ in trace.tasks if slice_["name"] == "leaf"]
        assert len(leaves) == 800 and all(slice_["args"]["note"] == 'a "leaf" \ufffd' for slice_ in leaves)
        first = [slice_ for slice_ in trace.tasks if slice_["args"]["n"] == 0]
        assert all("queue_us" in slice_["args"] for slice_ in first)
        work = sum(row[4] for row in trace.rows(2))
        assert abs(work - sum(slice_["dur"] for slice_ in trace.tasks)) <= 0.01 * work + 0.01 * len(trace.tasks)
        latency = trace.other["pools"][0]["latency"]
        assert set(latency) == {"queue", "run", "gate", "suspension", "wake"}
        for histogram in latency.values():
            assert histogram["count"] == sum(bucket[2] for bucket in histogram["buckets"])
        assert latency["queue"]["count"] == 1000

    def test_everything_that_tasks_do(self):
        _, figures = self.run("all", self.path("all.json"))
        trace = Trace(self.path("all.json"))
        names = collections.Counter(slice_["name"] for slice_ in trace.tasks)
        assert names["node"] == 15 and {"branch", "leaf", "wait_for", "own thread", "after", "gated", "fib"} <= set(names)
        assert figures["run"] == len(trace.done()) == trace.stats("all")["run"]
        assert figures["stolen_children"] == len(trace.done(stolen=True)) == len(trace.rows(5))
        assert any(slice_["cat"] == "block" for slice_ in trace.slices), "own thread waits"
        assert len(trace.rows(6)) == 1
        assert len(trace.rows(4)) == 2 + 10 + 5 * 2, "after, scope, graph"

    def test_exit_in_a_task_writes_the_file(self):
        assert self.run("exit", self.path("exit.json"), status=3) == []
        trace = Trace(self.path("exit.json"))
        last = [slice_ for slice_ in trace.tasks if slice_["name"] == "leave"]
        assert len(last) == 1 and last[0]["args"]["end"] == "gone"

    def test_a_forked_child_writes_its_own(self):
        if len(self.command) > 1:
            raise Skipped  # the emulator dies when the child of a process with threads starts a thread
        child, figures = self.run("fork", self.path("fork-%p.json"))
        paths = [name for name in os.listdir(self.directory.name) if name.startswith("fork-")]
        assert len(paths) == 2
        child = Trace(self.path(f"fork-{child['child']}.json"))
        paths.remove(f"fork-{child.events[0]['pid']}.json")
        parent = Trace(self.path(paths[0]))
        assert figures["run"] == 50 == len(parent.done()) and len(child.done()) == 15
        assert [pool["name"] for pool in child.other["pools"]] == ["child"]
        assert [pool["name"] for pool in parent.other["pools"]] == ["parent"]

    def test_a_forked_child_leaves_its_parents_alone(self):
        if len(self.command) > 1:
            raise Skipped
        self.run("fork", self.path("one.json"))
        assert len(Trace(self.path("one.json")).done()) == 50

    def test_what_cannot_be_written_is_said_once(self):
        figures, = self.run("tasks", "/nonexistent/trace.json",
                            says="filch: FILCH_TRACE: /nonexistent/trace.json: No such file or directory")
        assert figures["run"] == 1000

    def test_settings_that_make_no_sense_are_said(self):
        for name, value in (("FILCH_TRACE_MB", "much"), ("FILCH_TRACE_LAST", "1.2.3"), ("FILCH_TRACE_SIGNAL", "SIGNAL")):
            figures, = self.run("tasks", self.path("none.json"), says=f"filch: FILCH_TRACE: {name}: Invalid argument",
                                **{name: value})
            assert figures["run"] == 1000 and not os.path.exists(self.path("none.json"))

    def test_a_full_ring_keeps_the_first_and_counts_the_rest(self):
        self.run("much", self.path("full.json"), FILCH_TRACE_MB="1")
        trace = Trace(self.path("full.json"))
        assert trace.other["dropped"] > 0 and not any(slice_["name"] == "the last" for slice_ in trace.tasks)
        assert trace.stats("much")["run"] == 100001 > len(trace.done()) > 0

    def test_a_flight_recorder_keeps_the_last(self):
        self.run("much", self.path("last.json"), FILCH_TRACE_MB="1", FILCH_TRACE_LAST="3600")
        trace = Trace(self.path("last.json"))
        last = [slice_ for slice_ in trace.tasks if slice_["name"] == "the last"]
        assert trace.other["dropped"] > 0 and len(last) == 1 and last[0]["args"]["end"] == "done"
        assert last[0]["args"]["note"] == 'a "leaf" \ufffd'
        self.run("much", self.path("window.json"), FILCH_TRACE_LAST="0.000001")
        assert Trace(self.path("window.json")).tasks == []

    def test_a_signal_writes_a_file_in_between(self):
        self.run("signal", self.path("signal.json"), FILCH_TRACE_SIGNAL="USR1")
        assert len(Trace(self.path("signal.json.1")).done()) == 25
        assert len(Trace(self.path("signal.json")).done()) == 25
        self.run("signal", self.path("no.json"), status=-signal.SIGUSR1)

    def test_pools_of_one_name_and_another_directory(self):
        self.run("twins", "relative.json")
        trace = Trace(self.path("relative.json"))
        assert sorted(pool["stats"]["run"] for pool in trace.other["pools"]) == [10, 15]
        assert len({pool["id"] for pool in trace.other["pools"]}) == 2
        counters = {event["name"] for event in trace.events if event["ph"] == "C"}
        assert counters <= {"pool twin #1", "pool twin #2"}


def main():
    tests = Tests(sys.argv[1])
    chosen = [name for name in dir(tests) if name.startswith("test_") and (len(sys.argv) < 3 or sys.argv[2] in name)]
    for name in chosen:
        print(name.removeprefix("test_"), flush=True)
        try:
            getattr(tests, name)()
        except Skipped:
            print("    skipped")
    print(f"{len(chosen)} tests")


if __name__ == "__main__":
    main()
