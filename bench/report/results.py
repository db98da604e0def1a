# SPDX-License-Identifier: MIT
"""What bench/run wrote, as the blocks that a report shows: a column of a case, with a row for each system."""
import json
import os
import statistics
import sys
from dataclasses import dataclass

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "harness"))
from figures import CLEAN_MIN, Figures  # noqa: E402
from model import Column, Workload, no_targets, serial_of  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

# More numbers of workers than this are a curve, not bars.
BARS_WORKERS_MAX = 3


@dataclass
class Spread:
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values)) if values else None


@dataclass
class Row:
    """One system's figure, and how many times filch's it is, taken round by round."""
    label: str
    system: str
    way: str
    value: Spread
    rounds: int
    ratio: Spread = None
    indistinct: bool = False
    is_reference: bool = False
    serial: str = ""            # its compiler's serial code,
    over_serial: Spread = None  # and how many times that code's time it takes
    speed_up: Spread = None     # over the same system with one worker


@dataclass
class Block:
    """One column of one case. Rows compare within a group; all groups of a block share one axis."""
    case: str
    title: str
    decimals: int
    groups: list  # of (title, rows)

    def rows(self):
        return [row for _, rows in self.groups for row in rows]


@dataclass
class Curve:
    """One column over what grows from case to case, or over the number of workers."""
    title: str
    x_title: str
    decimals: int
    series: dict  # (label, system) -> list of (x, Spread), by x


class Part:
    """One workload's share of the results."""

    def __init__(self, workload, results):
        self.workload = workload
        self.targets = [t for t in results["targets"] if t["workload"] == workload.name]
        self.figures = Figures(workload, [r for r in results["rounds"] if r["workload"] == workload.name],
                               [s for s in results["samples"] if s["workload"] == workload.name])
        axes = results.get("axes", {})
        self.axes = {case: axes[f"{workload.name}/{case}"] for case in self.figures.cases()
                     if f"{workload.name}/{case}" in axes}

    def columns(self, case):
        return [(column, self.figures.column_name(column)) for column in self.workload.columns
                if self.figures.keys(case, self.figures.column_name(column))]

    def rounds(self, case):
        """How many rounds count, how many were dirty, and whether dirty ones count for want of clean ones."""
        own = [r for r in self.figures.rounds if r["case"] == case]
        dirty = sum(r["dirty"] for r in own)
        return len(self.figures.used[case]), dirty, dirty > 0 and len(own) - dirty < CLEAN_MIN

    def blocks(self):
        if self.axes:
            return []
        blocks = [Block(case, column.title, column.decimals, self._groups(case, name))
                  for case in self.figures.cases() for column, name in self.columns(case)]
        return [block for block in blocks if block.groups]

    def curves(self):
        if self.axes:
            return [self._curve_of_cases(column) for column in self.workload.columns]
        return [self._curve_of_workers(case, column, name) for case in self.figures.cases()
                for column, name in self.columns(case) if self._is_curve(case, name)]

    def _is_curve(self, case, name):
        ways = {key[2] for key in self.figures.keys(case, name)}
        return self.workload.by_workers and len(ways) > BARS_WORKERS_MAX

    def _groups(self, case, name):
        keys = self.figures.keys(case, name)
        if self._is_curve(case, name):
            return []
        if not self.workload.by_workers:
            return [("", self._rows(keys, [key for key in keys if key[1] == "filch"][:1]))]
        groups = []
        for way in sorted({key[2] for key in keys}, key=int):
            own = [key for key in keys if key[2] == way]
            title = f"{way} worker{'s' * (way != '1')}"
            groups.append((title, self._rows(own, [key for key in own if key[1] == "filch"])))
        return groups

    def _rows(self, keys, reference):
        reference = reference[0] if reference and len(keys) > 1 else None
        return [self._row(key, reference) for key in keys]

    def _row(self, key, reference):
        case, system, way, name = key
        values = self.figures.values[key].values()
        label = system if self.workload.by_workers else self.workload.label(system, way)
        row = Row(label, system, way, Spread.of(values), len(values), is_reference=key == reference)
        if reference and key != reference:
            pair = {"case": case, "system": system, "way": way, "column": name, "to": reference[1],
                    "to_way": reference[2]}
            row.ratio, row.indistinct = Spread.of(self.figures.ratios(**pair)), self.figures.indistinct(**pair)
        if self.workload.by_workers:
            row.serial = serial_of(system)
            if (system, way) != (row.serial, "1"):
                row.over_serial = Spread.of(self.figures.over_serial(*key))
            if way != "1":
                row.speed_up = Spread.of(self.figures.speed_ups(*key))
        return row

    def _curve_of_cases(self, column):
        name = self.figures.column_name(column)
        series = {}
        for (case, system, way, own), values in self.figures.values.items():
            if own == name and case in self.axes:
                point = (self.axes[case]["x"], Spread.of(values.values()))
                series.setdefault((self.workload.label(system, way), system), []).append(point)
        return Curve(column.title, next(iter(self.axes.values()))["title"], column.decimals, sort_points(series))

    def _curve_of_workers(self, case, column, name):
        series = {}
        for key in self.figures.keys(case, name):
            point = (float(key[2]), Spread.of(self.figures.values[key].values()))
            series.setdefault((key[1], key[1]), []).append(point)
        title = f"{case}: {column.title}"
        return Curve(title, "workers", column.decimals, sort_points(series))


