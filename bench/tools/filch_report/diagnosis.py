# SPDX-License-Identifier: MIT
"""What limits the speed-up, in one sentence with its evidence, and further remarks.

Rules stand in the order in which one cause hides another: a lock keeps processors free as a low limit does, so it is
looked for first; a lack of parallelism is what remains when nothing more definite explains it. The first that applies
is the diagnosis, the others that apply are remarks.
"""
from . import rules
from .account import BETWEEN, BLOCKED, IN_TASKS, PARKED, SEARCHES, WAITS_PERMIT
from .rules import BAD, UNCLEAR, Finding
from .trace import UNKNOWN_CALL
from .units import number, per_cent, plural, time

RULES = (rules.nothing_ran, rules.lock, rules.lone_task, rules.limit, rules.oversubscribed, rules.gate, rules.submitter,
         rules.starved, rules.small_tasks, rules.little_parallelism, rules.waiting_for_io, rules.unknown_machine,
         rules.healthy, rules.some_lock)

# Findings that say nothing new beside these.
IMPLIED = {"parallelism": ("long-task", "submitter", "serial-part"), "some-lock": ("lock",)}
LONG_NAMES = {IN_TASKS: "in tasks", WAITS_PERMIT: "waiting for a permit", SEARCHES: "searching for work",
              PARKED: "parked", BLOCKED: "blocked inside a task", BETWEEN: "the runtime, between tasks"}


def no_single_cause(facts):
    account, load = facts.account, facts.load
    parts = sorted(((account.times[heading], heading) for heading in LONG_NAMES if heading != IN_TASKS), reverse=True)
    where, evidence = "", []
    if account.total and parts[0][0] > 0:
        where = (f"; the largest part outside tasks is {LONG_NAMES[parts[0][1]]} "
                 f"({per_cent(parts[0][0] / account.total)} of the "
                 "workers' time)")
    if facts.off_cpu():
        evidence.append(f"The process had {time(facts.cpu)} of CPU time for {time(load.mean() * load.window)} in "
                        "tasks: they waited for something, or for a processor, and there are too few samples to say "
                        "which.")
    return Finding("unclear", f"No single cause stands out: {number(load.mean())} tasks run at once where "
                   f"{facts.usable} can{where}.", evidence, state=UNCLEAR)


def remarks_on_program(facts):
    found, load, trace = [], facts.load, facts.trace
    if load.window and load.window < 0.6 * facts.wall and not facts.keeps_last:
        found.append(f"Tasks ran during {time(load.window)} only, of {time(facts.wall)} that were traced.")
    if facts.burdened and facts.parallelism >= facts.usable > facts.burdened_parallelism:
        found.append(f"With {time(facts.burden)} for each hand-over the parallelism falls from "
                     f"{number(facts.parallelism)} to {number(facts.burdened_parallelism)}: the tasks on the critical "
                     "path are too small to be handed over.")
    failed = sum(1 for status in trace.slices.status if status)
    if failed:
        found.append(f"{plural(failed, 'task')} ended with an error.")
    stuck = sum(int((pool.get("stats") or {}).get("stuck") or 0) for pool in trace.pools)
    if stuck:
        found.append(f"{plural(stuck, 'task')} ran on after they had timed out.")
    return found


def remarks_on_trace(facts):
    """How far the figures can be trusted."""
    found, samples = [], facts.samples
    if facts.keeps_last:
        found.append(f"The trace holds the last {time(facts.keeps_last)} only; counters and latencies are of all "
                     f"{time(facts.wall)}.")
    if not samples.enough and facts.load.window:
        found.append(f"There are {samples.count} samples inside tasks: too few to say whether they computed or waited.")
    if samples.enough and samples.share(UNKNOWN_CALL) > 0.1:
        found.append(f"Tasks were off the processor for {per_cent(samples.share(UNKNOWN_CALL))} of their time, and the "
                     "kernel did not tell what for.")
    cost = float(facts.trace.other.get("event_ns") or 0) * facts.trace.events / 1000
    if facts.account.total and cost > 0.05 * facts.account.total:
        found.append(f"Tracing took about {per_cent(cost / facts.account.total)} of the workers' time.")
    return found


def diagnose(facts):
    """(the diagnosis, other findings, remarks as sentences)"""
    found = [finding for finding in (rule(facts) for rule in RULES) if finding]
    if not found:
        found = [no_single_cause(facts)]
    first = found[0]
    others = [finding for finding in found[1:]
              if finding.state == BAD and first.key not in IMPLIED.get(finding.key, ())]
    return first, others, remarks_on_program(facts) + remarks_on_trace(facts)
