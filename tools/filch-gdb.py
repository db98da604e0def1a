# SPDX-License-Identifier: MIT
"""filch-gdb.py - tells gdb what the pools of a program are doing: a live process, or a core file.

    filch pools                      the pools that are open
    filch workers [POOL]             their threads, and what each does
    filch strands [-all] [-full] [POOL]
                                     the tasks that have begun and not ended, what each waits for, and its stack
    filch tasks [-all] [POOL]        the tasks that have not begun: queued, or held back
    filch strand ID [POOL]           look at that strand: bt, frame, info locals tell of it; without ID: back
    filch core FILE                  generate-core-file, with the stacks of strands in it

POOL is a name, an address, or a number as `filch pools` shows it; without it, all pools. Needs the library's debug
information and nothing else of it: no function of the program is called, nothing is written to it.

A suspended strand's registers lie on its stack, where the switch away from it has put them (runtime/context_*.S). An
unwinder tells gdb that they are those of the caller of the frame in which the selected thread really is, so that a
backtrace goes on there. No register is set, so this works in a core file as well.
"""
import itertools
import os
import re
import struct

import gdb
from gdb.unwinder import Unwinder, register_unwinder

# What C has as macros and enumerations: state.h, gate.h, permits.h, waiter.h, work.h.
PHASES = ("idle", "queued", "running", "dropped", "done", "promise")
QUEUED, RUNNING, DONE, PROMISE = 1, 2, 4, 5
HELD = 64
POOL_PHASES = ("open", "draining", "cancelling", "closed")
PRIORITIES = ("normal", "high", "low")
WAITER_STATE, WAITER_FIRED = 3, 2
THREAD_LIVE = 1
SHOWN = 20  # of a queue, and
STRANDS_SHOWN = 100  # of a pool, unless -all


def fail(what):
    raise gdb.GdbError("filch: " + what)


# ---- the program's memory ----


def library_variables(name):
    """The symbols of a static variable of process.c: one for each copy of the library in the process."""
    found = gdb.lookup_static_symbols(name)
    return [symbol for symbol in found if os.path.basename(symbol.symtab.filename) == "process.c"]


def list_heads():
    if not gdb.selected_inferior().pid:
        fail("there is no process and no core file to look at")
    heads = [symbol.value() for symbol in library_variables("pools")]
    heads = [head for head in heads if points_to(head.type, "filch_pool")]
    if heads:
        return heads
    try:
        gdb.parse_and_eval("(long)&filch_pool_open")
    except gdb.error:
        fail("nothing in this program is called filch_pool_open: the library is not loaded yet, or its symbols were stripped")
    fail("the library has no debug information. Build it with -DFILCH_DEBUG_INFO=ON, or as RelWithDebInfo, and do not "
         "strip it; or tell gdb where its separate debug information is")


def points_to(kind, tag):
    """Is it a pointer to the structure? How gdb writes types depends on the language of the frame."""
    kind = kind.strip_typedefs()
    return kind.code == gdb.TYPE_CODE_PTR and kind.target().unqualified().strip_typedefs().tag == tag


def pointer(address, type_name):
    return gdb.Value(int(address)).cast(gdb.lookup_type(type_name).pointer())


def container_of(link, type_name, *path):
    place = pointer(0, type_name).dereference()
    for name in path:
        place = place[name]
    return pointer(int(link) - int(place.address), type_name).dereference()


def walk(item, link):
    while item:
        yield item.dereference()
        item = item[link]


def pools(argument=""):
    """[(number, pool)], the oldest first; those that the argument means."""
    found = [pool for head in list_heads() for pool in reversed(list(walk(head, "next_open")))]
    numbered = list(enumerate(found, 1))
    if not argument:
        return numbered
    name = argument.strip('"')
    meant = [(i, pool) for i, pool in numbered if name in (str(i), pool_name(pool), hex(int(pool.address)))]
    return meant or fail("no open pool is called %s, see `filch pools`" % argument)


def pool_name(pool):
    return pool["name"].string(errors="replace")


def pool_workers(pool):
    at = pool["worker"]
    while at.dereference():
        yield at.dereference().dereference()
        at += 1


