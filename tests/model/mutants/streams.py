# SPDX-License-Identifier: MIT
"""Faults in what tasks report, and in the count that a progress bar watches."""
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

    # ---- tally.c ----
    M("tally: whoever clears ASLEEP wakes nobody", "tally.c",
      """filch__add_relaxed(&tally->changes, 1);
         filch__os_futex_wake(&tally->changes, 1);""",
      "filch__add_relaxed(&tally->changes, 1);",
      ["tally_adds"]),
    M("tally: the watcher goes to sleep by a store", "tally.c",
      "if (!filch__cas_seq_cst(&tally->count, &sum, sum | FILCH__TALLY_ASLEEP))",
      "if (filch__store_seq_cst(&tally->count, sum | FILCH__TALLY_ASLEEP), false)",
      ["tally_adds"]),
    M("tally: the watcher's CAS is relaxed (T1, T2)", "tally.c",
      "if (!filch__cas_seq_cst(&tally->count, &sum, sum | FILCH__TALLY_ASLEEP))",
      "if (!filch__cas_relaxed(&tally->count, &sum, sum | FILCH__TALLY_ASLEEP))",
      ["tally_poke", "tally_adds"]),
    M("tally: the wake-up does not move changes", "tally.c",
      """filch__add_relaxed(&tally->changes, 1);
         filch__os_futex_wake""",
      "filch__os_futex_wake",
      ["tally_adds"]),
    M("tally: the wake-up moves changes before it clears ASLEEP (T1)", "tally.c",
      """if (!clear_asleep(tally))
             return;
         filch__add_relaxed(&tally->changes, 1);""",
      """filch__add_relaxed(&tally->changes, 1);
         if (!clear_asleep(tally))
             return;""",
      ["tally_adds"]),
    M("tally: poke looks before it changes (T2)", "tally.c",
      """filch__add_seq_cst(&tally->changes, 1);
         filch__tally_wake(tally);""",
      """filch__tally_wake(tally);
         filch__add_seq_cst(&tally->changes, 1);""",
      ["tally_poke"]),
    M("tally: poke wakes without moving changes again", "tally.c",
      """filch__add_seq_cst(&tally->changes, 1);
         filch__tally_wake(tally);""",
      """filch__add_seq_cst(&tally->changes, 1);
         if (clear_asleep(tally))
             filch__os_futex_wake(&tally->changes, 1);""",
      ["tally_poke"]),
    M("tally: poke changes relaxed (T2)", "tally.c",
      "filch__add_seq_cst(&tally->changes, 1);",
      "filch__add_relaxed(&tally->changes, 1);",
      ["tally_poke"]),
    M("tally: the watcher looks at changes only before (T2)", "tally.c",
      "while (filch__load_seq_cst(&tally->changes) == looked)",
      "for (looked = filch__load_seq_cst(&tally->changes); filch__load_seq_cst(&tally->changes) == looked;)",
      ["tally_poke", "tally_adds"]),
]
