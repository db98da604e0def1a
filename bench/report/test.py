#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/report/test.py - makes both reports from sample.json, whose figures are made up, and reads them back."""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser

sys.dont_write_bytecode = True
from results import WORKLOADS, number  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = os.path.join(HERE, "sample.json")
DOCS = os.path.join(HERE, "..", "..", "docs", "benchmarks.md")
VOID = {"meta", "br"}
FETCHING = re.compile(r"\b(?:src|srcset|action|data|poster|background)\s*=|url\(|@import|"
                      r"<(?:link|script|iframe|object|img|base)\b")


class Reader(HTMLParser):
    """Every element closed in its turn; the text, the links and the names they lead to."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.links, self.names, self.counts = [], [], [], [], {}

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        attributes = dict(attrs)
        self.counts[tag, attributes.get("class")] = self.counts.get((tag, attributes.get("class")), 0) + 1
        if "id" in attributes:
            self.names.append(attributes["id"])
        if "href" in attributes:
            self.links.append(attributes["href"])

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def run(program, *arguments):
    return subprocess.run([sys.executable, os.path.join(HERE, program), *arguments], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(SAMPLE, encoding="utf-8") as file:
            cls.sample = json.load(file)
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "report.html")
            done = run("page.py", SAMPLE, path)
            assert done.returncode == 0, done.stderr
            with open(path, encoding="utf-8") as file:
                cls.html = file.read()
        cls.page = Reader()
        cls.page.feed(cls.html)
        cls.page.close()
        cls.text = " ".join(cls.page.text)

    def test_is_well_formed(self):
        self.assertEqual(self.page.open, [])
        self.assertEqual(len(self.page.names), len(set(self.page.names)))
        for link in self.page.links:
            self.assertIn(link.removeprefix("#"), self.page.names)

    def test_fetches_nothing(self):
        self.assertNotIn("//", self.html)
        self.assertIsNone(FETCHING.search(self.html))

    def test_shows_every_workload_case_and_system(self):
        for sample in self.sample["samples"]:
            self.assertIn(sample["workload"], self.page.names)
            self.assertIn(sample["system"], self.text)
        for case in {r["case"] for r in self.sample["rounds"] if r["workload"] in ("submit", "wake", "fib")}:
            self.assertIn(case, self.text)
        for target in self.sample["targets"]:
            self.assertIn(target["claim"], self.text)
        self.assertIn("batch", self.page.names)

    def test_draws_a_bar_per_row_and_a_chart_per_curve(self):
        bars = {(s["workload"], s["case"], s["system"], s["way"], s["metric"]) for s in self.sample["samples"]
                if s["workload"] in ("submit", "wake", "fib")}
        percentiles = sum(key[0] == "wake" for key in bars)  # each metric of wake is two columns
        batch = 3 * len(self.sample["batch"]["systems"])
        self.assertEqual(self.page.counts["svg", "bar"], len(bars) + percentiles + batch)
        self.assertEqual(self.page.counts["svg", "chart"], 2)

    def test_tells_each_median(self):
        """Of the workloads whose rounds are all clean."""
        rows = {}
        for s in self.sample["samples"]:
            if s["workload"] in ("fib", "curve_workers", "curve_cases"):
                rows.setdefault((s["workload"], s["case"], s["system"], s["way"]), []).extend(s["values"])
        for (workload, *_), values in rows.items():
            figure = number(statistics.median(values), 2 if workload == "fib" else 1)
            # A curve's stands beside its point and in the table.
            self.assertGreaterEqual(self.text.count(figure), 1 if workload == "fib" else 2, figure)

    def test_says_what_is_not_to_be_trusted(self):
        self.assertIn("(0.97..1.11), not significant", self.text)
        self.assertIn("not to be trusted", self.text)
        self.assertIn("not a Release build", self.text)
        self.assertIn("1 of 3 targets met, 1 missed, 1 not measured", self.text)
        self.assertIn("it said <no>", self.text)


class Docs(unittest.TestCase):
    def test_name_every_workload(self):
        with open(DOCS, encoding="utf-8") as file:
            table = file.read().partition("## Workloads")[2].partition("\n## ")[0]
        told = {name for line in table.split("\n") if line.startswith("| ")
                for name in re.findall(r"\w+", line.split("|")[1].partition("(")[0])}
        for workload in WORKLOADS:
            if workload.name != "limits":
                self.assertIn(workload.name, told)


class Tables(unittest.TestCase):
    def write(self, text):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "figures.md")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def read(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_fill_the_place_and_leave_the_rest(self):
        path = self.write("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
        self.assertEqual(run("tables.py", SAMPLE, path).returncode, 0)
        once = self.read(path)
        self.assertTrue(once.startswith("before\n<!-- figures -->\n") and once.endswith("<!-- /figures -->\nafter\n"))
        self.assertNotIn("old", once)
        for name in ("limits", "batch", "submit", "wake", "fib", "curve_workers", "curve_cases"):
            self.assertIn(f"### {name}\n", once)
        widths = [{line.count("|") for line in block.split("\n") if line.startswith("|")}
                  for block in once.split("\n\n") if "\n|" in block]
        self.assertTrue(widths and all(len(width) == 1 for width in widths))
        self.assertEqual(run("tables.py", SAMPLE, path).returncode, 0)
        self.assertEqual(self.read(path), once)

    def test_say_so_where_there_is_no_place(self):
        path = self.write("nothing\n")
        self.assertNotEqual(run("tables.py", SAMPLE, path).returncode, 0)
        self.assertEqual(self.read(path), "nothing\n")


if __name__ == "__main__":
    unittest.main()
