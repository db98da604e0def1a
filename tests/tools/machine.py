# SPDX-License-Identifier: MIT
"""A machine on paper that runs tasks and writes the trace that filch would write of them, to the microsecond.

A body is a generator that yields what it does: run(us), off(us, call), lock(us), fork(work, span), submit(body, name),
wait(id). Workers take tasks in the order of submission. Everything is exact, so that work, span and all times are known
in advance.
"""
import heapq
import json
from collections import deque


def run(us):
    return "run", us


def off(us, call):
    """Off the processor in a system call."""
    return "off", us, call


def sleep(us):
    """Of the outside thread: no time of its own."""
    return "sleep", us


def lock(us):
    """Waits for the one lock, and holds it while it computes."""
    return "lock", us


def fork(work, span):
    """Typed children that nobody steals: they take their work, and are worth their span."""
    return "fork", work, span


def submit(body, name, note=None, after=()):
    """Gives the id of the task."""
    return "submit", body, name, note, after


def wait(id_):
    return "wait", id_


class Task:
    def __init__(self, id_, body, name, note=None):
        self.id, self.body, self.name, self.note = id_, body, name, note
        self.depth = self.work = 0.0
        self.n, self.ended, self.submitted, self.queued, self.needs, self.waiters = 0, False, 0.0, None, 0, []
        self.track, self.started, self.answer, self.suspended, self.giver = [None] * 5


