# SPDX-License-Identifier: MIT
"""The workloads of fork-join, parallel loops and graphs: kernels that are written once and spelled for each system."""
import statistics

from model import Case, Column, Workload, at_most, no_targets, serial_of

FILCH = ["filch", "filch-clang"]
PEERS = ["libgomp", "libomp", "onetbb", "rayon"]
# Neighbours in this order run one after the other: each system after the serial code that it is compared with.
SYSTEMS = ["serial", "filch", "libgomp", "onetbb", "serial-clang", "filch-clang", "libomp", "rayon"]
WITHOUT_RAYON = [system for system in SYSTEMS if system != "rayon"]
# Some ten times slower per task than the others where tasks are small.
SLOW = ["libgomp", "libomp", "onetbb"]

MS = Column("ms", "ms")
PER_TASK = Column("ns_per_task", "ns per task, of wall time", decimals=2)


def ratio_target(claim, ratios, met):
    """A target on the median of ratios taken round by round; the figure tells their spread."""
    if not ratios:
        return (claim, "not measured", None)
    median = statistics.median(ratios)
    return (claim, f"{median:.2f} ({min(ratios):.2f}..{max(ratios):.2f})", met(round(median, 2)))


def present(figures, case, column):
    return {key[1] for key in figures.keys(case, column)}


def best_peer_target(figures, case, column, way, peers=tuple(PEERS)):
    """filch takes no longer than the best of the peers in the median; a difference under the spread is none."""
    claim = f"{case}: no slower than any peer with {way} workers"
    medians = [(figures.median(case=case, system=peer, way=way, column=column), peer) for peer in peers]
    medians = [pair for pair in medians if pair[0] is not None]
    if not medians or figures.median(case=case, system="filch", way=way, column=column) is None:
        return (claim, "not measured", None)
    best = min(medians)[1]
    row = {"case": case, "system": "filch", "way": way, "column": column, "to": best, "to_way": way}
    claim += f": x {best}"
    if figures.ratio(**row) > 1 and figures.indistinct(**row):
        return ratio_target(claim + ", not significant", figures.ratios(**row), lambda _ratio: True)
    return ratio_target(claim, figures.ratios(**row), lambda ratio: ratio <= 1)


def speed_up_targets(figures, case, column, least):
    return [ratio_target(f"{case}: {system}: speed-up with 2 workers >= {least}",
                         figures.speed_ups(case, system, "2", column), lambda ratio: ratio >= least)
            for system in FILCH if system in present(figures, case, column)]


def flat_target(figures, what, column, system, way, most):
    """How much more the dearest case costs than the cheapest, round by round."""
    rows = [figures.row(case, system, way, column) for case in figures.cases()]
    rounds = set.intersection(*(set(row) for row in rows))
    spreads = [max(row[r] for row in rows) / min(row[r] for row in rows) for r in rounds]
    return ratio_target(f"{system}: {what}: the dearest <= {most} x the cheapest", spreads, lambda ratio: ratio <= most)


# ---- W1 ----

def fib_cases(quick):
    order, slow_order = (36, 28) if quick else (40, 30)
    own = {system: ["1,2", slow_order] for system in SLOW}
    own["rayon"] = ["1,2", slow_order + 4]
    return [Case("no cut-off", ["1,2", order], SYSTEMS, rounds=5 if quick else 7, own=own)]


def fib_targets(figures, _quick):
    case, column = figures.cases()[0], "ns_per_task"
    targets = []
    for system in FILCH:
        if system in present(figures, case, column):
            targets.append(ratio_target(f"{system}: <= 2.2 x {serial_of(system)} per spawn with 1 worker",
                                        figures.over_serial(case, system, "1", column), lambda ratio: ratio <= 2.2))
    targets += speed_up_targets(figures, case, column, 1.8)
    for peer, times in (("rayon", 4), ("onetbb", 25)):
        for way in ("1", "2"):
            ratios = figures.ratios(case, peer, way, column, to="filch", to_way=way)
            claim = f">= {times} x faster than {peer} with {way} worker{'s' * (way == '2')}"
            targets.append(ratio_target(claim, ratios, lambda ratio, times=times: ratio >= times))
    return targets


# ---- W2, and further kernels ----

