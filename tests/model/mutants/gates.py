# SPDX-License-Identifier: MIT
"""Faults in user gates."""
from mutants.mutant import M

MUTANTS = [
    # ---- permits.h: the short way ----
    M("permits: try relaxed (P1)", "permits.h",
      "if (filch__cas_acquire(&permits->word, &word, word + FILCH__PERMITS_HELD)) /* P1",
      "if (filch__cas_relaxed(&permits->word, &word, word + FILCH__PERMITS_HELD)) /* P1",
      ["permits_two"]),
    M("permits: try by store", "permits.h",
      """if (filch__cas_acquire(&permits->word, &word, word + FILCH__PERMITS_HELD))
             return true;""",
      """{ filch__store_release(&permits->word, word + FILCH__PERMITS_HELD); return true; }""",
      ["permits_two", "permits_three_of_two"]),
    M("permits: try overtakes the line", "permits.h",
      "while (word / FILCH__PERMITS_HELD < filch__permits_limit(word))",
      "while (filch__permits_held(word) < filch__permits_limit(word))",
      ["permits_order", "permits_resize_abandon", "permits_task"],
      equivalent="A second guard: while there is a line no permit is free (I2)."),
    M("permits: try takes one permit too many", "permits.h",
      "while (word / FILCH__PERMITS_HELD < filch__permits_limit(word))",
      "while (word / FILCH__PERMITS_HELD <= filch__permits_limit(word))",
      ["permits_two"]),
    M("permits: leave relaxed (P1)", "permits.h",
      "if (filch__cas_acq_rel(&permits->word, &word, word - FILCH__PERMITS_HELD)) /* P1",
      "if (filch__cas_relaxed(&permits->word, &word, word - FILCH__PERMITS_HELD)) /* P1",
      ["permits_two"]),
    M("permits: leave acquires only (P1)", "permits.h",
      "if (filch__cas_acq_rel(&permits->word, &word, word - FILCH__PERMITS_HELD)) /* P1",
      "if (filch__cas_acquire(&permits->word, &word, word - FILCH__PERMITS_HELD)) /* P1",
      ["permits_two"]),
    M("permits: leave by store", "permits.h",
      """if (filch__cas_acq_rel(&permits->word, &word, word - FILCH__PERMITS_HELD))
             return;""",
      """{ filch__store_release(&permits->word, word - FILCH__PERMITS_HELD); return; }""",
      ["permits_leave", "permits_two"]),
    M("permits: leave does not see the line", "permits.h",
      "while ((int64_t)word >= (int64_t)FILCH__PERMITS_HELD)",
      "while (word >= FILCH__PERMITS_HELD)",
      ["permits_leave"],
      story="A wake-up is lost: the permit is given back beside those who wait for it."),

    # ---- permits.c: the line ----
    M("permits: join takes relaxed (P1)", "permits.c",
      "if (filch__cas_acquire(&permits->word, &word, taken ? word + HELD : word + LINE)) /* P1 */",
      "if (filch__cas_relaxed(&permits->word, &word, taken ? word + HELD : word + LINE))",
      ["permits_two", "permits_leave"]),
    M("permits: join by store", "permits.c",
      """if (filch__cas_acquire(&permits->word, &word, taken ? word + HELD : word + LINE)) /* P1 */
             break;""",
      """filch__store_release(&permits->word, taken ? word + HELD : word + LINE);
             break;""",
      ["permits_leave"]),
    M("permits: join does not look once more", "permits.c",
      "taken = filch__permits_held(word) < filch__permits_limit(word);",
      "taken = false;",
      ["permits_leave"],
      story="A waiter lies down beside a permit that came free between its two looks."),
    M("permits: join does not say that there is a line", "permits.c",
      "taken ? word + HELD : word + LINE",
      "taken ? word + HELD : word",
      ["permits_leave"]),
    M("permits: join takes beside the line", "permits.c",
      """while (!(word & LINE)) {
             taken =""",
      """while (!(word & LINE) || filch__permits_held(word) < filch__permits_limit(word)) {
             taken =""",
      ["permits_order", "permits_resize_abandon", "permits_resize_leave_join"],
      equivalent="As above: while there is a line no permit is free (I2)."),
    M("permits: the line is a stack", "permits.c",
      """.next = &permits->line, .previous = permits->line.previous, .waiter = waiter, .linked = true};
         node->previous->next = node;
         permits->line.previous = node;""",
      """.next = permits->line.next, .previous = &permits->line, .waiter = waiter, .linked = true};
         node->next->previous = node;
         permits->line.next = node;""",
      ["permits_order"]),
    M("permits: join sets LINE before it locks", "permits.c",
      """bool taken = false;
         filch__lock(&permits->lock);
         uint64_t word = filch__load_relaxed(&permits->word);
         while (!(word & LINE)) {
             taken = filch__permits_held(word) < filch__permits_limit(word);
             if (filch__cas_acquire(&permits->word, &word, taken ? word + HELD : word + LINE)) /* P1 */
                 break;
         }""",
      """bool taken = false;
         uint64_t word = filch__load_relaxed(&permits->word);
         while (!(word & LINE)) {
             taken = filch__permits_held(word) < filch__permits_limit(word);
             if (filch__cas_acquire(&permits->word, &word, taken ? word + HELD : word + LINE))
                 break;
             taken = false;
         }
         filch__lock(&permits->lock);""",
      ["permits_leave"]),
    M("permits: the node is linked after the lock", "permits.c",
      """if (!taken)
             link_locked(permits, node, waiter);
         filch__unlock(&permits->lock);
         return taken;""",
      """filch__unlock(&permits->lock);
         if (!taken)
             link_locked(permits, node, waiter);
         return taken;""",
      ["permits_leave"]),

    # ---- leaving the line ----
    M("permits: abandon without the lock", "permits.c",
      """filch__lock(&permits->lock);
         bool linked = node->linked;
         if (linked)
             take_out_locked(permits, node);
         filch__unlock(&permits->lock);
         return linked;""",
      """bool linked = node->linked;
         if (linked)
             take_out_locked(permits, node);
         return linked;""",
      ["permits_abandon"]),
    M("permits: abandon looks before it locks", "permits.c",
      """filch__lock(&permits->lock);
         bool linked = node->linked;""",
      """bool linked = node->linked;
         filch__lock(&permits->lock);""",
      ["permits_abandon"]),
    M("permits: abandon leaves the node in the line", "permits.c",
      """if (linked)
             take_out_locked(permits, node);
         filch__unlock(&permits->lock);
         return linked;""",
      """filch__unlock(&permits->lock);
         return linked;""",
      ["permits_abandon"]),
    M("permits: abandon does not say when the line is gone", "permits.c",
      """bool linked = node->linked;
         if (linked)
             take_out_locked(permits, node);""",
      """bool linked = node->linked;
         if (linked)
             unlink_locked(permits, node);""",
      ["permits_abandon"]),
    M("permits: who abandons was always in the line", "permits.c",
      """filch__unlock(&permits->lock);
         return linked;""",
      """filch__unlock(&permits->lock);
         return true;""",
      ["permits_abandon"],
      story="A permit is lost: the grantee has gone away with an error."),
    M("permits: who abandons was never in the line", "permits.c",
      """filch__unlock(&permits->lock);
         return linked;""",
      """filch__unlock(&permits->lock);
         return false;""",
      ["permits_abandon"]),
    M("permits: LINE goes with any node", "permits.c",
      "if (!permits->waiting) filch__sub_acq_rel(&permits->word, LINE);",
      "filch__sub_acq_rel(&permits->word, LINE);",
      ["permits_order"]),
    M("permits: LINE goes relaxed (P1)", "permits.c",
      "filch__sub_acq_rel(&permits->word, LINE);",
      "filch__sub_relaxed(&permits->word, LINE);",
      ["permits_abandon", "permits_order", "permits_close_left", "permits_abandon_join", "permits_close_abandoned"],
      equivalent="It gives no permit back, and as a read-modify-write does not break the chain from who did."),
    M("permits: LINE goes by store", "permits.c",
      "filch__sub_acq_rel(&permits->word, LINE);",
      "filch__store_release(&permits->word, filch__load_relaxed(&permits->word) - LINE);",
      ["permits_abandon", "permits_order", "permits_close_left", "permits_abandon_join"],
      equivalent="While LINE is set the word belongs to the holder of the lock."),

    # ---- handing on ----
    M("permits: leave serves nobody", "permits.c",
      "if (first) filch__waiter_complete(first, permits);",
      "",
      ["permits_leave"]),
    M("permits: leave serves under the lock (P2)", "permits.c",
      """filch__unlock(&permits->lock);
         if (first)
             filch__waiter_complete(first, permits); /* P2 */""",
      """if (first)
             filch__waiter_complete(first, permits); /* P2 */
         filch__unlock(&permits->lock);""",
      ["permits_held_back"],
      story="A lock that is held around a call out, and taken inside it: two that meet wait for each other."),
    M("permits: leave serves without the lock", "permits.c",
      """take_out_locked(permits, permits->line.next);
         } else {
             filch__sub_acq_rel(&permits->word, HELD); /* P1 */
         }
         filch__unlock(&permits->lock);""",
      """filch__unlock(&permits->lock);
             take_out_locked(permits, permits->line.next);
             filch__lock(&permits->lock);
         } else {
             filch__sub_acq_rel(&permits->word, HELD);
         }
         filch__unlock(&permits->lock);""",
      ["permits_abandon"]),
    M("permits: leave serves above the limit", "permits.c",
      "if (word & LINE && filch__permits_held(word) <= filch__permits_limit(word)) {",
      "if (word & LINE) {",
      ["permits_surplus"],
      story="A limit that was lowered is never reached."),
    M("permits: leave serves nobody at the limit", "permits.c",
      "if (word & LINE && filch__permits_held(word) <= filch__permits_limit(word)) {",
      "if (word & LINE && filch__permits_held(word) < filch__permits_limit(word)) {",
      ["permits_leave"]),
    M("permits: leave serves a line that is gone", "permits.c",
      "if (word & LINE && filch__permits_held(word) <= filch__permits_limit(word)) {",
      "if (filch__permits_held(word) <= filch__permits_limit(word)) {",
      ["permits_abandon"]),
    M("permits: leave looks before it locks", "permits.c",
      """filch__lock(&permits->lock);
         uint64_t word = filch__load_relaxed(&permits->word);
         if (!filch__permits_held(word))""",
      """uint64_t word = filch__load_relaxed(&permits->word);
         filch__lock(&permits->lock);
         if (!filch__permits_held(word))""",
      ["permits_abandon"]),
    M("permits: a permit goes back under the lock relaxed (P1)", "permits.c",
      "filch__sub_acq_rel(&permits->word, HELD); /* P1 */",
      "filch__sub_relaxed(&permits->word, HELD);",
      ["permits_abandon_seen"]),
    M("permits: a permit goes back under the lock by store", "permits.c",
      "filch__sub_acq_rel(&permits->word, HELD); /* P1 */",
      "filch__store_release(&permits->word, word - HELD);",
      ["permits_three_of_two", "permits_abandon_of_two"]),
    M("permits: leave gives back, and serves as well", "permits.c",
      "first = permits->line.next->waiter; take_out_locked(",
      "first = permits->line.next->waiter; filch__sub_acq_rel(&permits->word, HELD); take_out_locked(",
      ["permits_leave"]),

    # ---- resizing ----
    M("permits: resize serves nobody", "permits.c",
      "served = permits->waiting < free ? (uint32_t)permits->waiting : free;",
      "served = 0; (void)free;",
      ["permits_raise"],
      story="A permit idles while work waits."),
    M("permits: resize serves more than there are", "permits.c",
      "served = permits->waiting < free ? (uint32_t)permits->waiting : free;",
      "served = (uint32_t)permits->waiting;",
      ["permits_resize_abandon"]),
    M("permits: resize does not count whom it serves", "permits.c",
      "next = limit + (held + served) * HELD",
      "next = limit + held * HELD",
      ["permits_raise", "permits_resize_abandon"]),
    M("permits: resize forgets the rest of the line", "permits.c",
      "+ (permits->waiting > served ? LINE : 0);",
      ";",
      ["permits_resize_abandon"]),
    M("permits: resize leaves LINE behind", "permits.c",
      "+ (permits->waiting > served ? LINE : 0);",
      "+ (word & LINE);",
      ["permits_raise", "permits_close_resized"]),
    M("permits: resize relaxed (P1)", "permits.c",
      "} while (!filch__cas_acq_rel(&permits->word, &word, next)); /* P1 */",
      "} while (!filch__cas_relaxed(&permits->word, &word, next));",
      ["permits_resume"]),
    M("permits: resize by store", "permits.c",
      "} while (!filch__cas_acq_rel(&permits->word, &word, next)); /* P1 */",
      "} while (filch__store_release(&permits->word, next), false);",
      ["permits_resize_leave_join"]),
    M("permits: resize without the lock", "permits.c",
      """struct filch__permit_node *node = cut_locked(permits, served);
         filch__unlock(&permits->lock);""",
      """filch__unlock(&permits->lock);
         struct filch__permit_node *node = cut_locked(permits, served);""",
      ["permits_resize_abandon"]),
    M("permits: resize tells under the lock (P2)", "permits.c",
      """filch__unlock(&permits->lock);
         while (node) {""",
      """if (node && !node->next) {
             filch__waiter_complete(node->waiter, permits);
             node = NULL;
         }
         filch__unlock(&permits->lock);
         while (node) {""",
      ["permits_held_back_resize"]),
    M("permits: resize reads the next node after it has told one", "permits.c",
      """struct filch__permit_node *rest = node->next;
         filch__waiter_complete(node->waiter, permits);
         node = rest;""",
      """filch__waiter_complete(node->waiter, permits);
         node = node->next;""",
      ["permits_close_resized"],
      story="A waiter's frame dies while a completer walks its node."),
    M("permits: resize tells one only", "permits.c",
      "node = rest; }",
      "node = NULL; (void)rest; }",
      ["permits_close_resized"]),

    # ---- closing ----
    M("permits: destroy without the lock (P3)", "permits.c",
      """filch__lock(&permits->lock);
         uint64_t word = filch__load_acquire(&permits->word);
         filch__unlock(&permits->lock);""",
      "uint64_t word = filch__load_acquire(&permits->word);",
      ["permits_close_abandoned"],
      story="Destroyed while the last one out is between its step and its unlock."),
    M("permits: destroy looks relaxed (P1)", "permits.c",
      "uint64_t word = filch__load_acquire(&permits->word); /* P1 */",
      "uint64_t word = filch__load_relaxed(&permits->word);",
      ["permits_close_left"]),
    M("permits: destroy does not look for holders", "permits.c",
      "if (word >= HELD) return false;",
      "if (word & LINE) return false;",
      ["permits_close_left"]),
    M("permits: destroy does not look for the line", "permits.c",
      "if (word >= HELD) return false;",
      "if (filch__permits_held(word)) return false;",
      ["permits_close_abandoned"]),

    # ---- usergate.c ----
    M("user gate: who was interrupted stays in the line", "usergate.c",
      "abandoned = filch__waiter_reasons(&wait.waiter) && filch__permits_abandon(&gate->permits, &node);",
      "abandoned = filch__waiter_reasons(&wait.waiter);",
      ["permits_abandon"],
      story="A waiter's frame dies while a completer walks its node."),
    M("user gate: who was granted as its deadline passed is told that it was not", "usergate.c",
      "if (!abandoned) return 0; return reasons",
      "if (!reasons) return 0; return reasons",
      ["permits_abandon"],
      story="A permit is lost on an error path."),
    M("user gate: returns before the granter has left the waiter", "usergate.c",
      "filch__wait_end(&wait, taken || abandoned);",
      "filch__wait_end(&wait, true);",
      ["permits_abandon"],
      story="A waiter's frame dies while a completer walks its node."),
    M("user gate: who took at once keeps its registration", "usergate.c",
      "filch__wait_end(&wait, taken || abandoned);",
      "filch__wait_end(&wait, abandoned);",
      ["permits_leave"]),
]
