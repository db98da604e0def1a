# SPDX-License-Identifier: MIT
"""What may limit the speed-up: each rule looks for one cause, and says nothing where the evidence is not there.

Thresholds are reasoned at each rule. Shares of the task time come from samples, of which there are twenty at least;
rules that need to know more than the file says give no answer.
"""
from .account import BETWEEN, NO_CPU, ON_CPU, SEARCHES
from .graph import SUBMIT
from .trace import TASK, UNKNOWN_CALL
from .units import number, per_cent, plural, time

# System calls by number where the kernel's table was not at hand: futex on x86-64 and on aarch64.
FUTEX = ("futex", "202", "98")
GOOD, BAD, UNCLEAR = "good", "bad", "unclear"


class Finding:
    """A cause: its key, the sentence, what supports it, and what helps."""

    def __init__(self, key, sentence, evidence=(), advice="", state=BAD):
        self.key, self.sentence, self.evidence, self.advice, self.state = key, sentence, list(evidence), advice, state


def whose(facts, states):
    """The name of the task to which most samples in these states belong, with its share; ("", 0) when unknown."""
    counts, names = {}, {}
    wanted = {task for state in states for task in facts.samples.by_task.get(state, ())}
    slices = facts.trace.slices
    for row, id_ in enumerate(slices.id):
        if id_ in wanted and id_ not in names and slices.kind[row] == TASK:
            names[id_] = facts.trace.text(slices.name[row])
    for state in states:
        for task, count in facts.samples.by_task.get(state, {}).items():
            name = names.get(task, "")
            counts[name] = counts.get(name, 0) + count
    if not counts:
        return "", 0.0
    name = max(counts, key=counts.get)
    return name, counts[name] / sum(counts.values())


def named(facts, states):
    name, share = whose(facts, states)
    return f"; it is {name} ({per_cent(share)} of these samples)" if name else ""


def is_are(value):
    return "is" if number(value) == "1" else "are"


def tasks_of(value):
    return f"{number(value)} task{' is' if number(value) == '1' else 's are'}"


def other_calls(facts):
    """System calls that are no lock's: (share of the task time, name)."""
    return [(share, call) for share, call in facts.samples.calls() if call not in FUTEX and call != UNKNOWN_CALL]


def nothing_ran(facts):
    if facts.account.running:
        return None
    return Finding("nothing", "No task ran while the trace was taken.", state=UNCLEAR)


def of_task_time(facts):
    """What a share is of that leaves out time without a processor."""
    return "of the task time" + (", time without a processor left aside," if facts.samples.share(NO_CPU) > 0.1 else "")


def short_of_processors(facts):
    return facts.samples.share(NO_CPU) >= 0.25


def beyond_chance(facts, share, least):
    """The share less two standard errors, of the samples that are left without those of no processor."""
    count = facts.samples.count * (1 - facts.samples.share(NO_CPU))
    return bool(share) and share - 2 * (share * (1 - share) / count) ** 0.5 >= least


def lock(facts):
    """A quarter of the task time in futex cannot be chance: with n samples the error is at most 1/sqrt(n), and there
    are at least twenty. A lock that serialises lets about one task get on, although more are in progress. Where others
    take the processors, who has been woken at the lock waits for a processor then, and that is what its samples say:
    a seventh is enough there, beyond chance."""
    share = facts.samples.share_when_let(FUTEX)
    enough = share >= 0.25
    if short_of_processors(facts):
        enough = share >= 0.15 and beyond_chance(facts, share, 0.1)
    if not enough or facts.load.mean() < 1.3:
        return None
    get_on = facts.load.mean() * (1 - share)
    gets = "gets" if number(get_on) == "1" else "get"
    sentence = (f"Tasks wait for a lock: {per_cent(share)} {of_task_time(facts)} is off the processor in futex, so "
                f"that of {number(facts.load.mean())} tasks in progress {number(get_on)} {gets} on at a time"
                f"{named(facts, FUTEX)}.")
    evidence = []
    if get_on < 1.35:
        evidence.append("About one task at a time gets on: the lock is held for most of a task, and more workers or a "
                        "higher limit would only wait for it too.")
    return Finding("lock", sentence, evidence, "Shorten what is done under the lock, or split the lock.")


