# SPDX-License-Identifier: MIT
"""All that the report says about a trace, worked out once: the text, the page and the diagnosis read it here."""
import statistics
from bisect import bisect_right
from collections import Counter, defaultdict

from . import graph as graph_, latency
from .account import BETWEEN, NO_CPU, ON_CPU, SEARCHES, Account, Load, Samples
from .simulate import COUNTS, Plan
from .tasks import Tasks
from .trace import PARK, SEARCH, TASK, WORKER
from .units import plural

# The median of fewer hand-overs is not worth the name.
FEW_HANDOVERS = 5
# Nor do fewer looks at the queues tell how often they are empty.
FEW_COUNTERS = 10
# Microseconds: what is less is what rounding leaves of nothing.
SHORTEST = 0.0005


class Facts:
    def __init__(self, trace, what_if=False):
        self.trace = trace
        self.account = Account(trace)
        self.samples = Samples(trace, self.account)
        self.load, self.tasks = Load(self.account), Tasks(trace)
        self.histograms, self.own_histograms = latency.of(trace)
        self.wall = trace.wall
        self.limit = sum(int(pool.get("max_concurrency") or 0) for pool in self.used_pools()) or self.account.workers
        self.processors = trace.processors
        # A flight recorder keeps the last microseconds only; its counters are of the whole time.
        self.keeps_last = float(trace.other.get("last_us") or 0.0)
        self.cpu = float(trace.other.get("cpu_us") or 0.0)
        self.graph = graph_.build(trace)
        self.burden = measure_burden(trace)
        self.walk = self.burdened = None
        self.work = sum(stop - start for start, stop, _ in self.account.running)
        if self.graph:
            self.walk = graph_.Walk(self.graph)
            self.burdened = graph_.Walk(self.graph, self.burden) if self.burden else None
            self.work = self.graph.work
        self.path = self.walk.path() if self.walk else []
        self.what_if = self.simulate() if what_if and self.graph else []

    def used_pools(self):
        """Those that have run a task, or that a track has seen run one."""
        pools = [pool for pool in self.trace.pools if (pool.get("stats") or {}).get("run")]
        return pools or self.trace.pools

    @property
    def span(self):
        return self.walk.span if self.walk else 0.0

    @property
    def parallelism(self):
        return self.work / self.span if self.span > 0 else 0.0

    @property
    def burdened_parallelism(self):
        return self.work / self.burdened.span if self.burdened and self.burdened.span > 0 else 0.0

    @property
    def usable(self):
        """How many tasks can run at once: what limits the workers, the limit or the processors."""
        return min([most for most in (self.limit, self.processors) if most], default=1)

    @property
    def utilisation(self):
        """Of the processors' time, by the process's CPU clock."""
        return self.cpu / (self.wall * self.processors) if self.wall > 0 and self.processors else 0.0

    def free_processors(self):
        """How many processors the tasks and the workers between tasks leave free, from the first task to the last. What
        is ready to run would not be without a processor if that one were free."""
        account, window, samples = self.account, self.load.window, self.samples
        on_cpu = samples.share(ON_CPU) + samples.share(NO_CPU) if samples.enough else 1.0
        between = (account.times[BETWEEN] + account.times[SEARCHES]) / window if window else 0.0
        return max(0.0, self.processors - self.load.mean() * on_cpu - between)

    def off_cpu(self):
        """Has the process had clearly less CPU time than its tasks took, although too few samples say where they were?"""
        ran = self.load.mean() * self.load.window
        return bool(self.cpu and not self.samples.enough and not self.keeps_last and self.cpu < 0.7 * ran)

    def saturation(self):
        """Of the pool whose permits are in use while tasks are queued for the largest part of the time:
        (share of the time, mean queue meanwhile, pool's name, its limit), or None without counters."""
        found = None
        for pool in self.used_pools():
            name, limit = self.trace.pool_name(pool), int(pool.get("max_concurrency") or 0)
            rows = [(ts, args) for ts, args in self.trace.counters.get(f"pool {name}", ())
                    if self.load.first <= ts <= self.load.last]
            if len(rows) < 3 or not limit:
                continue
            ends = [ts for ts, _ in rows[1:]] + [self.load.last]
            total = full = queued = 0.0
            for (ts, args), end in zip(rows, ends):
                total += end - ts
                if args.get("permits", 0) >= limit and args.get("queued", 0) > 0:
                    full += end - ts
                    queued += (end - ts) * args["queued"]
            if total > 0 and (found is None or full / total > found[0]):
                found = full / total, queued / full if full else 0.0, name, limit
        return found

    def empty_queue(self):
        """Of the time from the first task to the last, the share with nothing queued in any pool; None without
        counters."""
        rows = [args.get("queued", 0) for found in self.trace.counters.values() for ts, args in found
                if self.load.first <= ts <= self.load.last]
        return sum(1 for queued in rows if not queued) / len(rows) if len(rows) >= FEW_COUNTERS else None

    def critical_names(self):
        """[(name, microseconds on the critical path, steps)], the longest first."""
        by_name, steps = Counter(), Counter()
        for instance, low, high in self.path:
            name = self.graph.name_of(instance)
            by_name[name] += high - low
            steps[name] += 1
        return [(name, time, steps[name]) for name, time in by_name.most_common() if time > SHORTEST]

    def outside_on_path(self):
        """Microseconds of the critical path that outside threads ran."""
        return sum(high - low for instance, low, high in self.path if instance.outside)

    def simulate(self):
        """[(workers, microseconds)]. More workers than can be used change nothing, and are not tried."""
        plan, found = Plan(self.graph), []
        for workers in sorted({*COUNTS, self.limit} if 0 < self.limit <= COUNTS[-1] else COUNTS):
            if found and found[-1][1] <= self.span * 1.0005:
                found.append((workers, found[-1][1]))
            else:
                found.append((workers, plan.run(workers)))
        return found

    def at_best(self, workers):
        """Microseconds: no schedule is shorter. at_worst: no greedy one is longer (Brent; Graham)."""
        return max(self.work / workers, self.span)

    def at_worst(self, workers):
        return self.work / workers + self.span

    def incomplete(self):
        """Sentences that say what the trace lacks, and which figures suffer by it."""
        found, trace = [], self.trace
        if trace.cut:
            found.append(f"The file is cut off or damaged at character {trace.cut}: what follows is not in the figures"
                         + ("." if trace.complete_log else
                            "; the graph is missing or lacks its end, so that work and span are too small or unknown."))
        dropped = int(trace.other.get("dropped") or 0)
        if dropped and self.keeps_last:
            found.append(f"{dropped:,} earlier events are not in the file: times in tasks, the lists of tasks, work and "
                         "span are of what it holds.")
        elif dropped:
            found.append(f"{dropped} events were dropped, as the rings were full: times in tasks, the lists of tasks, "
                         "work and span are too small (the pools' counters and histograms are whole).")
        counted = sum(int((pool.get("stats") or {}).get("run") or 0) for pool in trace.pools)
        if counted > 1.01 * self.tasks.count and not trace.cut and not self.keeps_last:
            found.append(f"The pools have counted {counted:,} tasks that ran, and {self.tasks.count:,} are in the "
                         "trace.")
        if self.graph and self.graph.unfinished and not trace.cut:
            found.append(f"{plural(self.graph.unfinished, 'task')} still ran at the end, and count for as long as they ran.")
        if self.walk and self.walk.unresolved:
            found.append(f"{self.walk.unresolved} waits lead to tasks whose ends are not in the trace: the span may be "
                         "too small.")
        if self.graph and self.graph.malformed:
            found.append(f"{self.graph.malformed} rows of the graph could not be read.")
        return found


def measure_burden(trace):
    """Microseconds that a hand-over to an idle track takes: the median over flows whose receiver had nothing to run
    when they were sent. 0.0 when there are too few of them."""
    by_track = defaultdict(list)
    slices = trace.slices
    receivers = {flow[3] for flow in trace.flows}
    for row, kind in enumerate(slices.kind):
        if slices.track[row] in receivers and (
                kind == TASK or (kind == WORKER and trace.texts[slices.name[row]] not in (SEARCH, PARK))):
            by_track[slices.track[row]].append((slices.start[row], slices.start[row] + slices.duration[row]))
    starts = {}
    for place, rows in by_track.items():
        rows.sort()
        starts[place] = [start for start, _ in rows]
    found = []
    for _, _, sent, place, received in trace.flows:
        rows = by_track.get(place)
        before = bisect_right(starts[place], received - 0.001) - 1 if rows else -1
        if before < 0 or rows[before][1] <= sent:
            found.append(received - sent)
    return statistics.median(found) if len(found) >= FEW_HANDOVERS else 0.0

