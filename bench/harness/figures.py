# SPDX-License-Identifier: MIT
"""From samples to figures: per round, over the rounds, beside each other, and beside those of an earlier run."""
import math
import statistics

from model import serial_of

# With fewer clean rounds than this the dirty ones are counted too, and the table says so.
CLEAN_MIN = 3
# /proc/stat counts in hundredths of a second: a share of less than this is mostly rounding.
TELLING_SECONDS = 0.2


class Figures:
    """The figures of one workload. A row is named by case, system, way and the title of a column."""

    def __init__(self, workload, rounds, samples):
        self.workload = workload
        self.rounds = rounds
        self.used = {}     # case -> the numbers of the rounds that count
        self.values = {}   # (case, system, way, column) -> {round: figure}
        for case in self.cases():
            own = [r for r in rounds if r["case"] == case]
            clean = [r for r in own if not r["dirty"]]
            self.used[case] = {r["round"] for r in (clean if len(clean) >= CLEAN_MIN else own)}
        for sample in samples:
            if sample["round"] not in self.used[sample["case"]]:
                continue
            for column in workload.columns:
                if column.metric == sample["metric"]:
                    key = (sample["case"], sample["system"], sample["way"], self.column_name(column))
                    self.values.setdefault(key, {})[sample["round"]] = column.reduce(sample["values"])

    def column_name(self, column):
        """The metric's name; the title where several columns show one metric."""
        twins = [c for c in self.workload.columns if c.metric == column.metric]
        return column.metric if len(twins) == 1 else column.title

    def column(self, name):
        return next(c for c in self.workload.columns if self.column_name(c) == name)

    def decimals(self, name):
        return self.column(name).decimals

    def cases(self):
        return list(dict.fromkeys(r["case"] for r in self.rounds))

    def keys(self, case, name):
        return [key for key in self.values if key[0] == case and key[3] == name]

    def row(self, case, system, way, column):
        return self.values.get((case, system, way, column), {})

    def median(self, **row):
        values = self.row(**row).values()
        return statistics.median(values) if values else None

    def ratios(self, case, system, way, column, to, to_way="-"):
        """To another row, round by round, since the clock drifts between rounds."""
        own, other = self.row(case, system, way, column), self.row(case, to, to_way, column)
        return [own[r] / other[r] for r in own if r in other and other[r] > 0]

    def ratio(self, **rows):
        ratios = self.ratios(**rows)
        return statistics.median(ratios) if ratios else None

    def indistinct(self, **rows):
        """Whether the difference to the other row is under the spread: it changes its sign between rounds."""
        ratios = self.ratios(**rows)
        return not ratios or min(ratios) <= 1 <= max(ratios)

    def over_serial(self, case, system, way, column):
        """How many times the time of its compiler's serial code, round by round."""
        return self.ratios(case, system, way, column, to=serial_of(system), to_way="1")

    def speed_ups(self, case, system, way, column):
        """Over the same system with one worker, round by round."""
        own, one = self.row(case, system, way, column), self.row(case, system, "1", column)
        return [one[r] / own[r] for r in own if r in one and own[r] > 0]

    def summary(self):
        """Rows for the JSON file and for a comparison with a later run."""
        return [{"workload": self.workload.name, "case": case, "system": system, "way": way, "column": name,
                 "median": statistics.median(values.values()), "min": min(values.values()), "max": max(values.values()),
                 "rounds": len(values), "clock": self.column(name).clock, **self.relative(case, system, way, name)}
                for (case, system, way, name), values in self.values.items()]

    def relative(self, case, system, way, column):
        """Of a summary's row, where the workload has serial code: the two ratios as [median, min, max]."""
        if not self.workload.by_workers:
            return {}
        ratios = {"over_serial": self.over_serial(case, system, way, column),
                  "speed_up": self.speed_ups(case, system, way, column)}
        return {"workers": int(way),
                **{name: [statistics.median(r), min(r), max(r)] for name, r in ratios.items() if r}}


def format_spread(ratios):
    if not ratios:
        return ""
    median = statistics.median(ratios)
    decimals = 2 if median < 10 else 1 if median < 100 else 0
    return f"{median:.{decimals}f} {min(ratios):.{decimals}f}..{max(ratios):.{decimals}f}"


def format_rounds(figures, case):
    own = [r for r in figures.rounds if r["case"] == case]
    dirty = sum(r["dirty"] for r in own)
    text = f"{len(own)} rounds, {dirty} dropped"
    if len(own) - dirty < CLEAN_MIN and dirty:
        text = f"{len(own)} rounds, {dirty} of them DIRTY but counted: not to be trusted"
    if max(r["seconds"] for r in own) < TELLING_SECONDS:
        return f"{text} (too short to tell others' load)"
    return (f"{text} (others' load up to {max(r['foreign'] for r in own):.1%}, "
            f"steal up to {max(r['steal'] for r in own):.1%})")