def pool_stacks(pool):
    """Every strand that was ever handed out."""
    size, kind = int(pool["strands"]["stack_size"]), "struct filch__strand"
    for slab in walk(pool["strands"]["slabs"], "next"):
        for i in range(int(slab["used"])):
            top = int(slab["base"]) + (i + 1) * size
            strand = pointer(top - gdb.lookup_type(kind).sizeof, kind).dereference()
            if strand["pool"] != pool.address:
                fail("the stacks are not in this core file: gdb's generate-core-file and gcore leave out memory that has guard "
                     "pages in it. Let the kernel write one, or `filch core FILE`")
            yield strand


def started_strands(pool):
    """Those whose task has begun and not ended; threads' own stacks among them."""
    natives = [worker["native"] for worker in pool_workers(pool)]
    callers = [caller["strand"] for caller in walk(pool["callers"], "next")]
    return [strand for strand in list(pool_stacks(pool)) + natives + callers if strand["task"]]


# ---- names ----


def function_name(fn):
    text = fn.format_string(format="a")  # 0x401000 <name+4>
    match = re.search(r"<(.*?)(\+\d+)?>$", text)
    return match.group(1) if match else text


def task_name(label, fn):
    name = function_name(fn)
    return '%s "%s"' % (name, label.string(errors="replace")) if label else name


def strand_name(strand):
    return "strand at 0x%x" % int(strand.address) if strand["thread"] else "strand %d" % int(strand["id"])


def future_name(future):
    record = future["priv"]["record"]
    label = pointer(record, "struct filch__record")["name"] if record else None
    return task_name(label, future["priv"]["fn"])


def future_text(pool, future):
    """Of what somebody waits for. A strand may be queued by now, its future gone: unreadable memory does no harm."""
    try:
        state, runner = int(future["priv"]["state"]), future["priv"]["runner"]
        phase = state & 7
        if phase == PROMISE:
            return "promise 0x%x" % int(future.address)
        if phase == DONE:
            return "task 0x%x (done)" % int(future.address)
        where = PHASES[phase] if phase < len(PHASES) else "?"
        if phase in (QUEUED, RUNNING) and runner:  # the phase of a task that runs stays QUEUED
            strand = pointer(runner, "struct filch__strand").dereference()
            where = "on " + strand_name(strand)
            if strand["pool"] != pool.address:
                where += ' of pool "%s"' % pool_name(strand["pool"].dereference())
        elif phase == QUEUED and int(future["priv"]["flags"]) & HELD:
            where = "held back"
        return "%s (%s)" % (future_name(future), where)
    except gdb.error:
        return "future 0x%x" % int(future.address)


def item_text(item):
    """A word in a deque."""
    if item & 1:
        strand = pointer(item - 1, "struct filch__strand").dereference()
        return "%s on %s, ready to go on" % (task_name(strand["label"], strand["fn"]), strand_name(strand))
    return future_name(pointer(item, "struct filch_future").dereference())


# ---- threads ----


class Threads:
    """The threads of the process: by what the C library calls them, and by where their stack pointers are."""

    def __init__(self):
        selected, frame = gdb.selected_thread(), gdb.selected_frame()
        self.handles, self.pointers = {}, []
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            self.pointers.append((int(gdb.parse_and_eval("$sp")), thread))
            try:
                self.handles[int.from_bytes(thread.handle(), "little")] = thread
            except RuntimeError:
                pass  # gdb has no libthread_db for this program
        selected.switch()
        frame.select()

    def of_worker(self, worker):
        thread = self.handles.get(int(worker["thread"]))
        if not thread and worker["running"] and not worker["running"]["thread"]:
            thread = self.on(worker["running"].dereference())
        return thread

    def on(self, strand):
        """The thread that runs the strand, or None."""
        if strand["thread"]:
            return self.of_worker(strand["worker"]) if strand["worker"] else None
        low, high = int(strand["low"]), int(strand.address)
        return next((thread for sp, thread in self.pointers if low <= sp < high), None)


# ---- stacks ----


