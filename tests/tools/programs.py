# SPDX-License-Identifier: MIT
"""Programs for the machine on paper: shapes whose work and span are known in closed form, and planted faults."""
from machine import Machine, fork, lock, off, run, sleep, submit, wait

MS = 1000.0


def once(*steps):
    """A body that does these in turn."""
    def body():
        yield from steps
    return body


def all_of(tasks, between=0.0):
    """A main thread that submits (body, name, note) one after another, and waits for all."""
    def body():
        ids = []
        for task in tasks:
            if between:
                yield run(between)
            ids.append((yield submit(*task)))
        for id_ in ids:
            yield wait(id_)
    return body


def chain(length, each, workers=4):
    """Each after the one before."""
    def body():
        last = ()
        for _ in range(length):
            last = ((yield submit(once(run(each)), "link", None, last)),)
        yield wait(last[0])
    return Machine(workers).run(body)


def tree(levels, leaf, before, after, workers=4):
    """A node runs `before`, submits two nodes, waits for them, and runs `after`; a leaf runs `leaf`."""
    def node(level):
        def body():
            if not level:
                yield run(leaf)
                return
            yield run(before)
            left = yield submit(node(level - 1), f"level {level - 1}")
            right = yield submit(node(level - 1), f"level {level - 1}")
            yield wait(left)
            yield wait(right)
            yield run(after)
        return body
    return Machine(workers).run(all_of([(node(levels), f"level {levels}", None)]))


def wavefront(side, each, workers=4):
    """A cell of a square starts after those above and left of it."""
    def body():
        cells = {}
        for row in range(side):
            for column in range(side):
                after = [cells[place] for place in ((row - 1, column), (row, column - 1)) if place in cells]
                cells[row, column] = yield submit(once(run(each)), "cell", f"{row},{column}", after)
        yield wait(cells[side - 1, side - 1])
    return Machine(workers).run(body)


def files(count, each, workers, processors=None, **more):
    """Equal tasks, all there from the beginning."""
    tasks = [(once(run(each)), "do_file", f"dir/file{place}") for place in range(count)]
    return Machine(workers, processors, **more).run(all_of(tasks))


def healthy():
    return files(400, 5 * MS, workers=4, gap=2.0, handover=8.0)


def limit_too_low():
    return files(200, 5 * MS, workers=1, processors=4, gap=2.0)


def lock_held():
    tasks = [(once(run(0.3 * MS), lock(4 * MS), run(0.2 * MS)), "do_file", f"dir/file{place}") for place in range(200)]
    return Machine(4).run(all_of(tasks))


def lock_on_shared_machine():
    """As above, but two tasks at a time, which have a processor for a third of the time that they could use one."""
    tasks = [(once(run(0.2 * MS), lock(4 * MS)), "do_file", None) for _ in range(200)]
    return Machine(2, speed=0.33).run(all_of(tasks))


def lock_half_seen():
    """As above; who has been woken at the lock waits for a processor first, so that a part of the waits shows only."""
    tasks = [(once(run(2.4 * MS), lock(3.2 * MS)), "do_file", None) for _ in range(300)]
    return Machine(2, speed=0.5).run(all_of(tasks))


def huge_at_end():
    tasks = [(once(run(5 * MS)), "do_file", f"dir/file{place}") for place in range(200)]
    tasks.append((once(run(600 * MS)), "do_file", "dir/huge & <b>big</b> \"file\"</script>"))
    return Machine(4, handover=8.0).run(all_of(tasks))


def huge_at_first():
    tasks = [(once(run(5 * MS)), "do_file", f"dir/file{place}") for place in range(200)]
    return Machine(4, handover=8.0).run(all_of([(once(run(600 * MS)), "do_file", "dir/huge")] + tasks))


def slow_submitter():
    tasks = [(once(run(1 * MS)), "do_file", None) for _ in range(300)]
    return Machine(4, handover=5.0).run(all_of(tasks, between=2 * MS))


def serial_part():
    def body():
        yield run(800 * MS)
        yield from all_of([(once(run(1 * MS)), "do_file", None)] * 300)()
    return Machine(4).run(body)


def small_tasks():
    return files(6000, 0.5, workers=2, gap=0.9, handover=5.0)


def reading():
    tasks = [(once(run(1 * MS), off(6 * MS, "pread64")), "do_file", f"dir/file{place}") for place in range(200)]
    return Machine(4).run(all_of(tasks))


def divisible():
    """Forks of typed tasks, each worth eight workers."""
    tasks = [(once(fork(80 * MS, 10 * MS)), "sort", None) for _ in range(3)]
    return Machine(2).run(all_of(tasks))


def too_many():
    """Eight workers on two processors: each runs for a quarter of its time, though it never waits for anything."""
    return files(400, 5 * MS, workers=8, processors=2, speed=0.25)


def shared_machine():
    """Two processors of which another process has most."""
    return files(400, 5 * MS, workers=2, speed=0.4)


def io_and_low_limit():
    """Off the processor most of the time, and fewer permits than processors."""
    tasks = [(once(run(1 * MS), off(1 * MS, "read")), "do_file", None) for _ in range(400)]
    return Machine(2, 2).run(all_of(tasks))


def sleepy_submitter():
    """Tasks come from a network, as it were."""
    def body():
        for _ in range(100):
            yield sleep(4.95 * MS)
            yield run(0.05 * MS)
            yield submit(once(run(3 * MS)), "request")
    return Machine(4).run(body)


def half_busy():
    """Two of four workers are busy, and nothing in the trace says why: there would be parallelism enough."""
    made = files(100, 5 * MS, workers=2, processors=4)
    made.claimed_limit = 4
    return made


def gated():
    """Three tasks at a time come to a gate that lets one through."""
    def body():
        before = ()
        for _ in range(60):
            before = ((yield submit(once(run(5 * MS)), "gated", None, before)),)
        yield wait(before[0])
    made = Machine(4).run(body)
    for place in range(60):
        made.suspension(1000 + place, "gated", "gate", max(0, place - 2) * 5 * MS, place * 5 * MS)
    return made
