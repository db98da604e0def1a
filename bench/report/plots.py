# SPDX-License-Identifier: MIT
"""Plots as inline SVG. Colours come from the page's style sheet: a series is a class, s0 being filch's.

A bar's picture is stretched to the width it is given, so it holds lines and boxes only, and the page sets the text; a
curve's keeps its shape, and is drawn for the width of a phone so that its text is never smaller than the page's.
"""
import math
from html import escape

from results import number, spread

# What spans more than this is drawn on a logarithmic axis.
LINEAR_MAX = 30
BAR_WIDTH, BAR_HEIGHT = 1000, 18
CHART_WIDTH, CHART_HEIGHT = 340, 240
LEFT, RIGHT, TOP, BOTTOM = 40, 20, 8, 36
SERIES = 9


def brief(value):
    """A number for an axis: 1500000 is 1.5M."""
    if value == 0:
        return "0"
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def decades(low, high):
    """What lies between the two of 1, 2, 5, 10, 20, 50 and so on."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    places = [digit * 10.0 ** power for power in powers for digit in (1, 2, 5)]
    return [place for place in places if low * (1 - 1e-9) <= place <= high * (1 + 1e-9)]


def kinds(curve):
    """A class for each series: s0 is filch's, or nobody's."""
    own = next((key for key in curve.series if key[1] == "filch"), None)
    others = [key for key in curve.series if key != own]
    by_place = {key: f"s{1 + place % (SERIES - 1)}" for place, key in enumerate(others)}
    return {key: by_place.get(key, "s0") for key in curve.series}


class Axis:
    """Values to 0..1. Linear from zero, or logarithmic where the values span decades and none is zero."""

    def __init__(self, values, from_zero=True):
        self.low, self.high = min(values), max(values)
        self.log = self.low > 0 and self.high / self.low > LINEAR_MAX
        if self.log:
            self.low = max(place for place in decades(self.low / 10, self.low) if place <= self.low)
        elif from_zero:
            self.low = min(0.0, self.low)
        if self.high <= self.low:
            self.high = self.low + 1

    def place(self, value):
        if self.log:
            place = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            place = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, place))

    def ticks(self):
        if self.log:
            places = decades(self.low, self.high)
            return places if len(places) <= 6 else [place for place in places if f"{place:e}"[0] == "1"]
        step = 10 ** math.floor(math.log10((self.high - self.low) / 3))
        step *= next((m for m in (1, 2, 5) if (self.high - self.low) / (step * m) <= 4.5), 10)
        first = math.ceil(self.low / step)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def bar(axis, value, kind, references):
    """The median as a bar, or as a dot where a length would say nothing, with whiskers from min to max."""
    def x(of):
        return round(axis.place(of) * BAR_WIDTH, 1)
    middle = BAR_HEIGHT / 2
    parts = [f'<line class="grid" x1="{x(tick)}" x2="{x(tick)}" y1="0" y2="{BAR_HEIGHT}"/>' for tick in axis.ticks()]
    if axis.log:
        parts.append(f'<line class="stem" x1="0" x2="{x(value.median)}" y1="{middle}" y2="{middle}"/>'
                     f'<line class="dot {kind}" x1="{x(value.median)}" x2="{x(value.median)}" y1="3" y2="15"/>')
    else:
        parts.append(f'<rect class="{kind}" x="0" y="3" width="{x(value.median)}" height="12"/>')
    parts += [f'<line class="reference" x1="{x(of)}" x2="{x(of)}" y1="0" y2="{BAR_HEIGHT}"/>' for _, of in references]
    if value.high > value.low:
        parts.append(f'<path class="whisker" d="M{x(value.low)} {middle}H{x(value.high)}M{x(value.low)} 5v8'
                     f'M{x(value.high)} 5v8"/>')
    return (f'<svg class="bar" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
            f'{"".join(parts)}</svg>')


def chart(curve):
    """Lines over x, with whiskers; both axes logarithmic where their values span decades."""
    points = [point for series in curve.series.values() for point in series]
    across = Axis([x for x, _ in points], from_zero=False)
    up = Axis([end for _, value in points for end in (value.low, value.high)])
    if across.low > 0 and across.high / across.low >= 8:
        across.log = True

    def at(x, y):
        return (round(LEFT + across.place(x) * (CHART_WIDTH - LEFT - RIGHT), 1),
                round(CHART_HEIGHT - BOTTOM - up.place(y) * (CHART_HEIGHT - TOP - BOTTOM), 1))
    parts = list(y_grid(up, at, across.low)) + list(x_ticks(sorted({x for x, _ in points}), at, up.low))
    # filch is drawn last, and so lies on top.
    for key, kind in sorted(kinds(curve).items(), key=lambda item: item[1] == "s0"):
        parts.append(line(curve.series[key], at, key[0], kind, curve.decimals))
    middle = (LEFT + CHART_WIDTH - RIGHT) / 2
    parts.append(f'<text class="tick" x="{middle}" y="{CHART_HEIGHT - 4}" text-anchor="middle">'
                 f'{escape(curve.x_title)}</text>')
    title = escape(f"{curve.title} over {curve.x_title}")
    return (f'<svg class="chart" viewBox="0 0 {CHART_WIDTH} {CHART_HEIGHT}" role="img" aria-label="{title}">'
            f'{"".join(parts)}</svg>')


def y_grid(axis, at, x_low):
    for tick in axis.ticks():
        _, y = at(x_low, tick)
        yield (f'<line class="grid" x1="{LEFT}" x2="{CHART_WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
               f'<text class="tick" x="{LEFT - 5}" y="{y + 4}" text-anchor="end">{brief(tick)}</text>')


def x_ticks(values, at, y_low):
    """The measured places themselves, but for those whose text would run into the one before."""
    free = 0
    for value in values:
        x, y = at(value, y_low)
        text = brief(value)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{y}" y2="{y + 4}"/>'
        if x - 4 * len(text) >= free:
            free = x + 4 * len(text) + 4
            yield f'<text class="tick" x="{x}" y="{y + 16}" text-anchor="middle">{text}</text>'


def line(points, at, label, kind, decimals):
    places = [at(x, value.median) for x, value in points]
    path = "M" + "L".join(f"{x} {y}" for x, y in places)
    parts = [f'<path class="line {kind}" d="{path}"/>']
    for (x, value), (px, py) in zip(points, places):
        low, high = at(x, value.low)[1], at(x, value.high)[1]
        title = f"{label}, {brief(x)}: {number(value.median, decimals)} ({spread(value, decimals)})"
        parts.append(f'<path class="line thin {kind}" d="M{px} {low}V{high}"/>'
                     f'<circle class="{kind}" cx="{px}" cy="{py}" r="2.6"><title>{escape(title)}</title></circle>')
    return "".join(parts)
