#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/report.py - filch-report on traces of programs whose figures are known, and on files that are broken."""
import array
import base64
import gzip
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import zlib
from html.parser import HTMLParser
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(HERE, "..", "..", "bench", "tools")
sys.path[:0] = [HERE, TOOLS]
import machine  # noqa: E402
import programs  # noqa: E402
from filch_report import diagnosis, graph, reader, simulate, text  # noqa: E402
from filch_report.facts import Facts  # noqa: E402
from filch_report.trace import read  # noqa: E402

MS = 1000.0


def written(trace):
    file = io.StringIO()
    machine.dump(trace, file)
    return file.getvalue()


class WithFiles(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def file(self, content, name="trace.json"):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def facts(self, made, what_if=False):
        trace = made if isinstance(made, dict) else made.trace()
        return Facts(read(self.file(written(trace))), what_if)

    def command(self, *arguments):
        return subprocess.run([sys.executable, "-B", os.path.join(TOOLS, "filch-report"), *arguments], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                              env={**os.environ, "PYTHONIOENCODING": "utf-8"})


class WorkAndSpan(WithFiles):
    def check(self, made, work, span):
        facts = self.facts(made)
        self.assertAlmostEqual(facts.work, work, places=2)
        self.assertAlmostEqual(facts.span, span, places=2)
        self.assertAlmostEqual(sum(high - low for _, low, high in facts.path), facts.span, places=2)
        return facts

    def test_chain(self):
        facts = self.check(programs.chain(20, 100.0), 2000, 2000)
        self.assertEqual([name for name, _, _ in facts.critical_names()[0]][0], "link")

    def test_tree(self):
        for levels in range(5):
            inner, leaves = 2 ** levels - 1, 2 ** levels
            self.check(programs.tree(levels, 70.0, 30.0, 20.0), inner * 50 + leaves * 70, levels * 50 + 70)

    def test_the_same_on_any_number_of_workers(self):
        for workers in (1, 2, 7):
            self.check(programs.tree(4, 70.0, 30.0, 20.0, workers), 15 * 50 + 16 * 70, 4 * 50 + 70)

    def test_wavefront(self):
        self.check(programs.wavefront(7, 40.0), 49 * 40, 13 * 40)

    def test_tasks_that_fork(self):
        self.check(programs.divisible(), 240 * MS, 10 * MS)

    def test_submitter_that_takes_its_time(self):
        # The last of 300 tasks can start after 600 ms, and runs for 1 ms.
        facts = self.check(programs.slow_submitter(), 300 * MS, 601 * MS)
        self.assertAlmostEqual(facts.outside_on_path(), 600 * MS, places=2)


def bare(rows, names=("a", "b", "thread main"), **other):
    """A trace that has a log only."""
    return {"traceEvents": [], "otherData": {"cpus": 2, "duration_us": 1000, **other},
            "filch": {"tracks": [{"tid": 1, "pool": 0, "worker": 0, "name": "batch/0"}], "names": list(names), "log": rows}}


MAIN = [1, 0, 0, 2, None, 2]


class Rows(WithFiles):
    """What each kind of row does to the span."""

    def span(self, *rows):
        return self.facts(bare([MAIN, *rows])).span

    def test_a_stolen_child_counts_from_where_it_was_spawned(self):
        # The parent reaches 100, spawns at 10 what takes 200, and goes on for 5 after the join.
        rows = [[0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0], [1, 20, 2, 1, 0, 1], [2, 220, 2, 200, 200, 0],
                [5, 230, 1, 100, 2, 10], [2, 240, 1, 105, 105, 0]]
        facts = self.facts(bare([MAIN, *rows]))
        self.assertEqual((facts.work, facts.span), (305, 215))
        self.assertEqual([(step[0].id, step[1], step[2]) for step in facts.path], [(0, 0, 0), (1, 0, 10), (2, 0, 200),
                                                                                  (1, 100, 105)])

    def test_a_stolen_child_that_is_short_costs_nothing(self):
        self.assertEqual(self.span([0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0], [1, 20, 2, 1, 0, 1], [2, 70, 2, 50, 50, 0],
                                   [5, 230, 1, 100, 2, 10], [2, 240, 1, 105, 105, 0]), 105)

    def test_a_stolen_child_of_a_stolen_child(self):
        self.assertEqual(self.span([0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0], [1, 20, 2, 1, 0, 1], [1, 30, 3, 1, 0, 1],
                                   [2, 220, 3, 200, 200, 0], [5, 222, 2, 10, 3, 5], [2, 225, 2, 12, 12, 0],
                                   [5, 230, 1, 100, 2, 10], [2, 240, 1, 105, 105, 0]), 10 + 5 + 200 + 2 + 5)

    def test_a_promise_is_there_when_it_is_completed(self):
        self.assertEqual(self.span([0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0], [6, 300, 1, 300, 9], [3, 301, 0, 5, 9],
                                   [2, 302, 1, 301, 301, 0], [6, 310, 0, 45, 10]), 340)

    def test_what_was_needed_and_had_ended_long_ago_costs_nothing(self):
        self.assertEqual(self.span([0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0], [2, 11, 1, 10, 10, 0], [3, 500, 0, 400, 1]), 400)

    def test_predecessors(self):
        # 3 needs 1 and 2, and was submitted when main had run for 7.
        self.assertEqual(self.span(
            [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 2, 0], [0, 7, 0, 7, 3, 1], [4, 7, 3, 1], [4, 7, 3, 2], [1, 8, 1, 1, 0, 0],
            [2, 38, 1, 30, 30, 0], [1, 40, 2, 1, 0, 0], [2, 90, 2, 50, 50, 0], [1, 91, 3, 1, 0, 1], [2, 95, 3, 4, 4, 0]), 54)

    def test_who_waits_at_the_same_depth_after_a_submit(self):
        """The path does not run in a circle between the two."""
        facts = self.facts(bare([MAIN, [0, 5, 0, 5, 1, 0], [1, 6, 1, 1, 0, 0], [2, 16, 1, 10, 10, 0], [3, 17, 0, 5, 1],
                                 [0, 18, 0, 5, 2, 0], [1, 19, 2, 1, 0, 0], [2, 39, 2, 20, 20, 0], [3, 40, 0, 6, 2]]))
        self.assertEqual(facts.span, 35)
        self.assertEqual([step[0].id for step in facts.path], [0, 1, 0, 2])

    def test_a_child_that_waited_does_not_delay_its_siblings(self):
        # In task 1 a child waits at 15 for 2, which ends at 500; its sibling, from 10, submits 3 at 12.
        facts = self.facts(bare([MAIN, [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 2, 0], [1, 1, 1, 1, 0, 0], [1, 1, 2, 1, 0, 0],
                                 [2, 501, 2, 500, 500, 0], [3, 502, 1, 15, 2], [0, 505, 1, 12, 3, 1], [1, 506, 3, 1, 0, 1],
                                 [2, 906, 3, 400, 400, 0], [2, 907, 1, 17, 20, 0]]))
        self.assertEqual(facts.span, 502)

    def test_rows_that_are_missing_are_told(self):
        facts = self.facts(bare([MAIN, [3, 10, 0, 5, 77], [1, 20, 5, 1, 0, 0]]))
        self.assertEqual((facts.walk.unresolved, facts.graph.unfinished), (1, 1))
        self.assertTrue(any("not in the trace" in line for line in facts.incomplete()))

    def test_burden(self):
        """Each hand-over on the path costs it: here a submit, a predecessor, and main's wake-up."""
        rows = [MAIN, [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 2, 0], [4, 0, 2, 1], [1, 1, 1, 1, 0, 0], [2, 31, 1, 30, 30, 0],
                [1, 32, 2, 1, 0, 0], [2, 92, 2, 60, 60, 0], [3, 93, 0, 1, 2]]
        facts = self.facts(bare(rows))
        self.assertEqual((facts.span, graph.Walk(facts.graph, 7.0).span), (90, 90 + 3 * 7))


class Totals(WithFiles):
    def test_every_moment_has_one_heading(self):
        for program in (programs.healthy, programs.huge_at_end, programs.small_tasks):
            made = program()
            account = self.facts(made).account
            self.assertAlmostEqual(sum(account.times.values()), account.total, delta=0.01)
            self.assertAlmostEqual(account.total, made.now * made.workers, delta=(made.gap + 0.02) * made.workers)
            ran = sum(event["dur"] for event in made.events if event.get("cat") == "task")
            self.assertAlmostEqual(account.times["tasks"], ran, delta=0.01)

    def test_nested_and_foreign_slices(self):
        made = programs.files(1, 100.0, 1)
        trace = made.trace()
        trace["traceEvents"] += [
            {"ph": "X", "pid": 1, "tid": 1, "ts": 10, "dur": 20, "cat": "child", "name": "fib", "args": {"id": 1}},
            {"ph": "X", "pid": 1, "tid": 1, "ts": 40, "dur": 30, "cat": "block", "name": "blocked", "args": {"id": 1}},
            {"ph": "X", "pid": 1, "tid": 1, "ts": 50, "dur": 1, "cat": "something else", "name": "x"},
            {"ph": "X", "pid": 1, "tid": 2, "ts": 10, "dur": 60, "cat": "task", "name": "pumped",
             "args": {"id": 8, "n": 0, "end": "done"}}]
        facts = self.facts(trace)
        self.assertAlmostEqual(facts.account.times["tasks"], 70)
        self.assertAlmostEqual(facts.account.times["blocked"], 30)
        self.assertAlmostEqual(facts.account.outside_tasks, 60)
        self.assertEqual(facts.account.workers, 1)

    def test_samples_divide_the_task_time(self):
        samples = self.facts(programs.reading()).samples
        self.assertAlmostEqual(sum(samples.shares.values()), 1)
        self.assertAlmostEqual(samples.share("pread64"), 6 / 7, delta=0.07)
        self.assertAlmostEqual(self.facts(programs.too_many()).samples.share("waiting for a processor"), 0.75, delta=0.02)

    def test_burden_is_the_median_of_hand_overs_to_idle_workers(self):
        self.assertAlmostEqual(self.facts(programs.slow_submitter()).burden, 5.0, places=2)
        self.assertEqual(self.facts(programs.huge_at_end()).burden, 0)  # too few

    def test_top_tasks(self):
        tasks = self.facts(programs.huge_at_end()).tasks
        self.assertEqual((tasks.count, tasks.longest[0].id, tasks.most_delayed[0].id), (201, 201, 201))
        self.assertAlmostEqual(tasks.longest[0].ran, 600 * MS)
        self.assertAlmostEqual(tasks.most_delayed[0].queue, 250 * MS)
        suspended = self.facts(programs.tree(3, 70.0, 30.0, 20.0)).tasks
        self.assertEqual(suspended.count, 15)
        self.assertEqual(dict((name, (count, round(ran))) for name, count, ran in suspended.by_name),
                         {"level 0": (8, 560), "level 1": (4, 200), "level 2": (2, 100), "level 3": (1, 50)})

    def test_histograms_of_the_runtime(self):
        trace = programs.files(4, 10.0, 2).trace()
        trace["otherData"]["pools"][0]["latency"] = {"queue": {
            "count": 1000, "sum_ns": 9, "max_ns": 4000, "buckets": [[0, 100, 899], [100, 200, 100], [3000, 5000, 1]]}}
        (pool, kind, histogram), = self.facts(trace).histograms
        self.assertEqual((pool, kind, histogram.count), ("batch", "queue", 1000))
        self.assertEqual([histogram.quantile(share) for share in (0.5, 0.99, 0.999, 1)], [50, 150, 150, 4000])

    def test_histograms_of_slices_are_near(self):
        by_kind = {kind: histogram for _, kind, histogram in self.facts(programs.huge_at_end()).histograms}
        self.assertEqual(by_kind["run"].count, 201)
        self.assertAlmostEqual(by_kind["run"].quantile(0.5) / 5e6, 1, delta=0.02)
        self.assertAlmostEqual(by_kind["run"].quantile(1) / 600e6, 1, delta=0.02)


class WhatIf(WithFiles):
    def check(self, made):
        facts = self.facts(made, True)
        plan = simulate.Plan(facts.graph)
        for workers in (1, 2, 3, 4, 8, 64):
            took = plan.run(workers)
            self.assertGreaterEqual(took + 0.01, max(facts.work / workers, facts.span), workers)
            self.assertLessEqual(took - 0.01, facts.work / workers + facts.span, workers)
        return facts, plan

    def test_bounds(self):
        for program in (programs.healthy, programs.huge_at_end, programs.slow_submitter, programs.divisible):
            self.check(program())
        self.check(programs.tree(6, 70.0, 30.0, 20.0))

    def test_chain_gains_nothing(self):
        _, plan = self.check(programs.chain(20, 100.0))
        self.assertEqual([round(plan.run(workers)) for workers in (1, 2, 64)], [2000, 2000, 2000])

    def test_equal_tasks(self):
        _, plan = self.check(programs.files(12, 100.0, 3))
        self.assertEqual([round(plan.run(workers)) for workers in (1, 2, 5, 12, 64)], [1200, 600, 300, 100, 100])

    def test_tree_on_one_worker_takes_the_work(self):
        facts, plan = self.check(programs.tree(5, 70.0, 30.0, 20.0))
        self.assertAlmostEqual(plan.run(1), facts.work, places=2)
        self.assertAlmostEqual(plan.run(64), facts.span, places=2)

    def test_wavefront(self):
        _, plan = self.check(programs.wavefront(6, 10.0))
        self.assertAlmostEqual(plan.run(6), 110, places=2)
        self.assertAlmostEqual(plan.run(1), 360, places=2)

    def test_forked_tasks_are_shared_by_idle_workers(self):
        # Three of 80 ms, each worth eight workers.
        _, plan = self.check(programs.divisible())
        for workers, milliseconds in ((1, 240), (3, 80), (6, 40), (24, 10), (64, 10)):
            self.assertAlmostEqual(plan.run(workers), milliseconds * MS, delta=1, msg=workers)

    def test_the_recorded_limit_is_marked(self):
        out = self.command("--what-if", self.file(written(programs.files(12, 100.0, 3).trace()))).stdout
        self.assertIn("3 (limit)", out)


class Diagnosis(WithFiles):
    def check(self, program, key, *words):
        facts = self.facts(program())
        first, _, _ = diagnosis.diagnose(facts)
        said = " ".join([first.sentence, *first.evidence, first.advice])
        self.assertEqual(first.key, key, said)
        for word in words:
            self.assertIn(word, said)
        self.assertIn("title, 2026-01-02T03:04:05Z\n\nDiagnosis\n  " + first.sentence[:40], text.report(facts, "title"))

    def test_healthy(self):
        self.check(programs.healthy, "healthy", "100 %")

    def test_limit_too_low(self):
        self.check(programs.limit_too_low, "limit", "the only permit of pool batch", "3 of 4 processors are free", "from 1 to 4")

    def test_lock_held_in_tasks(self):
        self.check(programs.lock_held, "lock", "futex", "do_file", "About one task at a time")

    def test_huge_task_at_the_end(self):
        self.check(programs.huge_at_end, "long-task", "at the end", 'dir/huge & <b>big</b> "file"</script>', "600 ms",
                   "100 % of the critical path", "started 250 ms")

    def test_slow_submitter(self):
        self.check(programs.slow_submitter, "submitter", "thread main", "each 2.0")

    def test_serial_part(self):
        self.check(programs.serial_part, "serial-part", "thread main runs for 800 ms")

    def test_small_tasks(self):
        self.check(programs.small_tasks, "small-tasks", "500 ns", "900 ns")

    def test_input_and_output(self):
        self.check(programs.reading, "io", "pread64", "do_file")

    def test_input_and_output_at_the_limit(self):
        self.check(programs.io_and_low_limit, "io", "All 2 permits of pool batch", "1 of 2 processors is free")

    def test_too_many_at_once(self):
        self.check(programs.too_many, "oversubscribed", "8 at a time on 2 processors", "75 %")

    def test_a_machine_that_others_use(self):
        self.check(programs.shared_machine, "shared-machine", "60 %")

    def test_too_little_parallelism(self):
        self.check(lambda: programs.chain(50, 5 * MS), "parallelism", "1 worker", "link 100 %")

    def test_a_gate(self):
        self.check(programs.gated, "gate", "1.9 are suspended before a gate")

    def test_nothing_definite(self):
        self.check(programs.half_busy, "unclear", "No single cause")

    def test_nothing_at_all(self):
        facts = self.facts(bare([MAIN]))
        self.assertEqual(diagnosis.diagnose(facts)[0].key, "nothing")


VOID = {"meta", "br", "input"}
FETCHING = re.compile(r"url\(|@import|https?:|\b(?:fetch|XMLHttpRequest|WebSocket|import)\s*\(")
FETCHING_ATTRIBUTES = {"src", "srcset", "href", "action", "data", "poster", "background"}


class Reader(HTMLParser):
    """Every element closed in its turn; the text of each kind of element."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.attributes = [], {}, []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data):
        for tag in set(self.open):
            self.text[tag] = self.text.get(tag, "") + data


class Page(WithFiles):
    def page(self, made):
        path = self.file("", "page.html")
        trace = made if isinstance(made, dict) else made.trace()
        done = self.command("--html", path, self.file(written(trace)))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(path, encoding="utf-8") as file:
            content = file.read()
        reader_ = Reader()
        reader_.feed(content)
        reader_.close()
        self.assertEqual(reader_.open, [])
        return content, reader_

    def data(self, content):
        return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', content, re.S)[1])

    def column(self, text_):
        column = array.array("I", zlib.decompress(base64.b64decode(text_)))
        if sys.byteorder != "little":
            column.byteswap()
        return list(column)

    def test_well_formed_and_complete(self):
        for program in (programs.huge_at_end, programs.reading, lambda: programs.tree(4, 70.0, 30.0, 20.0)):
            content, reader_ = self.page(program())
            said = reader_.text["main"]
            for word in ("Where the workers", "Timeline", "Critical path", "Longest", "Latencies", "What if", "Pools"):
                self.assertIn(word, said)

    def test_names_cannot_break_out(self):
        content, reader_ = self.page(programs.huge_at_end())
        self.assertNotIn("<b>", content.lower().replace("<b>queue</b>", "").replace("<b>run</b>", ""))
        self.assertIn('do_file (dir/huge & <b>big</b> "file"</script>) takes 600 ms', reader_.text["main"])
        self.assertIn('dir/huge & <b>big</b> "file"</script>', self.data(content)["texts"])
        self.assertEqual(content.count("</script>"), 2)

    def test_nothing_is_fetched(self):
        content, reader_ = self.page(programs.reading())
        self.assertIsNone(FETCHING.search(content))
        self.assertEqual(FETCHING_ATTRIBUTES & {name for _, name, _ in reader_.attributes}, set())

    def test_columns_hold_all_slices(self):
        made = programs.tree(4, 70.0, 30.0, 20.0)
        content, _ = self.page(made)
        data = self.data(content)
        columns = {name: self.column(text_) for name, text_ in data["slices"].items()}
        found = []
        for track, _, first, count in data["groups"]:
            start = 0
            for row in range(first, first + count):
                start += columns["start"][row]
                found.append((data["tracks"][track]["name"], data["texts"][columns["name"][row]], start,
                              columns["duration"][row]))
        self.assertEqual(data["unit"], 0.001)
        names = {track["tid"]: track["name"] for track in made.trace()["filch"]["tracks"]}
        self.assertEqual(sorted(found), sorted((names[event["tid"]], event["name"], round(event["ts"] * 1000),
                                                round(event["dur"] * 1000)) for event in made.events if event["ph"] == "X"))

    def test_nested_slices_are_below_their_parents(self):
        trace = programs.files(1, 100.0, 1).trace()
        for start, stop in ((10, 60), (20, 40), (40, 60), (70, 90)):
            trace["traceEvents"].append({"ph": "X", "pid": 1, "tid": 1, "ts": start, "dur": stop - start, "cat": "child",
                                         "name": "fib", "args": {"id": 1}})
        content, _ = self.page(trace)
        self.assertEqual([group[1:] for group in self.data(content)["groups"]], [[0, 0, 1], [1, 1, 2], [2, 3, 2]])

    def test_suspended_tasks(self):
        content, _ = self.page(programs.tree(4, 70.0, 30.0, 20.0))
        suspended = self.data(content)["suspended"]
        self.assertEqual(suspended["reasons"], ["wait"])
        starts, stops, rows = (self.column(suspended[name]) for name in ("start", "stop", "row"))
        self.assertEqual(len(starts), 15)
        self.assertEqual(suspended["rows"], 10)
        for row in range(10):
            own = sorted((starts[place], stops[place]) for place in range(15) if rows[place] == row)
            self.assertTrue(all(one[1] <= other[0] for one, other in zip(own, own[1:])))


class Files(WithFiles):
    def test_cut_off_anywhere_it_is_read_as_far_as_it_goes(self):
        whole = written(programs.tree(4, 70.0, 30.0, 20.0).trace())
        events = whole.index('],\n"otherData"')
        for place in (len(whole) // 10, events, events + 40, len(whole) - 200, len(whole) - 5):
            path = self.file(whole[:place])
            done = self.command("--html", path + ".html", path)
            self.assertEqual((done.returncode, done.stderr), (0, ""), place)
            self.assertIn("cut off or damaged", done.stdout)
            if place < events:
                self.assertIn("does not say how many processors", " ".join(done.stdout.split()))

    def test_damage_in_the_middle(self):
        whole = written(programs.healthy().trace())
        place = whole.index('{"ph"', 90000)
        done = self.command(self.file(whole[:place] + "\0\0{[" + whole[place:]))
        self.assertEqual(done.returncode, 0)
        self.assertIn(f"cut off or damaged at character {place}:", done.stdout)

    def test_what_is_no_trace(self):
        for content in ("", "  ", "[]", "{}", "hello", '{"traceEvents":[]}', '{"traceEvents":[{"ph":"X"}]}', "[" * 100000,
                        '{"traceEvents":[{"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"x"}}',
                        '{"traceEvents":[1,2],"filch":{}}', '{"traceEvents":[],"otherData":[],"filch":{"log":[[]]}}',
                        '{"traceEvents":[],"otherData":{"pools":[1]},"filch":{}}'):
            done = self.command(self.file(content))
            self.assertEqual((done.returncode, done.stdout), (2, ""), content[:40])
            self.assertRegex(done.stderr, r"^filch-report: .*trace\.json: not a trace of filch's: .*\n$")

    def test_files_that_are_not_there(self):
        done = self.command("/nonexistent/trace.json")
        self.assertEqual((done.returncode, done.stderr),
                         (2, "filch-report: /nonexistent/trace.json: No such file or directory\n"))
        done = self.command("--html", "/nonexistent/page.html", self.file(written(programs.chain(2, 5.0).trace())))
        self.assertEqual((done.returncode, done.stderr),
                         (2, "filch-report: /nonexistent/page.html: No such file or directory\n"))

    def test_dropped_events_are_told(self):
        trace = programs.files(4, 10.0, 2).trace()
        trace["otherData"]["dropped"] = 1234
        done = self.command(self.file(written(trace)))
        self.assertIn("1234 events were dropped", " ".join(done.stdout.split()))

    def test_pieces_do_not_matter(self):
        """Numbers and strings that lie across the borders of what is read at once."""
        whole = written(programs.tree(3, 70.0, 30.0, 20.0).trace())
        path = self.file(whole)
        expected = text.report(Facts(read(path)), "")
        for size in (1, 7, 64):
            with mock.patch.object(reader, "PIECE", size):
                self.assertEqual(text.report(Facts(read(path)), ""), expected)

    def test_control_characters_do_not_reach_the_terminal(self):
        trace = programs.huge_at_end().trace()
        for event in trace["traceEvents"]:
            if "big" in event.get("args", {}).get("note", ""):
                event["args"]["note"] = "evil\x1b[2J\nname"
        out = self.command(self.file(written(trace))).stdout
        self.assertIn("evil?[2J?name", out)
        self.assertNotIn("\x1b", out)

    def test_packed(self):
        path = os.path.join(self.directory.name, "trace.json.gz")
        with gzip.open(path, "wt") as file:
            file.write(written(programs.chain(3, 5.0).trace()))
        self.assertEqual(self.command(path).returncode, 0)

    def test_help_says_all(self):
        done = self.command("--help")
        for word in ("--html", "--what-if", "Diagnosis", "burdened", "exit status"):
            self.assertIn(word, done.stdout)


if __name__ == "__main__":
    unittest.main()
