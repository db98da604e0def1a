// SPDX-License-Identifier: MIT
// onetbb.cpp - a flow graph of continue_nodes. It is built before, and only its run is timed.
#include "../harness/with_onetbb.h"
#include "graph.h"

#include <deque>
#include <oneapi/tbb/flow_graph.h>

using message = tbb::flow::continue_msg;
using node = tbb::flow::continue_node<message>;

static std::unique_ptr<tbb::flow::graph> flow;
static std::deque<node> nodes;

void graph_free()
{
    nodes.clear();
    flow.reset();
}

static void prepare(struct graph *graph)
{
    if (flow)
        return;
    // The graph belongs to the arena that it is made in.
    arena->execute([graph] {
        flow = std::make_unique<tbb::flow::graph>();
        const size_t side = graph->side;
        for (size_t i = 0; i < graph->nodes; i++) {
            if (side)
                nodes.emplace_back(*flow, [graph, i, side](const message &) { graph_cell(graph, i / side, i % side); });
            else
                nodes.emplace_back(*flow, [graph, i](const message &) { graph_link(graph, i); });
            if (side && i % side)
                tbb::flow::make_edge(nodes[i - 1], nodes[i]);
            const size_t back = side ? side : 1;
            if (i >= back)
                tbb::flow::make_edge(nodes[i - back], nodes[i]);
        }
    });
}

static void run(struct graph *)
{
    arena->execute([] {
        nodes[0].try_put(message());
        flow->wait_for_all();
    });
}

extern const struct graph_way graph_ways[] = {{"-", prepare, run}, {nullptr, nullptr, nullptr}};
