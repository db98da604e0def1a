# SPDX-License-Identifier: MIT
"""The report as one page for a browser: text and pictures made here, and a timeline that a script draws. Nothing is
fetched."""
import json
import os
from html import escape

from . import charts
from .account import HEADINGS, IN_TASKS
from .diagnosis import LONG_NAMES, diagnose
from .latency import KINDS, QUANTILES
from .packed import pack_all
from .units import digits, nanoseconds, number, per_cent, plural, time

SCRIPTS = [os.path.join("timeline", f"{name}.js") for name in ("model", "draw", "input")]
HERE = os.path.dirname(os.path.abspath(__file__))
BUTTONS = (("in", "+", "zoom in"), ("out", "−", "zoom out"), ("left", "←", "to the left"),
           ("right", "→", "to the right"), ("all", "all", "show all"))
STATES = {"good": "Diagnosis", "bad": "What limits the speed-up", "unclear": "No clear cause"}


def read_beside(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def inline_json(value):
    """JSON that cannot end the script element that it stands in."""
    return (json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
            .replace("&", "\\u0026").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def table(head, rows, numbers=(), attributes=None):
    """Cells are HTML; attributes: those of each row."""
    def row(cells, tag, more=""):
        kinds = [' class="number"' if place in numbers else ' class="note"' if head[place] == "note" else ""
                 for place in range(len(cells))]
        return f"<tr{more}>" + "".join(f"<{tag}{kind}>{cell}</{tag}>" for cell, kind in zip(cells, kinds)) + "</tr>"
    body = "".join(row(cells, "td", (attributes or {}).get(place, "")) for place, cells in enumerate(rows))
    return f'<div class="scroll"><table><thead>{row(head, "th")}</thead><tbody>{body}</tbody></table></div>'


def section(name, title, *parts, note=""):
    inner = "".join(part for part in parts if part)
    dim = f'<p class="dim">{note}</p>' if note else ""
    return f'<section id="{name}"><h2>{title}</h2>{dim}{inner}</section>' if inner else ""


def format_diagnosis(facts):
    first, others, remarks = diagnose(facts)
    more = "".join(f"<p>{escape(sentence)}</p>" for sentence in first.evidence)
    advice = f'<p class="advice">{escape(first.advice)}</p>' if first.advice else ""
    listed = [f"Also: {finding.sentence}" for finding in others] + remarks
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in listed)
    warnings = "".join(f'<p class="warning">{escape(sentence)}</p>' for sentence in facts.incomplete())
    return (f'<section class="diagnosis {first.state}"><h2>{STATES[first.state]}</h2>'
            f'<p class="headline">{escape(first.sentence)}</p>{more}{advice}'
            + (f'<ul class="remarks">{items}</ul>' if items else "") + f"</section>{warnings}")


def format_tiles(facts):
    tiles = [("wall", time(facts.wall), ""),
             ("CPU", time(facts.cpu) if facts.cpu else "?", f"{per_cent(facts.utilisation)} of "
              + plural(facts.processors, "processor") if facts.processors else ""),
             ("tasks", f"{facts.tasks.count:,}", f"{number(facts.load.mean())} at once on average"
              + (f", {facts.tasks.stolen:,} stolen children" if facts.tasks.stolen else ""))]
    if facts.walk:
        tiles += [("work", time(facts.work), "all tasks"), ("span", time(facts.span), "the longest chain"),
                  ("parallelism", digits(facts.parallelism), f"burdened {digits(facts.burdened_parallelism)}"
                   if facts.burdened else "work ÷ span")]
    dropped = int(facts.trace.other.get("dropped") or 0)
    tiles.append(("events", f"{facts.trace.events:,}", f"{dropped:,} dropped"))
    return '<div class="tiles">' + "".join(
        f'<div class="tile"><span class="label">{label}</span><span class="value">{escape(value)}</span>'
        f'<span class="dim">{escape(below)}</span></div>' for label, value, below in tiles) + "</div>"


def format_where(facts):
    account, samples = facts.account, facts.samples
    if not account.total:
        return ""
    bars, rows = [], []
    for heading in HEADINGS:
        share = account.share(heading)
        if share > 0:
            bars.append(f'<span class="part fill-{heading}" style="width:{share * 100:.3f}%" '
                        f'title="{escape(LONG_NAMES[heading], True)}: {share * 100:.1f} %"></span>')
        rows.append([f'<span class="swatch fill-{heading}"></span>{LONG_NAMES[heading]}', time(account.times[heading]),
                     f"{share * 100:.1f} %"])
        if heading == IN_TASKS and samples.enough:
            rows += [[f'<span class="inner">{escape(name)}</span>', time(part * account.times[IN_TASKS]),
                      f"{part * share * 100:.1f} %"] for name, part in samples.states()]
    note = (f"All time of {plural(account.workers, 'worker')}, from the first event of each to its last: "
            f"{time(account.total)}. Inside tasks by {samples.count:,} samples.")
    return section("where", "Where the workers’ time went", f'<div class="stack">{"".join(bars)}</div>',
                   table(["", "time", "share"], rows, (1, 2)), note=note)


def format_timeline(facts):
    if not facts.trace.slices.kind:
        return ""
    buttons = "".join(f'<button type="button" data-do="{do}" aria-label="{label}">{sign}</button>'
                      for do, sign, label in BUTTONS)
    return f"""<section id="timeline"><h2>Timeline</h2>
<div class="tools">{buttons}<input type="search" placeholder="find a name or note" aria-label="find a name or note">
<span class="dim found"></span></div>
<p class="dim">Drag to pan; Ctrl and the wheel, pinch, or W and S to zoom; double-click a slice to fill the width with
it; click a task to see all its stretches and who handed it over.</p>
<div class="canvas"><canvas tabindex="0" aria-label="timeline of all tracks"></canvas>
<div class="tip" hidden></div></div>
<div class="legend"></div><div class="details" hidden></div>
<noscript><p class="warning">The timeline needs JavaScript.</p></noscript></section>"""


def format_latencies(facts):
    what, cards, rows = dict(KINDS), [], []
    for pool, kind, histogram in facts.histograms:
        name = escape(f"{pool} {kind}".strip())
        cards.append(f'<figure><figcaption><b>{name}</b> <span class="dim">{escape(what[kind])}</span></figcaption>'
                     f'{charts.histogram(histogram, f"{pool} {kind}")}</figure>')
        rows.append([name, f"{histogram.count:,}", *(nanoseconds(histogram.quantile(share)) for share in QUANTILES),
                     nanoseconds(histogram.longest_ns)])
    note = "" if facts.own_histograms else "Of the slices in the file, which has no histograms of the runtime’s."
    head = ["", "count", *(f"p{share * 100:g}" for share in QUANTILES), "max"]
    return section("latencies", "Latencies", f'<div class="cards">{"".join(cards)}</div>' if cards else "",
                   table(head, rows, range(1, 7)) if rows else "", note=note)


def format_what_if(facts):
    if not facts.what_if or facts.what_if[0][1] <= 0:
        return ""
    alone, rows = facts.what_if[0][1], []
    for workers, took in facts.what_if:
        mark = ' <span class="dim">limit</span>' if workers == facts.limit else ""
        rows.append([f"{workers}{mark}", time(took), digits(alone / took) if took else "", time(facts.at_best(workers)),
                     time(facts.at_worst(workers))])
    note = ("The recorded tasks on other numbers of workers, by greedy list scheduling. Tasks take as long as they "
            "took, so that what they lost to a lock, a disk or a processor that others had stays lost. The band lies "
            "between the bounds of greedy scheduling (Brent).")
    listed = table(["workers", "time", "speed-up", "at best", "at worst"], rows, range(5))
    return section("what-if", "What if there were more workers",
                   f'<div class="beside">{charts.curve(facts)}{listed}</div>', note=note)


def format_path(facts):
    if not facts.path or facts.span <= 0:
        return ""
    rows = []
    for name, part, steps in facts.critical_names()[:10]:
        share = f"{part / facts.span * 100:.1f}"
        rows.append([escape(name), f'<span class="meter"><span style="width:{share}%"></span></span>', time(part),
                     f"{share} %", f"{steps:,}"])
    return section("path", "Critical path by name", table(["name", "", "time", "of span", "steps"], rows, (2, 3, 4)),
                   note=f"The chain of {plural(len(facts.path), 'step')} that no number of workers makes shorter than "
                        f"{time(facts.span)}.")


def format_tasks(facts):
    def rows_of(tasks, figure):
        noted = any(task.note >= 0 for task in tasks)
        rows = [[escape(facts.trace.text(task.name)), *([escape(facts.trace.text(task.note))] if noted else []),
                 time(figure(task)), time(task.start), str(task.id)] for task in tasks]
        more = {place: f' class="goto" tabindex="0" data-start="{task.start:.3f}" data-stop="{task.stop:.3f}" '
                       f'data-id="{task.id}"'
                for place, task in enumerate(tasks)}
        return ["name", *(["note"] if noted else [])], rows, more
    parts = []
    for title, tasks, figure, head in (("Longest", facts.tasks.longest, lambda task: task.ran, "ran"),
                                       ("Most delayed", facts.tasks.most_delayed, lambda task: task.queue, "queued")):
        if tasks:
            names, rows, more = rows_of(tasks, figure)
            columns = names + [head, "started at", "id"]
            parts.append(f"<h3>{title}</h3>" + table(columns, rows, range(len(names), len(columns)), more))
    names = [[escape(name), f"{count:,}", time(total), time(total / count)]
             for name, count, total in facts.tasks.by_name[:20]]
    if names:
        parts.append("<h3>By name</h3>" + table(["name", "tasks", "ran", "mean"], names, (1, 2, 3)))
    return section("tasks", "Tasks", *parts)


def format_pools(facts):
    keys = []
    for pool in facts.trace.pools:
        keys += [key for key in (pool.get("stats") or {}) if key not in keys and not key.startswith("reserved")]
    rows = [["limit", *(str(pool.get("max_concurrency", "")) for pool in facts.trace.pools)],
            ["min workers", *(str(pool.get("min_workers", "")) for pool in facts.trace.pools)]]
    for key in keys:
        values = [(pool.get("stats") or {}).get(key, "") for pool in facts.trace.pools]
        rows.append([escape(key.replace("_", " ")), *(f"{value:,}" if isinstance(value, int) else escape(str(value))
                                                      for value in values)])
    head = ["", *(escape(facts.trace.pool_name(pool)) for pool in facts.trace.pools)]
    return section("pools", "Pools", table(head, rows, range(1, len(head)))) if facts.trace.pools else ""


def below(facts):
    other = facts.trace.other
    parts = ["filch-report", str(other.get("start_realtime") or ""),
             f"process {facts.trace.pid}" if facts.trace.pid else "",
             f"filch {other['version']}" if other.get("version") else ""]
    return " · ".join(part for part in parts if part)


def write(facts, file, heading):
    pair = format_where(facts) + format_path(facts)
    body = "".join([
        format_diagnosis(facts), format_tiles(facts), f'<div class="pair">{pair}</div>' if pair else "",
        format_timeline(facts), format_tasks(facts), format_latencies(facts), format_what_if(facts),
        format_pools(facts)])
    file.write(f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(heading)}</title>
<style>
{read_beside("page.css")}</style></head>
<body><header><h1>{escape(heading)}</h1><p class="dim">{escape(below(facts))}</p>
</header>
<main>{body}</main>
<script type="application/json" id="data">""")
    file.write(inline_json(pack_all(facts)))
    file.write("</script>\n")
    if facts.trace.slices.kind:
        file.write(f'<script type="module">\n{"".join(read_beside(name) for name in SCRIPTS)}</script>\n')
    file.write("</body></html>\n")
