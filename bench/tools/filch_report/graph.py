# SPDX-License-Identifier: MIT
"""The computation's graph, from the log of a trace: its work, its span, and the path that is the span.

An instance is one run of a task, an outside thread, or a promise. Rows give its local depth: how long its own longest
chain of execution is up to there, waits not counted. Its absolute depth is the earliest time at which it could get
there with any number of processors: a chain of marks says from where it counts. A mark is made at the start (where the
submitter stood, or the end of the last predecessor) and at each wait whose target ends later than the waiter gets
there; it remembers the mark that it follows from, and so the longest path can be walked back from its end (Cilkview:
He, Leiserson, Leiserson, SPAA 2010).

A burden is added to each hand-over that lies on a path: a submit, a steal, a wake-up.

A log that lacks rows (dropped, or cut off) gives a graph with fewer edges, thus a span that is at most the true one;
Walk.unresolved counts what was referred to and is not there.
"""
from bisect import bisect_right
from collections import defaultdict

SUBMIT, START, END, WAIT, NEED, JOIN, COMPLETE, MERGE = range(8)
# What a MERGE says of an earlier time, as a row of its own: a child begins, on its parent's strand.
FORK = 8
NO_NAME = -1
INFINITY = float("inf")
# Fields of each kind of row.
LENGTHS = {SUBMIT: 6, START: 6, END: 6, WAIT: 5, NEED: 4, JOIN: 6, COMPLETE: 5, MERGE: 7}


class Instance:
    __slots__ = ("id", "name", "outside", "promise", "started", "ended", "needs", "events", "work", "span", "parent",
                 "spawn_depth")

    def __init__(self, id_):
        self.id, self.name, self.outside, self.promise = id_, NO_NAME, False, False
        self.started = self.ended = self.needs = self.events = self.parent = None
        self.work = self.span = self.spawn_depth = 0.0

    def add(self, depth, op, other, ts):
        if self.events is None:
            self.events = []
        self.events.append((depth, op, other, ts))
        if depth > self.span:
            self.span = depth


class Graph:
    """Instances by id, in the order of their first rows; rows in the order of time."""

    def __init__(self, names):
        self.names, self.instances, self.rows = names, {}, []
        self.unfinished = self.malformed = 0

    def get(self, id_):
        instance = self.instances.get(id_)
        if instance is None:
            instance = self.instances[id_] = Instance(id_)
        return instance

    def name_of(self, instance):
        if instance.promise:
            return "a promise"
        return self.names[instance.name] if 0 <= instance.name < len(self.names) else "unnamed"

    def tasks(self):
        return (instance for instance in self.instances.values() if not instance.outside and not instance.promise)

    @property
    def work(self):
        """T1: what the tasks ran. Outside threads are no tasks."""
        return sum(instance.work for instance in self.tasks())


def is_whole(row):
    """Has it as many fields as its kind has, and are they numbers, but for an outside thread's pool?"""
    try:
        sum(row[1:4] + row[5:] if row[0] == START else row)
        return len(row) >= LENGTHS[row[0]]
    except (IndexError, KeyError, TypeError):
        return False


def add_row(graph, row):
    op, ts, get = row[0], row[1], graph.get
    if op == SUBMIT:
        by, child = get(row[2]), get(row[4])
        if child.name == NO_NAME:
            child.name = row[5]
        by.add(row[3], SUBMIT, child, ts)
    elif op == START:
        instance = get(row[2])
        instance.started, instance.outside = ts, row[4] is None
        if row[5] != NO_NAME:
            instance.name = row[5]
    elif op == END:
        instance = get(row[2])
        instance.span, instance.work, instance.ended = max(instance.span, row[3]), row[4], ts
    elif op == WAIT:
        get(row[2]).add(row[3], WAIT, get(row[4]), ts)
    elif op == NEED:
        instance = get(row[2])
        instance.needs = (instance.needs or []) + [get(row[3])]
    elif op == JOIN:
        child = get(row[4])
        child.parent, child.spawn_depth = get(row[2]), row[5]
        get(row[2]).add(row[3], JOIN, child, ts)
    elif op == COMPLETE:
        target = get(row[4])
        target.promise, target.ended = True, ts
        get(row[2]).add(row[3], COMPLETE, target, ts)


def build(trace):
    """The graph of a trace that has a log, or None."""
    if not trace.log:
        return None
    graph = Graph(trace.names)
    rows = [row for row in trace.log if is_whole(row)]
    graph.malformed = len(trace.log) - len(rows)
    forks = [[FORK, row[4], row[2], row[5]] for row in reversed(rows) if row[0] == MERGE]
    graph.rows = sorted(sorted(rows, key=lambda row: row[1]) + forks, key=lambda row: row[1])
    for row in graph.rows:
        add_row(graph, row)
    finish(graph, trace)
    return graph


def finish(graph, trace):
    """Who has no end row ran at least for its slices, and a stolen child that nobody has joined hangs on its parent."""
    open_ = {instance.id: instance for instance in graph.tasks()
             if instance.ended is None and instance.started is not None}
    graph.unfinished = len(open_)
    slices = trace.slices
    ran = defaultdict(float)
    for row, id_ in enumerate(slices.id):
        if id_ in open_ and slices.kind[row] == 0:
            ran[id_] += slices.duration[row]
            parent = slices.parent[row]
            if parent >= 0 and open_[id_].parent is None and parent in graph.instances:
                open_[id_].parent = graph.instances[parent]
    for id_, time in ran.items():
        open_[id_].work = open_[id_].span = max(open_[id_].span, time)


