# SPDX-License-Identifier: MIT
"""Where the threads' time went: every moment of a worker's track, from its first event to its last, belongs to one
heading.

A moment belongs to the innermost slice that covers it, spawned children aside, which are part of their task. What no
slice covers is the runtime's own work between two tasks. Inside tasks the samples say what the thread did: it ran on a
processor, or was in a system call that blocked, or could have run and had no processor.
"""
from collections import Counter, defaultdict

from .trace import BLOCK, CHILD, OUTSIDE, PARK, PERMIT, SEARCH, TASK, UNKNOWN_CALL

IN_TASKS, WAITS_PERMIT, SEARCHES, PARKED, BLOCKED, BETWEEN = "tasks", "permit", "search", "park", "blocked", "between"
HEADINGS = (IN_TASKS, WAITS_PERMIT, SEARCHES, PARKED, BLOCKED, BETWEEN)
BY_NAME = {SEARCH: SEARCHES, PARK: PARKED, PERMIT: WAITS_PERMIT}
ON_CPU, NO_CPU = "on CPU", "waiting for a processor"
# Too few samples say nothing in per cent.
FEW_SAMPLES = 20
# Times are written with three decimals: slices that overlap by less are neighbours.
ROUNDING = 0.002


class Account:
    """times: heading: microseconds over all workers; by_track: the same for each; running: (start, stop, id) of the
    outermost task slices on any track, in the order of their starts."""

    def __init__(self, trace):
        self.trace = trace
        self.times, self.by_track, self.lengths = Counter(), {}, {}
        self.running, self.outside_tasks = [], 0.0
        by_track = defaultdict(list)
        for row, kind in enumerate(trace.slices.kind):
            if kind not in (CHILD, OUTSIDE):
                by_track[trace.slices.track[row]].append(row)
        headings = [BY_NAME.get(text, BETWEEN) for text in trace.texts]
        for place, rows in by_track.items():
            self.add_track(place, rows, headings)
        self.running.sort()
        self.workers = sum(1 for place in by_track if trace.tracks[place].is_worker)
        self.total = sum(self.lengths.values())

    def add_track(self, place, rows, headings):
        slices, starts, durations = self.trace.slices, self.trace.slices.start, self.trace.slices.duration
        rows.sort(key=lambda row: (starts[row], -durations[row]))
        times, stack, outermost = Counter(), [], -1.0
        for row in rows:
            start, stop, kind = starts[row], starts[row] + durations[row], slices.kind[row]
            while stack and stack[-1][0] <= start + ROUNDING:
                stack.pop()
            if stack and stop > stack[-1][0]:
                stop = stack[-1][0]
            heading = IN_TASKS if kind == TASK else BLOCKED if kind == BLOCK else headings[slices.name[row]]
            times[heading] += stop - start
            if stack:
                times[stack[-1][1]] -= stop - start
            if kind == TASK and start >= outermost - ROUNDING:
                self.running.append((start, stop, slices.id[row]))
                outermost = stop
            stack.append((stop, heading))
        if not self.trace.tracks[place].is_worker:
            self.outside_tasks += times[IN_TASKS]
            return
        length = max(starts[row] + durations[row] for row in rows) - starts[rows[0]]
        times[BETWEEN] += max(0.0, length - sum(times.values()))
        self.by_track[place], self.lengths[place] = times, length
        self.times.update(times)

    def share(self, heading):
        return self.times[heading] / self.total if self.total else 0.0


def ran_of_what_it_could(account, clocks, on_cpu):
    """CPU time of the workers over the time for which they could run: the share of the task time that samples give, and
    all of their search and of the runtime's own work. clocks: by track, (time, CPU time) of each sample."""
    ran = could = 0.0
    for place, times in account.by_track.items():
        rows = clocks.get(place, ())
        if len(rows) > 1 and rows[-1][0] > rows[0][0]:
            ran += (rows[-1][1] - rows[0][1]) / (rows[-1][0] - rows[0][0]) * account.lengths[place]
            could += on_cpu * times[IN_TASKS] + times[SEARCHES] + times[BETWEEN]
    return min(1.0, ran / could) if could > 0 and ran > 0 else 1.0


class Samples:
    """What threads did inside tasks: shares of the task time by system call, and of whom.

    A sample says "on cpu" of a thread that can run, whether it has a processor or not. How long these threads really
    ran is told by their CPU clocks: what is missing is time without a processor.
    """

    def __init__(self, trace, account):
        inside, self.by_task, clocks = Counter(), defaultdict(Counter), {}
        for place, ts, on, call, cpu, task in trace.samples:
            if not trace.tracks[place].is_worker:
                continue
            clocks.setdefault(place, []).append((ts, cpu))
            if task is not None:
                state = ON_CPU if on else call or NO_CPU
                inside[state] += 1
                self.by_task[state][task] += 1
        self.count = sum(inside.values())
        self.shares = {state: number / self.count for state, number in inside.items()} if self.count else {}
        missing = 1 - ran_of_what_it_could(account, clocks, self.share(ON_CPU))
        # Less may be chance, or the clock's grain.
        if self.enough and missing > 0.1:
            self.shares[NO_CPU] = self.share(NO_CPU) + self.share(ON_CPU) * missing
            self.shares[ON_CPU] *= 1 - missing

    @property
    def enough(self):
        return self.count >= FEW_SAMPLES

    def share_when_let(self, states):
        """Of the task time without what passed ready to run with no processor, which is nothing that tasks do: the
        share of these states; 0.0 when too few samples are left."""
        let = 1 - self.share(NO_CPU)
        if self.count * let < FEW_SAMPLES:
            return 0.0
        return sum(self.share(state) for state in states) / let

    def share(self, state):
        return self.shares.get(state, 0.0)

    def calls(self):
        """System calls inside tasks, the longest first; and what the kernel did not tell."""
        return sorted(((share, state) for state, share in self.shares.items() if state not in (ON_CPU, NO_CPU)),
                      reverse=True)

    def states(self):
        """[(what to call it, share of the task time)]: on the processor, without one, and the longest system calls."""
        found = [(ON_CPU, self.share(ON_CPU)), (NO_CPU, self.share(NO_CPU))]
        for share, call in self.calls()[:5]:
            found.append(("off CPU, in an unknown call" if call == UNKNOWN_CALL else f"off CPU in {call}", share))
        return [(name, share) for name, share in found if share > 0]


class Load:
    """How many tasks were running at once, over time."""

    def __init__(self, account):
        edges = []
        for start, stop, id_ in account.running:
            edges.append((start, 1, id_))
            edges.append((stop, -1, id_))
        edges.sort()
        self.first = edges[0][0] if edges else 0.0
        self.last = max((stop for _, stop, _ in account.running), default=0.0)
        self.at, self.alone, self.alone_until = Counter(), Counter(), {}
        running, ids, before = 0, 0, self.first
        for ts, change, id_ in edges:
            if ts > before:
                self.at[running] += ts - before
                if running == 1:
                    self.alone[ids] += ts - before
                    self.alone_until[ids] = ts
                before = ts
            running += change
            ids += change * id_  # when one is left, this is its id

    @property
    def window(self):
        return self.last - self.first

    def mean(self):
        return sum(count * time for count, time in self.at.items()) / self.window if self.window > 0 else 0.0
