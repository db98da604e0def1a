#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""faults.py BATCH - plants each fault in the batch job, and lets filch-report find it from the trace alone.

Exits with 77 on one processor, where none of the faults costs anything. Others may use the processors meanwhile, and the
report says so then, first: that sentence is passed over, and each run may be repeated.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REPORT = os.path.join(HERE, "..", "tools", "filch-report")
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "unit"))
from tracefile import Trace  # noqa: E402

FILES, SIZE, ATTEMPTS = 300, 300_000, 5
# The options, and what the report has to say; of the healthy run, what it must not.
FAULTS = {
    "limit": (["-j", "1"], "The limit is too low: the only permit of pool batch is in use"),
    "lock": (["--fault", "lock"], "Tasks wait for a lock"),
    "tail": (["--fault", "tail"], "One long task runs alone at the end: do_file ("),
}
OTHERS = "Other processes, or a quota, take the processors"


def make_tree(directory):
    """Text that takes about a millisecond to compress, each file another."""
    words = random.Random(1)
    text = " ".join(f"{words.getrandbits(words.choice((8, 16, 32))):x}" for _ in range(600_000)).encode()
    for number in range(FILES):
        start = words.randrange(len(text) - SIZE)
        with open(os.path.join(directory, f"file{number}"), "wb") as file:
            file.write(text[start:start + SIZE])


def traced(batch, tree, options, path):
    """The trace, its form and totals checked."""
    command = [batch, "--quiet", "--json", path + ".summary", *(["-j", "2"] if "-j" not in options else []), *options, tree]
    subprocess.run(command, env=dict(os.environ, FILCH_TRACE=path), stdout=subprocess.DEVNULL, check=True, timeout=60)
    trace = Trace(path)
    stats = trace.stats("batch")
    with open(path + ".summary", encoding="utf-8") as file:
        done = json.load(file)["files"]
    files = FILES + ("tail" in options)
    assert trace.other["dropped"] == 0
    assert len(trace.done()) == stats["run"] == stats["submitted"] == done == files, (len(trace.done()), stats, done)
    ran = sum(slice_["dur"] for slice_ in trace.tasks)
    histogram = trace.other["pools"][0]["latency"]["run"]
    assert histogram["count"] == files
    assert abs(histogram["sum_ns"] / 1000 - ran) <= 0.01 * ran, (histogram["sum_ns"], ran)
    assert all(slice_["args"]["note"].startswith((tree, tempfile.gettempdir())) for slice_ in trace.tasks)
    return trace


def findings(path):
    """The diagnosis and what else was found, a sentence each, without what others do to the processors."""
    out = subprocess.run([sys.executable, "-B", REPORT, path], check=True, encoding="utf-8", stdout=subprocess.PIPE,
                         env={**os.environ, "PYTHONIOENCODING": "utf-8"}).stdout
    section = out.split("Diagnosis\n", 1)[1].split("\n\n", 1)[0]
    text = " ".join(line.strip() for line in section.splitlines())
    parts = [part.strip() for part in text.split("- Also:")]
    return [part for part in parts if not part.startswith(OTHERS)]


def main():
    if len(os.sched_getaffinity(0)) < 2:
        return 77
    batch, failed = os.path.abspath(sys.argv[1]), []
    with tempfile.TemporaryDirectory(prefix="filch-faults-") as directory:
        tree = os.path.join(directory, "tree")
        os.mkdir(tree)
        make_tree(tree)

        def attempt(name, options, good):
            path = os.path.join(directory, f"{name}.json")
            for _ in range(ATTEMPTS):
                traced(batch, tree, options, path)
                found = findings(path)
                print(f"{name}: {' / '.join(found)}", flush=True)
                if good(found):
                    return
            failed.append(name)

        claims = tuple(claim for _, claim in FAULTS.values())
        attempt("none", [], lambda found: not any(part.startswith(claims) for part in found))
        for fault, (options, claim) in FAULTS.items():
            attempt(fault, options, lambda found, claim=claim: bool(found) and found[0].startswith(claim))
    print(f"not found: {failed}" if failed else "all found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
