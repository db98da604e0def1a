#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/report/page.py RESULTS.json OUT.html - the results of bench/run as one page that needs nothing else: text, and
plots as inline SVG; no scripts, and nothing is fetched."""
import os
import re
import signal
import sys
from html import escape

sys.dont_write_bytecode = True
import results as results_  # noqa: E402
from results import Spread, number, number_of_times, spread, spread_of_times  # noqa: E402
import plots  # noqa: E402

STYLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.css")


def anchor(name):
    return re.sub(r"\W+", "-", name)


def table(head, rows, numbers=()):
    """Cells are HTML. The table scrolls within its box where the page is too narrow for it."""
    def line(cells, tag):
        kinds = [' class="number"' if place in numbers else "" for place in range(len(cells))]
        return "<tr>" + "".join(f"<{tag}{kind}>{cell}</{tag}>" for cell, kind in zip(cells, kinds)) + "</tr>"
    body = "".join(line(cells, "td") for cells in rows)
    return f'<div class="scroll"><table>{line(head, "th") if head else ""}{body}</table></div>'


def verdict(target):
    if target["met"] is None:
        return '<span class="dim">not measured</span>'
    return '<span class="met">met</span>' if target["met"] else '<span class="missed">missed</span>'


def format_targets(targets):
    rows = [[escape(target["claim"]), "" if target["met"] is None else escape(target["figure"]), verdict(target)]
            for target in targets]
    return table(["target", "measured", ""], rows)


def format_all_targets(targets):
    """By workload."""
    parts = []
    for name in dict.fromkeys(target["workload"] for target in targets):
        own = [target for target in targets if target["workload"] == name]
        parts.append(f'<h3><a href="#{anchor(name)}">{escape(name)}</a></h3>{format_targets(own)}')
    return "<h2>Targets</h2>" + "".join(parts) if parts else ""


def times(ratio, what):
    return f"{number_of_times(ratio.median)} × {escape(what)} ({spread_of_times(ratio)})"


def format_beside(row, usual_rounds):
    """What stands beside a bar: how many times filch's figure it is, and how it stands to serial code."""
    texts = [f"{row.rounds} rounds"] if row.rounds != usual_rounds else []
    if row.ratio:
        texts.append(times(row.ratio, "filch") + (", not significant" if row.indistinct else ""))
    if row.over_serial:
        texts.append(times(row.over_serial, row.serial))
    if row.speed_up:
        texts.append(f"speed-up {number_of_times(row.speed_up.median)} ({spread_of_times(row.speed_up)})")
    return "".join(f"<span>{text}</span>" for text in texts)


def format_row(row, axis, decimals, usual_rounds, references):
    own = row.system.startswith("filch")
    return (f'<div class="row"><div class="name{" mine" * own}">{escape(row.label)}</div>'
            f'{plots.bar(axis, row.value, "own" if own else "peer", references)}'
            f'<div class="figure"><b>{number(row.value.median, decimals)}</b> '
            f'<span class="dim">{spread(row.value, decimals)}</span></div>'
            f'<div class="ratios">{format_beside(row, usual_rounds)}</div></div>')


def format_axis(axis, references):
    spans = []
    for tick in axis.ticks():
        place = axis.place(tick)
        edge = ' class="first"' if place < 0.02 else ' class="last"' if place > 0.97 else ""
        spans.append(f'<span{edge} style="left:{place * 100:.1f}%">{plots.brief(tick)}</span>')
    notes = ["logarithmic"] * axis.log
    if references:
        notes.append("dashed, from the left: " + ", ".join(f"{title} ({value:.1f} ns)" for title, value in references))
    note = f'<div class="dim">{escape("; ".join(notes))}</div>' if notes else ""
    return f'<div class="row" aria-hidden="true"><div class="axis">{"".join(spans)}</div></div>{note}'


def references_of(block, axis, floors):
    """The machine's own charges, as lines where they are of the same kind and in sight."""
    if not re.match(r"ns per (task|spawn|node)", block.title):
        return []
    return [(title, value) for title, value in floors if axis.low <= value <= axis.high]


def format_block(block, usual_rounds, floors):
    axis = plots.Axis([end for row in block.rows() for end in (row.value.low, row.value.high)])
    references = references_of(block, axis, floors)
    parts = [f"<h4>{escape(block.title)}</h4>"]
    for title, rows in block.groups:
        parts.append(f'<p class="group">{escape(title)}</p>' if title else "")
        parts += [format_row(row, axis, block.decimals, usual_rounds, references) for row in rows]
    return f'<div class="bars">{"".join(parts)}{format_axis(axis, references)}</div>'


def format_curve(curve):
    legend = "".join(f'<span><svg viewBox="0 0 14 7" aria-hidden="true"><line class="line {kind}" x1="0" x2="14" '
                     f'y1="3.5" y2="3.5"/></svg>{escape(label)}</span>'
                     for (label, _), kind in plots.kinds(curve).items())
    xs = sorted({x for points in curve.series.values() for x, _ in points})
    rows = []
    for (label, _), points in curve.series.items():
        by_x = dict(points)
        rows.append([escape(label)] + [
            f"{number(by_x[x].median, curve.decimals)}<br><span class=\"dim\">{spread(by_x[x], curve.decimals)}</span>"
            if x in by_x else "" for x in xs])
    head = [escape(curve.x_title)] + [plots.brief(x) for x in xs]
    return (f'<h4>{escape(curve.title)}</h4>{plots.chart(curve)}<div class="legend">{legend}</div>'
            f'<details><summary>the figures</summary>{table(head, rows, range(1, len(head)))}</details>')


