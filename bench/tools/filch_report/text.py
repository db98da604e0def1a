# SPDX-License-Identifier: MIT
"""The report as a page of text."""
import textwrap
import unicodedata

from .account import HEADINGS, IN_TASKS
from .diagnosis import LONG_NAMES, diagnose
from .latency import KINDS, QUANTILES
from .units import digits, nanoseconds, number, per_cent, plural, time

WIDTH = 110
BAR = 30
# Of a pool's statistics, with their titles.
COUNTERS = (("run", "tasks run"), ("stolen", "stolen"), ("parks", "parks"), ("wakes", "wakes"),
            ("suspensions", "suspensions"), ("blocked_waits", "blocked"), ("dropped", "cancelled"))


def printable(text):
    """Names and notes come from the traced program: nothing in them may move the terminal's cursor."""
    return "".join(character if unicodedata.category(character)[0] != "C" else "?" for character in text)


def shorten(text, width):
    """Paths are told apart by their ends."""
    text = printable(text)
    return text if len(text) <= width else "…" + text[1 - width:]


def wrap(text, indent="  ", first=None):
    return textwrap.fill(printable(text), WIDTH, initial_indent=indent if first is None else first,
                         subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def table(head, rows, left=(0,)):
    """Columns as wide as their cells; numbers to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in rows + [head]) for place in range(len(head))]
    lines = []
    for row in [head] + rows:
        cells = [cell.ljust(width) if place in left else cell.rjust(width)
                 for place, (cell, width) in enumerate(zip(row, widths))]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def section(title, *parts):
    return "\n".join([title, *[part for part in parts if part]])


def bar(share):
    return "█" * round(share * BAR) or ("▏" if share > 0 else "")


def format_diagnosis(facts):
    first, others, remarks = diagnose(facts)
    parts = [wrap(first.sentence)]
    parts += [wrap(sentence) for sentence in first.evidence]
    if first.advice:
        parts.append(wrap(first.advice))
    parts += [wrap("Warning: " + sentence) for sentence in facts.incomplete()]
    for finding in others:
        parts.append(wrap(finding.sentence, "    ", "  - Also: "))
    parts += [wrap(sentence, "    ", "  - ") for sentence in remarks]
    return section("Diagnosis", *parts)


def format_summary(facts):
    trace, dropped = facts.trace, int(facts.trace.other.get("dropped") or 0)
    stolen = f", {facts.tasks.stolen:,} stolen children" if facts.tasks.stolen else ""
    lines = [f"  wall {time(facts.wall)}   CPU {time(facts.cpu) if facts.cpu else 'unknown'}   "
             f"processors {facts.processors or 'unknown'}   utilisation of the processors "
             f"{per_cent(facts.utilisation) if facts.cpu else 'unknown'}",
             f"  {plural(facts.tasks.count, 'task')} seen{stolen}, {number(facts.load.mean())} at once on average from "
             f"the first to the last   {plural(trace.events, 'event')}, {dropped:,} dropped"]
    rows = []
    for pool in trace.pools:
        stats = pool.get("stats") or {}
        rows.append([shorten(trace.pool_name(pool), 24), pool.get("max_concurrency", ""),
                     pool.get("min_workers", ""), *(f"{int(stats.get(key) or 0):,}" for key, _ in COUNTERS)])
    head = ["pool", "limit", "min workers", *(title for _, title in COUNTERS)]
    return section("Summary", *lines, table(head, rows) if rows else "")


def format_where(facts):
    account, samples = facts.account, facts.samples
    if not account.total:
        return ""
    lines = []
    for heading in HEADINGS:
        took, share = account.times[heading], account.share(heading)
        lines.append(f"  {LONG_NAMES[heading]:<28}{time(took):>10}{share * 100:>7.1f} %  {bar(share)}".rstrip())
        if heading == IN_TASKS and samples.enough:
            lines += [f"    {shorten(name, 26):<26}{time(part * took):>10}{part * share * 100:>7.1f} %"
                      for name, part in samples.states()]
    title = f"Where the workers' time went ({plural(account.workers, 'worker')}, {time(account.total)})"
    if account.outside_tasks:
        lines.append(f"  Threads outside ran tasks for {time(account.outside_tasks)} more.")
    return section(title, *lines)


def format_parallelism(facts):
    if not facts.walk:
        return section("Parallelism", "  Unknown: the file has no graph of the computation.")
    burdened = "(hand-overs to idle workers: too few to measure a burden)"
    if facts.burdened:
        burdened = f"burdened {digits(facts.burdened_parallelism)} ({time(facts.burden)} per hand-over)"
    lines = [f"  work {time(facts.work)}   span {time(facts.span)}   parallelism {digits(facts.parallelism)}   "
             + burdened]
    own = facts.outside_on_path()
    if own > 0:
        lines.append(f"  of the span {time(own)} ({per_cent(own / facts.span)}) in threads outside the pools")
    return section("Parallelism", *lines)


def format_path(facts):
    rows = [[shorten(name, 48), time(part), f"{part / facts.span * 100:.1f} %", f"{steps:,}"]
            for name, part, steps in facts.critical_names()[:10] if facts.span > 0]
    return section("Critical path by name", table(["name", "time", "of span", "steps"], rows)) if rows else ""


def format_tasks(facts):
    tasks, wide = facts.tasks, 62
    longest = [[shorten(tasks.label(task), wide), time(task.ran), time(task.start), task.id] for task in tasks.longest]
    delayed = [[shorten(tasks.label(task), wide), time(task.queue), time(task.start), task.id]
               for task in tasks.most_delayed]
    parts = []
    if longest:
        parts.append(section("Longest tasks", table(["task", "ran", "started at", "id"], longest)))
    if delayed:
        parts.append(section("Most delayed tasks", table(["task", "queued", "started at", "id"], delayed)))
    return "\n\n".join(parts)


def format_latencies(facts):
    what = dict(KINDS)
    rows = [[f"{shorten(pool, 20)} {kind}".strip(), f"{histogram.count:,}",
             *(nanoseconds(histogram.quantile(share)) for share in QUANTILES), nanoseconds(histogram.longest_ns),
             what[kind]]
            for pool, kind, histogram in facts.histograms]
    head = ["latency", "count", *(f"p{share * 100:g}" for share in QUANTILES), "max", "what"]
    note = "" if facts.own_histograms else "  (of the slices in the file, which has no histograms of the runtime's)"
    return section("Latencies", table(head, rows, (0, len(head) - 1)), note) if rows else ""


def format_what_if(facts):
    if not facts.what_if:
        return ""
    alone = facts.what_if[0][1]
    rows = []
    for workers, took in facts.what_if:
        mark = " (limit)" if workers == facts.limit else ""
        rows.append([f"{workers}{mark}", time(took), digits(alone / took) if took else "", time(facts.at_best(workers)),
                     time(facts.at_worst(workers))])
    return section("What if: the recorded tasks on that many workers", table(
        ["workers", "time", "speed-up", "at best", "at worst"], rows),
        "  Tasks take as long as they took; at best and at worst are the bounds of greedy scheduling (Brent).")


def report(facts, title):
    start = str(facts.trace.other.get("start_realtime") or "")
    parts = [printable(f"filch-report: {title}" + (f", {start}" if start else "")), format_diagnosis(facts),
             format_summary(facts), format_where(facts), format_parallelism(facts), format_path(facts),
             format_tasks(facts), format_latencies(facts), format_what_if(facts)]
    return "\n\n".join(part for part in parts if part) + "\n"