def lone_task(facts):
    """One task that runs alone for a seventh of the time costs as much as a processor of two for a third of it. That
    others ran side by side before tells it from a program that has no parallelism at all."""
    load, window = facts.load, facts.load.window
    if facts.limit < 2 or facts.usable < 2 or not load.alone or facts.tasks.count < 2:
        return None
    id_, alone = load.alone.most_common(1)[0]
    rest = window - alone
    if alone < 0.15 * window or alone < 0.6 * load.at[1] or rest <= 0:
        return None
    others = (load.mean() * window - alone) / rest
    if others < 1.2:
        return None
    task = facts.tasks.whole(id_)
    at_end = load.alone_until[id_] >= load.last - 0.05 * window
    sentence = (f"One long task runs alone{' at the end' if at_end else ''}: {facts.tasks.label(task)} takes "
                f"{time(task.ran)}, for {time(alone)} of it ({per_cent(alone / window)} of the time) no other task "
                f"runs, while otherwise {number(others)} run at once.")
    evidence = []
    if facts.path:
        own = sum(high - low for instance, low, high in facts.path if instance.id == id_)
        if own >= 0.4 * facts.span:
            evidence.append(f"It is {per_cent(own / facts.span)} of the critical path: no number of workers makes the "
                            f"run shorter than {time(facts.span)}.")
    late, advice = task.start - load.first, "Start the longest task first, or split it."
    bound = max(task.ran, load.mean() * window / facts.usable)
    if late > 0.1 * window and bound < 0.9 * window:
        evidence.append(f"It started {time(late)} after the first task; had it started first, all could have been done "
                        f"in about {time(bound)} instead of {time(window)}.")
    elif late <= 0.1 * window:
        advice = "Split it: it was among the first to start."
    return Finding("long-task", sentence, evidence, advice)


def free_ones(facts, free):
    return f"{number(free)} of {plural(facts.processors, 'processor')} {is_are(free)} free"


def limit(facts):
    """All permits in use and tasks queued for two fifths of the time, a limit below the processors, and of these half a
    one free at least. With a limit at or above the processors it is not the limit, but what the tasks wait for."""
    found = facts.saturation()
    free = facts.free_processors()
    if not found or found[0] < 0.4 or found[3] >= facts.processors or free < 0.5:
        return None
    share, queued, name, most = found
    permits = f"the only permit of pool {name} is" if most == 1 else f"all {most} permits of pool {name} are"
    sentence = (f"The limit is too low: {permits} in use for {per_cent(share)} of the time while {tasks_of(queued)} "
                f"queued on average, and {free_ones(facts, free)}.")
    return Finding("limit", sentence,
                   advice=f"Raise max_concurrency of {name} from {most} to {facts.processors} at first.")


def oversubscribed(facts):
    """A quarter of the task time spent ready to run without a processor."""
    share = facts.samples.share(NO_CPU)
    if not facts.samples.enough or not short_of_processors(facts) or not facts.processors:
        return None
    if facts.utilisation >= 0.8 and facts.load.mean() > facts.processors:
        sentence = (f"More tasks run than there are processors: {number(facts.load.mean())} at a time on "
                    f"{plural(facts.processors, 'processor')}, which are {per_cent(facts.utilisation)} busy; tasks are "
                    f"ready to run but without a processor for {per_cent(share)} of their time.")
        return Finding("oversubscribed", sentence, ["The processors are used: a lower limit shortens each task, not "
                                                    "the whole."], f"Set max_concurrency to {facts.processors}.")
    if facts.utilisation < 0.8:
        sentence = (f"Other processes, or a quota, take the processors: tasks are ready to run but without a processor "
                    f"for {per_cent(share)} of their time, and this process has used only "
                    f"{per_cent(facts.utilisation)} of the {plural(facts.processors, 'processor')}.")
        return Finding("shared-machine", sentence, advice="Measure on a machine that is otherwise idle.")
    return None


