# SPDX-License-Identifier: MIT
"""Tasks as wholes: the longest, the most delayed, and sums by name. A task is all stretches with its id; a stolen child
is one too, but is counted apart."""
import heapq
import itertools

from .trace import NONE, TASK

TOP = 10


class Task:
    __slots__ = ("id", "name", "note", "ran", "queue", "start", "stop")

    def __init__(self, id_, name, start):
        self.id, self.name, self.note = id_, name, NONE
        self.ran, self.queue, self.start, self.stop = 0.0, -1.0, start, 0.0


class Tasks:
    def __init__(self, trace):
        slices, wholes, parts = trace.slices, [], {}
        for row, kind in enumerate(slices.kind):
            if kind != TASK:
                continue
            if slices.n[row] == 0 and slices.end[row] == 0:
                wholes.append(row)
            else:
                parts.setdefault(slices.id[row], []).append(row)
        self.trace, self.parts = trace, parts
        self.stolen = sum(1 for row in wholes if slices.parent[row] != NONE)
        self.stolen += sum(1 for rows in parts.values() if slices.parent[rows[0]] != NONE)
        self.count = len(wholes) + len(parts) - self.stolen
        self.longest = self.top(wholes, slices.duration, lambda task: task.ran)
        self.most_delayed = [task for task in self.top(wholes, slices.queue, lambda task: task.queue) if task.queue > 0]
        self.by_name = self.sums(wholes)

    def top(self, wholes, column, key):
        candidates = [self.task([row]) for row in heapq.nlargest(TOP, wholes, key=column.__getitem__)]
        return heapq.nlargest(TOP, candidates + [self.task(rows) for rows in self.parts.values()], key=key)

    def task(self, rows):
        slices = self.trace.slices
        task = Task(slices.id[rows[0]], slices.name[rows[0]], slices.start[rows[0]])
        for row in rows:
            task.ran += slices.duration[row]
            task.queue = max(task.queue, slices.queue[row])
            task.stop = max(task.stop, slices.start[row] + slices.duration[row])
            task.note = max(task.note, slices.note[row])
        return task

    def whole(self, id_):
        """The task with this id, or None; it reads all slices."""
        slices = self.trace.slices
        rows = [row for row, other in enumerate(slices.id) if other == id_ and slices.kind[row] == TASK]
        return self.task(rows) if rows else None

    def sums(self, wholes):
        """[(name, tasks, microseconds)], the longest first."""
        slices, found = self.trace.slices, {}
        for rows in itertools.chain(([row] for row in wholes), self.parts.values()):
            entry = found.setdefault(slices.name[rows[0]], [0, 0.0])
            entry[0] += 1
            entry[1] += sum(slices.duration[row] for row in rows)
        return sorted(((self.trace.text(name), count, time) for name, (count, time) in found.items()),
                      key=lambda entry: -entry[2])

    def label(self, task):
        note = self.trace.text(task.note)
        name = self.trace.text(task.name)
        return f"{name} ({note})" if note else name