def format_ratio(figures, key, reference):
    case, system, way, name = key
    if reference is None or (system, way) == reference:
        return ""
    rows = {"case": case, "system": system, "way": way, "column": name, "to": reference[0], "to_way": reference[1]}
    ratio = figures.ratio(**rows)
    if ratio is None:
        return ""
    return f"{ratio:8.2f}" + ("  not significant" if figures.indistinct(**rows) else "")


def format_row(figures, key, column, reference):
    case, system, way, _ = key
    values, d = figures.values[key].values(), column.decimals
    line = f"      {figures.workload.label(system, way):<40}{statistics.median(values):>10.{d}f}"
    line += f"{f'{min(values):.{d}f}..{max(values):.{d}f}':>22}"
    if figures.workload.by_workers and column.compare:
        over = figures.over_serial(*key) if (system, way) != (serial_of(system), "1") else []
        line += f"{format_spread(over):>23}{format_spread(figures.speed_ups(*key)) if way != '1' else '':>18}"
    line += "  " + format_ratio(figures, key, reference)
    fewer = "" if len(values) == len(figures.used[case]) else f"   {len(values)} rounds"
    return (line + fewer).rstrip()


def print_block(figures, case, column, name):
    keys = figures.keys(case, name)
    if not keys:
        return
    by_workers = figures.workload.by_workers
    ways = [key[2] for key in keys if key[1] == "filch"]
    compared = column.compare and bool(ways) and len(keys) > 1
    heads = f"{'x serial':>23}{'speed-up':>18}" if by_workers and column.compare else ""
    heads += "   x filch" if compared else ""
    print(f"    {column.title:<42}{'median':>10}{'min..max':>22}{heads}")
    for key in keys:
        # Like with like, where there is one: the same number of workers.
        like = key[2] if by_workers and key[2] in ways else ways[0] if ways else None
        print(format_row(figures, key, column, ("filch", like) if compared else None))


def print_workload(figures, quick):
    workload = figures.workload
    print(f"\n{workload.name}: {workload.title}")
    if workload.note:
        print(f"  {workload.note}")
    for case in figures.cases():
        print(f"  {case}: {format_rounds(figures, case)}")
        for column in workload.columns:
            print_block(figures, case, column, figures.column_name(column))
    targets = workload.targets(figures, quick)
    for claim, figure, met in targets:
        verdict = "not measured" if met is None else f"{figure:>12}  {'met' if met else 'MISSED'}"
        print(f"  target  {claim:<62} {verdict}")
    return [{"workload": workload.name, "claim": claim, "figure": figure, "met": met} for claim, figure, met in targets]


def clock_drift(old, new):
    """How many times slower the clock is than in the earlier run, by the least that a call and a locked add cost."""
    before, after = ({row["column"]: row["min"] for row in rows if row["workload"] == "limits"}
                     for rows in (old, new))
    ratios = [after[name] / before[name] for name in ("call_ns", "locked_add_ns") if name in before and name in after]
    return math.prod(ratios) ** (1 / len(ratios)) if ratios else 1.0


def print_moved(old, new, name):
    """The rows whose spreads do not meet, after the clock's drift is taken out of the times."""
    drift = clock_drift(old["summary"], new["summary"])
    print(f"\nagainst {name} ({old['build']['git']}, {old['date']}); this machine's clock: {1 / drift:.2f} x the speed")
    for part in ("machine", "build"):
        for key, value in new[part].items():
            if key != "git" and old[part].get(key) != value:
                print(f"  differs: {key}: {old[part].get(key)} -> {value}")
    identity = ("workload", "case", "system", "way", "column")
    before = {tuple(row[k] for k in identity): row for row in old["summary"]}
    moved = compared = 0
    for row in new["summary"]:
        key = tuple(row[k] for k in identity)
        case = f"{row['workload']}/{row['case']}"
        if key not in before or row["workload"] == "limits" or old["arguments"][case] != new["arguments"][case]:
            continue
        # Too few rounds have no spread to speak of.
        if min(row["rounds"], before[key]["rounds"]) < CLEAN_MIN:
            continue
        compared += 1
        scale = drift if row["clock"] else 1.0
        low, high = before[key]["min"] * scale, before[key]["max"] * scale
        if low <= row["max"] and row["min"] <= high:
            continue
        moved += 1
        was = before[key]["median"] * scale
        change = f"{row['median'] / was:.2f} x" if was else "from 0"
        print(f"  moved: {' / '.join(key):<60} {was:10.2f} -> {row['median']:10.2f}  ({change})")
    print(f"  {compared} rows compared, {moved} moved beyond both spreads")
