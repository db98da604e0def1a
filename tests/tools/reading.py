# SPDX-License-Identifier: MIT
"""What the tests of filch-report share: traces as files, and the command."""
import io
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(HERE, "..", "..", "bench", "tools")
sys.path.insert(0, TOOLS)
import machine  # noqa: E402
from filch_report.facts import Facts  # noqa: E402
from filch_report.trace import read  # noqa: E402

MS = 1000.0
# The row of a thread outside, with the third of the names below.
MAIN = [1, 0, 0, 2, None, 2]


def written(trace):
    file = io.StringIO()
    machine.dump(trace, file)
    return file.getvalue()


def bare(rows, names=("a", "b", "thread main"), **other):
    """A trace that has a log only."""
    return {"traceEvents": [], "otherData": {"cpus": 2, "duration_us": 1000, **other},
            "filch": {"tracks": [{"tid": 1, "pool": 0, "worker": 0, "name": "batch/0"}], "names": list(names),
                      "log": rows}}


class WithFiles(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def file(self, content, name="trace.json"):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def facts(self, made, what_if=False):
        trace = made if isinstance(made, dict) else made.trace()
        return Facts(read(self.file(written(trace))), what_if)

    def command(self, *arguments):
        return subprocess.run([sys.executable, "-B", os.path.join(TOOLS, "filch-report"), *arguments], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                              env={**os.environ, "PYTHONIOENCODING": "utf-8"})
