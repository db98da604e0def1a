#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/report_files.py - the page that filch-report writes, read back; and files that are broken."""
import array
import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
import zlib
from html.parser import HTMLParser
from unittest import mock

sys.dont_write_bytecode = True
import programs  # noqa: E402
from reading import WithFiles, written  # noqa: E402
from filch_report import reader, text  # noqa: E402
from filch_report.facts import Facts  # noqa: E402
from filch_report.trace import read  # noqa: E402

VOID = {"meta", "br", "input"}
FETCHING = re.compile(r"url\(|@import|https?:|\b(?:fetch|XMLHttpRequest|WebSocket|import)\s*\(")
FETCHING_ATTRIBUTES = {"src", "srcset", "href", "action", "data", "poster", "background"}


class Reader(HTMLParser):
    """Every element closed in its turn; the text of each kind of element."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.attributes = [], {}, []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data):
        for tag in set(self.open):
            self.text[tag] = self.text.get(tag, "") + data


class Page(WithFiles):
    def page(self, made):
        path = self.file("", "page.html")
        trace = made if isinstance(made, dict) else made.trace()
        done = self.command("--html", path, self.file(written(trace)))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(path, encoding="utf-8") as file:
            content = file.read()
        reader_ = Reader()
        reader_.feed(content)
        reader_.close()
        self.assertEqual(reader_.open, [])
        return content, reader_

    def data(self, content):
        return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', content, re.S)[1])

    def column(self, text_):
        column = array.array("I", zlib.decompress(base64.b64decode(text_)))
        if sys.byteorder != "little":
            column.byteswap()
        return list(column)

    def test_well_formed_and_complete(self):
        for program in (programs.huge_at_end, programs.reading, lambda: programs.tree(4, 70.0, 30.0, 20.0)):
            content, reader_ = self.page(program())
            said = reader_.text["main"]
            for word in ("Where the workers", "Timeline", "Critical path", "Longest", "Latencies", "What if", "Pools"):
                self.assertIn(word, said)

    def test_names_cannot_break_out(self):
        content, reader_ = self.page(programs.huge_at_end())
        self.assertNotIn("<b>", content.lower().replace("<b>queue</b>", "").replace("<b>run</b>", ""))
        self.assertIn('do_file (dir/huge & <b>big</b> "file"</script>) takes 600 ms', reader_.text["main"])
        self.assertIn('dir/huge & <b>big</b> "file"</script>', self.data(content)["texts"])
        self.assertEqual(content.count("</script>"), 2)

    def test_nothing_is_fetched(self):
        content, reader_ = self.page(programs.reading())
        self.assertIsNone(FETCHING.search(content))
        self.assertEqual(FETCHING_ATTRIBUTES & {name for _, name, _ in reader_.attributes}, set())

    @unittest.skipUnless(shutil.which("node"), "no node")
    def test_the_script_is_one(self):
        _, reader_ = self.page(programs.chain(3, 5.0))
        script = self.file(reader_.text["script"][reader_.text["script"].index("// SPDX"):], "page.mjs")
        done = subprocess.run(["node", "--check", script], check=False, stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_columns_hold_all_slices(self):
        made = programs.tree(4, 70.0, 30.0, 20.0)
        content, _ = self.page(made)
        data = self.data(content)
        columns = {name: self.column(text_) for name, text_ in data["slices"].items()}
        found = []
        for track, _, first, count in data["groups"]:
            start = 0
            for row in range(first, first + count):
                start += columns["start"][row]
                found.append((data["tracks"][track]["name"], data["texts"][columns["name"][row]], start,
                              columns["duration"][row]))
        self.assertEqual(data["unit"], 0.001)
        names = {track["tid"]: track["name"] for track in made.trace()["filch"]["tracks"]}
        self.assertEqual(sorted(found), sorted(
            (names[event["tid"]], event["name"], round(event["ts"] * 1000), round(event["dur"] * 1000))
            for event in made.events if event["ph"] == "X"))

    def test_nested_slices_are_below_their_parents(self):
        trace = programs.files(1, 100.0, 1).trace()
        for start, stop in ((10, 60), (20, 40), (40, 60), (70, 90)):
            trace["traceEvents"].append({"ph": "X", "pid": 1, "tid": 1, "ts": start, "dur": stop - start,
                                         "cat": "child", "name": "fib", "args": {"id": 1}})
        content, _ = self.page(trace)
        self.assertEqual([group[1:] for group in self.data(content)["groups"]], [[0, 0, 1], [1, 1, 2], [2, 3, 2]])

    def test_suspended_tasks(self):
        content, _ = self.page(programs.tree(4, 70.0, 30.0, 20.0))
        suspended = self.data(content)["suspended"]
        self.assertEqual(suspended["reasons"], ["wait"])
        starts, stops, rows = (self.column(suspended[name]) for name in ("start", "stop", "row"))
        self.assertEqual(len(starts), 15)
        self.assertEqual(suspended["rows"], 10)
        for row in range(10):
            own = sorted((starts[place], stops[place]) for place in range(15) if rows[place] == row)
            self.assertTrue(all(one[1] <= other[0] for one, other in zip(own, own[1:])))


class Files(WithFiles):
    def test_cut_off_anywhere_it_is_read_as_far_as_it_goes(self):
        whole = written(programs.tree(4, 70.0, 30.0, 20.0).trace())
        events = whole.index('],\n"otherData"')
        for place in (len(whole) // 10, events, events + 40, len(whole) - 200, len(whole) - 5):
            path = self.file(whole[:place])
            done = self.command("--html", path + ".html", path)
            self.assertEqual((done.returncode, done.stderr), (0, ""), place)
            self.assertIn("cut off or damaged", done.stdout)
            if place < events:
                self.assertIn("does not say how many processors", " ".join(done.stdout.split()))

    def test_damage_in_the_middle(self):
        whole = written(programs.healthy().trace())
        place = whole.index('{"ph"', 90000)
        done = self.command(self.file(whole[:place] + "\0\0{[" + whole[place:]))
        self.assertEqual(done.returncode, 0)
        self.assertIn(f"cut off or damaged at character {place}:", done.stdout)

    def test_what_is_no_trace(self):
        for content in ("", "  ", "[]", "{}", "hello", '{"traceEvents":[]}', '{"traceEvents":[{"ph":"X"}]}',
                        "[" * 100000,
                        '{"traceEvents":[{"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"x"}}',
                        '{"traceEvents":[1,2],"filch":{}}', '{"traceEvents":[],"otherData":[],"filch":{"log":[[]]}}',
                        '{"traceEvents":[],"otherData":{"pools":[1]},"filch":{}}'):
            done = self.command(self.file(content))
            self.assertEqual((done.returncode, done.stdout), (2, ""), content[:40])
            self.assertRegex(done.stderr, r"^filch-report: .*trace\.json: not a trace of filch's: .*\n$")

    def test_files_that_are_not_there(self):
        done = self.command("/nonexistent/trace.json")
        self.assertEqual((done.returncode, done.stderr),
                         (2, "filch-report: /nonexistent/trace.json: No such file or directory\n"))
        done = self.command("--html", "/nonexistent/page.html", self.file(written(programs.chain(2, 5.0).trace())))
        self.assertEqual((done.returncode, done.stderr),
                         (2, "filch-report: /nonexistent/page.html: No such file or directory\n"))

    def test_dropped_events_are_told(self):
        trace = programs.files(4, 10.0, 2).trace()
        trace["otherData"]["dropped"] = 1234
        done = self.command(self.file(written(trace)))
        self.assertIn("1234 events were dropped", " ".join(done.stdout.split()))

    def test_tasks_that_are_missing_are_told(self):
        trace = programs.files(100, 10.0, 2).trace()
        self.assertNotIn("have counted", self.command(self.file(written(trace))).stdout)
        trace["otherData"]["pools"][0]["stats"]["run"] = 103
        self.assertIn("have counted 103 tasks that ran, and 100 are", self.command(self.file(written(trace))).stdout)

    def test_pieces_do_not_matter(self):
        """Numbers and strings that lie across the borders of what is read at once."""
        whole = written(programs.tree(3, 70.0, 30.0, 20.0).trace())
        path = self.file(whole)
        expected = text.report(Facts(read(path)), "")
        for size in (1, 7, 64):
            with mock.patch.object(reader, "PIECE", size):
                self.assertEqual(text.report(Facts(read(path)), ""), expected)

    def test_control_characters_do_not_reach_the_terminal(self):
        trace = programs.huge_at_end().trace()
        for event in trace["traceEvents"]:
            if "big" in event.get("args", {}).get("note", ""):
                event["args"]["note"] = "evil\x1b[2J\nname"
        out = self.command(self.file(written(trace))).stdout
        self.assertIn("evil?[2J?name", out)
        self.assertNotIn("\x1b", out)

    def test_packed(self):
        path = os.path.join(self.directory.name, "trace.json.gz")
        with gzip.open(path, "wt") as file:
            file.write(written(programs.chain(3, 5.0).trace()))
        self.assertEqual(self.command(path).returncode, 0)

    def test_help_says_all(self):
        done = self.command("--help")
        for word in ("--html", "--what-if", "Diagnosis", "burdened", "exit status"):
            self.assertIn(word, done.stdout)


if __name__ == "__main__":
    unittest.main()
