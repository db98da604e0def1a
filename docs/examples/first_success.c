/* SPDX-License-Identifier: MIT */
/* first_success.c - ask five mirrors, take the first good answer; store with five replicas, go on when three have it.
 *
 * The scope's policy says when it has what it wants; then the rest is cancelled, and close returns when they have ended.
 * Mirrors that refuse or are silent do not matter, as long as one answers; a scope's own time-out is for when none does.
 */
#include <filch/filch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SERVERS = 5, NEEDED = 3 };

struct server {
    struct filch_future request, answer; /* the answer stands for what comes over the network */
};

static int request(void *data)
{
    struct server *server = data;
    int error = filch_wait_until(&server->answer, FILCH_NO_DEADLINE); /* -ECANCELED: not wanted any more */
    return error ? error : filch_status(&server->answer);
}

/* Asks all of them; answers[i]: what server i answers, 1 for nothing at all. Returns what the scope came to. */
static int ask_all(const struct filch_scope_config *config, const int answers[], int *ret_good, int *ret_stopped)
{
    struct server servers[SERVERS] = {0};
    struct filch_scope scope;
    int good = 0, stopped = 0;
    int error = filch_scope_open(&scope, NULL, config);
    if (error)
        return error;
    for (int i = 0; i < SERVERS; i++) {
        filch_promise_init(&servers[i].answer);
        filch_scope_submit(&scope, &servers[i].request, request, &servers[i], NULL);
    }
    for (int i = 0; i < SERVERS; i++)
        if (answers[i] != 1)
            filch_complete(&servers[i].answer, answers[i]);
    error = filch_scope_close(&scope);
    for (int i = 0; i < SERVERS; i++) {
        filch_complete(&servers[i].answer, 0); /* nobody waits for it any more; -EALREADY for most */
        good += filch_status(&servers[i].request) == 0;
        stopped += filch_status(&servers[i].request) == -ECANCELED;
    }
    *ret_good = good;
    *ret_stopped = stopped;
    return error;
}

int main(void)
{
    const int one_answers[SERVERS] = {-ECONNREFUSED, 1, 0, 1, -EHOSTUNREACH}, three_answer[SERVERS] = {0, 1, 0, 1, 0},
              none_answers[SERVERS] = {1, 1, 1, 1, 1};
    struct filch_scope_config first = {.policy = FILCH_SCOPE_FIRST_SUCCESS};
    struct filch_scope_config some = {.policy = FILCH_SCOPE_COUNT, .need = NEEDED};
    struct filch_scope_config patient = {.policy = FILCH_SCOPE_FIRST_SUCCESS, .timeout_ns = FILCH_MS(20)};
    int good[3] = {0}, stopped[3] = {0};
    int mirror = ask_all(&first, one_answers, &good[0], &stopped[0]);
    int replicas = ask_all(&some, three_answer, &good[1], &stopped[1]);
    int silence = ask_all(&patient, none_answers, &good[2], &stopped[2]);
    printf("a mirror: %s, %d answered, %d not asked further\n", strerror(-mirror), good[0], stopped[0]);
    printf("replicas: %s, %d have it, %d not asked further\n", strerror(-replicas), good[1], stopped[1]);
    printf("silence: %s, %d not asked further\n", strerror(-silence), stopped[2]);
    bool right = mirror == 0 && good[0] == 1 && replicas == 0 && good[1] == NEEDED && stopped[1] == SERVERS - NEEDED;
    return right && silence == -ETIMEDOUT && stopped[2] == SERVERS ? 0 : 1;
}
