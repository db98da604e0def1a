#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/spans.py [--loose] PROGRAM [KERNEL] - work and span of tests/support/spans.c's kernels, as its traces have them and by
their closed forms.

A leaf that loses its processor is as long in the trace as in the form; one that loses it between leaves is not. So each
kernel has some attempts, and the best one counts: a span that is wrong by its structure is wrong in each of them. --loose:
the code between leaves is slow, as under a sanitizer: the trace must be whole, and the figures are not compared."""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench", "tools"))
from filch_report import graph  # noqa: E402
from filch_report.trace import read  # noqa: E402

ATTEMPTS, TOLERANCE = 40, 0.05


def measure(command, kernel, path):
    """((work, span) of the trace, the same by the form), in microseconds."""
    done = subprocess.run([*command, kernel], env=dict(os.environ, FILCH_TRACE=path), capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0 and not done.stderr, (kernel, done.returncode, done.stderr)
    form = json.loads(done.stdout)
    trace = read(path)
    built = graph.build(trace)
    walk = graph.Walk(built)
    assert not trace.other["dropped"] and not walk.unresolved and not built.unfinished and not built.malformed, kernel
    assert walk.span <= built.work + 0.001 * built.work + trace.wall
    assert abs(sum(high - low for _, low, high in walk.path()) - walk.span) < 1, kernel
    return (built.work, walk.span), (form["work"] / 1000, form["span"] / 1000)


def check(command, kernel, path, attempts):
    """How far the best attempt was off, as a fraction; what each was in `tries`."""
    best, tries = None, []
    for _ in range(attempts):
        found, form = measure(command, kernel, path)
        off = max(abs(a / b - 1) for a, b in zip(found, form))
        tries.append(f"work {found[0]:.0f} for {form[0]:.0f} us, span {found[1]:.0f} for {form[1]:.0f} us")
        best = off if best is None else min(best, off)
        if best <= TOLERANCE:
            break
    return best, tries


def main():
    emulator = os.environ.get("FILCH_TEST_EMULATOR")
    arguments = [argument for argument in sys.argv[1:] if argument != "--loose"]
    attempts = 1 if emulator or "--loose" in sys.argv else ATTEMPTS
    command = ([emulator] if emulator else []) + [os.path.abspath(arguments[0])]
    kernels = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    kernels = [kernel for kernel in kernels if len(arguments) < 2 or arguments[1] == kernel]
    bad = []
    with tempfile.TemporaryDirectory() as directory:
        for kernel in kernels:
            best, tries = check(command, kernel, os.path.join(directory, "trace.json"), attempts)
            print(f"{kernel}: {tries[-1]} ({len(tries)})", flush=True)
            if best > TOLERANCE and attempts > 1:
                bad.append(kernel)
                print("\n".join("    " + line for line in tries))
    assert kernels and not bad, bad


if __name__ == "__main__":
    main()
