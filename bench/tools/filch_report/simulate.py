# SPDX-License-Identifier: MIT
"""What if there were P workers: greedy list scheduling of the recorded graph.

Each of P workers takes the task that has been ready for longest, and keeps it until it waits or ends; outside threads
have processors of their own. A task runs for as long as it did when it was recorded: what it lost by a lock, a disk or
a processor that others had is in that time. A task whose work is more than its span has forked: it is divisible. One
worker runs it in the time of its work, and workers that nobody else needs help it, each as much as all the others,
until it runs as fast as its span allows. The schedule is greedy, so that T1/P <= time <= T1/P + span where no outside
thread takes part (Brent; Graham).
"""
import heapq
from collections import deque

from .graph import COMPLETE, JOIN, SUBMIT, WAIT

READY, REACH = range(2)
# A task is divisible if it could keep this many workers busy.
DIVISIBLE = 1.05
COUNTS = (1, 2, 4, 8, 16, 32, 64)


class Piece:
    """An instance while it is scheduled. Its depth goes from 0 to span."""
    __slots__ = ("events", "place", "depth", "span", "speed", "width", "outside", "missing", "waiters", "done", "since",
                 "version", "rate")

    def __init__(self, instance):
        # A promise takes no worker either.
        self.span, self.outside = instance.span, instance.outside or instance.promise
        self.events, self.missing = (), 0
        work = instance.span if self.outside else max(instance.work, instance.span)
        # Its depth per microsecond on one worker, and how many workers it can use.
        self.width = max(1.0, work / self.span) if self.span > 0 else 1.0
        if self.width < DIVISIBLE:
            self.width, self.span = 1.0, work
        self.speed = 1 / self.width
        self.restart()

    def restart(self):
        self.place, self.depth, self.waiters, self.done = 0, 0.0, None, False
        self.since, self.version, self.rate = 0.0, 0, 0.0


class Plan:
    """A graph made ready to be scheduled several times."""

    def __init__(self, graph):
        self.pieces = {instance: Piece(instance) for instance in graph.instances.values()
                       if instance.promise or instance.outside or instance.started is not None or instance.events}
        self.given, self.needs = set(), {}
        for instance, piece in self.pieces.items():
            self.link(instance, piece)
        self.work = sum(piece.span * piece.width for piece in self.pieces.values() if not piece.outside)

    def link(self, instance, piece):
        """Events in the order of depth: an instance that has forked is scheduled as if all its children ran at once.
        What a log with gaps never ends is not waited for."""
        events = []
        for depth, op, other, _ in instance.events or ():
            target = self.pieces.get(other)
            if target is None:
                continue
            if op == JOIN and other.parent is instance:
                self.give(events, min(other.spawn_depth, depth), target)
            if op == SUBMIT:
                self.give(events, depth, target)
            elif op == COMPLETE or other.ended is not None:
                events.append((depth, op, target))
        events.sort(key=lambda event: event[0])
        piece.events = events
        self.needs[piece] = [self.pieces[need] for need in instance.needs or ()
                             if need.ended is not None and need in self.pieces]

    def give(self, events, depth, target):
        if target not in self.given:
            self.given.add(target)
            events.append((depth, SUBMIT, target))

    def run(self, workers):
        """Microseconds until all is done."""
        return Schedule(self, workers).run()


