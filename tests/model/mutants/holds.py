# SPDX-License-Identifier: MIT
"""Faults in tasks that are held back, in scopes and their errands, and in permits that are lent."""
from mutants.mutant import M

MUTANTS = [
    # ---- hold.c: counted, listed, queued ----
    M("hold: uncounted before it is queued (I3)", "hold.c",
      "filch__enqueue(pool, future); filch__sub_seq_cst(&pool->held, 1);",
      "filch__sub_seq_cst(&pool->held, 1); filch__enqueue(pool, future);",
      ["hold_close --preemptions 2"],
      story="A drain drops a task that was accepted: it looked between the two."),
    M("hold: who queues does not keep the pool (I3)", "hold.c",
      """filch__add_seq_cst(&pool->wakers, 1); /* I3 */
         filch__enqueue(pool, future);
         filch__sub_seq_cst(&pool->held, 1);
         uint32_t phase = filch__load_seq_cst(&pool->phase); /* K4, K5 */
         if (filch__unlikely(phase != FILCH__POOL_OPEN))
             filch__pool_tell_closer(pool);
         if (filch__unlikely(phase == FILCH__POOL_CLOSED))
             filch__pool_settle(pool);
         filch__sub_acq_rel(&pool->wakers, 1);""",
      """filch__enqueue(pool, future);
         filch__sub_seq_cst(&pool->held, 1);
         if (filch__unlikely(filch__load_seq_cst(&pool->phase) != FILCH__POOL_OPEN))
             filch__pool_tell_closer(pool);""",
      ["hold_close"]),
    M("hold: the closer is not told", "hold.c",
      """if (filch__unlikely(phase != FILCH__POOL_OPEN))
             filch__pool_tell_closer(pool);""",
      "",
      ["hold_close", "hold_gate --preemptions 2"],
      story="As it was written first: a drain sleeps on a task that has run."),
    M("hold: the closer is told before the task is uncounted", "hold.c",
      """filch__sub_seq_cst(&pool->held, 1);
         uint32_t phase = filch__load_seq_cst(&pool->phase); /* K4, K5 */
         if (filch__unlikely(phase != FILCH__POOL_OPEN))
             filch__pool_tell_closer(pool);""",
      """uint32_t phase = filch__load_seq_cst(&pool->phase); /* K4, K5 */
         if (filch__unlikely(phase != FILCH__POOL_OPEN))
             filch__pool_tell_closer(pool);
         filch__sub_seq_cst(&pool->held, 1);""",
      ["hold_close --preemptions 2", "hold_gate --preemptions 2"]),
    M("hold: queued, then taken out of the list (I2)", "hold.c",
      """filch__lock(&pool->held_lock);
         unlist_locked(hold);
         filch__unlock(&pool->held_lock);
         queue(pool, future);
     }""",
      """queue(pool, future);
         filch__lock(&pool->held_lock);
         unlist_locked(hold);
         filch__unlock(&pool->held_lock);
     }""",
      ["hold_register", "hold_close"]),
    M("hold: taken out of the list without the lock", "hold.c",
      """filch__lock(&pool->held_lock);
         unlist_locked(hold);
         filch__unlock(&pool->held_lock);
         queue(pool, future);
     }""",
      "unlist_locked(hold); queue(pool, future); }",
      ["hold_cancel", "hold_close_cancel"]),

    # ---- hold.c: pulling ----
    M("hold: pulled twice", "hold.c",
      "if (!hold->listed) return false; uint32_t word",
      "uint32_t word",
      ["hold_cancel_both"]),
    M("hold: pulled by store (I1)", "hold.c",
      "pulled = filch__cas_acq_rel(&hold->edges, &word, word | PULLED);",
      "pulled = (filch__store_release(&hold->edges, word | PULLED), true);",
      ["hold_cancel", "hold_close_cancel"]),
    M("hold: pulled with no edge left", "hold.c",
      "while (word && !pulled)",
      "while (!pulled)",
      ["hold_cancel", "hold_close_cancel"]),
    M("hold: the last edge does not look for PULLED", "hold.c",
      "if (!word) open_hold(hold);",
      "open_hold(hold);",
      ["hold_cancel", "hold_cancel_two"],
      story="A cancelled task is queued twice."),
    M("hold: PULLED is taken for an edge", "hold.c",
      "if (word & ~PULLED) return;",
      "if (word) return;",
      ["hold_cancel"],
      equivalent="The reference of the edges is then kept for ever: a leak, which these models do not look for; the "
                 "sanitizers' runs of the unit tests do."),
    M("hold: who stands in line is not pulled", "hold.c",
      "if (!pulled && !(hold->gate && filch__permits_abandon(hold->gate, &hold->line)))",
      "if (!pulled)",
      ["hold_gate_join_cancel"]),
    M("hold: pulled out of the line though it has the permit", "hold.c",
      "if (!pulled && !(hold->gate && filch__permits_abandon(hold->gate, &hold->line)))",
      "if (!pulled && !(hold->gate && (filch__permits_abandon(hold->gate, &hold->line), true)))",
      ["hold_gate_cancel"]),
    M("hold: pulled while listed by nobody's lock", "hold.c",
      """filch__lock(&pool->held_lock); /* K1 */
         bool pulled = pull_locked(hold);
         filch__unlock(&pool->held_lock);""",
      "bool pulled = pull_locked(hold);",
      ["hold_cancel"]),
    M("hold: let go of before it is pulled (state.h, PASSING)", "hold.c",
      """filch__lock(&pool->held_lock); /* K1 */
         bool pulled = pull_locked(hold);
         filch__unlock(&pool->held_lock);
         filch__future_passed(future);""",
      """filch__future_passed(future);
         filch__lock(&pool->held_lock);
         bool pulled = pull_locked(hold);
         filch__unlock(&pool->held_lock);""",
      ["hold_cancel", "hold_cancel_both"],
      story="The task ends, and its pool with it, under the eyes of who cancels it."),
    M("hold: let go of after it is queued", "hold.c",
      """filch__future_passed(future); /* then it may end, when somebody else has queued it */
         if (pulled)
             queue(pool, future);""",
      """if (pulled)
             queue(pool, future);
         filch__future_passed(future);""",
      ["hold_cancel", "hold_cancel_twice"],
      equivalent="The worker that takes it waits for PASSING before its last step."),
    M("hold: a cancel that drops a held task is not the first", "state.c",
      "| (future->priv.flags & FILCH__FUTURE_HELD ? PASSING : 0);",
      ";",
      ["hold_cancel_twice"]),

    # ---- hold.c: second looks ----
    M("hold: a submit does not look once more (K1)", "hold.c",
      "recheck(hold); drop_edges(hold, ended);",
      "drop_edges(hold, ended);",
      ["hold_late_cancel", "scope_cancel_held"]),
    M("hold: a submit looks before it is in the list (K1)", "hold.c",
      """list(hold);
         for (size_t i = 0; i < count; i++)
             if (filch__future_register(after[i], &hold->edge, &hold->node[i]) != FILCH__REGISTERED) {
                 filch__watch_after(hold->record->future, after[i]);
                 note_failure(hold, filch__future_status(after[i]));
                 ended++;
             }
         recheck(hold);""",
      """bool ends = must_end(hold);
         list(hold);
         for (size_t i = 0; i < count; i++)
             if (filch__future_register(after[i], &hold->edge, &hold->node[i]) != FILCH__REGISTERED) {
                 filch__watch_after(hold->record->future, after[i]);
                 note_failure(hold, filch__future_status(after[i]));
                 ended++;
             }
         if (ends)
             recheck(hold);""",
      ["hold_late_cancel"]),
    M("hold: who joins the line does not look once more (K1)", "hold.c",
      "else recheck(hold); /* from here on the task may be another's */",
      "",
      ["hold_gate_join_cancel", "hold_gate_close"],
      story="A cancel is missed: it came between the last edge and the line."),
    M("hold: who joins the line does not keep the pool (I3)", "hold.c",
      """filch__add_seq_cst(&pool->wakers, 1); /* I3 */
         bool entered =""",
      "bool entered =",
      ["hold_gate_join_cancel", "hold_gate_close", "hold_gate"]),
    M("hold: the second look does not see a cancel of the task", "hold.c",
      "filch__scope_stops(hold->record) || filch__future_phase(hold->record->future) == FILCH__DROPPED;",
      "filch__scope_stops(hold->record);",
      ["hold_gate_join_cancel"]),
    M("hold: the second look does not see the scope's", "hold.c",
      "|| filch__scope_stops(hold->record) || filch__future_phase",
      "|| filch__future_phase",
      ["scope_cancel_held"]),
    M("hold: the second look does not see that the pool is closed", "hold.c",
      "filch__load_seq_cst(&hold->pool->phase) >= FILCH__POOL_CANCELLING",
      "filch__load_seq_cst(&hold->pool->phase) == FILCH__POOL_CANCELLING",
      ["hold_late"],
      story="As it was written first: a task that is held in a closed pool never ends."),
    M("hold: the second look is without the lock (K1)", "hold.c",
      """filch__lock(&pool->held_lock);
         if (hold->listed && must_end(hold) && pull_locked(hold))
             future = hold->record->future;
         filch__unlock(&pool->held_lock);""",
      """if (hold->listed && must_end(hold) && pull_locked(hold))
             future = hold->record->future;""",
      ["hold_late_cancel", "hold_gate_join_cancel"]),
    M("hold: the second look does not ask who is listed", "hold.c",
      "if (hold->listed && must_end(hold) && pull_locked(hold))",
      "if (must_end(hold) && pull_locked(hold))",
      ["hold_gate_join_cancel"],
      story="A future is looked at that its owner has freed."),
    M("close: what is held is not pulled when it begins", "close.c",
      "filch__hold_pull_all(pool, NULL); } while",
      "} while",
      ["hold_gate_close"]),
    M("close: what is held is not pulled when it has closed", "close.c",
      "filch__store_seq_cst(&pool->phase, FILCH__POOL_CLOSED); filch__hold_pull_all(pool, NULL);",
      "filch__store_seq_cst(&pool->phase, FILCH__POOL_CLOSED);",
      ["hold_late_only"]),
    M("close: settles while a task is being queued", "close.c",
      "while (filch__load_acquire(&pool->held) || filch__load_acquire(&pool->wakers))",
      "while (filch__load_acquire(&pool->wakers))",
      ["hold_late --preemptions 3"]),
    M("close: does not wait for who queues", "close.c",
      "while (filch__load_acquire(&pool->held) || filch__load_acquire(&pool->wakers))",
      "while (filch__load_acquire(&pool->held))",
      ["hold_close"],
      equivalent="filch_pool_free waits for them, too; what they still queue they end themselves (hold.h, K5)."),
    M("close: a pool with held tasks is drained", "close.c",
      "if (!nobody_admitted(pool) || filch__load_seq_cst(&pool->held))",
      "if (!nobody_admitted(pool))",
      ["hold_close"],
      equivalent="A second guard: the last look at the count, at the end of the same function, remains."),
    M("close: the second look at the count is dropped", "close.c",
      "&& !filch__load_seq_cst(&pool->held); }",
      "; }",
      ["hold_close", "hold_late"],
      equivalent="A task gets into the list by a body, which the other counts show, or by a submit that races with close, "
                 "which is pulled; this look only saves a round."),

    # ---- hold.c: edges ----
    M("hold: an edge is counted down by store", "hold.c",
      "uint32_t word = filch__sub_acq_rel(&hold->edges, count) - count;",
      "uint32_t word = filch__load_acquire(&hold->edges) - count; filch__store_release(&hold->edges, word);",
      ["hold_two"]),
    M("hold: an edge is counted down relaxed (K2)", "hold.c",
      "uint32_t word = filch__sub_acq_rel(&hold->edges, count) - count;",
      "uint32_t word = filch__sub_relaxed(&hold->edges, count) - count;",
      ["hold_two"]),
    M("hold: a failure is noted after the edge (K2)", "hold.c",
      "note_failure(hold, status); drop_edges(hold, 1);",
      "filch__add_relaxed(&hold->record->refs, 1); drop_edges(hold, 1); note_failure(hold, status);",
      ["hold_failed"]),
    M("hold: success is taken for failure", "hold.c",
      "if (status < 0) filch__cas_relaxed",
      "if (status) filch__cas_relaxed",
      ["hold_two"]),
    M("hold: the failure of who had ended before is not noted", "hold.c",
      "note_failure(hold, filch__future_status(after[i])); ended++;",
      "ended++;",
      ["hold_gate_failed"]),
    M("hold: who had ended before is not counted", "hold.c",
      "note_failure(hold, filch__future_status(after[i])); ended++;",
      "note_failure(hold, filch__future_status(after[i]));",
      ["hold_register"]),
    M("hold: a submit holds no edge of its own", "hold.c",
      "uint32_t ended = 1; /* this call's own */ hold->edges = (uint32_t)count + 1;",
      "uint32_t ended = 0; hold->edges = (uint32_t)count;",
      ["hold_register"]),
    M("hold: the edges have no reference (K3)", "hold.c",
      "record->refs++; /* K3 */",
      "record->refs += 0;",
      ["hold_register"],
      story="The record is freed by the task's end, under the hands of the edge that has queued it."),
    M("hold: the reference of the edges is given back first (K3)", "hold.c",
      "if (!word) open_hold(hold); filch__record_release(hold->record); /* K3 */",
      "filch__record_release(hold->record); if (!word) open_hold(hold);",
      ["hold_gate_join_cancel", "hold_cancel_twice"]),
    M("hold: the status is read as a plain word", "worker.c",
      "filch__load_relaxed(&record->hold->status)",
      "record->hold->status",
      ["hold_cancel_failed"],
      story="As it was written first."),
    M("hold: a task after a failure runs", "worker.c",
      "if (status) return status; return filch__scope_stops",
      "return filch__scope_stops",
      ["hold_failed"]),
    M("hold: a task that runs always is dropped", "worker.c",
      "record->hold && !record->always ?",
      "record->hold ?",
      ["hold_failed_always"]),

    # ---- hold.c: the gate ----
    M("hold: a failed task comes to the gate", "hold.c",
      "if (!runs || !hold->gate || enter_gate(hold))",
      "if (!hold->gate || enter_gate(hold))",
      ["hold_gate_failed"]),
    M("hold: the permit is not given back", "hold.c",
      "if (hold->permit) filch__permits_leave(hold->gate);",
      "",
      ["hold_gate_two", "hold_gate"]),
    M("hold: who was handed the permit does not know", "hold.c",
      "(void)source, (void)status; hold->permit = true;",
      "(void)source, (void)status;",
      ["hold_gate", "hold_gate_two"]),
    M("hold: who took the permit does not know", "hold.c",
      "if (entered) hold->permit = true; else",
      "if (!entered)",
      ["hold_gate_two"]),

    # ---- scope.c ----
    M("scope: joined by store", "scope.c",
      "} while (!filch__cas_acq_rel(&scope->word, &word, word + 1));",
      "} while (filch__store_release(&scope->word, word + 1), false);",
      ["scope_late", "scope_cancel_join"]),
    M("scope: joined when there are no members", "scope.c",
      "if (!(word & FILCH__SCOPE_MEMBERS) || (word & FILCH__SCOPE_CLOSING &&",
      "if (!word || (word & FILCH__SCOPE_CLOSING &&",
      ["scope_late"],
      equivalent="A second guard: without members it is closing, and who is in one of its tasks is one of its members."),
    M("scope: its own task is refused while it closes", "scope.c",
      "&& !filch__scope_has(scope, from)))",
      "))",
      ["scope_add"]),
    M("scope: left relaxed (P2)", "scope.c",
      "uint64_t word = filch__sub_acq_rel(&scope->word, 1); /* P2 */",
      "uint64_t word = filch__sub_relaxed(&scope->word, 1);",
      ["scope_leave_2", "scope_leave"]),
    M("scope: left by store", "scope.c",
      "uint64_t word = filch__sub_acq_rel(&scope->word, 1); /* P2 */",
      "uint64_t word = filch__load_acquire(&scope->word); filch__store_release(&scope->word, word - 1);",
      ["scope_leave_2", "scope_late", "scope_cancel_close"]),
    M("scope: whoever leaves ends it", "scope.c",
      "if ((word & FILCH__SCOPE_MEMBERS) == 1) filch__future_complete",
      "filch__future_complete",
      ["scope_leave"]),
    M("scope: a task leaves before its future is done", "worker.c",
      """finish(worker, future, status);
         if (scope)
             filch__scope_leave(scope);""",
      """if (scope)
             filch__scope_leave(scope);
         finish(worker, future, status);""",
      ["scope_leave", "scope_leave_2"],
      story="Who has closed the scope frees a future that is not done."),
    M("scope: a failure is noted after the task has left", "worker.c",
      """if (scope) {
             filch__scope_note(scope, future, status);
             filch__watch_after(&scope->ended, future);
         }
         finish(worker, future, status);
         if (scope)
             filch__scope_leave(scope);""",
      """finish(worker, future, status);
         if (scope)
             filch__scope_leave(scope);
         if (scope)
             filch__scope_note(scope, future, status);""",
      ["scope_fail_fast"]),
    M("scope: a failure cancels nothing", "scope.c",
      "if (scope->policy == FILCH_SCOPE_FAIL_FAST) filch__scope_ask(scope, 0);",
      "",
      ["scope_fail_fast"]),
    M("scope: asked by store (I2)", "scope.c",
      """} while (!filch__cas_seq_cst(&scope->word, &word, (word | FILCH__SCOPE_CANCELLED | why) + 1)); /* P1, I1 */""",
      """} while (filch__store_seq_cst(&scope->word, (word | FILCH__SCOPE_CANCELLED | why) + 1), false);""",
      ["scope_cancel_twice", "scope_cancel_close"]),
    M("scope: asked relaxed (P1)", "scope.c",
      """} while (!filch__cas_seq_cst(&scope->word, &word, (word | FILCH__SCOPE_CANCELLED | why) + 1)); /* P1, I1 */""",
      """} while (!filch__cas_relaxed(&scope->word, &word, (word | FILCH__SCOPE_CANCELLED | why) + 1));""",
      ["scope_cancel_wait", "scope_cancel_held", "scope_inside", "scope_cancel_close"],
      equivalent="The mark goes with the errand, which is sent (sc) to the thread that takes the locks; and the first load of "
                 "the word acquires."),
    M("scope: asked twice (I2)", "scope.c",
      "if (!(word & FILCH__SCOPE_MEMBERS) || word & FILCH__SCOPE_CANCELLED) return; } while",
      "if (!(word & FILCH__SCOPE_MEMBERS)) return; } while",
      ["scope_cancel_twice"]),
    M("scope: asked when nobody is a member (I1)", "scope.c",
      "if (!(word & FILCH__SCOPE_MEMBERS) || word & FILCH__SCOPE_CANCELLED) return; } while",
      "if (word & FILCH__SCOPE_CANCELLED) return; } while",
      ["scope_cancel_close"]),
    M("scope: the errand is no member (I1)", "scope.c",
      """} while (!filch__cas_seq_cst(&scope->word, &word, (word | FILCH__SCOPE_CANCELLED | why) + 1)); /* P1, I1 */""",
      """} while (!filch__cas_seq_cst(&scope->word, &word, word | FILCH__SCOPE_CANCELLED | why));""",
      ["scope_cancel_close"]),
    M("scope: the errand does not wait for who asked (I3)", "scope.c",
      "while (!filch__load_acquire(&scope->sent)) filch__os_yield();",
      "",
      ["scope_cancel_awake"],
      story="As it was written first: the pool is freed while the cancel still looks at it."),
    M("scope: who asked lets go relaxed (I3)", "scope.c",
      "filch__store_release(&scope->sent, 1); /* I3 */",
      "filch__store_relaxed(&scope->sent, 1);",
      ["scope_cancel_awake"],
      equivalent="In the checker each thread's steps are done in program order, and who stops the timekeeper synchronises with "
                 "the count of changes, which is the last of the pool that the asking thread writes."),
    M("scope: the errand looks relaxed (I3)", "scope.c",
      "while (!filch__load_acquire(&scope->sent))",
      "while (!filch__load_relaxed(&scope->sent))",
      ["scope_cancel_awake"],
      equivalent="In the checker each thread's steps are done in program order, and who stops the timekeeper synchronises with "
                 "the count of changes, which is the last of the pool that the asking thread writes."),
    M("scope: a cancel looks at the pool first (I1)", "scopes.c",
      "if (scope) filch__scope_ask(",
      "if (scope && !filch__pool_stale(filch__scope_in(scope)->pool)) filch__scope_ask(",
      ["scope_cancel_close"],
      story="As it was written first."),
    M("scope: the errand ends no waits (P1)", "scope.c",
      "filch__cancel_waits(scope->pool, scope); /* P1 */",
      "",
      ["scope_cancel_wait", "scope_fail_fast"]),
    M("scope: a wait begins without a look at the scope (P1)", "block.c",
      "== FILCH__POOL_CANCELLING || filch__scope_stops(task->priv.record)); }",
      "== FILCH__POOL_CANCELLING); }",
      ["scope_cancel_wait"]),
    M("scope: the errand pulls nothing", "scope.c",
      "filch__hold_pull_all(scope->pool, scope);",
      "",
      ["scope_cancel_held"]),
    M("scope: the errand leaves those inside alone", "scope.c",
      "filch__scope_ask(inside, 0);",
      ";",
      ["scope_inside"]),
    M("scope: the errand walks the list without its lock (P3)", "scope.c",
      """lock(scope); /* P3 */
         for (struct filch__scope *inside = scope->inside; inside; inside = inside->next)
             filch__scope_ask(inside, 0);
         unlock(scope);""",
      """for (struct filch__scope *inside = scope->inside; inside; inside = inside->next)
             filch__scope_ask(inside, 0);""",
      ["scope_inside_close", "scope_inside"]),
    M("scope: one that is opened inside does not look at its parent (P3)", "scope.c",
      "if (filch__load_seq_cst(&parent->word) & FILCH__SCOPE_CANCELLED) /* P3 */ filch__scope_ask(scope, 0);",
      "",
      ["scope_inside"]),
    M("scope: one that is opened inside looks before it is in the list (P3)", "scope.c",
      """lock(parent);
         scope->next = parent->inside;
         scope->at = &parent->inside;
         if (scope->next)
             scope->next->at = &scope->next;
         parent->inside = scope;
         unlock(parent);
         if (filch__load_seq_cst(&parent->word) & FILCH__SCOPE_CANCELLED) /* P3 */""",
      """bool asked = filch__load_seq_cst(&parent->word) & FILCH__SCOPE_CANCELLED;
         lock(parent);
         scope->next = parent->inside;
         scope->at = &parent->inside;
         if (scope->next)
             scope->next->at = &scope->next;
         parent->inside = scope;
         unlock(parent);
         if (asked)""",
      ["scope_inside"]),
    M("scope: the parent's word is read relaxed (P3)", "scope.c",
      "if (filch__load_seq_cst(&parent->word) & FILCH__SCOPE_CANCELLED) /* P3 */",
      "if (filch__load_relaxed(&parent->word) & FILCH__SCOPE_CANCELLED)",
      ["scope_inside"],
      equivalent="An errand that had the lock before this one has marked the word before, and the lock shows it."),
    M("scope: one that is closed stays in its parent's list", "scope.c",
      """*scope->at = scope->next;
         if (scope->next)
             scope->next->at = scope->at;
         unlock(parent);""",
      "unlock(parent);",
      ["scope_inside_close"]),
    M("scope: one that is closed is taken out without the lock", "scope.c",
      """lock(parent);
         *scope->at = scope->next;
         if (scope->next)
             scope->next->at = scope->at;
         unlock(parent);""",
      """*scope->at = scope->next;
         if (scope->next)
             scope->next->at = scope->at;""",
      ["scope_inside_close"]),
    M("scope: its lock is taken relaxed", "scope.c",
      "while (filch__exchange_acquire(&scope->lock, 1))",
      "while (filch__load_relaxed(&scope->lock) || (filch__store_relaxed(&scope->lock, 1), false))",
      ["scope_inside_close", "scope_inside"]),
    M("scope: its lock is given up relaxed", "scope.c",
      "filch__store_release(&scope->lock, 0);",
      "filch__store_relaxed(&scope->lock, 0);",
      ["scope_inside_close", "scope_inside"]),
    M("scope: its timer is left behind", "scopes.c",
      "if (it->timed) filch__timer_remove(&it->pool->keeper, &it->timer);",
      "",
      ["scope_timed"]),
    M("scope: a cancel of its close completes the promise", "block.c",
      """if (promise->priv.flags & FILCH__FUTURE_SCOPE) {
             filch__scope_ask(filch__scope_of(promise), 0);
             return -EINPROGRESS;
         }""",
      "",
      ["scope_close_cancelled"]),
    M("scope: the timekeeper goes while one is open (P4)", "close.c",
      "if (!filch__load_seq_cst(&pool->scopes)) filch__timekeeper_stop(&pool->keeper);",
      "filch__timekeeper_stop(&pool->keeper);",
      ["scope_errand_close"]),

    # ---- timer.c: errands ----
    M("timer: an errand is sent by store", "timer.c",
      "} while (!filch__cas_seq_cst(&keeper->errands, &first, errand)); /* T1 */",
      "} while (filch__store_seq_cst(&keeper->errands, errand), false);",
      ["scope_two_errands"]),
    M("timer: an errand is sent relaxed", "timer.c",
      "} while (!filch__cas_seq_cst(&keeper->errands, &first, errand)); /* T1 */",
      "} while (!filch__cas_relaxed(&keeper->errands, &first, errand));",
      ["scope_errand", "scope_two_errands"]),
    M("timer: the thread is not told of an errand (T1)", "timer.c",
      "/* T1 */ tell(keeper); }",
      "}",
      ["scope_errand"]),
    M("timer: the thread is told before the errand is there (T1)", "timer.c",
      """struct filch__errand *first = filch__load_relaxed(&keeper->errands);
         do {
             errand->next = first;
         } while (!filch__cas_seq_cst(&keeper->errands, &first, errand)); /* T1 */
         tell(keeper);""",
      """tell(keeper);
         struct filch__errand *first = filch__load_relaxed(&keeper->errands);
         do {
             errand->next = first;
         } while (!filch__cas_seq_cst(&keeper->errands, &first, errand));""",
      ["scope_errand"]),
    M("timer: errands are looked for before the changes are read (T1)", "timer.c",
      """uint32_t seen = filch__load_seq_cst(&keeper->changes); /* T1 */
         if (filch__load_seq_cst(&keeper->errands)) {""",
      """bool any = filch__load_seq_cst(&keeper->errands);
         uint32_t seen = filch__load_seq_cst(&keeper->changes);
         if (any) {""",
      ["scope_errand"]),
    M("timer: the changes are counted relaxed (T1)", "timer.c",
      "filch__add_seq_cst(&keeper->changes, 1); /* T1 */",
      "filch__add_relaxed(&keeper->changes, 1);",
      ["scope_errand"]),
    M("timer: errands are taken by store", "timer.c",
      "struct filch__errand *errand = filch__exchange_acq_rel(&keeper->errands, NULL); /* T1 */",
      """struct filch__errand *errand = filch__load_acquire(&keeper->errands);
         filch__store_release(&keeper->errands, NULL);""",
      ["scope_two_errands"]),
    M("timer: the next errand is read after one was run", "timer.c",
      """struct filch__errand *next = errand->next;
         errand->run(errand);
         errand = next;""",
      """errand->run(errand);
         errand = errand->next;""",
      ["scope_errand", "scope_two_errands"]),

    # ---- lend.c ----
    M("lend: relaxed (L1)", "lend.c",
      "} while (!filch__cas_acq_rel(&record->lend, &lend, next)); /* L1, L2 */",
      "} while (!filch__cas_relaxed(&record->lend, &lend, next));",
      ["lend_end", "lend_wait", "lend_missed"],
      equivalent="The word decides who has the permit, and guards no memory: the record by the timekeeper's lock, the permit "
                 "by the gate's own steps."),
    M("lend: off without an exchange (L1)", "lend.c",
      "if (filch__exchange_acq_rel(&record->lend, FILCH__LEND_OFF) != FILCH__LEND_LENT) /* L1 */ return;",
      """uint32_t lend = filch__load_acquire(&record->lend);
         filch__store_release(&record->lend, FILCH__LEND_OFF);
         if (lend != FILCH__LEND_LENT)
             return;""",
      ["lend_end", "lend_wait"]),
    M("lend: what was missed in a wait is not made good", "lend.c",
      "if (filch__exchange_acq_rel(&record->lend, FILCH__LEND_ON) == FILCH__LEND_MISSED) /* L1 */",
      "if (filch__exchange_acq_rel(&record->lend, FILCH__LEND_ON) == FILCH__LEND_MISSED && false)",
      ["lend_missed"]),
    M("lend: nobody says that the timekeeper came in a wait", "lend.c",
      "next = lend == FILCH__LEND_ON ? FILCH__LEND_LENT : FILCH__LEND_MISSED; } while",
      "if (lend != FILCH__LEND_ON) return (struct filch__wakeup){0}; next = FILCH__LEND_LENT; } while",
      ["lend_missed"]),
    M("lend: also in a wait", "lend.c",
      "next = lend == FILCH__LEND_ON ? FILCH__LEND_LENT : FILCH__LEND_MISSED; } while",
      "next = FILCH__LEND_LENT; } while",
      ["lend_wait", "lend_missed"]),
    M("lend: a wait does not turn it off", "lend.h",
      "filch__lend_off(strand, strand->task); }",
      "}",
      ["lend_wait", "lend_missed"]),
    M("lend: nobody asks after the time-out", "lend.c",
      "filch__timer_again_locked(&strand->pool->keeper, timer, filch_in_ns(grace_ns(record)), look);",
      "",
      ["lend_stuck"]),
    M("lend: the permit is not given back", "lend.c",
      "filch__permit_leave(pool); filch__pool_tell_closer(pool);",
      "filch__pool_tell_closer(pool);",
      ["lend_stuck"]),
    M("lend: no thread may be added for it", "lend.c",
      "filch__add_seq_cst(&pool->blocked, 1); filch__permit_leave(pool);",
      "filch__permit_leave(pool);",
      ["lend_stuck"]),
    M("lend: close does not know that something is left", "lend.c",
      "filch__add_relaxed(&pool->outside_waits, 1);",
      "",
      ["lend_stuck", "lend_end"]),
    M("lend: close does not know that it is over", "lend.c",
      "filch__add_relaxed(&pool->outside_resumed, 1);",
      "",
      ["lend_end"]),
    M("lend: the closer is not told", "lend.c",
      "filch__permit_leave(pool); filch__pool_tell_closer(pool);",
      "filch__permit_leave(pool);",
      ["lend_end", "lend_stuck", "lend_wait"],
      equivalent="The closer would only find that something is left; it is told again when that ends."),
    M("lend: goes on without a permit", "lend.c",
      """filch__permit_claim(pool, worker);
         if (worker)
             filch__worker_turn(worker, FILCH__SPELL_BUSY);
         filch__sub_seq_cst(&pool->blocked, 1);""",
      "filch__sub_seq_cst(&pool->blocked, 1);",
      ["lend_end", "lend_stuck"]),
    M("lend: stays counted as blocked", "lend.c",
      """filch__permit_claim(pool, worker);
         if (worker)
             filch__worker_turn(worker, FILCH__SPELL_BUSY);
         filch__sub_seq_cst(&pool->blocked, 1);""",
      "filch__permit_claim(pool, worker);",
      ["lend_end", "lend_stuck"]),
    M("lend: only once", "lend.c",
      "filch__store_relaxed(&record->lend, FILCH__LEND_MISSED);",
      "",
      ["lend_wait_late"],
      story="As it was written first: a pool with one permit stands still."),
    M("lend: the timer outlives the task (L2)", "lend.c",
      "filch__timer_remove(&pool->keeper, &record->timer); /* L2 */",
      "",
      ["lend_end"]),
    M("lend: the end does not take the permit back", "lend.c",
      "filch__lend_off_slow(pool, record); return filch__future_timed_out",
      "return filch__future_timed_out",
      ["lend_end", "lend_stuck"]),
    M("lend: off before the timer is gone (L2)", "lend.c",
      """filch__timer_remove(&pool->keeper, &record->timer); /* L2 */
         filch__lend_off_slow(pool, record);""",
      """filch__lend_off_slow(pool, record);
         filch__timer_remove(&pool->keeper, &record->timer);""",
      ["lend_end", "lend_stuck", "lend_end_2"],
      equivalent="A timekeeper that comes in between finds OFF, and says that it missed."),
]