def gate(facts):
    """At least one task on average stands before a gate while workers have nothing to do."""
    waited = sum(found.stop - found.start for found in facts.trace.suspensions if found.reason == "gate")
    window = facts.load.window
    if window <= 0 or waited < window or facts.load.mean() > 0.7 * facts.usable:
        return None
    sentence = (f"A gate of the program holds tasks back: {number(waited / window)} are suspended before a gate on "
                f"average, while {number(facts.load.mean())} of {facts.usable} that could run are running.")
    return Finding("gate", sentence, advice="Widen the gate, if what it protects can bear it.")


def submitter(facts):
    """Outside threads are most of the critical path, and the critical path is most of the time: what comes from them
    comes too slowly, or the program has a serial part."""
    own = facts.outside_on_path()
    busy = facts.load.mean() * facts.load.window / facts.wall if facts.wall else 0.0
    if facts.span <= 0 or own < 0.5 * facts.span or facts.span < 0.6 * facts.wall or busy > 0.8 * facts.usable:
        return None
    threads = {instance: high - low for instance, low, high in facts.path if instance.outside}
    thread = max(threads, key=threads.get)
    name = facts.graph.name_of(thread)
    depths = [depth for depth, op, _, _ in thread.events or () if op == SUBMIT]
    between = max(depths) - min(depths) if depths else 0.0
    inside = f"{name} runs for {time(own)} on the critical path of {time(facts.span)} ({per_cent(own / facts.span)})"
    workers = f"{number(busy)} of {facts.usable} workers are busy on average"
    if between >= 0.5 * own:
        each = between / max(1, len(depths) - 1)
        return Finding("submitter", f"Tasks come too slowly: {inside}, as it submits one task each {time(each)}, and "
                       f"{workers}.", advice="Let tasks find and submit the work, or submit more with each call.")
    return Finding("serial-part", f"A serial part outside the tasks takes the time: {inside}, and submits no task for "
                   f"most of it; {workers}.", advice="Make a task of it that runs beside the others.")


def starved(facts):
    """There would be parallelism enough, but what is to be done comes in bit by bit, from a thread that neither
    computes nor waits for tasks in between: for three fifths of the time nothing is queued, and a quarter could run
    more."""
    empty, window = facts.empty_queue(), facts.load.window
    if not facts.walk or empty is None or empty < 0.6 or facts.parallelism < 2 * facts.usable \
            or facts.load.mean() > 0.75 * facts.usable:
        return None
    submits = {instance: [ts for _, op, _, ts in instance.events or () if op == SUBMIT]
               for instance in facts.graph.instances.values() if instance.outside}
    thread = max(submits, key=lambda instance: len(submits[instance]), default=None)
    times = submits.get(thread) or [0.0]
    if times[-1] - times[0] < 0.6 * window:
        return None
    each, computes = (times[-1] - times[0]) / (len(times) - 1), thread.span / (times[-1] - times[0])
    return Finding("starved", f"Too few tasks come: for {per_cent(empty)} of the time none is queued, while "
                   f"{number(facts.load.mean())} of {facts.usable} that could run are running; "
                   f"{facts.graph.name_of(thread)} submits one each {time(each)}, and computes for "
                   f"{per_cent(min(1.0, computes))} of that time.",
                   advice="Look at what this thread waits for: it is neither tasks nor the processor.")


def small_tasks(facts):
    """The runtime's time between tasks, and searching, is half of the tasks' own, and a task is shorter than a wake-up
    through the kernel takes: larger tasks, or spawned ones, cost less."""
    account = facts.account
    overhead = account.times[BETWEEN] + account.times[SEARCHES]
    if not facts.tasks.count:
        return None
    mean, own = facts.load.mean() * facts.load.window / facts.tasks.count, overhead / facts.tasks.count
    if mean > 20 or own < 0.5 * mean:
        return None
    sentence = (f"The tasks are too small: a task runs for {time(mean)} on average, and the runtime takes {time(own)} "
                f"per task between them ({per_cent(overhead / account.total)} of the workers' time).")
    evidence = []
    cost = float(facts.trace.other.get("event_ns") or 0) / 1000
    if cost > 0.05 * mean:
        evidence.append(f"Tracing itself costs about {time(cost)} per event, which counts at this size.")
    return Finding("small-tasks", sentence, evidence, "Give each task more to do, or spawn typed tasks (fork.h).")


