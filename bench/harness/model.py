# SPDX-License-Identifier: MIT
"""What a workload is: its programs, the settings they run with, what of their samples is shown, and the targets."""
import statistics
from dataclasses import dataclass, field

# Which serial code a system is measured against: that of its own compiler, gcc's or LLVM's.
SERIAL = {"filch-clang": "serial-clang", "libomp": "serial-clang", "rayon": "serial-clang"}


def serial_of(system):
    return SERIAL.get(system, "serial")


def percentile(share):
    def take(values):
        ordered = sorted(values)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
    return take


@dataclass
class Column:
    """One figure per system and round: a metric's samples, reduced to one number."""
    metric: str
    title: str
    reduce: object = statistics.median
    clock: bool = True  # follows the processor's clock
    decimals: int = 1
    compare: bool = True  # a ratio to another system's says something


@dataclass
class Case:
    """One setting of a workload; all its systems run once a round."""
    label: str
    arguments: list
    systems: list
    rounds: int = 7
    slow_every: int = 1  # the slow systems run in every so-many-th round
    own: dict = field(default_factory=dict)  # system -> arguments in place of `arguments`
    program: str = ""    # whose programs run, where not the workload's: a directory of the build
    x: float = None      # where the case stands on the axis, in a workload that is a curve

    def arguments_of(self, system):
        return self.own.get(system, self.arguments)


@dataclass
class Workload:
    name: str
    title: str
    columns: list
    cases: object      # (quick) -> list of Case
    targets: object    # (Figures, quick) -> list of (claim, figure, met)
    note: str = ""
    ways: dict = field(default_factory=dict)
    by_workers: bool = False  # a way is a number of workers, and there is serial code to compare with
    x_title: str = ""         # what the cases' x is, where the workload is a curve

    def label(self, system, way):
        if self.by_workers:
            return system if system.startswith("serial") else f"{system}, {way} worker{'s' * (way != '1')}"
        return system + self.ways.get(way, "")


def at_most(figures, claim, bound, **row):
    """The target that the median of a row is at most `bound`, as many decimals as the table shows."""
    value = figures.median(**row)
    if value is None:
        return (claim, "not measured", None)
    decimals = figures.decimals(row["column"])
    return (claim, f"{value:.{decimals}f}", round(value, decimals) <= bound)


def no_targets(_figures, _quick):
    return []
