# SPDX-License-Identifier: MIT
"""Faults in the rings of events."""
from mutants.mutant import M

MUTANTS = [
    # ---- ring.h ----
    M("ring: a word is stored relaxed (R2)", "ring.h",
      "filch__store_release(&event->a, a);",
      "filch__store_relaxed(&event->a, a);",
      ["ring_*"],
      story="A seqlock whose data are relaxed, and only its number released: the reader sees new data under an old number."),
    M("ring: head is stored relaxed (R1)", "ring.h",
      "filch__store_release(&ring->head, at + 1);",
      "filch__store_relaxed(&ring->head, at + 1);",
      ["ring_*"]),
    M("ring: head goes up before the words are there (R1)", "ring.h",
      """filch__store_release(&event->ticks, ticks);
         filch__store_release(&event->head, head);
         filch__store_release(&event->a, a);
         filch__store_release(&event->b, b);
         filch__store_release(&ring->head, at + 1);""",
      """filch__store_release(&ring->head, at + 1);
         filch__store_release(&event->ticks, ticks);
         filch__store_release(&event->head, head);
         filch__store_release(&event->a, a);
         filch__store_release(&event->b, b);""",
      ["ring_*"]),
    M("ring: what finds it full is not counted", "ring.h",
      "filch__count(&ring->lost);",
      "",
      ["ring_stops"]),

    # ---- ring.c ----
    M("ring: a word is read relaxed (R2)", "ring.c",
      "event->b = filch__load_acquire(&from->b);",
      "event->b = filch__load_relaxed(&from->b);",
      ["ring_*"]),
    M("ring: head is read relaxed (R1)", "ring.c",
      "uint64_t head = filch__load_acquire(&ring->head);",
      "uint64_t head = filch__load_relaxed(&ring->head);",
      ["ring_*"]),
    M("ring: no second look at head (R2)", "ring.c",
      "greater(from, oldest(ring, filch__load_relaxed(&ring->head)));",
      "from;",
      ["ring_round"]),
    M("ring: the second look at head comes before the copy (R2)", "ring.c",
      """for (uint64_t i = from; i < end; i++)
             copy(ring, i, &events[i - from]);
         uint64_t kept = greater(from, oldest(ring, filch__load_relaxed(&ring->head)));""",
      """uint64_t kept = greater(from, oldest(ring, filch__load_relaxed(&ring->head)));
         for (uint64_t i = from; i < end; i++)
             copy(ring, i, &events[i - from]);""",
      ["ring_round"]),
    M("ring: the event that is being overwritten counts as whole (I2)", "ring.c",
      "return head < ring->capacity ? 0 : head - ring->capacity + 1;",
      "return head < ring->capacity ? 0 : head - ring->capacity;",
      ["ring_round", "ring_round_four"]),
    M("ring: a full ring uses its last event, too (I1)", "ring.c",
      "head + ring->capacity - 1;",
      "head + ring->capacity;",
      ["ring_stops"]),
    M("ring: what is dropped after the copy is not counted", "ring.c",
      "*lost += kept - start;",
      "*lost += from - start;",
      ["ring_round"]),
    M("ring: what was overwritten before the copy is not counted", "ring.c",
      "*lost += kept - start;",
      "*lost += kept - from;",
      ["ring_round"]),
    M("ring: where the session begins is read before head", "ring.c",
      """uint64_t head = filch__load_acquire(&ring->head);
         uint64_t start = greater(*at, filch__load_relaxed(&ring->first));""",
      """uint64_t start = greater(*at, filch__load_relaxed(&ring->first));
         uint64_t head = filch__load_acquire(&ring->head);""",
      ["ring_session"]),
    M("ring: a session goes on counting what the last one lost", "ring.c",
      "filch__store_relaxed(&ring->lost, 0);",
      "",
      ["ring_session"]),
]