class Registers:
    """What a switch has saved: where each register's value is, and where the stack pointer was before."""

    LAYOUT = {
        "x86-64": ("rsp", "rip", 64, {"r15": 8, "r14": 16, "r13": 24, "r12": 32, "rbx": 40, "rbp": 48, "rip": 56}),
        "aarch64": ("sp", "pc", 176, dict({"x%d" % (19 + i): 8 * i for i in range(12)}, pc=88)),
    }

    def __init__(self, strand):
        architecture = gdb.selected_inferior().architecture().name()
        layout = [self.LAYOUT[name] for name in self.LAYOUT if name in architecture]
        if not layout:
            fail("strands have no known layout on the processor %s" % architecture)
        self.sp, self.pc, size, offsets = layout[0]
        saved = int(strand["saved"])
        memory = bytes(gdb.selected_inferior().read_memory(saved, size))
        self.values = {name: struct.unpack_from("<Q", memory, offset)[0] for name, offset in offsets.items()}
        self.values[self.sp] = saved + size


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class StrandUnwinder(Unwinder):
    """While it is set to a strand, that strand's frames follow the innermost frame of the selected thread."""

    def __init__(self):
        super().__init__("filch strand")
        self.registers = None

    def set(self, strand):
        self.clear()
        self.thread = gdb.selected_thread().ptid
        self.place = [int(gdb.newest_frame().read_register(name)) for name in ("sp", "pc")]
        self.registers = Registers(strand)
        gdb.invalidate_cached_frames()

    def clear(self):
        self.registers = None
        gdb.invalidate_cached_frames()

    def own_frames(self):
        """How many frames are the thread's own: more than one where a function was inlined."""
        frame, count = gdb.newest_frame(), 0
        while frame and int(frame.read_register("sp")) == self.place[0]:
            frame, count = frame.older(), count + 1
        return count

    def __call__(self, pending):
        registers = self.registers
        if not registers or gdb.selected_thread().ptid != self.thread:
            return None
        sp, pc = (pending.read_register(name) for name in (registers.sp, registers.pc))
        if [int(sp), int(pc)] != self.place:
            return None
        # The frame takes its place just below the strand's, as gdb wants stacks to grow in one direction.
        below = gdb.Value(registers.values[registers.sp] - 8).cast(sp.type)
        info = pending.create_unwind_info(FrameId(below, pc))
        for name, value in registers.values.items():
            info.add_saved_register(name, gdb.Value(value).cast(pending.read_register(name).type))
        return info


unwinder = StrandUnwinder()


class Stack:
    """The selected thread's frames, from `skip` on, and gdb's lines about them."""

    ENDS = ("filch__task_run", "filch__loot_run", "filch__worker_main")  # below them lies no call of the task
    # Calls that are macros, and what is left of public ones that compilers jump out of.
    NAMES = {"filch__fork_sync_slow": "FILCH_SYNC", "filch__fork_run": "FILCH_RUN", "wait_for": "filch_wait",
             "wait_for_all": "filch_wait_all", "enter_line": "filch_gate_enter"}

    def __init__(self, skip=0):
        command = "with width 0 -- with print entry-values no -- backtrace -no-filters"
        lines = [line for line in gdb.execute(command, to_string=True).splitlines() if line.startswith("#")]
        self.frames, frame = [], gdb.newest_frame()
        while frame and len(self.frames) < len(lines):
            self.frames.append(frame)
            frame = frame.older()
        self.frames, self.lines = self.frames[skip:], lines[skip:]
        names = [frame.name() or "" for frame in self.frames]
        home = os.path.dirname(library_variables("pools")[0].symtab.fullname()) + os.sep
        inside = [self.file_of(frame).startswith(home) for frame in self.frames]
        # The innermost frames of the runtime, and among them the call that waits.
        first = inside.index(True) if True in inside else 0
        last = next((i for i in range(first, len(names)) if not inside[i] or names[i] in self.ENDS), len(names))
        public = [i for i in range(first, last) if re.match("filch_[a-z]", names[i])]
        known = public + [i for i in range(first, last) if names[i] in self.NAMES]
        self.call = known[0] if known else last
        self.call_name = self.NAMES.get(names[known[0]], names[known[0]]) if known else "a call"
        ends = [i for i in range(last, len(names)) if names[i] in self.ENDS]
        self.end = ends[-1] if ends else len(names)  # of what the task has called
        while self.end > 0 and inside[self.end - 1]:
            self.end -= 1

    @staticmethod
    def file_of(frame):
        symtab = frame.find_sal().symtab
        return symtab.fullname() if symtab else ""

    def show(self, begin, full):
        """The runtime's frames only if the task has none of its own."""
        for line in self.lines if full or begin >= self.end else self.lines[begin : self.end]:
            print("      " + line)


# ---- what a strand waits for ----


def graph_text(graph):
    return "graph 0x%x (%d of %d tasks have not ended)" % (
        int(graph.address), int(graph["left"]), int(graph["node_count"]))