class Schedule:
    def __init__(self, plan, workers):
        self.workers, self.free, self.now, self.turn = workers, workers, 0.0, 0
        self.heap, self.ready, self.fluid, self.last, self.shares = [], deque(), {}, 0.0, None
        self.waiting = {}
        for piece in plan.pieces.values():
            piece.restart()
        for instance, piece in plan.pieces.items():
            needs = plan.needs[piece]
            piece.missing = len(needs) + (piece in plan.given)
            for need in needs:
                self.wait_for(need, piece)
            if not piece.missing and not instance.promise:
                self.push(0.0, READY, piece)

    def push(self, at, what, piece):
        self.turn += 1
        heapq.heappush(self.heap, (at, self.turn, what, piece, piece.version))

    def wait_for(self, target, piece):
        if target.waiters is None:
            target.waiters = []
        target.waiters.append(piece)

    def run(self):
        while True:
            while self.heap:
                self.now, _, what, piece, version = heapq.heappop(self.heap)
                if what == READY:
                    self.start(piece)
                elif version == piece.version:
                    self.go_on(piece)
                if self.fluid or self.shares:
                    self.share()
            if not self.waiting:
                return self.last
            # Only a log with gaps leaves waits that nothing ends.
            piece, _ = self.waiting.popitem()
            self.push(self.now, READY, piece)

    def start(self, piece):
        if piece.outside:
            self.stretch(piece)
        elif self.free > 0:
            self.free -= 1
            self.occupy(piece)
        else:
            self.ready.append(piece)

    def occupy(self, piece):
        if piece.width > 1.0:
            self.fluid[piece] = True
            piece.rate, piece.since, self.shares = piece.speed, self.now, None
            self.aim(piece)
        else:
            self.stretch(piece)

    def leave(self, piece):
        """The worker goes to what has been ready for longest."""
        if piece.width > 1.0:
            self.fluid.pop(piece, None)
            self.shares = None
            piece.version += 1
        if piece.outside:
            return
        if self.ready:
            self.occupy(self.ready.popleft())
        else:
            self.free += 1

    def stretch(self, piece):
        """A piece that runs at its own speed up to its next wait or its end: what it gives on its way is known now."""
        events, place, count = piece.events, piece.place, len(piece.events)
        base = self.now - piece.depth
        while place < count and events[place][1] != WAIT and events[place][1] != JOIN:
            self.give(events[place], base + events[place][0])
            place += 1
        piece.place = place
        piece.depth = max(piece.depth, events[place][0]) if place < count else max(piece.depth, piece.span)
        self.push(base + piece.depth, REACH, piece)

    def give(self, event, at):
        _, op, target = event
        if op == SUBMIT:
            self.release(target, at)
        else:
            self.push(at, REACH, target)

    def release(self, piece, at):
        piece.missing -= 1
        if piece.missing <= 0:
            self.push(at, READY, piece)

    def aim(self, piece):
        """The next event of a divisible piece, at the speed that it has now."""
        piece.version += 1
        goal = piece.events[piece.place][0] if piece.place < len(piece.events) else piece.span
        self.push(self.now + max(0.0, goal - piece.depth) / piece.rate, REACH, piece)

    def advance(self, piece):
        piece.depth = min(piece.span, piece.depth + (self.now - piece.since) * piece.rate)
        piece.since = self.now

    def go_on(self, piece):
        """It has got to its next event, or to its end."""
        if piece.width > 1.0 and not piece.done:
            goal = piece.events[piece.place][0] if piece.place < len(piece.events) else piece.span
            piece.depth, piece.since = max(piece.depth, goal), self.now
        if piece.place >= len(piece.events):
            self.end(piece)
            return
        event = piece.events[piece.place]
        piece.place += 1
        if event[1] != WAIT and event[1] != JOIN:
            self.give(event, self.now)
        elif not event[2].done:
            self.wait_for(event[2], piece)
            self.waiting[piece] = True
            self.leave(piece)
            return
        if piece.width > 1.0:
            self.aim(piece)
        else:
            self.stretch(piece)

    def end(self, piece):
        if piece.done:
            return
        piece.done = True
        self.last = max(self.last, self.now)
        waiters, piece.waiters = piece.waiters, None
        self.leave(piece)
        for waiter in waiters or ():
            if self.waiting.pop(waiter, None):
                self.push(self.now, READY, waiter)
            else:
                self.release(waiter, self.now)

    def share(self):
        """Workers without a task help the divisible pieces, each as much as the others as far as it can use them."""
        shares = self.free if self.fluid else None
        if shares == self.shares:
            return
        self.shares, spare = shares, self.free
        pieces = sorted(self.fluid, key=lambda piece: piece.width)
        for place, piece in enumerate(pieces):
            extra = min(piece.width - 1, spare / (len(pieces) - place))
            spare -= extra
            rate = piece.speed * (1 + extra)
            if rate != piece.rate:
                self.advance(piece)
                piece.rate = rate
                self.aim(piece)
