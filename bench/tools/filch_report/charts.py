# SPDX-License-Identifier: MIT
"""Pictures that need no script, as inline SVG. Colours are classes of the page's style sheet."""
import math
from html import escape

from .units import digits, nanoseconds, plural

WIDTH, HEIGHT = 340, 150
LEFT, RIGHT, TOP, BOTTOM = 36, 10, 14, 24
FEWEST_OCTAVES = 12
CURVE_WIDTH, CURVE_HEIGHT = 460, 300


def line(x1, y1, x2, y2, kind):
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def words(x, y, text, kind="tick", anchor="middle"):
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def decade_label(power):
    """Of 10^power nanoseconds."""
    unit, name = ((0, "ns"), (3, "µs"), (6, "ms"), (9, "s"))[min(3, power // 3)]
    return f"{10 ** (power - unit):g} {name}"


def histogram(found, title):
    """Counts by octave over a logarithmic axis of time, with the median and the 99th percentile."""
    octaves = found.octaves()
    low, high = math.log2(octaves[0][0]), math.log2(octaves[-1][1])
    missing = max(0.0, FEWEST_OCTAVES - (high - low))
    low, high = low - missing / 2, high + missing / 2
    most = max(count for _, _, count in octaves)
    inner, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(ns):
        return LEFT + (math.log2(max(ns, 1e-3)) - low) / (high - low) * inner
    parts = [line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis")]
    for start, stop, count in octaves:
        if count:
            tallness = max(1.5, count / most * tall)
            parts.append(f'<rect class="bar" x="{place(start) + 0.5:.1f}" y="{HEIGHT - BOTTOM - tallness:.1f}" '
                         f'width="{max(1, place(stop) - place(start) - 1):.1f}" height="{tallness:.1f}">'
                         f"<title>{escape(nanoseconds(start))} to {escape(nanoseconds(stop))}: {count:,}"
                         "</title></rect>")
    powers = [power for power in range(0, 13) if LEFT - 0.5 <= place(10 ** power) <= WIDTH - RIGHT + 0.5]
    step = max(1, math.ceil(len(powers) / 5))
    for power in powers[::step]:
        parts.append(line(place(10 ** power), HEIGHT - BOTTOM, place(10 ** power), HEIGHT - BOTTOM + 4, "axis"))
        parts.append(words(place(10 ** power), HEIGHT - 7, decade_label(power)))
    parts.append(words(LEFT - 5, TOP + 8, f"{most:,}" if most < 10000 else f"{most / 1000:,.0f}k", anchor="end"))
    median, late = place(found.quantile(0.5)), place(found.quantile(0.99))
    parts += [line(x, TOP - 2, x, HEIGHT - BOTTOM, "mark") for x in (median, late)]
    if late - median > 26:
        parts += [words(median, TOP - 4, "p50", "mark-text"), words(late, TOP - 4, "p99", "mark-text")]
    else:
        parts.append(words(min((median + late) / 2, WIDTH - RIGHT - 24), TOP - 4, "p50 p99", "mark-text"))
    return (f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, True)}">'
            + "".join(parts) + "</svg>")


def curve(facts):
    """Speed-up over workers, both axes logarithmic, between what greedy scheduling can at best and at worst reach."""
    points = facts.what_if
    alone = points[0][1]
    if alone <= 0:
        return ""
    rows = [(workers, alone / took, alone / facts.at_best(workers), alone / facts.at_worst(workers))
            for workers, took in points if took > 0]
    x_high, y_high = math.log2(rows[-1][0]), max(1.0, math.ceil(math.log2(max(max(row[1:]) for row in rows)) * 2) / 2)
    y_low = min(0.0, math.log2(min(min(row[1:]) for row in rows)))
    inner, tall = CURVE_WIDTH - LEFT - 16, CURVE_HEIGHT - TOP - 40

    def at(workers, speed):
        return (LEFT + math.log2(workers) / x_high * inner,
                TOP + tall - (math.log2(max(speed, 1e-9)) - y_low) / (y_high - y_low) * tall)

    def path(column):
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(row[0], row[column]) for row in rows))
    parts = []
    for power in range(0, int(x_high) + 1):
        x, _ = at(2 ** power, 1)
        parts += [line(x, TOP, x, TOP + tall, "grid"), words(x, CURVE_HEIGHT - 24, str(2 ** power))]
    for power in range(math.ceil(y_low), int(y_high) + 1):
        _, y = at(1, 2.0 ** power)
        parts += [line(LEFT, y, LEFT + inner, y, "grid"), words(LEFT - 6, y + 4, f"{2.0 ** power:g}×", anchor="end")]
    parts.append(words(LEFT + inner / 2, CURVE_HEIGHT - 6, "workers"))
    band = path(2) + " " + " ".join(path(3).split()[::-1])
    parts.append(f'<polygon class="band" points="{band}"/>')
    for workers, kind, label in ((facts.limit, "mark", "limit"), (facts.processors, "mark faint", "processors")):
        if 1 <= workers <= rows[-1][0] and not (kind != "mark" and workers == facts.limit):
            x, _ = at(workers, 1)
            side, beside = ("start", 4) if x < LEFT + inner * 0.8 else ("end", -4)
            parts += [line(x, TOP, x, TOP + tall, kind),
                      words(x + beside, TOP + tall - (6 if kind == "mark" else 20), label, "mark-text", side)]
    parts.append(f'<polyline class="curve" points="{path(1)}"/>')
    for row in rows:
        x, y = at(row[0], row[1])
        title = f"{plural(row[0], 'worker')}: {digits(row[1])} times as fast as one"
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.2"><title>{title}</title></circle>')
    return (f'<svg class="chart wide" viewBox="0 0 {CURVE_WIDTH} {CURVE_HEIGHT}" role="img" '
            f'aria-label="speed-up over workers">{"".join(parts)}</svg>')
