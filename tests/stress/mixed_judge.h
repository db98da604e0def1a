/* SPDX-License-Identifier: MIT */
/* mixed_judge.h - for mixed.c: a batch has ended; what has become of each of its tasks, and of its scope, must have a
 * reason. */
#ifndef TESTS_STRESS_MIXED_JUDGE_H
#define TESTS_STRESS_MIXED_JUDGE_H

#include "mixed.h"

static bool scope_may_be_cancelled(const struct batch *batch)
{
    return batch->in_scope && (batch->may_cancel_scope || atomic_load(&batch->scope_cancelled));
}

static bool failed_before(const struct task *task, int status)
{
    bool found = false;
    for (unsigned i = 0; i < task->edges; i++) {
        int other = filch_status(task->after[i]);
        found |= other < 0 && (status == 0 || other == status); /* 0: any */
    }
    return found;
}

static int status_of(const struct task *task)
{
    return task->owned ? (task->refused ? task->refused
                          : task->runs  ? task->returned
                                        : task->dropped_with)
                       : filch_status(&task->future);
}

static void judge_task(struct batch *batch, struct task *task)
{
    struct tally *tally = batch->field->tally;
    int status = status_of(task), runs = atomic_load(&task->runs), drops = atomic_load(&task->drops);
    bool asked = atomic_load(&task->cancelled) || batch->may_cancel_tasks;
    bool scope = scope_may_be_cancelled(batch);
    claim(runs + drops == (task->refused ? 0 : 1));
    atomic_fetch_add(task->refused ? &tally->refused : &tally->submitted, 1);
    if (task->refused) {
        claim(status == task->refused && scope);
    } else if (drops) {
        claim(status == task->dropped_with && status < 0);
        claim((!task->always && failed_before(task, status)) ||
              (status == -ECANCELED && (asked || (scope && !task->always))));
        atomic_fetch_add(&tally->dropped, 1);
    } else {
        claim(task->always || !failed_before(task, 0));
        claim(status == task->returned || (task->timed && (status == -ETIMEDOUT || task->owned)));
        atomic_fetch_add(&tally->ran, 1);
        atomic_fetch_add(&tally->timed_out, status == -ETIMEDOUT);
    }
}

/* What the scope told against what became of its tasks; of an owned one with a time-out the status is not known. */
static void judge_scope(struct batch *batch, int result)
{
    unsigned good = 0, bad = 0, unknown = 0, cancelled = 0;
    bool given = false;
    for (unsigned i = 0; i < batch->count; i++) {
        struct task *task = &batch->task[i];
        int status = status_of(task);
        if (task->refused)
            continue;
        bool unsure = task->owned && task->timed && atomic_load(&task->runs);
        unknown += unsure;
        good += !unsure && status >= 0;
        bad += !unsure && status < 0;
        cancelled += !unsure && status == -ECANCELED;
        given |= status == result || (unsure && result == -ETIMEDOUT);
    }
    unsigned errors = (unsigned)atomic_load(&batch->errors);
    claim(errors >= bad - cancelled && errors <= bad + unknown);
    if (batch->need)
        claim(result == 0 ? good + unknown >= batch->need : good < batch->need);
    else
        claim(result != 0 || bad == 0);
    claim(result == 0 || given || (result == -ENODATA && batch->need) ||
          ((result == -ECANCELED || result == -ETIMEDOUT) && scope_may_be_cancelled(batch)));
}

static void judge(struct batch *batch, int scope_result)
{
    for (unsigned i = 0; i < batch->count; i++)
        judge_task(batch, &batch->task[i]);
    if (batch->in_scope)
        judge_scope(batch, scope_result);
}

#endif
