# SPDX-License-Identifier: MIT
"""The command line of filch-report."""
import argparse
import gc
import os
import sys

from . import text
from .facts import Facts
from .trace import NotATrace, read

HELP = """\
Reads a trace that filch wrote (FILCH_TRACE=trace.json ./program, or filch_trace_start) and prints a
page of text: what limits the speed-up, where the workers' time went, work, span and parallelism,
the critical path, the longest and the most delayed tasks, and the latencies. The same file loads in
https://ui.perfetto.dev.
"""

MORE = """\
what the page says
  Diagnosis       one sentence, with its evidence: a limit that is too low, a lock held in tasks,
                  one long task, too little parallelism, a submitter that is too slow, tasks that
                  are too small, input and output, too many running, healthy, or that no single
                  cause stands out. Then what else was seen.
  Summary         wall and CPU time of the process while it was traced; each pool's limit and
                  counters. Dropped events make other figures too small: the page says which.
  Where ...       all time of the workers, from their first event to their last, under one heading
                  each: in tasks, waiting for a permit of the pool, searching for work, parked,
                  blocked inside a task (the thread, not the task), and the runtime between two
                  tasks. What tasks did is sampled each few milliseconds: on CPU, waiting for a
                  processor, or off CPU in a system call; futex is a lock or a condition variable.
  Parallelism     work: the time of all tasks. span: the longest chain of them, where each starts
                  when what it depends on is done (of threads outside the pools, what they compute counts).
                  parallelism: work / span, the most workers that can be busy on average. burdened:
                  each hand-over to another worker on the chain costs the median of those that were
                  measured with the receiver idle.
  Critical path   the names in that chain.
  Latencies       queue: submitted until started; run; gate: waiting for a permit; suspension; wake:
                  ready until going on.
  What if         the recorded graph on other numbers of workers, by greedy list scheduling.

exit status
  0  the report is printed (with a warning where the trace is cut off or lacks events)
  2  the file is no trace of filch's, or cannot be read or written
"""


def parse(arguments):
    parser = argparse.ArgumentParser(prog="filch-report", description=HELP, epilog=MORE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", metavar="TRACE.json", help="the trace; it may be packed by gzip")
    parser.add_argument("--html", metavar="OUT.html", help="write a page for a browser as well, which needs no network")
    parser.add_argument("--what-if", action="store_true", help="the speed-up with 1 to 64 workers")
    return parser.parse_args(arguments)


def title(trace, path):
    return str(trace.other.get("command") or trace.process or os.path.basename(path))


def write_page(facts, path, heading):
    from . import page  # only where it is asked for
    with open(path, "w", encoding="utf-8") as file:
        page.write(facts, file, heading)


def main(arguments=None):
    options = parse(arguments)
    # Millions of objects are made that stay until the end: looking for garbage among them takes half of the time.
    gc.disable()
    try:
        trace = read(options.trace)
    except NotATrace as error:
        print(f"filch-report: {options.trace}: not a trace of filch's: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"filch-report: {options.trace}: {error.strerror or error}", file=sys.stderr)
        return 2
    facts, heading = Facts(trace, options.what_if or bool(options.html)), title(trace, options.trace)
    try:
        if options.html:
            write_page(facts, options.html, heading)
        sys.stdout.reconfigure(errors="replace")
        sys.stdout.write(text.report(facts, heading))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"filch-report: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0