class Machine:
    """processors is what the trace claims; `workers` tasks run at once at most, which is the limit as well. A thread
    that can run has a processor for `speed` of the time."""

    def __init__(self, workers, processors=None, gap=0.0, handover=0.0, sample_every=5000.0, speed=1.0):
        self.workers, self.processors, self.gap, self.handover = workers, processors or workers, gap, handover
        self.pool, self.sample_every, self.speed = "batch", sample_every, speed
        self.now, self.turn, self.heap, self.queue, self.free = 0.0, 0, [], deque(), list(range(1, workers + 1))[::-1]
        self.idle_since = {tid: 0.0 for tid in self.free}
        self.events, self.rows, self.names, self.next, self.lock_free, self.flow = [], [], [], 1, 0.0, 0
        self.states = []  # (tid, from, to, on, call, task)
        self.levels = [(0.0, 0, 0, 0)]  # (ts, queued, running, suspended)
        self.queued = self.running = self.suspended = self.ran = 0
        self.outside, self.claimed_limit = workers + 1, workers

    # What is written.

    def name(self, text):
        if text not in self.names:
            self.names.append(text)
        return self.names.index(text)

    def event(self, ph, ts, tid, **more):
        self.events.append({"ph": ph, "pid": 4242, "tid": tid, "ts": round(ts, 3), **more})

    def slice(self, cat, name, tid, start, stop, **args):
        self.event("X", start, tid, dur=round(stop - start, 3), cat=cat, name=name, args=args)

    def suspension(self, id_, name, reason, start, stop):
        self.event("b", start, 1, cat="suspended", id=f"{id_}.0", name=name, args={"for": reason})
        self.event("e", stop, 1, cat="suspended", id=f"{id_}.0", name=name)

    def row(self, *row):
        self.rows.append([round(value, 3) if isinstance(value, float) else value for value in row])

    def level(self):
        self.levels.append((self.now, self.queued, self.running, self.suspended))

    # What happens.

    def at(self, when, what, *arguments):
        self.turn += 1
        heapq.heappush(self.heap, (when, self.turn, what, arguments))

    def run(self, body):
        """Runs the outside thread's body to the end of everything."""
        main = Task(0, body(), "thread main")
        main.track = self.outside
        self.row(1, 0.0, 0, self.outside, None, self.name(main.name))
        self.at(0.0, self.step, main)
        while self.heap:
            self.now, _, what, arguments = heapq.heappop(self.heap)
            what(*arguments)
        for tid, since in self.idle_since.items():
            if tid in self.free:
                self.idle(tid, since, self.now)
        return self

    def idle(self, tid, since, until):
        if until <= since:
            return
        searched = min(since + 3.0, until)
        self.slice("worker", "search", tid, since, searched)
        if until > searched:
            self.slice("worker", "park", tid, searched, until)
        self.states.append((tid, since, until, False, "futex", None))

    def make(self, by, body, name, note, after):
        task = Task(self.next, body(), name, note)
        self.next += 1
        task.submitted, task.giver = self.now, by.track
        self.row(0, self.now, by.id, by.depth, task.id, self.name(name))
        for need in after:
            self.row(4, self.now, task.id, need.id)
            if not need.ended:
                need.waiters.append(("need", task))
                task.needs += 1
        if not task.needs:
            self.enqueue(task)
        return task

    def enqueue(self, task):
        task.queued = self.now
        self.queue.append(task)
        self.queued += 1
        self.level()
        self.dispatch()

    def dispatch(self):
        while self.queue and self.free:
            task, tid = self.queue.popleft(), self.free.pop()
            start = self.now + (self.handover if self.now > self.idle_since[tid] else 0.0)
            self.idle(tid, self.idle_since[tid], start)
            self.queued -= 1
            self.running += 1
            self.level()
            if task.giver not in (None, tid):
                self.flow += 1
                kind = "submit" if task.started is None else "wake"
                self.event("s", self.now, task.giver, cat="flow", name=kind, id=self.flow)
                self.event("f", start, tid, bp="e", cat="flow", name=kind, id=self.flow)
            self.at(start, self.begin, task, tid)

    def begin(self, task, tid):
        task.track, task.stretch = tid, self.now
        if task.started is None:
            task.started = self.now
            self.row(1, self.now, task.id, tid, 0, self.name(task.name))
        elif task.suspended is not None:
            self.event("e", self.now, tid, cat="suspended", id=f"{task.id}.{task.n}", name=task.name)
        self.step(task)

    def stop(self, task, end):
        if task.id == 0:
            return
        args = {"id": task.id, "n": task.n, "end": end}
        if end == "done":
            args["status"] = 0
        if task.n == 0:
            args["queue_us"] = round(task.started - task.submitted, 3)
        if task.note:
            args["note"] = task.note
        self.slice("task", task.name, task.track, task.stretch, self.now, **args)
        task.n += 1
        self.running -= 1
        self.states.append((task.track, self.now, self.now + self.gap, True, "", None))
        self.at(self.now + self.gap, self.give_back, task.track)

    def give_back(self, tid):
        self.free.append(tid)
        self.idle_since[tid] = self.now
        self.level()
        self.dispatch()

    def step(self, task):
        try:
            what, *more = task.body.send(task.answer)
        except StopIteration:
            self.end(task)
            return
        task.answer = None
        getattr(self, f"do_{what}")(task, *more)

    def spend(self, task, us, on, call="", worth=None):
        self.states.append((task.track, self.now, self.now + us, on, call, task.id))
        task.depth += us if worth is None else worth
        task.work += us
        self.at(self.now + us, self.step, task)

    def do_run(self, task, us):
        self.spend(task, us, True)

    def do_off(self, task, us, call):
        self.spend(task, us, False, call)

    def do_sleep(self, task, us):
        self.at(self.now + us, self.step, task)

    def do_fork(self, task, work, span):
        self.spend(task, work, True, worth=span)

    def do_lock(self, task, us):
        waits = max(0.0, self.lock_free - self.now)
        self.lock_free = self.now + waits + us
        self.states.append((task.track, self.now, self.now + waits, False, "futex", task.id))
        self.states.append((task.track, self.now + waits, self.now + waits + us, True, "", task.id))
        task.depth += waits + us
        task.work += waits + us
        self.at(self.now + waits + us, self.step, task)

    def do_submit(self, task, *what):
        task.answer = self.make(task, *what)
        self.at(self.now, self.step, task)

    def do_wait(self, task, target):
        if target.ended:
            self.row(3, self.now, task.id, task.depth, target.id)
            self.at(self.now, self.step, task)
            return
        target.waiters.append(("wait", task))
        if task.id == 0:
            return
        self.stop(task, "wait")
        task.suspended = self.now
        self.event("b", self.now, task.track, cat="suspended", id=f"{task.id}.{task.n}", name=task.name,
                   args={"for": "wait"})
        self.suspended += 1
        self.level()

    def end(self, task):
        task.ended = True
        if task.id:
            self.row(2, self.now, task.id, task.depth, task.work, 0)
            self.stop(task, "done")
            self.ran += 1
        for kind, waiter in task.waiters:
            if kind == "need":
                waiter.needs -= 1
                if not waiter.needs:
                    self.enqueue(waiter)
                continue
            self.row(3, self.now, waiter.id, waiter.depth, task.id)
            if waiter.id == 0:
                self.at(self.now, self.step, waiter)
                continue
            waiter.giver = task.track
            self.suspended -= 1
            self.enqueue(waiter)

    # The file.

    def sampled(self):
        """Counters and samples at each tick, from what was noted."""
        events, by_track = [], {}
        for state in sorted(self.states):
            if state[0] == self.outside:
                continue
            by_track.setdefault(state[0], []).append(state)
        place, tick = 0, self.sample_every / 2
        cursor = {tid: [0, 0.0] for tid in by_track}
        while tick < self.now:
            while place + 1 < len(self.levels) and self.levels[place + 1][0] <= tick:
                place += 1
            _, queued, running, suspended = self.levels[place]
            events.append({"ph": "C", "pid": 4242, "ts": tick, "name": f"pool {self.pool}", "args": {
                "queued": queued, "permits": running, "running": running, "suspended": suspended}})
            for tid, states in by_track.items():
                self.sample(events, tid, states, cursor[tid], tick)
            tick += self.sample_every
        return events

    def sample(self, events, tid, states, cursor, tick):
        while cursor[0] < len(states) and states[cursor[0]][2] <= tick:
            state = states[cursor[0]]
            cursor[1] += (state[2] - state[1]) * state[3] * self.speed
            cursor[0] += 1
        on, call, task, cpu = False, "futex", None, cursor[1]
        if cursor[0] < len(states) and states[cursor[0]][1] <= tick:
            _, start, _, on, call, task = states[cursor[0]]
            cpu += (tick - start) * on * self.speed
        args = {"in": call, "cpu_us": round(cpu, 1)}
        if task:
            args["task"] = task
        events.append({"ph": "i", "s": "t", "pid": 4242, "tid": tid, "ts": tick, "cat": "sample",
                       "name": "on cpu" if on else "off cpu", "args": args})

    def trace(self):
        tracks = [{"tid": tid, "pool": 0, "worker": tid - 1, "name": f"{self.pool}/{tid - 1}"}
                  for tid in range(1, self.workers + 1)]
        tracks.append({"tid": self.outside, "pool": None, "name": "thread main"})
        metadata = [{"ph": "M", "pid": 4242, "tid": track["tid"], "name": "thread_name",
                     "args": {"name": track["name"]}} for track in tracks]
        metadata.insert(0, {"ph": "M", "pid": 4242, "tid": 0, "name": "process_name", "args": {"name": "machine"}})
        cpu = self.speed * sum((stop - start) * on for _, start, stop, on, _, _ in self.states)
        return {
            "displayTimeUnit": "ns", "traceEvents": metadata + sorted(self.events, key=lambda event: event["ts"])
            + self.sampled(),
            "otherData": {
                "version": "0.1.0", "command": "machine on paper", "cpus": self.processors,
                "start_realtime": "2026-01-02T03:04:05Z", "duration_us": round(self.now, 3), "dropped": 0,
                "ticks_per_us": 1000, "cpu_us": round(cpu, 3), "event_ns": 10, "sample_every_us": self.sample_every,
                "pools": [{"name": self.pool, "id": 0, "max_concurrency": self.claimed_limit, "min_workers": 1,
                           "stats": {"submitted": self.next - 1, "run": self.ran, "stolen": 0, "parks": 3, "wakes": 2},
                           "latency": {}}]},
            "filch": {"tracks": tracks, "names": self.names, "log": self.rows}}


def dump(trace, file):
    """As filch writes it: one event per line."""
    file.write('{"displayTimeUnit":"ns","traceEvents":[\n')
    file.write(",\n".join(json.dumps(event, separators=(",", ":")) for event in trace["traceEvents"]))
    file.write('\n],\n"otherData":' + json.dumps(trace["otherData"]) + ',\n"filch":{"tracks":'
               + json.dumps(trace["filch"]["tracks"]) + ',\n"names":' + json.dumps(trace["filch"]["names"])
               + ',\n"log":[\n')
    file.write(",\n".join(json.dumps(row, separators=(",", ":")) for row in trace["filch"]["log"]))
    file.write("\n]}}\n")