def futures_text(pool, at, count):
    """at(i): the pointer to the i-th one."""
    try:
        texts = [future_text(pool, at(i).dereference()) for i in range(min(count, 4))]
    except gdb.error:
        return ""
    return ", ".join(texts) + (" and %d more" % (count - 4) if count > 4 else "")


def gate_text(gate):
    word, waiting = int(gate["permits"]["word"]), int(gate["permits"]["waiting"])
    return "a permit of gate 0x%x (%d of %d held, %d in line)" % (
        int(gate.address), word >> 32 & 0x7FFFFFFF, word & 0xFFFFFFFF, waiting)


def target_text(pool, on):
    """What a wait says that it is for: a kind, and whatever that needs."""
    kinds = {field.enumval: field.name for field in on["kind"].type.fields()}
    kind, target, count = kinds.get(int(on["kind"]), ""), on["target"], int(on["count"])
    if kind in ("FILCH__ON_ALL", "FILCH__ON_ANY") and on["stride"]:
        stride = int(on["stride"])
        return futures_text(pool, lambda i: pointer(int(target) + i * stride, "struct filch_future"), count)
    if kind in ("FILCH__ON_ALL", "FILCH__ON_ANY"):
        first = target.cast(gdb.lookup_type("struct filch_future").pointer().pointer())
        return futures_text(pool, lambda i: first[i], count)
    texts = {
        "FILCH__ON_FUTURE": lambda: future_text(pool, pointer(target, "struct filch_future").dereference()),
        "FILCH__ON_GATE": lambda: gate_text(pointer(target, "struct filch_gate").dereference()),
        "FILCH__ON_GRAPH": lambda: graph_text(pointer(target, "struct filch_graph").dereference()),
        "FILCH__ON_CHILD": lambda: "a spawned child that was stolen",
        "FILCH__ON_ROOM": lambda: "room in the queue",
        "FILCH__ON_COMPLETIONS": lambda: "completions 0x%x" % int(target),
    }
    return texts[kind]() if kind in texts else ""


def waiting_text(pool, strand, stack):
    if not strand["waiting"]:
        return "has let others go first, and is queued"
    wait = strand["waiting"].dereference()
    if int(wait["waiter"]["word"]) & WAITER_STATE == WAITER_FIRED:
        return "has waited in %s, and is ready to go on" % stack.call_name
    target = target_text(pool, wait["on"])
    return "waits in %s%s" % (stack.call_name, " for " + target if target else "")


def show_strand(pool, strand, thread, full):
    title = "  %s: %s " % (strand_name(strand), task_name(strand["label"], strand["fn"]))
    selected = gdb.selected_thread()
    try:
        if thread:
            thread.switch()
            stack = Stack()
        elif strand["thread"]:
            print(title + "is on the stack of a thread that gdb does not know by name, see `info threads`")
            return
        else:
            unwinder.set(strand)
            stack = Stack(unwinder.own_frames())
        waits = strand["waiting"] or not thread
        doing = waiting_text(pool, strand, stack) if waits else "is in filch_blocking" if strand["blocking"] else "runs"
        print(title + doing + (", on thread %d" % thread.num if thread else ""))
        stack.show(stack.call if waits else 0, full)
    finally:
        unwinder.clear()
        selected.switch()


# ---- commands ----


class Prefix(gdb.Command):
    """What the task pools of filch are doing: filch pools, workers, strands, tasks, strand, core."""

    def __init__(self):
        super().__init__("filch", gdb.COMMAND_STATUS, gdb.COMPLETE_NONE, True)