def search_targets(figures, _quick):
    targets = []
    for case in figures.cases():
        targets.append(best_peer_target(figures, case, "ms", "2"))
        targets += speed_up_targets(figures, case, "ms", 1.9)
    return targets


def kernel_cases(_quick):
    sizes = {"cilksort": [4000000], "matmul": [1024], "strassen": [1024], "heat": [1024, 100], "lu": [1024],
             "knapsack": [53], "integrate": [2000]}
    return [Case(name, ["1,2"] + size, WITHOUT_RAYON, program=name, rounds=5) for name, size in sizes.items()]


def skynet_cases(_quick):
    own = {system: ["1,2", 1000000, 1] for system in SLOW}
    return [Case("a million leaves", ["1,2", 1000000, 16], WITHOUT_RAYON, own=own)]


# ---- W5 ----

LOOP_SIZES = {"n = 1,000": [2, 1000, 20000], "n = 1,000,000": [2, 1000000, 200]}


def loop_cases(_quick):
    return [Case(label, arguments, SYSTEMS) for label, arguments in LOOP_SIZES.items()]


def loop_targets(figures, _quick):
    small, large = LOOP_SIZES
    share = figures.median(case=small, system="filch", way="2", column="other_share")
    taken = ("both workers take part: the other does >= 10 %", "not measured", None)
    if share is not None:
        taken = (f"{small}: both workers take part: the other does >= 10 %", f"{share:.1f} %", share >= 10)
    row = {"case": small, "system": "filch", "way": "2", "column": "us_per_loop"}
    return [at_most(figures, f"{small}: <= 1 us per loop", 1, **row), taken,
            best_peer_target(figures, large, "us_per_loop", "2")]


# ---- W8 ----

def graph_cases(_quick):
    systems = ["serial", "filch", "libgomp", "libomp", "onetbb"]
    slow = {system: [2, 0, 100000] for system in SLOW}
    return [Case("chain", [2, 0, 1000000], systems, own=slow),
            Case("wavefront 512 x 512", [2, 512], systems, own={"libgomp": [2, 256], "libomp": [2, 256]})]


def graph_targets(figures, _quick):
    targets = []
    for case, bound in zip(figures.cases(), (25, 45)):
        targets += [at_most(figures, f"{case}, by {way}: <= {bound} ns per node", bound, case=case, system="filch",
                            way=way, column="ns_per_node") for way in ("graph", "submit", "fork")]
    return targets


# ---- sort ----

def sort_cases(_quick):
    return [Case("2,000,000 items", [2, 2000000, 0], ["serial", "filch", "onetbb"]),
            Case("2,000,000 items, stable", [2, 2000000, 1], ["serial", "filch"])]


def sort_targets(figures, _quick):
    targets = []
    for case in figures.cases():
        ratios = figures.ratios(case, "serial", "1", "ms", to="filch", to_way="2")
        targets.append(ratio_target(f"{case}: >= 1.8 x faster than qsort", ratios, lambda ratio: ratio >= 1.8))
    ratios = figures.ratios(figures.cases()[0], "onetbb", "2", "ms", to="filch", to_way="2")
    return targets + [ratio_target("faster than onetbb's parallel_sort", ratios, lambda ratio: ratio > 1)]


# ---- scaling ----

# fib(n) spawns about so many tasks, and is computed as often as makes for some ten milliseconds.
TASKS = {1e3: (15, 10000), 1e4: (20, 1000), 1e5: (25, 100), 1e6: (30, 10), 1e7: (35, 1), 1e8: (39, 1)}
TASKS_MAX_SLOW = 1e6
DEPTHS = {1e3: 2000, 1e4: 200, 1e5: 20, 1e6: 2}
WORKERS = "1,2,4,8,16,32,64"