def little_parallelism(facts):
    """A greedy schedule on P workers is certain to reach P/(1 + P/parallelism) of them: with a parallelism below 2 P up
    to a third of them may idle for that alone."""
    if not facts.walk or facts.load.mean() > 0.75 * facts.usable or facts.parallelism >= 2 * facts.usable:
        return None
    path = ", ".join(f"{name} {per_cent(part / facts.span)}" for name, part, _ in facts.critical_names()[:3]
                     if part > 0.05 * facts.span)
    sentence = (f"There is too little parallelism: the work is {time(facts.work)}, the longest chain in it "
                f"{time(facts.span)}, so that {number(facts.parallelism)} workers at most are busy on average "
                f"({number(facts.load.mean())} were; {facts.usable} could be).")
    return Finding("parallelism", sentence, [f"The chain consists of {path}."] if path else [],
                   "Break the dependencies on the critical path, or split its tasks.")


def waiting_for_io(facts):
    """Two fifths of the task time in system calls that block."""
    calls = other_calls(facts)
    share = facts.samples.share_when_let([call for _, call in calls])
    if share < 0.4:
        return None
    listed = ", ".join(f"{call} {per_cent(facts.samples.share_when_let([call]))}" for _, call in calls[:3])
    sentence = (f"Tasks wait for input and output: {per_cent(share)} {of_task_time(facts)} is off the processor in "
                f"system calls ({listed}){named(facts, [call for _, call in calls])}.")
    found, evidence, free = facts.saturation(), [], facts.free_processors()
    advice = "Overlap more of it: a higher limit, or filch_blocking."
    if found and found[0] >= 0.4 and free >= 0.5:
        evidence.append(f"All {found[3]} permits of pool {found[2]} are in use for {per_cent(found[0])} of the time "
                        f"with tasks queued, while {free_ones(facts, free)}.")
    return Finding("io", sentence, evidence, advice)


def unknown_machine(facts):
    if facts.processors:
        return None
    return Finding("unknown", "The file does not say how many processors and permits there were: whether more could "
                   "have run is unknown.", state=UNCLEAR)


def some_lock(facts):
    """A loss worth a remark: a twentieth of the task time, beyond chance."""
    share = facts.samples.share_when_let(FUTEX)
    if not beyond_chance(facts, share, 0.05):
        return None
    return Finding("some-lock", f"Tasks wait for a lock for a part: {per_cent(share)} {of_task_time(facts)} is off the "
                   f"processor in futex{named(facts, FUTEX)}.",
                   advice="Shorten what is done under the lock, or split the lock.")


def healthy(facts):
    """Of what could run, four fifths did; or the processors were busy."""
    if facts.off_cpu():
        return None
    busy = facts.load.mean() / facts.usable
    used = facts.cpu / (facts.wall * facts.usable) if facts.wall else 0.0
    if busy < 0.8 and used < 0.8:
        return None
    if facts.samples.enough and facts.samples.share(ON_CPU) < 0.7:
        return None
    more = "a higher limit" if facts.limit < facts.processors else "more processors"
    sentence = (f"Healthy: {number(facts.load.mean())} tasks run at once where {facts.usable} can, and the processors "
                f"are {per_cent(facts.utilisation)} busy; only less work or {more} would make it faster.")
    if facts.walk and facts.parallelism < 2 * facts.usable:
        sentence = sentence[:-1] + f", and these only up to a parallelism of {number(facts.parallelism)}."
    return Finding("healthy", sentence, state=GOOD)
