#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/callgrind/check.py [--update] VALGRIND PROGRAM - count the instructions of PROGRAM's operations, and compare
them with the table of its compiler beside this file. Exit status 1 when one differs by more than 5 %, in either
direction: a gain is written down too, with --update, so that it is kept. 77 when that compiler has no table."""
import os
import platform
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = 0.05
SECONDS_MAX = 120
ROW = re.compile(r"^ *([\d.]+)  (.+)$")


def count(valgrind, program):
    """The compiler, and instructions per operation by title."""
    with tempfile.TemporaryDirectory() as directory:
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={directory}/counts", program]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=SECONDS_MAX,
                              check=False)
        if done.returncode:
            sys.exit(f"{program} ended with {done.returncode} in valgrind:\n{done.stdout}{done.stderr}")
        totals = {}
        for name in os.listdir(directory):
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                dump = file.read()
            trigger = re.search(r"^desc: Trigger: Client Request: (.+)$", dump, re.M)
            if trigger:
                totals[trigger[1]] = int(re.search(r"^summary: (\d+)", dump, re.M)[1])
    compiler = re.search(r"^compiler (.+)$", done.stdout, re.M)[1]
    rows = re.findall(r"^row (\w+) (\d+) (.+)$", done.stdout, re.M)
    return compiler, {title: (totals[f"{name} 2"] - totals[f"{name} 1"]) / int(n) for name, n, title in rows}


def major(compiler):
    return compiler.partition(".")[0]


def table_of(compiler):
    return os.path.join(HERE, f"instructions-{compiler.partition(' ')[0]}.txt")


def head_of(compiler):
    return f"{compiler} -O3, {platform.machine()}"


def write(compiler, counts):
    with open(table_of(compiler), "w", encoding="utf-8") as file:
        file.write(f"{head_of(compiler)}: instructions per operation\n\n")
        for title, figure in counts.items():
            file.write(f"{figure:10.1f}  {title}\n")


def read(compiler):
    """What the table says by title; None when there is none that compares."""
    try:
        with open(table_of(compiler), encoding="utf-8") as file:
            lines = file.read().split("\n")
    except FileNotFoundError:
        return None
    told, _, machine = lines[0].partition(":")[0].partition(" -O3, ")
    if major(told) != major(compiler) or machine != platform.machine():
        return None
    return {match[2]: float(match[1]) for match in map(ROW.match, lines) if match}


def compare(old, new):
    """Prints each operation; returns those that moved."""
    moved = []
    for title, figure in new.items():
        before = old.get(title)
        far = before is None or abs(figure - before) > TOLERANCE * before
        note = "" if not far else "   NEW" if before is None else f"   MOVED from {before:.1f}"
        print(f"{figure:10.1f}  {title}{note}")
        moved += [title] * far
    gone = [title for title in old if title not in new]
    for title in gone:
        print(f"{'':10}  {title}   GONE")
    return moved + gone


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--update"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    compiler, counts = count(*arguments)
    old = read(compiler)
    print(f"{head_of(compiler)}: instructions per operation")
    if "--update" in sys.argv:
        write(compiler, counts)
        print(f"written to {table_of(compiler)}")
        return 0
    if old is None:
        print(f"skipped: there is no table for {head_of(compiler)} in {HERE}")
        return 77
    moved = compare(old, counts)
    if moved:
        print(f"{len(moved)} moved by more than {TOLERANCE:.0%}; if that is meant, run this with --update")
    return 1 if moved else 0


if __name__ == "__main__":
    sys.exit(main())
