#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/report/tables.py RESULTS.json FILE.md - the results of bench/run as tables in Markdown, put between the marks
`<!-- figures -->` and `<!-- /figures -->` of FILE.md."""
import re
import sys

sys.dont_write_bytecode = True
import results as results_  # noqa: E402
from results import number, number_of_times, spread  # noqa: E402
import plots  # noqa: E402

MARKS = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.S)


def table(head, rows, numbers=()):
    def line(cells):
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
    rule = ["---:" if place in numbers else "---" for place in range(len(head))]
    return "\n".join([line(head), line(rule), *(line(row) for row in rows)]) + "\n"


def cell(row, decimals):
    text = f"{number(row.value.median, decimals)} ({spread(row.value, decimals)})"
    if row.ratio:
        text += f" {number_of_times(row.ratio.median)} ×" + ("?" if row.indistinct else "")
    return text


def format_blocks(part):
    """One table per column: a row per system, a column per case, or per case and number of workers."""
    titles = {}
    for block in part.blocks():
        titles.setdefault(block.title, []).append(block)
    for title, blocks in titles.items():
        columns = [(block, group, rows) for block in blocks for group, rows in block.groups]
        labels = dict.fromkeys(row.label for _, _, rows in columns for row in rows)
        heads = [", ".join(filter(None, (block.case, group))) for block, group, _ in columns]
        lines = []
        for label in labels:
            own = [next((cell(row, block.decimals) for row in rows if row.label == label), "")
                   for block, _, rows in columns]
            lines.append([label] + own)
        yield table([title] + heads, lines, range(1, len(heads) + 1))


def format_curve(curve):
    xs = sorted({x for points in curve.series.values() for x, _ in points})
    rows = []
    for (label, _), points in curve.series.items():
        by_x = dict(points)
        rows.append([label] + [number(by_x[x].median, curve.decimals) if x in by_x else "" for x in xs])
    return table([f"{curve.title}; {curve.x_title}:"] + [plots.brief(x) for x in xs], rows, range(1, len(xs) + 1))


def format_targets(targets):
    verdicts = {True: "met", False: "**missed**", None: "not measured"}
    return table(["target", "measured", ""],
                 [[target["claim"], "" if target["met"] is None else target["figure"], verdicts[target["met"]]]
                  for target in targets])


def format_batch(batch):
    rows = []
    for system in batch["systems"]:
        seconds, ratio = system["seconds"], system["ratio_to_filch"]
        sides = "?" if ratio["min"] <= 1 <= ratio["max"] else ""
        times = "" if system["name"] == "filch" else f" {number_of_times(ratio['median'])} ×{sides}"
        rows.append([system["name"], f"{seconds['median']:.3f} ({seconds['min']:.3f}..{seconds['max']:.3f}){times}",
                     f"{system['cpu_seconds']['median']:.3f}", f"{system['peak_bytes']['median'] / 1e6:.1f}"])
    title = f"{batch['files']:,} files, {batch['bytes'] / 1e6:,.0f} MB, {batch['max_concurrency']} at once"
    head = ["", "seconds", "CPU seconds", "memory at its peak, MB"]
    return f"### batch\n\n{title}.\n\n{table(head, rows, (1, 2, 3))}"


def format_part(part):
    title = part.workload.title
    paragraphs = [f"### {part.workload.name}"] + ([f"{title[:1].upper()}{title[1:]}."] if title else [])
    untrusted = [case for case in part.figures.cases() if part.rounds(case)[2]]
    if untrusted:
        paragraphs.append(f"Too few clean rounds, not to be trusted: {', '.join(untrusted)}.")
    paragraphs += [text.rstrip("\n") for text in format_blocks(part)]
    paragraphs += [format_curve(curve).rstrip("\n") for curve in part.curves() if curve.series]
    if part.targets:
        paragraphs.append(format_targets(part.targets).rstrip("\n"))
    return "\n\n".join(paragraphs) + "\n"


def format_all(what, parts):
    texts = [table(["", ""], [row for row in results_.facts(what) if row[1]])]
    texts += [f"**{line}**\n" for line in results_.warnings(what)]
    limits = results_.limits(parts)
    if limits:
        texts.append("### limits\n\n" + table(["what the machine itself charges", "median (min..max)"],
                                              [[title, f"{number(value.median, 1)} ({spread(value, 1)})"]
                                               for title, value in limits], (1,)))
    if what["batch"]:
        texts.append(format_batch(what["batch"]))
    texts += [format_part(part) for part in parts if part.workload.name != "limits"]
    return "\n".join(texts)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    what, parts = results_.load(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        old = file.read()
    new, places = MARKS.subn(lambda marks: f"{marks[1]}{format_all(what, parts)}{marks[2]}", old)
    if places != 1:
        sys.exit(f"{sys.argv[2]} has no place for figures: <!-- figures --> ... <!-- /figures -->")
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(new)


if __name__ == "__main__":
    main()