class Command(gdb.Command):
    def __init__(self, name):
        super().__init__("filch " + name, gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        options = [word for word in words if word.startswith("-")]
        unwinder.clear()
        shown = pools(" ".join(word for word in words if word not in options))
        if not shown:
            print("No pool is open.")
        for number, pool in shown:
            self.show(number, pool, options)

    @staticmethod
    def cut(items, most, options):
        """As many as are to be shown."""
        return itertools.islice(items, None if "-all" in options else most)

    @staticmethod
    def more(count, most, options):
        if count > most and "-all" not in options:
            print("      and %d more: -all shows them" % (count - most))

    def title(self, number, pool):
        print('pool %d "%s"' % (number, pool_name(pool)))


class Pools(Command):
    """The pools that are open: filch pools [POOL]"""

    def show(self, number, pool, options):
        gate = int(pool["gate"])
        phase = POOL_PHASES[int(pool["phase"])]
        default = any(symbol.value() == pool.address for symbol in library_variables("default_pool"))
        queued = sum(size for _, size, _ in queues(pool))
        print('%d  "%s"  0x%x  %s%s: %d of %d permits in use, %d workers, %d tasks wait, %d queued, %d held back' % (
            number, pool_name(pool), int(pool.address), "default, " if default else "", phase, gate >> 13 & 0x1FFF,
            gate & 0x1FFF, int(pool["threads"]), waits(pool), queued, int(pool["held"])))


def waits(pool):
    """How many tasks wait: as filch__pool_waits counts them."""
    count = int(pool["outside_waits"]) - int(pool["outside_resumed"])
    for worker in pool_workers(pool):
        counters = worker["count"]
        count += int(counters["suspensions"]) + int(counters["blocked_waits"]) - int(counters["resumed"])
    return max(count, 0)


class Workers(Command):
    """The workers of pools, and what each does: filch workers [POOL]"""

    def show(self, number, pool, options):
        self.title(number, pool)
        threads = Threads()
        for worker in pool_workers(pool):
            if int(worker["thread_state"]) != THREAD_LIVE:
                continue
            thread = threads.of_worker(worker)
            count = worker["count"]
            print("  worker %d, %s: %s; %d queued; %d run, %d stolen, %d parks" % (
                int(worker["id"]), "thread %d (LWP %d)" % (thread.num, thread.ptid[1]) if thread else "thread ?",
                self.activity(worker), deque_size(worker) + handful_size(worker), int(count["run"]),
                int(count["stolen"]), int(count["parks"])))

    @staticmethod
    def activity(worker):
        strand = worker["running"]
        if strand and strand["task"]:
            blocked = " (blocked, its permit serves others)" if worker["blocked"] else ""
            return "runs %s, %s%s" % (
                task_name(strand["label"], strand["fn"]), strand_name(strand.dereference()), blocked)
        if worker["searching"]:
            return "searches"
        return "between tasks" if worker["permit"] else "parked"


class Strands(Command):
    """The tasks that have begun and not ended, what each waits for, and its stack: filch strands [-all] [-full] [POOL]
    Of each pool the first 100 are shown, -all shows all; -full shows the runtime's own frames as well."""

    def show(self, number, pool, options):
        self.title(number, pool)
        threads = Threads()
        strands = started_strands(pool)
        for strand in self.cut(strands, STRANDS_SHOWN, options):
            show_strand(pool, strand, threads.on(strand), "-full" in options)
        self.more(len(strands), STRANDS_SHOWN, options)
        if not strands:
            print("  no task has begun and not ended")


def deque_size(worker):
    return max(int(worker["deque"]["bottom"]) - int(worker["deque"]["top"]), 0)


def deque_items(worker):
    deque = worker["deque"]
    for i in range(int(deque["top"]), int(deque["bottom"])):
        yield int(deque["ring"]["slot"][i % int(deque["ring"]["capacity"])])


def handful_size(worker):
    count = (int(worker["handful"]["word"]) - int(worker["handful"]["next"])) & 0xFFFFFFFF
    return count if count <= worker["handful"]["slot"].type.range()[1] + 1 else 0


def handful_items(worker):
    slots = worker["handful"]["slot"]
    for i in range(handful_size(worker)):
        yield int(slots[(int(worker["handful"]["next"]) + i) % (slots.type.range()[1] + 1)])


def queue_items(queue, type_name, *path):
    """Of an entry queue, as deque items: bit 0 says that it is a strand."""
    strand = 1 if type_name == "struct filch__strand" else 0
    link = queue["head"]["next"]
    while link:
        yield int(container_of(link, type_name, *path).address) + strand
        link = pointer(link, "struct filch__link")["next"]


def queue(name, entry, *place):
    return name, max(int(entry["pushed"]) - int(entry["taken"]), 0), queue_items(entry, *place)


def queues(pool):
    """(name, size, items) of where tasks lie that have not begun, and strands that are to go on."""
    yield queue("ready to go on", pool["ready"], "struct filch__strand", "link")
    for worker in pool_workers(pool):
        number = int(worker["id"])
        yield "deque of worker %d, the newest is next" % number, deque_size(worker), deque_items(worker)
        yield "handful of worker %d" % number, handful_size(worker), handful_items(worker)
    for i, name in enumerate(PRIORITIES):
        yield queue("entry queue, %s priority" % name, pool["entry"][i], "struct filch_future", "priv", "link")
    yield queue("have let others go first", pool["yielded"], "struct filch__strand", "link")


class Tasks(Command):
    """The tasks that have not begun, queued or held back: filch tasks [-all] [POOL]
    Of each queue the first 20 are shown; -all shows all."""

    def show(self, number, pool, options):
        self.title(number, pool)
        lists = [(name, size, map(item_text, items)) for name, size, items in queues(pool) if size]
        if pool["held_first"]:
            lists.append(("held back", int(pool["held"]), map(self.held_text, walk(pool["held_first"], "next"))))
        for name, size, texts in lists:
            print("  %s: %d" % (name, size))
            for text in self.cut(texts, SHOWN, options):
                print("      " + text)
            self.more(size, SHOWN, options)
        if not lists:
            print("  none is queued or held back")

    @staticmethod
    def held_text(hold):
        edges = int(hold["edges"]) & 0x7FFFFFFF
        name = future_name(hold["record"]["future"].dereference())
        gate = "gate 0x%x" % int(hold["gate"]) if hold["gate"] else "nothing any more"
        return "%s, by %s" % (name, "predecessors: %d" % edges if edges else gate)


class Strand(gdb.Command):
    """Look at a strand: filch strand ID [POOL]
    For one that is suspended, backtrace, up, frame and info locals are about its stack from then on, below the innermost
    frame of the selected thread, until the program goes on or `filch strand` is given without an ID."""

    def __init__(self):
        super().__init__("filch strand", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        unwinder.clear()
        if not words:
            return
        found = [strand for _, pool in pools(" ".join(words[1:])) for strand in started_strands(pool)
                 if not strand["thread"] and words[0] == str(int(strand["id"]))]
        if len(found) != 1:
            fail("%s has the number %s" % ("no strand with a task" if not found else "a strand of each of several pools",
                                           words[0]))
        thread = Threads().on(found[0])
        if thread:
            thread.switch()
            skip = 0
        else:
            unwinder.set(found[0])
            skip = unwinder.own_frames()
        stack = Stack(skip)
        gdb.execute("frame %d" % (skip + min(stack.call, len(stack.frames) - 1) if skip else 0))


class Core(gdb.Command):
    """Write a core file: filch core FILE
    As generate-core-file, and then the stacks of strands, which gdb leaves out where they have guard pages in them."""

    def __init__(self):
        super().__init__("filch core", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        if not argument:
            fail("a file is to be named")
        stacks = [stack for _, pool in pools() for stack in self.stacks(pool)]
        gdb.execute("generate-core-file " + argument)
        with open(os.path.expanduser(argument), "r+b") as file:
            parts = list(self.parts(file))
            for low, high in stacks:
                start, offset = next(((a, o) for a, size, o in parts if a <= low and high <= a + size), (None, None))
                if start is None:
                    fail("the core file has no place for the stack at 0x%x" % low)
                file.seek(offset + low - start)
                file.write(gdb.selected_inferior().read_memory(low, high - low))

    @staticmethod
    def stacks(pool):
        """What is in use of each stack, and its strand."""
        size, threads = int(pool["strands"]["stack_size"]), Threads()
        for strand in pool_stacks(pool):
            high = int(strand.address) + strand.type.sizeof
            used = [sp for sp, _ in threads.pointers if high - size <= sp < high] + [int(strand["saved"])]
            yield max(min(used) - 128, int(strand["low"])), high  # leaf functions write below the stack pointer

    @staticmethod
    def parts(file):
        """[(address, size, offset in the file)] of an ELF file of 64 bits."""
        header = file.read(64)
        at, size, count = struct.unpack_from("=Q", header, 32) + struct.unpack_from("=HH", header, 54)
        file.seek(at)
        for _ in range(count):
            kind, _, offset, address, _, length = struct.unpack_from("=IIQQQQ", file.read(size))
            if kind == 1:
                yield address, length, offset


def forget(event):
    """The program goes on."""
    if unwinder.registers:
        unwinder.clear()


Prefix()
Pools("pools")
Workers("workers")
Strands("strands")
Tasks("tasks")
Strand()
Core()
register_unwinder(None, unwinder, True)
gdb.events.cont.connect(forget)
