# SPDX-License-Identifier: MIT
"""The workloads: which programs run with which arguments, what of their samples is shown, what filch is to reach."""
import kernels
from model import Case, Column, Workload, at_most, no_targets, percentile

SYSTEMS = ["filch", "textbook", "glib", "libuv", "onetbb"]
PEERS = SYSTEMS[1:]
# Wake-ups make them several times slower than the others where many small tasks are submitted.
SLOW = ["glib", "libuv", "onetbb"]


def submit_cases(quick):
    cases = []
    for producers in (1, 2, 4):
        for workers in (1, 2):
            if quick and producers > 1 and workers == 1:
                continue
            systems = ["filch", "textbook"] if quick and producers > 1 else SYSTEMS
            cases.append(Case(f"workers {workers}, producers {producers}", [workers, producers, 1000000], systems,
                              slow_every=3 if quick else 1))
    return cases


def submit_targets(figures, _quick):
    targets = []
    for case in figures.cases():
        bound = 25 if case.endswith("producers 1") else 50
        row = {"case": case, "system": "filch", "column": "ns_per_task"}
        targets.append(at_most(figures, f"{case}: one by one <= {bound} ns", bound, way="one", **row))
        targets.append(at_most(figures, f"{case}: submit_many <= 12 ns", 12, way="batch", **row))
    return targets


def wake_targets(figures, _quick):
    case = figures.cases()[0]
    targets = []
    ratio = figures.ratio(case=case, system="filch", way="-", column="trip p50", to="bare_futex")
    if ratio is not None:
        targets.append(("round trip p50 <= 1.1 x the bare futex's", f"{ratio:.2f} x", round(ratio, 2) <= 1.1))
    for column in ("start p99", "trip p99"):
        peers = [(figures.median(case=case, system=peer, way="-", column=column), peer) for peer in PEERS]
        peers = [peer for peer in peers if peer[0] is not None]
        own = figures.median(case=case, system="filch", way="-", column=column)
        if peers and own is not None:
            best, name = min(peers)
            overlap = figures.indistinct(case=case, system="filch", way="-", column=column, to=name)
            claim = f"{column} no worse than the best peer's ({name} {best:.1f} us)"
            if own > best and overlap:
                claim += ", spreads overlap"
            targets.append((claim, f"{own:.1f} us", own <= best or overlap))
    return targets


def idle_targets(figures, quick):
    row = {"case": figures.cases()[0], "system": "filch", "way": "-"}
    idle, wait = ("0.5", "0.25") if quick else ("2", "0.5")
    return [at_most(figures, f"<= 0.5 ms CPU over {idle} s idle", 0.5, column="idle_cpu_ms", **row),
            at_most(figures, f"<= 0.5 ms CPU while a thread waits {wait} s", 0.5, column="wait_cpu_ms", **row),
            at_most(figures, "0 wake-ups a second while idle", 0, column="idle_switches", **row)]


def memory_targets(figures, _quick):
    return [at_most(figures, "<= 64 bytes per queued task with its future", 64, case=figures.cases()[0], system="filch",
                    way="-", column="bytes_per_task")]


def suspend_targets(figures, _quick):
    return [at_most(figures, "a wait that suspends <= 80 ns over one that does not", 80, case="at limit 1",
                    system="filch", way="-", column="suspend_ns"),
            at_most(figures, "100,000 waiting tasks within 1 GiB of VmRSS + VmPTE", 1024, case="100,000 tasks wait",
                    system="waiters", way="-", column="resident_mib")]


def trace_targets(figures, _quick):
    row = {"case": figures.cases()[0], "system": "event", "column": "event_ns"}
    return [at_most(figures, "an event <= 15 ns, into new memory", 15, way="fresh", **row),
            at_most(figures, "an event <= 15 ns, into old memory", 15, way="warm", **row)]


def gate_targets(figures, _quick):
    targets = []
    ratio = figures.ratio(case="limit 5", system="filch", way="-", column="total_ms", to="bare_threads")
    if ratio is not None:
        targets.append(("within 2 % of five bare threads", f"{(ratio - 1) * 100:+.2f} %", ratio <= 1.02))
    targets.append(at_most(figures, "never more than 5 at once", 5, case="limit 5", system="filch", way="-",
                           column="high_water"))
    levels = figures.median(case="nested at limit 1", system="nested", way="-", column="levels")
    targets.append(("nested to depth 50 at limit 1 completes", f"{levels or 0:.0f} levels", levels == 50))
    targets.append(at_most(figures, "an uncontended user gate <= 10 ns per enter + leave", 10, case="a permit is free",
                           system="user", way="-", column="pair_ns"))
    pair, semaphore = (figures.median(case="a permit is free", system="user", way="-", column=column)
                       for column in ("pair_ns", "semaphore_ns"))
    if pair is not None:
        targets.append(("no dearer than a semaphore, within 5 %", f"{pair / semaphore:.2f} x", pair <= 1.05 * semaphore))
    return targets


