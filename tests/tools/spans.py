#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/spans.py PROGRAM [KERNEL] - work and span of tests/support/spans.c's kernels, as its traces have them and by
their closed forms.

A leaf that loses its processor is as long in the trace as in the form; one that loses it between leaves is not. So each
kernel has some attempts, and the best one counts: a span that is wrong by its structure is wrong in each of them."""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench", "tools"))
from filch_report import graph  # noqa: E402
from filch_report.trace import read  # noqa: E402

ATTEMPTS, TOLERANCE = 10, 0.05


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


def check(command, kernel, path):
    """How far the best attempt was off, as a fraction; what each was in `tries`."""
    best, tries = None, []
    for _ in range(ATTEMPTS):
        found, form = measure(command, kernel, path)
        off = max(abs(a / b - 1) for a, b in zip(found, form))
        tries.append(f"work {found[0]:.0f} for {form[0]:.0f} us, span {found[1]:.0f} for {form[1]:.0f} us")
        best = off if best is None else min(best, off)
        if best <= TOLERANCE:
            break
    return best, tries


def main():
    emulator = os.environ.get("FILCH_TEST_EMULATOR")
    command = ([emulator] if emulator else []) + [os.path.abspath(sys.argv[1])]
    kernels = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    kernels = [kernel for kernel in kernels if len(sys.argv) < 3 or sys.argv[2] == kernel]
    bad = []
    with tempfile.TemporaryDirectory() as directory:
        for kernel in kernels:
            best, tries = check(command, kernel, os.path.join(directory, "trace.json"))
            print(f"{kernel}: {tries[-1]} ({len(tries)})", flush=True)
            if best > TOLERANCE:
                bad.append(kernel)
                print("\n".join("    " + line for line in tries))
    assert kernels and not bad, bad


if __name__ == "__main__":
    main()
