# SPDX-License-Identifier: MIT
"""Faults in what queues tasks and wakes waiters: deque, entry queue, handful, event count, completions."""
from mutants.mutant import M

MUTANTS = [
    # ---- deque.c ----
    M("deque: push publishes the slot relaxed (D1)", "deque.c",
      "filch__store_seq_cst(&deque->bottom, (filch__index)(bottom + count));",
      "filch__store_relaxed(&deque->bottom, (filch__index)(bottom + count));",
      ["deque_1x2"]),
    M("deque: push publishes with release only (D4)", "deque.c",
      "filch__store_seq_cst(&deque->bottom, (filch__index)(bottom + count));",
      "filch__store_release(&deque->bottom, (filch__index)(bottom + count));",
      ["deque_notice"]),
    M("deque: has_items reads bottom with acquire (D4)", "deque.c",
      "return (filch__distance)(filch__load_seq_cst(&deque->bottom) - top) > 0;",
      "return (filch__distance)(filch__load_acquire(&deque->bottom) - top) > 0;",
      ["deque_notice"]),
    M("deque: take claims with release (D2)", "deque.c",
      "filch__store_seq_cst(&deque->bottom, bottom);",
      "filch__store_release(&deque->bottom, bottom);",
      ["deque_*"]),
    M("deque: take reads top with acquire (D2)", "deque.c",
      "filch__index top = filch__load_seq_cst(&deque->top); /* D2 */",
      "filch__index top = filch__load_acquire(&deque->top);",
      ["deque_*"]),
    M("deque: take has the last item without a CAS", "deque.c",
      "if (left > 0) {",
      "if (left >= 0) {",
      ["deque_last"]),
    M("deque: take's CAS is a store", "deque.c",
      "if (left == 0 && !filch__cas_seq_cst(&deque->top, &top, (filch__index)(top + 1)))",
      "if (left == 0 && (filch__store_seq_cst(&deque->top, (filch__index)(top + 1)), false))",
      ["deque_last"]),
    M("deque: take's CAS is relaxed", "deque.c",
      "if (left == 0 && !filch__cas_seq_cst(",
      "if (left == 0 && !filch__cas_relaxed(",
      ["deque_*"]),
    M("deque: take does not restore bottom", "deque.c",
      "filch__store_release(&deque->bottom, (filch__index)(bottom + 1));",
      "",
      ["deque_last", "deque_1x2"]),
    M("deque: take restores bottom relaxed", "deque.c",
      "filch__store_release(&deque->bottom, (filch__index)(bottom + 1));",
      "filch__store_relaxed(&deque->bottom, (filch__index)(bottom + 1));",
      ["deque_*"],
      equivalent=("Whoever reads this value finds the deque empty, or has an older top, and then its CAS fails.")),
    M("deque: steal reads top with acquire (D2)", "deque.c",
      "filch__index top = filch__load_seq_cst(&deque->top); /* D2: pairs with take() */",
      "filch__index top = filch__load_acquire(&deque->top);",
      ["deque_*"]),
    M("deque: steal reads bottom with acquire (D2)", "deque.c",
      "filch__index bottom = filch__load_seq_cst(&deque->bottom); /* D1, D2 */",
      "filch__index bottom = filch__load_acquire(&deque->bottom);",
      ["deque_*"]),
    M("deque: steal reads bottom before top", "deque.c",
      """filch__index top = filch__load_seq_cst(&deque->top); /* D2: pairs with take() */
         filch__index bottom = filch__load_seq_cst(&deque->bottom); /* D1, D2 */""",
      """filch__index bottom = filch__load_seq_cst(&deque->bottom);
         filch__index top = filch__load_seq_cst(&deque->top);""",
      ["deque_*"]),
    M("deque: steal's CAS is relaxed", "deque.c",
      "if (!filch__cas_seq_cst(&deque->top, &top, (filch__index)(top + 1))) return FILCH__STEAL_LOST;",
      "if (!filch__cas_relaxed(&deque->top, &top, (filch__index)(top + 1))) return FILCH__STEAL_LOST;",
      ["deque_*"]),
    M("deque: steal's CAS is acq_rel", "deque.c",
      "if (!filch__cas_seq_cst(&deque->top, &top, (filch__index)(top + 1))) return FILCH__STEAL_LOST;",
      "if (!filch__cas_acq_rel(&deque->top, &top, (filch__index)(top + 1))) return FILCH__STEAL_LOST;",
      ["deque_*"]),
    M("deque: steal's CAS is a store", "deque.c",
      "if (!filch__cas_seq_cst(&deque->top, &top, (filch__index)(top + 1))) return FILCH__STEAL_LOST;",
      "filch__store_seq_cst(&deque->top, (filch__index)(top + 1));",
      ["deque_last"]),
    M("deque: steal reads the slot after the CAS", "deque.c",
      """uintptr_t item =
             filch__load_relaxed(slot_at(ring, top)); /* before the CAS: afterwards the slot may be used again */
         if (!filch__cas_seq_cst(&deque->top, &top, (filch__index)(top + 1)))
             return FILCH__STEAL_LOST;""",
      """filch__index stolen = top;
         if (!filch__cas_seq_cst(&deque->top, &top, (filch__index)(top + 1)))
             return FILCH__STEAL_LOST;
         uintptr_t item = filch__load_relaxed(slot_at(ring, stolen));""",
      ["deque_1x2"],
      story="A slot read after the CAS in steal: by then the owner may have put another item there."),
    M("deque: steal loads the ring relaxed (D3)", "deque.c",
      "struct filch__deque_ring *ring = filch__load_acquire(&deque->ring);",
      "struct filch__deque_ring *ring = filch__load_relaxed(&deque->ring);",
      ["deque_*grow"]),
    M("deque: grow publishes the ring relaxed (D3)", "deque.c",
      "filch__store_release(&deque->ring, ring);",
      "filch__store_relaxed(&deque->ring, ring);",
      ["deque_*grow"]),
    M("deque: push goes on with the old ring", "deque.c",
      """filch__index bottom = filch__load_relaxed(&deque->bottom);
         size_t capacity = deque->ring->capacity;
         if ((size_t)(filch__distance)(bottom - deque->top_seen) + count > capacity) {
             deque->top_seen = filch__load_acquire(&deque->top);
             size_t need = (size_t)(filch__distance)(bottom - deque->top_seen) + count;
             if (need > capacity && grow(deque, deque->top_seen, bottom, need, allocator))
                 return -ENOMEM;
         }
         for (size_t i = 0; i < count; i++)
             filch__store_relaxed(slot_at(deque->ring,""",
      """filch__index bottom = filch__load_relaxed(&deque->bottom);
         size_t capacity = deque->ring->capacity;
         struct filch__deque_ring *ring = deque->ring;
         if ((size_t)(filch__distance)(bottom - deque->top_seen) + count > capacity) {
             deque->top_seen = filch__load_acquire(&deque->top);
             size_t need = (size_t)(filch__distance)(bottom - deque->top_seen) + count;
             if (need > capacity && grow(deque, deque->top_seen, bottom, need, allocator))
                 return -ENOMEM;
         }
         for (size_t i = 0; i < count; i++)
             filch__store_relaxed(slot_at(ring,""",
      ["deque_*grow"],
      story="The published listing of the deque keeps the old array across a grow."),
    M("deque: grow frees the old ring at once", "deque.c",
      "old->next_retired = deque->retired; deque->retired = old;",
      "allocator->free(allocator->ctx, old, ring_bytes(old->capacity));",
      ["deque_*grow"]),
    M("deque: full one item too late", "deque.c",
      "if (need > capacity && grow(",
      "if (need > capacity + 1 && grow(",
      ["deque_*grow"]),

    # ---- inject.c ----
    M("entry: announced with release (N2)", "inject.c",
      "filch__add_seq_cst(&queue->pushed, 1);",
      "__atomic_fetch_add(&queue->pushed, 1, __ATOMIC_RELEASE);",
      ["entry_notice"]),
    M("entry: looked at with acquire (N2)", "inject.c",
      "return (int64_t)(filch__load_seq_cst(&queue->pushed) - taken) > 0;",
      "return (int64_t)(filch__load_acquire(&queue->pushed) - taken) > 0;",
      ["entry_notice"]),
    M("entry: a chain is not counted", "inject.c",
      "filch__add_seq_cst(&queue->pushed, chain->count);",
      "",
      ["entry_chain"]),
    M("entry: takers do not exclude one another", "inject.c",
      "filch__exchange_acquire(&queue->taking, 1)",
      "(filch__exchange_acquire(&queue->taking, 1), false)",
      ["entry_two_out"]),
    M("entry: taking is claimed relaxed (N3)", "inject.c",
      "filch__exchange_acquire(&queue->taking, 1)",
      "__atomic_exchange_n(&queue->taking, 1, __ATOMIC_RELAXED)",
      ["entry_two_out"]),
    M("entry: taking is given up relaxed (N3)", "inject.c",
      "filch__store_release(&queue->taking, 0);",
      "filch__store_relaxed(&queue->taking, 0);",
      ["entry_two_out"]),

    # ---- handful.c ----
    M("handful: open without a barrier (H1)", "handful.c",
      "filch__os_barrier(); /* H1",
      "; /* H1",
      ["handful_open"]),
    M("handful: open does not raise the guard", "handful.c",
      "filch__store_relaxed(&handful->guard, 1);",
      "",
      ["handful_open"]),
    M("handful: take claims after the look at the guard (H1)", "handful.c",
      """filch__store_release(&handful->next, i + 1);
         filch__os_barrier_light(); /* H1: pairs with open() */
         bool claimed = filch__likely(!filch__load_acquire(&handful->guard)) /* H2 */""",
      """uint32_t guarded = filch__load_acquire(&handful->guard);
         filch__store_release(&handful->next, i + 1);
         bool claimed = filch__likely(!guarded)""",
      ["handful_open"]),
    M("handful: take does not look at the end again", "handful.c",
      "? is_before(i, end_of(filch__load_relaxed(&handful->word)))",
      "? true",
      ["handful_open"]),
    M("handful: take reads the guard relaxed (H2)", "handful.c",
      "filch__likely(!filch__load_acquire(&handful->guard))",
      "filch__likely(!filch__load_relaxed(&handful->guard))",
      ["handful_*"]),
    M("handful: the guard is lowered relaxed (H2)", "handful.c",
      "filch__store_release(&handful->guard, 0);",
      "filch__store_relaxed(&handful->guard, 0);",
      ["handful_*"]),
    M("handful: no versions (H3)", "handful.c",
      "return ((word >> 32) + 1) << 32 | end;",
      "return end;",
      ["handful_*"]),
    M("handful: the slow take does not CAS (H3)", "handful.c",
      "} while (!filch__cas_acq_rel(&handful->word, &word, succeed(word, end_of(word))));",
      "} while (false);",
      ["handful_*"]),
    M("handful: open reads the slots after its CAS", "handful.c",
      """for (uint32_t i = from; i != end; i++)
             items[i - from] = filch__load_relaxed(slot_at(handful, i));
         if (filch__cas_acq_rel(&handful->word, &word, succeed(word, from))) { /* H2, H3 */""",
      """if (filch__cas_acq_rel(&handful->word, &word, succeed(word, from))) {
         filch__os_yield();
         for (uint32_t i = from; i != end; i++)
             items[i - from] = filch__load_relaxed(slot_at(handful, i));""",
      ["handful_*"]),
    M("handful: thieves do not exclude one another", "handful.c",
      "filch__exchange_acquire(&handful->opening, 1)",
      "(filch__exchange_acquire(&handful->opening, 1), false)",
      ["handful_refill_two"]),
    M("handful: filled with release (H4)", "handful.c",
      "filch__store_seq_cst(&handful->word, succeed(word, end + (uint32_t)count));",
      "filch__store_release(&handful->word, succeed(word, end + (uint32_t)count));",
      ["handful_notice"]),
    M("handful: filled relaxed (H4)", "handful.c",
      "filch__store_seq_cst(&handful->word, succeed(word, end + (uint32_t)count));",
      "filch__store_relaxed(&handful->word, succeed(word, end + (uint32_t)count));",
      ["handful_refill"]),

    # ---- eventcount.c ----
    M("event: notify reads the count with acquire (E1)", "eventcount.c",
      "if (!filch__load_seq_cst(&event->waiters))",
      "if (!filch__load_acquire(&event->waiters))",
      ["event_two"]),
    M("event: add counts with release (E1)", "eventcount.c",
      "filch__add_seq_cst(&event->waiters, 1);",
      "__atomic_fetch_add(&event->waiters, 1, __ATOMIC_RELEASE);",
      ["event_two"]),
    M("event: notify leaves the first on the list", "eventcount.c",
      "unlink_locked(event, first);",
      "",
      ["event_two"]),
    M("event: remove always says undone", "eventcount.c",
      "return linked; }",
      "return true; }",
      ["event_two", "event_pass_on"],
      story="Dead waiters eat notifications."),
    M("event: notify wakes nobody", "eventcount.c",
      "filch__waiter_complete(waiter, event);",
      ";",
      ["event_two"]),
    M("event: remove without the lock", "eventcount.c",
      """filch__lock(&event->lock);
         bool linked = node->linked;
         if (linked)
             unlink_locked(event, node);
         filch__unlock(&event->lock);""",
      """bool linked = node->linked;
         if (linked)
             unlink_locked(event, node);""",
      ["event_two", "event_pass_on"]),

    # ---- completions.c ----
    M("completions: nobody is notified", "completions.c",
      "filch__eventcount_notify(&completions->event); /* E1: the push",
      "; /* E1: the push",
      ["completions_next"]),
    M("completions: no look after joining the line", "completions.c",
      "if (!filch__inject_has_items(&completions->queue)) /* E1 */ filch__wait_block(&wait);",
      "filch__wait_block(&wait);",
      ["completions_next"]),
    M("completions: who leaves does not pass on", "completions.c",
      "if (!undone) filch__eventcount_notify(&completions->event);",
      "",
      ["completions_until", "completions_readers"],
      equivalent=("It looked once more and found nothing: what it was told of has a taker, and what comes later "
                  "notifies anew.")),
    M("completions: the descriptor is cleared after the mark (C1)", "completions.c",
      "filch__os_event_clear(fd); /* C1 */ filch__exchange_acq_rel(&completions->signalled, 0);",
      "filch__exchange_acq_rel(&completions->signalled, 0); filch__os_event_clear(fd);",
      ["completions_poll_one"]),
    M("completions: what is left is not signalled again", "completions.c",
      "signal_fd(completions); /* more may have come */",
      "/* more may have come */",
      ["completions_poll_one"]),
    M("completions: no look after clearing", "completions.c",
      "if (!take(completions, ret_future)) return false; signal_fd",
      "if (true) return false; signal_fd",
      ["completions_poll"]),
    M("completions: close does not wait for who is inside (C2)", "completions.c",
      "while (filch__load_acquire(&completions->users) / INSIDE % (CLOSED / INSIDE))",
      "while (false)",
      ["completions_close"],
      story="An event descriptor is closed by its user and written later."),
    M("completions: tell does not look whether it is closed (C2)", "completions.c",
      "if (!(filch__add_seq_cst(&completions->users, INSIDE) & CLOSED)) {",
      "if (filch__add_seq_cst(&completions->users, INSIDE) | 1) {",
      ["completions_close"],
      story="An event descriptor is closed by its user and written later."),
    M("completions: references are given up relaxed", "completions.c",
      "if ((uint32_t)filch__sub_acq_rel(&completions->users, users) > 1)",
      "if ((uint32_t)filch__sub_relaxed(&completions->users, users) > 1)",
      ["completions_close"]),
]
