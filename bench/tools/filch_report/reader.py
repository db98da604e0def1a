# SPDX-License-Identifier: MIT
"""Reads a JSON text piece by piece.

A trace of a million events is too large to be held as Python's objects, and one that a crash has cut off in the middle
is no JSON any more. So the file is read in pieces, and the elements of an array are handed over one by one; where the
text ends too early, or is damaged, Cut is raised, and what was handed over before it stands.
"""
import json
import re

PIECE = 1 << 20
# No element of a trace is as long as this: what cannot be read within it is damaged.
LONGEST = 64 << 20
SPACE = re.compile(r"[ \t\r\n]*")
COMMA = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")


class Cut(Exception):
    """The text ends, or makes no sense, from here on."""


class Reader:
    def __init__(self, file):
        self.file, self.text, self.at, self.ended, self.place = file, "", 0, False, 0
        self.scan = json.JSONDecoder().scan_once

    def more(self):
        """One more piece behind what is not used up yet; False at the end of the file. As many characters come as are
        waiting, so that a long element is not scanned from its start for every piece of it."""
        if self.ended:
            return False
        self.place += self.at
        self.text = self.text[self.at:]
        self.at = 0
        if len(self.text) > LONGEST:
            self.ended = True
            return False
        piece = self.file.read(max(PIECE, len(self.text)))
        self.ended = not piece
        self.text += piece
        return not self.ended

    def skip(self, pattern=SPACE):
        while True:
            self.at = pattern.match(self.text, self.at).end()
            if self.at < len(self.text) or not self.more():
                return

    def next_character(self):
        """The first character that is no space, which stays; empty at the end of the file."""
        self.skip()
        return self.text[self.at:self.at + 1]

    def take(self, character):
        if self.next_character() != character:
            raise Cut(self.where())
        self.at += 1

    def where(self):
        return self.place + self.at

    def value(self):
        """The value that stands here, whole."""
        while True:
            try:
                value, end = self.scan(self.text, self.at)
            except (StopIteration, ValueError, RecursionError) as error:
                if not self.more():
                    raise Cut(self.where()) from error
                continue
            if end < len(self.text) or self.ended:
                self.at = end
                return value
            # A number that reaches the end of the piece may go on in the next one.
            self.more()

    def elements(self):
        """The elements of the array that starts here."""
        self.take("[")
        while True:
            self.skip(COMMA)
            if self.text[self.at:self.at + 1] == "]":
                self.at += 1
                return
            yield self.value()

    def keys(self):
        """The keys of the object that starts here. The caller reads the value of each before it asks for the next."""
        self.take("{")
        while True:
            self.skip(COMMA)
            if self.text[self.at:self.at + 1] == "}":
                self.at += 1
                return
            key = self.value()
            if not isinstance(key, str):
                raise Cut(self.where())
            self.take(":")
            self.skip()
            yield key