def sort_points(series):
    return {key: sorted(points, key=lambda point: point[0]) for key, points in series.items()}


def unknown_workload(name, samples):
    """A workload that this tree no longer has, or not yet: each metric is a column."""
    own = [sample for sample in samples if sample["workload"] == name]
    columns = [Column(metric, metric) for metric in dict.fromkeys(sample["metric"] for sample in own)]
    ways = {way: f" {way}" for way in {sample["way"] for sample in own} if way != "-"}
    return Workload(name, "", columns, lambda quick: [], no_targets, ways=ways,
                    by_workers=all("workers" in sample for sample in own))


def load(path):
    """The results, and their parts in the order they ran in."""
    with open(path, encoding="utf-8") as file:
        results = json.load(file)
    known = {workload.name: workload for workload in WORKLOADS}
    names = dict.fromkeys(r["workload"] for r in results["rounds"])
    return results, [Part(known.get(name) or unknown_workload(name, results["samples"]), results) for name in names]


def number(value, decimals):
    return f"{value:,.{decimals if abs(value) < 1000 else 0}f}"


def number_of_times(value):
    """A ratio's, three digits of it."""
    return number(value, 2 if value < 10 else 1 if value < 100 else 0)


def spread_of_times(value):
    return f"{number_of_times(value.low)}..{number_of_times(value.high)}"


def spread(value, decimals):
    return f"{number(value.low, decimals)}..{number(value.high, decimals)}"


def limits(parts):
    """What the machine itself charges: (title, Spread), the bare futex's round trip included."""
    rows = []
    for part in parts:
        for block in part.blocks() if part.workload.name in ("limits", "wake") else []:
            for row in block.rows():
                if row.system == "limits":
                    rows.append((block.title, row.value))
                elif row.system == "bare_futex" and block.title == "trip p50":
                    rows.append(("a bare futex round trip after an idle millisecond, p50, us", row.value))
    return rows


def facts(results):
    """What the figures were taken on and with, by name."""
    build, machine = results["build"], results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items() if version != "-")
    compilers = dict.fromkeys(s["compiler"] for s in results["samples"] if "compiler" in s)
    hypervisor = ", in a virtual machine" if machine.get("hypervisor") else ""
    return [("date", results["date"]), ("commit", build["git"]), ("size", "small" if results["quick"] else "full"),
            ("processors", f"{machine['processors']} of {machine['cpu']}{hypervisor}"), ("memory", machine["memory"]),
            ("system", f"{machine['system']}, Linux {machine['kernel']}"), ("compiler", build["compiler"]),
            ("C++ compiler", build["cxx_compiler"]), ("kernels compiled by", ", ".join(compilers)),
            ("flags", f"runtime {build['runtime_flags'] or 'none'}; benchmarks {build['bench_flags']}"),
            ("versions", versions)]


def warnings(results):
    lines = []
    if results["build"]["build_type"] != "Release":
        lines.append("The runtime is not a Release build: these figures say nothing.")
    lines += [f"Failed: {line}" for line in results["failures"]]
    return lines
