# SPDX-License-Identifier: MIT
"""Figures as text."""


def time(microseconds):
    """Three significant digits and a unit: 1.23 s, 45.6 ms, 789 µs, 12 ns."""
    for unit, name in ((1e6, "s"), (1e3, "ms"), (1.0, "µs")):
        if abs(microseconds) >= unit * 0.9995:
            return f"{digits(microseconds / unit)} {name}"
    return f"{microseconds * 1000:.0f} ns" if microseconds else "0 s"


def nanoseconds(value):
    return time(value / 1000)


def digits(value):
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 9.995 else f"{value:.2f}"


def per_cent(share):
    """No decimal where it would be noise, and never 0 % of something."""
    if 0 < share < 0.005:
        return "<1 %"
    return f"{share * 100:.0f} %"


def number(value):
    """Of workers, of tasks: 1.9, 412, 12,345."""
    if value >= 99.95 or abs(value - round(value)) < 0.05 <= value:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.95 else f"{value:.2f}"


def plural(count, what):
    return f"{count:,} {what}" + ("" if count == 1 else "s")