WORKLOADS = [
    Workload(
        "limits", "what the machine itself charges",
        [Column("call_ns", "a call of an empty function, ns"),
         Column("locked_add_ns", "an uncontended locked add, ns"),
         Column("spin_trip_ns", "a spin hand-off there and back, ns"),
         Column("memcpy_gbs", "memcpy of 64 MiB, GB/s", clock=False)],
        lambda quick: [Case("alone", [], ["limits"])], no_targets,
        note="A futex round trip after an idle millisecond: bare_futex in wake."),
    Workload(
        "submit", "W3: 1,000,000 empty tasks from outside",
        [Column("ns_per_task", "ns per task until all are done")],
        submit_cases, submit_targets, ways={"one": "", "batch": " submit_many"}),
    Workload(
        "wake", "W4: a pool idle for 1 ms gets one task",
        [Column("start_us", "start p50", percentile(0.5)), Column("start_us", "start p99", percentile(0.99)),
         Column("trip_us", "trip p50", percentile(0.5)), Column("trip_us", "trip p99", percentile(0.99))],
        lambda quick: [Case("workers 2", [2, 200 if quick else 700], ["bare_futex", "bare_sem"] + SYSTEMS)],
        wake_targets, note="Microseconds from before the submit to the body, and until the wait has returned."),
    Workload(
        "idle", "W6: nothing to do",
        [Column("idle_cpu_ms", "CPU while idle, ms", decimals=3),
         Column("wait_cpu_ms", "CPU while a thread waits, ms", decimals=3),
         Column("idle_switches", "wake-ups a second while idle", clock=False)],
        lambda quick: [Case("workers 2", [2, 500, 250], SYSTEMS, rounds=3) if quick else
                       Case("workers 2", [2, 2000, 500], SYSTEMS)],
        idle_targets),
    Workload(
        "memory", "W7: 1,000,000 tasks queued behind blocked workers",
        [Column("bytes_per_task", "resident bytes per task, handle included", clock=False)],
        lambda quick: [Case("workers 2", [2, 1000000], SYSTEMS)], memory_targets),
    Workload(
        "suspend", "W9: tasks that wait",
        [Column("suspend_ns", "a wait that suspends costs more by, ns"),
         Column("submit_and_wait_ns", "submit, run, wait on a done future, ns"),
         Column("resident_mib", "VmRSS + VmPTE, MiB", clock=False),
         Column("suspend_us", "submit to suspended, us per task"),
         Column("resume_us", "complete to ended, us per task")],
        lambda quick: [Case("at limit 1", [1000000], ["filch"]),
                       Case("100,000 tasks wait", [2, 100000], ["waiters"], rounds=3)], suspend_targets),
    Workload(
        "gate", "W10: 2,000 tasks that each block 5 ms, five at a time",
        [Column("total_ms", "until all are done, ms", clock=False),
         Column("high_water", "most at once", max, clock=False, decimals=0),
         Column("us_per_level", "per level of nesting, us"), Column("levels", "levels", min, clock=False, decimals=0),
         Column("pair_ns", "enter + leave of a user gate, ns"),
         Column("pair_in_task_ns", "the same inside a task, ns"),
         Column("semaphore_ns", "sem_wait + sem_post, ns")],
        lambda quick: [Case("limit 5", [5, 2000, 5000], ["bare_threads"] + SYSTEMS + ["throttled"]),
                       Case("nested at limit 1", [50], ["nested"]),
                       Case("a permit is free", [2000000], ["user"])], gate_targets),
    Workload(
        "trace", "What an event of a trace costs the thread that writes it",
        [Column("event_ns", "ns")],
        lambda quick: [Case("500,000 events", [500000], ["event"])], trace_targets,
        ways={"off": ": no trace is taken", "ticks": ": its time alone", "after": ": a time not before what was read",
              "fresh": ", into new memory", "warm": ", into old memory", "full": " that finds no room",
              "read": ", copied by a reader"}),
] + kernels.WORKLOADS

QUICK = ["fib", "submit", "wake", "idle"]
