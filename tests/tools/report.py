#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/report.py - filch-report on traces of programs whose figures are known."""
import sys
import unittest

sys.dont_write_bytecode = True
import programs  # noqa: E402
from reading import MAIN, MS, WithFiles, bare, written  # noqa: E402
from filch_report import diagnosis, graph, simulate, text  # noqa: E402


class WorkAndSpan(WithFiles):
    def check(self, made, work, span):
        facts = self.facts(made)
        self.assertAlmostEqual(facts.work, work, places=2)
        self.assertAlmostEqual(facts.span, span, places=2)
        self.assertAlmostEqual(sum(high - low for _, low, high in facts.path), facts.span, places=2)
        return facts

    def test_chain(self):
        facts = self.check(programs.chain(20, 100.0), 2000, 2000)
        self.assertEqual(facts.critical_names()[0][0], "link")

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

    def test_a_child_that_waits_and_is_not_stolen_does_not_hold_its_parent(self):
        # 2 spawns at 10, goes on to 500, then runs the child, which waits at 20 for 1, that ends at 400; the child ends at 30.
        rows = [[0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 2, 0], [1, 1, 1, 1, 0, 0], [2, 401, 1, 400, 400, 0], [1, 1, 2, 2, 0, 0],
                [3, 511, 2, 20, 1], [7, 521, 2, 30, 501, 10, 500], [2, 526, 2, 505, 525, 0]]
        facts = self.facts(bare([MAIN, *rows]))
        self.assertEqual(facts.span, 505)
        rows[3] = [2, 901, 1, 900, 900, 0]
        rows[5:] = [[3, 911, 2, 20, 1], [7, 921, 2, 30, 501, 10, 500], [2, 926, 2, 505, 525, 0]]
        facts = self.facts(bare([MAIN, *rows]))
        self.assertEqual(facts.span, 900 + 10 + 5)
        self.assertEqual([(step[0].id, step[1], step[2]) for step in facts.path], [(0, 0, 0), (1, 0, 900), (2, 20, 30),
                                                                                  (2, 500, 505)])

    def test_a_parent_that_waits_does_not_hold_its_child(self):
        # 2 spawns at 10, waits at 50 for what ends at 400, goes on to 60, then runs the child, which takes 200.
        self.assertEqual(self.span(
            [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 2, 0], [1, 1, 1, 1, 0, 0], [2, 401, 1, 400, 400, 0], [1, 1, 2, 2, 0, 0],
            [3, 402, 2, 50, 1], [7, 612, 2, 210, 412, 10, 60], [2, 617, 2, 215, 265, 0]), 400 + 10 + 5)

    def test_a_merge_whose_task_is_not_there(self):
        self.assertEqual(self.span([7, 612, 9, 210, 412, 10, 60], [0, 613, 0, 7, 1, 0]), 7)

    def test_a_promise_is_there_when_it_is_completed(self):
        self.assertEqual(self.span([0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0], [6, 300, 1, 300, 9], [3, 301, 0, 5, 9],
                                   [2, 302, 1, 301, 301, 0], [6, 310, 0, 45, 10]), 340)

    def test_what_was_needed_and_had_ended_long_ago_costs_nothing(self):
        self.assertEqual(self.span([0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0], [2, 11, 1, 10, 10, 0],
                                   [3, 500, 0, 400, 1]), 400)

    def test_predecessors(self):
        # 3 needs 1 and 2, and was submitted when main had run for 7.
        self.assertEqual(self.span(
            [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 2, 0], [0, 7, 0, 7, 3, 1], [4, 7, 3, 1], [4, 7, 3, 2], [1, 8, 1, 1, 0, 0],
            [2, 38, 1, 30, 30, 0], [1, 40, 2, 1, 0, 0], [2, 90, 2, 50, 50, 0], [1, 91, 3, 1, 0, 1],
            [2, 95, 3, 4, 4, 0]), 54)

    def test_who_waits_at_the_same_depth_after_a_submit(self):
        """The path does not run in a circle between the two."""
        facts = self.facts(bare([MAIN, [0, 5, 0, 5, 1, 0], [1, 6, 1, 1, 0, 0], [2, 16, 1, 10, 10, 0], [3, 17, 0, 5, 1],
                                 [0, 18, 0, 5, 2, 0], [1, 19, 2, 1, 0, 0], [2, 39, 2, 20, 20, 0], [3, 40, 0, 6, 2]]))
        self.assertEqual(facts.span, 35)
        self.assertEqual([step[0].id for step in facts.path], [0, 1, 0, 2])

    def test_a_child_that_waited_does_not_delay_its_siblings(self):
        # In task 1 a child waits at 15 for 2, which ends at 500; its sibling, from 10, submits 3 at 12.
        facts = self.facts(bare([MAIN, [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 2, 0], [1, 1, 1, 1, 0, 0], [1, 1, 2, 1, 0, 0],
                                 [2, 501, 2, 500, 500, 0], [3, 502, 1, 15, 2], [0, 505, 1, 12, 3, 1],
                                 [1, 506, 3, 1, 0, 1], [2, 906, 3, 400, 400, 0], [2, 907, 1, 17, 20, 0]]))
        self.assertEqual(facts.span, 502)

    def test_rows_that_are_missing_are_told(self):
        facts = self.facts(bare([MAIN, [3, 10, 0, 5, 77], [1, 20, 5, 1, 0, 0]]))
        self.assertEqual((facts.walk.unresolved, facts.graph.unfinished), (1, 1))
        self.assertTrue(any("not in the trace" in line for line in facts.incomplete()))

    def test_rows_that_are_damaged_are_told(self):
        facts = self.facts(bare([MAIN, [], [2], ["x", 1, 2, 3, 4, 5], [2, 10, 1, None, 3, 0], [3, 10, 0, "5", 1], 7,
                                 [9, 1, 2, 3, 4, 5], [1, 1, 2, 3, None]]))
        self.assertEqual(facts.graph.malformed, 8)

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
        samples = self.facts(programs.too_many()).samples
        self.assertAlmostEqual(samples.share("waiting for a processor"), 0.75, delta=0.02)

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

    def test_a_stolen_child_runs_beside_its_parent(self):
        # The parent takes 105, spawns at 10 what takes 200, and joins it at 100.
        facts = self.facts(bare([MAIN, [0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0], [1, 20, 2, 1, 0, 1],
                                 [2, 220, 2, 200, 200, 0], [5, 230, 1, 100, 2, 10], [2, 240, 1, 105, 105, 0]]))
        plan = simulate.Plan(facts.graph)
        self.assertEqual([plan.run(workers) for workers in (1, 2, 3)], [305, 215, 215])

    def test_a_log_with_gaps_ends(self):
        facts = self.facts(bare([MAIN, [0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0], [3, 5, 1, 4, 77], [4, 5, 1, 78],
                                 [5, 8, 1, 6, 79, 3], [2, 11, 1, 10, 10, 0], [3, 20, 0, 1, 1], [3, 21, 0, 2, 99]]))
        self.assertEqual(simulate.Plan(facts.graph).run(2), 11)

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
        self.check(programs.limit_too_low, "limit", "the only permit of pool batch", "3 of 4 processors are free",
                   "from 1 to 4")

    def test_limit_too_low_of_one_of_two_pools_of_a_name(self):
        """As the runtime writes it: their counters bear their numbers."""
        def program():
            trace = programs.limit_too_low().trace()
            pools = trace["otherData"]["pools"]
            pools.append({**pools[0], "id": 1, "stats": {}})
            for event in trace["traceEvents"]:
                if event["ph"] == "C":
                    event["name"] += " #0"
            return trace
        self.check(program, "limit", "the only permit of pool batch #0", "Raise max_concurrency of batch #0 from 1 to 4")

    def test_lock_held_in_tasks(self):
        self.check(programs.lock_held, "lock", "futex", "of 4 tasks in progress 1.2 get on", "do_file",
                   "About one task at a time")

    def test_huge_task_at_the_end(self):
        self.check(programs.huge_at_end, "long-task", "at the end", 'dir/huge & <b>big</b> "file"</script>', "600 ms",
                   "100 % of the critical path", "started 250 ms")

    def test_huge_task_that_came_first(self):
        self.check(programs.huge_at_first, "long-task", "Split it: it was among the first")

    def test_slow_submitter(self):
        self.check(programs.slow_submitter, "submitter", "thread main", "each 2.0")

    def test_submitter_that_sleeps(self):
        self.check(programs.sleepy_submitter, "starved", "thread main submits one each 5.00 ms", "1 % of that time")

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

    def test_a_lock_on_a_machine_that_others_use(self):
        """What other processes take does not hide it."""
        self.check(programs.lock_on_shared_machine, "lock", "time without a processor left aside")
        self.check(programs.lock_half_seen, "lock", "time without a processor left aside")

    def test_no_claim_where_tasks_had_no_processor_and_samples_are_few(self):
        def program():
            return programs.files(8, 5 * MS, workers=2, sample_every=1e9, speed=0.3)
        self.check(program, "unclear", "12.0 ms of CPU time for 40.0 ms in tasks")

    def test_the_last_seconds_only(self):
        trace = programs.healthy().trace()
        trace["otherData"].update(duration_us=60e6, last_us=500 * MS, cpu_us=100e6)
        _, _, remarks = diagnosis.diagnose(self.facts(trace))
        self.assertIn("The trace holds the last 500 ms only", " ".join(remarks))

    def test_nothing_definite(self):
        self.check(programs.half_busy, "unclear", "No single cause")

    def test_nothing_at_all(self):
        facts = self.facts(bare([MAIN]))
        self.assertEqual(diagnosis.diagnose(facts)[0].key, "nothing")


if __name__ == "__main__":
    unittest.main()
