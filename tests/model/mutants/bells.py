# SPDX-License-Identifier: MIT
"""Faults in bell.h."""
from mutants.mutant import M

MUTANTS = [
    M("bell: whoever rings wakes nobody", "bell.h",
      """filch__add_seq_cst(&bell->rung, 1); /* B1 */
    filch__os_futex_wake(&bell->rung, 1);""",
      "filch__add_seq_cst(&bell->rung, 1);",
      ["bell_one"]),
    M("bell: the wake-up comes before the count", "bell.h",
      """filch__add_seq_cst(&bell->rung, 1); /* B1 */
    filch__os_futex_wake(&bell->rung, 1);""",
      """filch__os_futex_wake(&bell->rung, 1);
    filch__add_seq_cst(&bell->rung, 1);""",
      ["bell_one"]),
    M("bell: the count is relaxed (B1)", "bell.h",
      "filch__add_seq_cst(&bell->rung, 1); /* B1 */",
      "filch__add_relaxed(&bell->rung, 1);",
      ["bell_one"]),
    M("bell: the look is relaxed (B1)", "bell.h",
      "return filch__load_acquire(&bell->rung); /* B1 */",
      "return filch__load_relaxed(&bell->rung);",
      ["bell_one"]),
    M("bell: the thread waits for what rung is as it goes to sleep", "bell.h",
      "filch__os_futex_wait(&bell->rung, looked, deadline_ns);",
      "(void)looked, filch__os_futex_wait(&bell->rung, filch__load_relaxed(&bell->rung), deadline_ns);",
      ["bell_one"]),
]
