# SPDX-License-Identifier: MIT
"""Faults in the reading of a worker's spells."""
from mutants.mutant import M

MUTANTS = [
    # ---- meters.c ----
    M("meters: the clock is read before the spell is hidden (M1)", "meters.c",
      """filch__store_seq_cst(&meters->since, 0); /* M1: before the clock is read; pairs with read */
         uint64_t now = filch__os_now_ns();""",
      """uint64_t now = filch__os_now_ns();
         filch__store_seq_cst(&meters->since, 0);""",
      ["meters_read"]),
    M("meters: the spell is not hidden (M1)", "meters.c",
      "filch__store_seq_cst(&meters->since, 0);", "",
      ["meters_read"]),
    M("meters: the sums are published relaxed (M2)", "meters.c",
      "filch__store_release(&meters->spent[i], spent[i]);",
      "filch__store_relaxed(&meters->spent[i], spent[i]);",
      ["meters_read"]),
    M("meters: the spell is published relaxed (M2)", "meters.c",
      "filch__store_release(&meters->spell, (uint32_t)spell);",
      "filch__store_relaxed(&meters->spell, (uint32_t)spell);",
      ["meters_read"]),
    M("meters: the beginning is published relaxed (M3)", "meters.c",
      "filch__store_release(&meters->since, now);",
      "filch__store_relaxed(&meters->since, now);",
      ["meters_read"]),
    M("meters: the sums are read relaxed (M2)", "meters.c",
      "ret_spent[i] = filch__load_acquire(&meters->spent[i]);",
      "ret_spent[i] = filch__load_relaxed(&meters->spent[i]);",
      ["meters_read"]),
    M("meters: the spell is read relaxed (M2)", "meters.c",
      "uint32_t spell = filch__load_acquire(&meters->spell);",
      "uint32_t spell = filch__load_relaxed(&meters->spell);",
      ["meters_read"]),
    M("meters: the beginning is read relaxed (M3)", "meters.c",
      "uint64_t since = filch__load_acquire(&meters->since);",
      "uint64_t since = filch__load_relaxed(&meters->since);",
      ["meters_read"]),
    M("meters: the reader does not look again (M1)", "meters.c",
      "bool whole = filch__load_seq_cst(&meters->since) == since;", "bool whole = true;",
      ["meters_read"]),
    M("meters: the reader takes a hidden spell", "meters.c",
      "return whole && since;", "return whole;",
      ["meters_read"]),
    M("meters: the reader's clock is read last (M1)", "meters.c",
      "if (since && now > since)", "now = filch__os_now_ns(); if (since && now > since)",
      ["meters_read"]),
    M("meters: who runs out marks by a store", "meters.c",
      "filch__cas_relaxed(&meters->kept, &kept, filch__os_now_ns());",
      "(filch__store_relaxed(&meters->kept, filch__os_now_ns() + 0 * kept), true);",
      ["meters_kept"]),
    M("meters: a mark is taken off by a store", "meters.c",
      "return filch__exchange_acq_rel(&meters->kept, FILCH__KEPT_NOT) == FILCH__KEPT;",
      """bool kept = filch__load_relaxed(&meters->kept) == FILCH__KEPT;
         filch__store_relaxed(&meters->kept, FILCH__KEPT_NOT);
         return kept;""",
      ["meters_kept"]),
]