def tasks_cases(_quick):
    cases = []
    for tasks, (order, times) in TASKS.items():
        slow = [system for system in PEERS if tasks <= TASKS_MAX_SLOW]
        own = {system: ["1,2", order, max(1, times // 10)] for system in slow}
        cases.append(Case(f"{tasks:,.0f} tasks", ["1,2", order, times], ["serial", "serial-clang"] + FILCH + slow,
                          rounds=3, own=own, program="fib", x=tasks))
    return cases


def tasks_targets(figures, _quick):
    return [flat_target(figures, "1 worker, 1e3 to 1e8 tasks", "ns_per_task", system, "1", 1.3) for system in FILCH]


def workers_cases(_quick):
    own = {system: [WORKERS, 26] for system in SLOW}
    return [Case("fib", [WORKERS, 38], FILCH + PEERS, rounds=5, own={**own, "rayon": [WORKERS, 33]}, program="fib")]


def workers_targets(figures, _quick):
    targets = []
    case, column = figures.cases()[0], "ns_per_task"
    for system in FILCH:
        more = [figures.ratios(case, system, way, column, to=system, to_way="2") for way in WORKERS.split(",")[2:]]
        more = [ratios for ratios in more if ratios]
        worst = max(more, key=statistics.median) if more else []
        targets.append(ratio_target(f"{system}: with 4 to 64 workers <= 1.3 x the time with 2", worst,
                                    lambda ratio: ratio <= 1.3))
    return targets


def depth_cases(_quick):
    return [Case(f"{depth:,.0f} levels", ["1,2", int(depth), times], FILCH, rounds=3, x=depth)
            for depth, times in DEPTHS.items()]


def producers_cases(_quick):
    return [Case(f"{count} producer{'s' * (count > 1)}", [2, count, 1000000], ["filch", "textbook"], rounds=3,
                 program="submit", x=count) for count in (1, 2, 4, 8, 16)]


WORKLOADS = [
    Workload(
        "fib", "W1: one spawn per pair of calls, no cut-off",
        [Column("ns_per_task", "ns per spawn, of wall time", decimals=2)], fib_cases, fib_targets, by_workers=True,
        note="fib(40), quick fib(36); fib(30), quick fib(28), for the slow, as the cost per spawn is the same."),
    Workload(
        "nqueens", "W2: all ways to place 12 queens, a task per placement", [MS],
        lambda quick: [Case("12 queens", ["1,2", 12], SYSTEMS)], search_targets, by_workers=True),
    Workload(
        "uts", "W2: unbalanced trees of 4.1 million nodes, a task per node", [MS],
        lambda quick: [Case("T1", ["1,2", 1], SYSTEMS), Case("T3", ["1,2", 3], SYSTEMS)],
        search_targets, by_workers=True),
    Workload(
        "kernels", "divide and conquer", [MS], kernel_cases, no_targets, by_workers=True,
        note="Sort 4,000,000 words; multiply 1024 x 1024 (by halves; by Strassen); 100 steps over 1024 x 1024; "
             "decompose 1024 x 1024; pack 53 items; integrate x^3 + x."),
    Workload(
        "skynet", "a tree of 1,111,110 tasks, ten children each", [PER_TASK], skynet_cases, no_targets,
        by_workers=True),
    Workload(
        "loop", "W5: parallel loops back to back in a task, one increment per index",
        [Column("us_per_loop", "us per loop", decimals=2),
         Column("other_share", "indices not done by the busiest worker, %", clock=False,
                compare=False)],
        loop_cases, loop_targets, by_workers=True),
    Workload(
        "graph", "W8: nodes that follow others, 2 workers", [Column("ns_per_node", "ns per node")], graph_cases,
        graph_targets, ways={"graph": ", by filch_graph", "after": ", by after",
                             "submit": ", by submits", "fork": ", by forks"},
        note="serial is the floor of one thread; oneTBB's graph and filch_graph are built before they are timed. "
             "Smaller ones for the slow."),
    Workload(
        "sort", "sort items of 8 bytes by a comparison through a pointer", [MS], sort_cases, sort_targets,
        by_workers=True, note="serial is qsort."),
    Workload(
        "tasks", "scaling: fib of ever more tasks", [PER_TASK], tasks_cases, tasks_targets, by_workers=True,
        x_title="tasks"),
    Workload(
        "workers", "scaling: fib on ever more workers", [PER_TASK], workers_cases, workers_targets, by_workers=True,
        x_title="workers"),
    Workload(
        "depth", "scaling: ever deeper recursion, with a spawned child left behind at each level", [PER_TASK],
        depth_cases, no_targets, by_workers=True, x_title="levels"),
    Workload(
        "producers", "scaling: 1,000,000 empty tasks from ever more outside threads, 2 workers",
        [Column("ns_per_task", "ns per task until all are done")], producers_cases, no_targets,
        ways={"one": "", "batch": " submit_many"}, x_title="producers"),
]
