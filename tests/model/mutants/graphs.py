# SPDX-License-Identifier: MIT
"""Faults in a graph's run."""
from mutants.mutant import M

MUTANTS = [
    M("graph: the countdown is relaxed (A2)", "graphrun.c",
      "filch__sub_acq_rel(&node->waiting, 1) == 1; /* A2 */",
      "filch__sub_relaxed(&node->waiting, 1) == 1;",
      ["graph_pair", "graph_pair --stale 1"]),
    M("graph: who finds one left reads it relaxed (A2)", "graphrun.c",
      "filch__load_acquire(&node->waiting) == 1",
      "filch__load_relaxed(&node->waiting) == 1",
      ["graph_pair", "graph_pair --stale 1"]),
    M("graph: the countdown is a load and a store", "graphrun.c",
      "filch__sub_acq_rel(&node->waiting, 1) == 1; /* A2 */",
      "(filch__store_release(&node->waiting, filch__load_acquire(&node->waiting) - 1), node->waiting == 0);",
      ["graph_pair", "graph_pair --stale 1"]),
    M("graph: two left are taken for one", "graphrun.c",
      "filch__load_acquire(&node->waiting) == 1",
      "filch__load_acquire(&node->waiting) <= 2",
      ["graph_pair", "graph_pair --stale 1"]),
    M("graph: a node that begins does not set its counter back", "graphrun.c",
      "filch__store_relaxed(&node->waiting, node->before);",
      "",
      ["graph_again", "graph_again --preemptions 2"]),
    M("graph: what is left is taken off relaxed (A3)", "graphrun.c",
      "if (filch__sub_acq_rel(&graph->left, ended) == ended) /* A3 */",
      "if (filch__sub_relaxed(&graph->left, ended) == ended)",
      ["graph_apart", "graph_apart --stale 1", "graph_diamond"]),
    M("graph: what is left is taken off by a load and a store", "graphrun.c",
      "if (filch__sub_acq_rel(&graph->left, ended) == ended) /* A3 */",
      "filch__store_release(&graph->left, filch__load_acquire(&graph->left) - ended); if (!graph->left)",
      ["graph_apart", "graph_apart --stale 1"]),
    M("graph: a carrier is taken off before its future is done (A3)", "graphrun.c",
      "carrier->future->priv.reserved32 = carrier->ended;",
      """carrier->future->priv.reserved32 = carrier->ended;
         carrier->graph->sink.tell(carrier->graph, carrier->future, 0);
         filch__store_relaxed(&carrier->future->priv.state, FILCH__QUEUED);""",
      ["graph_apart", "graph_apart --stale 1", "graph_pair", "graph_pair --stale 1"],
      story="The last task of a group wakes who waits for all of them, and then goes on to end its own future, which is "
            "gone."),
    M("graph: the runner's waiter is named after the carriers are queued", "graphrun.c",
      """graph->joiner = &wait.waiter;
         for (size_t i = 0; i < graph->source_count; i++) {
             struct filch__node *source = &graph->nodes[graph->order[i]];
             if (filch__traces(graph->pool))
                 filch__watch_event_slow(FILCH__EVENT_SUBMIT, (uintptr_t)source);
             push(graph, source);
         }""",
      """for (size_t i = 0; i < graph->source_count; i++)
             push(graph, &graph->nodes[graph->order[i]]);
         graph->joiner = &wait.waiter;""",
      ["graph_apart", "graph_apart --stale 1"]),
    M("graph: a run does not wait on when a cancel has ended its wait", "graphrun.c",
      "(void)filch__wait_end(&wait, 0);",
      "(void)filch__wait_end(&wait, filch__waiter_reasons(&wait.waiter) != 0);",
      ["graph_cancel_2", "graph_cancel"]),
    M("graph: nodes are no parts of the runner", "graphrun.c",
      "filch__store_relaxed(&strand->task, graph->task);",
      "",
      ["graph_cancel"]),
    M("graph: a run is not counted as parts of its task (A1)", "graphrun.c",
      "filch__add_seq_cst(&runner->parts, 1); /* A1 */",
      "filch__add_seq_cst(&runner->parts, 0);",
      ["graph_cancel"]),
    M("cancel: does not look for a graph's nodes (A1)", "block.c",
      "filch__load_seq_cst(&runner->forks.active) || filch__load_seq_cst(&runner->parts)",
      "filch__load_seq_cst(&runner->forks.active)",
      ["graph_cancel"]),
    M("graph: a dropped carrier does not end its node", "graphrun.c",
      "if (filch__unlikely(!ended)) {",
      "if (false) {",
      ["graph_dropped"]),
    M("graph: what follows a dropped carrier's node is not queued", "graphrun.c",
      "next = end(graph, node, status); if (next) push(graph, next); ended = 1;",
      "next = end(graph, node, status); ended = 1;",
      ["graph_dropped"]),
]