def format_rounds(part, case):
    used, dirty, untrusted = part.rounds(case)
    text = f"{used} rounds, {dirty} dirty"
    if untrusted:
        text += ": too few clean ones, so dirty ones count, and the figures are not to be trusted"
    return text


def format_rounds_of_cases(part):
    """Cases of which the same is to be said share a sentence."""
    told = {}
    for case in part.figures.cases():
        told.setdefault(format_rounds(part, case), []).append(escape(case))
    if len(told) == 1:
        return next(iter(told))
    return "; ".join(f"{', '.join(cases)}: {text}" for text, cases in told.items())


def format_part(part, floors):
    workload = part.workload
    parts = [f'<h2 id="{anchor(workload.name)}">{escape(workload.name)}</h2><p>{escape(workload.title)}</p>']
    if workload.note:
        parts.append(f'<p class="dim">{escape(workload.note)}</p>')
    blocks = part.blocks()
    for case in dict.fromkeys(block.case for block in blocks):
        parts.append(f'<h3>{escape(case)}</h3><p class="rounds">{format_rounds(part, case)}</p>')
        parts += [format_block(block, part.rounds(case)[0], floors) for block in blocks if block.case == case]
    curves = [format_curve(curve) for curve in part.curves() if curve.series]
    if curves:
        parts += [f'<p class="rounds">{format_rounds_of_cases(part)}</p>'] + curves
    if part.targets:
        parts.append("<h3>Targets</h3>" + format_targets(part.targets))
    return "".join(parts)


def format_batch(batch):
    """The batch job writes its ratios itself, as it interleaves its rounds itself."""
    parts = [f'<h2 id="batch">batch</h2><p>W11: hash and compress {batch["files"]:,} real files, '
             f'{batch["bytes"] / 1e6:,.0f} MB, {batch["max_concurrency"]} at once</p>']
    for key, title, scale, decimals in (("seconds", "seconds", 1, 3), ("cpu_seconds", "CPU seconds", 1, 3),
                                        ("peak_bytes", "memory at its peak, MB", 1e-6, 1)):
        rows = []
        for system in batch["systems"]:
            value = Spread(*(system[key][name] * scale for name in ("median", "min", "max")))
            row = results_.Row(system["name"], system["name"], "-", value, batch["rounds"])
            if key == "seconds" and system["name"] != "filch":
                row.ratio = Spread(*(system["ratio_to_filch"][name] for name in ("median", "min", "max")))
                row.indistinct = row.ratio.low <= 1 <= row.ratio.high
            rows.append(row)
        parts.append(format_block(results_.Block("", title, decimals, [("", rows)]), batch["rounds"], []))
    return "".join(parts)


def format_head(what, parts):
    targets = what["targets"]
    met, missed = (sum(target["met"] is value for target in targets) for value in (True, False))
    unknown = len(targets) - met - missed
    summary = f"{met} of {len(targets)} targets met, {missed} missed" + (f", {unknown} not measured" if unknown else "")
    names = (["batch"] if what["batch"] else []) + [part.workload.name for part in parts]
    links = "".join(f'<a href="#{anchor(name)}">{escape(name)}</a>' for name in names)
    facts = table([], [[escape(name), escape(value)] for name, value in results_.facts(what) if value])
    limits = table(["what the machine itself charges", "median", "min..max"],
                   [[escape(title), number(value.median, 1), spread(value, 1)]
                    for title, value in results_.limits(parts)], (1, 2))
    return "".join([
        f'<h1>filch: benchmarks</h1><p>{escape(what["build"]["git"])}, {escape(what["date"])}: <b>{summary}</b></p>',
        *(f'<p class="warning">{escape(line)}</p>' for line in results_.warnings(what)),
        f"<nav>{links}</nav>",
        '<p class="dim">Bars are medians over the rounds, whiskers min..max. All systems run once in each round, and '
        'only figures of one round are compared: × filch is the median of the ratios taken round by round, with '
        "their min..max, and “not significant” says that the ratio changes sides of 1 between rounds. Less is better "
        "unless a title says otherwise.</p>",
        "<h2>Taken on</h2>", facts, '<h2 id="limits">Absolute limits</h2>', limits,
        format_all_targets(targets)])


def floors_of(parts):
    return [(title.partition(",")[0], value.median) for title, value in results_.limits(parts)
            if title.startswith(("a call", "an uncontended locked"))]


def page(what, parts):
    with open(STYLE, encoding="utf-8") as file:
        style = file.read()
    floors = floors_of(parts)
    body = format_head(what, parts) + (format_batch(what["batch"]) if what["batch"] else "")
    body += "".join(format_part(part, floors) for part in parts if part.workload.name != "limits")
    left_out = "".join(f"<li>{escape(line)}</li>" for line in what["skipped"])
    if left_out:
        body += f"<h2>Not built, and left out</h2><ul>{left_out}</ul>"
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>filch: benchmarks</title><style>\n{style}</style></head>\n<body>{body}</body></html>\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    what, parts = results_.load(sys.argv[1])
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(page(what, parts))


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()
