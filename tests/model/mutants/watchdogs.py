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
      "claim(pool, worker); filch__watchdog_rouse(pool);",
      "claim(pool, worker);",
      ["watchdog_permit"]),
    M("watchdog: ticks rest by a store (T1)", "watchdog.c",
      """if (!filch__cas_seq_cst(&pool->watching, &ticks, FILCH__WATCHING_RESTS)) /* T2 */
             return false;""",
      """if (filch__load_relaxed(&pool->watching) != ticks)
             return false;
         filch__store_release(&pool->watching, FILCH__WATCHING_RESTS);""",
      ["watchdog_worker"]),
    M("watchdog: who begins to wait without a permit pokes nobody (T2)", "block.c",
      "if (strand) filch__watchdog_poke(strand->pool);",
      "",
      ["watchdog_poke"]),
    M("watchdog: a poke does not hold up the last tick (T2)", "watchdog.c",
      """if (filch__load_relaxed(&pool->watching) != FILCH__WATCHING_NONE &&
             filch__exchange_seq_cst(&pool->watching, FILCH__WATCHING_AGAIN) == FILCH__WATCHING_RESTS)
             wind(pool);""",
      "filch__watchdog_rouse(pool);",
      ["watchdog_poke"],
      story="A circle is closed as the ticks come to rest, and is never looked at."),
    M("watchdog: a tick looks, then takes note of pokes (T2)", "watchdog.c",
      """(void)filch__cas_seq_cst(&pool->watching, &again, FILCH__WATCHING_TICKS); /* T2 */
         look_at_bodies(pool);
         bool runs = somebody_runs(pool);
         if (runs)
             look_at_some_waits(pool);
         if (runs || !look_at_waits(pool) || !rest(pool))
             wind(pool);""",
      """look_at_bodies(pool);
         bool runs = somebody_runs(pool);
         if (runs)
             look_at_some_waits(pool);
         bool clear = !runs && look_at_waits(pool);
         (void)filch__cas_seq_cst(&pool->watching, &again, FILCH__WATCHING_TICKS);
         if (!clear || !rest(pool))
             wind(pool);""",
      ["watchdog_poke"]),
    M("future: who looks at the waiters does not lock the list", "state.c",
      """uint64_t word;
         if (!lock_list(future, &word))
             return;
         for (uintptr_t entry""",
      """uint64_t word = filch__load_acquire(&future->priv.state);
         for (uintptr_t entry""",
      ["future_visited"],
      story="The frame of a wait is left under the eyes of who looks for circles."),
]
