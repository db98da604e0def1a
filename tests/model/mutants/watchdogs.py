# SPDX-License-Identifier: MIT
"""Faults in the ticks that come only while something runs."""
from mutants.mutant import M

MUTANTS = [
    M("watchdog: the last tick does not look once more (T1)", "watchdog.c",
      "return !somebody_runs(pool) || !wake_up(pool); /* T1 */",
      "return true;",
      ["watchdog_worker", "watchdog_permit"],
      story="A body begins as the ticks come to rest, and is never looked at."),
    M("watchdog: who runs bodies again loads it relaxed (T1)", "watchdog.h",
      "filch__load_seq_cst(&pool->watching)",
      "filch__load_relaxed(&pool->watching)",
      ["watchdog_worker"]),
    M("watchdog: a body that takes its permit again rouses nobody", "wake.c",
      "claim(pool); filch__watchdog_rouse(pool);",
      "claim(pool);",
      ["watchdog_permit"]),
    M("watchdog: ticks rest by a store (T1)", "watchdog.c",
      """if (!filch__cas_seq_cst(&pool->watching, &ticks, FILCH__WATCHING_RESTS)) /* T2 */
             return false;""",
      """if (filch__load_relaxed(&pool->watching) != ticks)
             return false;
         filch__store_release(&pool->watching, FILCH__WATCHING_RESTS);""",
      ["watchdog_worker"]),
]