class Walk:
    """One pass over the rows: where each instance stands, absolutely, with a burden per hand-over.

    A mark is (local depth, absolute depth there, instance, the mark it follows from, the local depth of that one). The
    marks of an instance rise in both depths; the last one at or before a depth is what counts there.

    A strand that syncs a child which nobody has stolen goes back in depth, to where the child was spawned, and runs it. The
    marks that were made since the spawn are not the child's, nor the child's its parent's: between FORK and MERGE they are
    laid aside, and then the later one of the two ends is where the parent goes on from.
    """

    def __init__(self, graph, burden=0.0):
        self.graph, self.burden, self.marks, self.ends, self.aside = graph, burden, {}, {}, defaultdict(list)
        self.span, self.last, self.unresolved = 0.0, None, 0
        for row in graph.rows:
            self.step(row)
        for instance in graph.instances.values():
            if instance.ended is None:
                self.reach(instance, instance.span)

    def step(self, row):
        op, instances = row[0], self.graph.instances
        if op == START:
            self.begin(instances[row[2]])
        elif op == END:
            instance = instances[row[2]]
            at = self.reach(instance, max(row[3], instance.span))
            self.ends[instance] = at, self.mark_at(instance, row[3]), row[3]
        elif op == WAIT or op == JOIN:
            instance = instances[row[2]]
            self.reach(instance, row[3])
            self.wait(instance, row[3], instances[row[4]])
        elif op == SUBMIT:
            self.reach(instances[row[2]], row[3])
            # Where the submitter stood is known now, and not when the task starts: it may have waited since.
            self.marks.setdefault(instances[row[4]], [self.follow(instances[row[4]], instances[row[2]], row[3])])
        elif op == COMPLETE:
            instance, target = instances[row[2]], instances[row[4]]
            self.reach(instance, row[3])
            mark = self.mark_at(instance, row[3])
            at = mark[1] + row[3] - mark[0]
            self.marks[target] = [(0.0, at, target, mark, row[3])]
            self.ends[target] = at, self.marks[target][0], 0.0
        elif op == FORK and row[2] in instances:
            self.fork(instances[row[2]], row[3])
        elif op == MERGE and row[2] in instances:
            self.merge(instances[row[2]], row[3], row[6])

    def follow(self, instance, source, depth):
        """The first mark of an instance that another has handed over at that depth."""
        mark = self.mark_at(source, depth)
        return 0.0, mark[1] + depth - mark[0] + self.burden, instance, mark, depth

    def begin(self, instance):
        if instance not in self.marks:
            if instance.parent is not None:
                self.marks[instance] = [self.follow(instance, instance.parent, instance.spawn_depth)]
            else:
                self.marks[instance] = [(0.0, 0.0, instance, None, 0.0)]
        for need in instance.needs or ():
            end = self.ends.get(need)
            if end is None:
                self.unresolved += 1
            elif end[0] + self.burden > self.marks[instance][0][1]:
                self.marks[instance] = [(0.0, end[0] + self.burden, instance, end[1], end[2])]

    def mark_at(self, instance, depth):
        marks = self.marks.get(instance)
        if marks is None:
            self.begin(instance)
            marks = self.marks[instance]
        if marks[-1][0] <= depth:
            return marks[-1]
        return marks[max(0, bisect_right(marks, (depth, INFINITY)) - 1)]

    def reach(self, instance, depth):
        mark = self.mark_at(instance, depth)
        at = mark[1] + depth - mark[0]
        if at > self.span or self.last is None:
            self.span, self.last = at, (mark, depth)
        return at

    def wait(self, instance, depth, target):
        end = self.ends.get(target)
        if end is None:
            self.unresolved += 1
            return
        mark = self.mark_at(instance, depth)
        if end[0] <= mark[1] + depth - mark[0]:
            return
        marks, new = self.marks[instance], (depth, end[0] + self.burden, instance, end[1], end[2])
        if marks[-1][0] <= depth:
            marks.append(new)
            return
        place = bisect_right(marks, (depth, INFINITY))
        marks[place:] = [new] + [mark for mark in marks[place:] if mark[1] > new[1] + mark[0] - depth]

    def fork(self, instance, depth):
        self.mark_at(instance, depth)
        marks = self.marks[instance]
        place = max(1, bisect_right(marks, (depth, INFINITY)))
        self.aside[instance].append((place, marks[place:]))
        del marks[place:]

    def merge(self, instance, depth, parents):
        """The child has ended at that depth, and its parent has got to the other one."""
        if not self.aside[instance]:
            return
        marks, at = self.marks[instance], self.reach(instance, depth)
        child = self.mark_at(instance, depth)
        place, marks[place:] = self.aside[instance].pop()
        parent = self.mark_at(instance, parents)
        parents_at = parent[1] + parents - parent[0]
        if at > parents_at:
            marks.append((max(depth, parents), at, instance, child, depth))
        elif depth > parents:
            marks.append((depth, parents_at, instance, parent, parents))

    def path(self):
        """The longest path, from its start: (instance, from depth, to depth)."""
        steps = []
        mark, depth = self.last or (None, 0.0)
        while mark is not None:
            steps.append((mark[2], mark[0], depth))
            mark, depth = mark[3], mark[4]
        return steps[::-1]
