# SPDX-License-Identifier: MIT
"""Faults in what tasks report."""
from mutants.mutant import M

MUTANTS = [
    # ---- lines.c ----
    M("lines: a line is published relaxed (R1)", "lines.c",
      "while (!filch__cas_acq_rel(word, &newest, (void *)line));",
      "while (!filch__cas_relaxed(word, &newest, (void *)line));",
      ["lines_two_add"]),
    M("lines: the CAS is a store", "lines.c",
      "while (!filch__cas_acq_rel(word, &newest, (void *)line));",
      "while (filch__store_release(word, (void *)line), false);",
      ["lines_two_add"]),
    M("lines: add reads the newest relaxed (R1)", "lines.c",
      "void *newest = filch__load_acquire(word);",
      "void *newest = filch__load_relaxed(word);",
      ["lines_two_add"]),
    M("lines: first reads the newest relaxed (R1)", "lines.c",
      "const struct filch__line *last = filch__load_acquire(word);",
      "const struct filch__line *last = filch__load_relaxed(word);",
      ["lines_two_add"]),
    M("lines: the link is stored relaxed (R2)", "lines.c",
      "filch__store_release(&((struct filch__line *)newest)->next, line);",
      "filch__store_relaxed(&((struct filch__line *)newest)->next, line);",
      ["lines_two_add"]),
    M("lines: the link is read relaxed (R2)", "lines.c",
      "return filch__load_acquire(&line->next);",
      "return filch__load_relaxed(&line->next);",
      ["lines_two_add"]),
]
