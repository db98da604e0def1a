// SPDX-License-Identifier: MIT
// The timeline's data and its view. These files are one module, in the order model, draw, input.
//
// Columns of unsigned 32-bit numbers come packed by zlib; times are in units of data.unit microseconds.
const section = document.getElementById("timeline");
const data = JSON.parse(document.getElementById("data").textContent);
const canvas = section.querySelector("canvas"), pen = canvas.getContext("2d");
const tip = section.querySelector(".tip"), details = section.querySelector(".details");
const GUTTER_WIDE = 120, GUTTER_NARROW = 74, AXIS = 24, ROW = 18, GAP = 6, CHART = 44, UTILISATION = 64;
const ENDS = ["", "done", "waits", "yields", "blocks", "went on when the trace ended", "runs another inside"];
const RANKS = ["task", "spawned child", "blocked", "searches", "waits for a permit", "parked",
    "own time, outside tasks", "waits or sleeps"];
const HEADINGS = ["tasks", "tasks", "blocked", "search", "permit", "park", "between", "park"];
const COLOURS = 10;
// Rows of nested slices that a canvas may have, over all tracks.
const SLICE_ROWS = 400;

if (!window.DecompressionStream) {
    canvas.replaceWith("The timeline needs a browser that knows DecompressionStream (2023 or later).");
    throw new Error("no DecompressionStream");
}

async function unpack(text) {
    const packed = atob(text), bytes = new Uint8Array(packed.length);
    for (let place = 0; place < packed.length; place++)
        bytes[place] = packed.charCodeAt(place);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint32Array(await new Response(stream).arrayBuffer());
}

async function unpackAll(columns, names) {
    const found = {};
    for (const name of names)
        found[name] = await unpack(columns[name]);
    return found;
}

const S = await unpackAll(data.slices, ["start", "duration", "name", "rank", "id", "end", "queue", "note"]);
const P = await unpackAll(data.suspended, ["start", "stop", "name", "id", "row", "reason"]);
const F = await unpackAll(data.flows, ["name", "from", "sent", "to", "received"]);
const counters = [];
for (const counter of data.counters)
    counters.push({ ...counter, ...await unpackAll(counter, ["at", "queued", "permits", "running", "suspended"]) });

// Times in the view are in units of data.unit microseconds.
const begin = data.first / data.unit, whole = Math.max(begin + 1, data.wall / data.unit);
const view = { from: begin, to: whole };
let colours = {}, width = 0, height = 0, gutter = GUTTER_WIDE, lanes = [], hidden = 0;
let selected = null, wanted = null, pending = false;

function text(place) {
    return place >= 0 ? data.texts[place] : "";
}

function time(units) {
    const us = units * data.unit, size = Math.abs(us);
    for (const [unit, name] of [[1e6, "s"], [1e3, "ms"], [1, "µs"]])
        if (size >= unit)
            return (size >= 100 * unit ? (us / unit).toFixed(0) : (us / unit).toPrecision(3)) + " " + name;
    return (us * 1000).toFixed(0) + " ns";
}

// The first place in [low, high) whose value is more than the one given.
function after(values, low, high, value) {
    while (low < high) {
        const middle = (low + high) >>> 1;
        if (values[middle] <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// For the axis: no more digits than it needs.
function tick(units) {
    const us = units * data.unit, sizes = [[1e6, " s"], [1e3, " ms"], [1, " µs"]];
    const [unit, name] = sizes.find(([size]) => us >= size * 0.999) || [1e-3, " ns"];
    return Number((us / unit).toPrecision(9)) + name;
}

function toX(at) {
    return gutter + (at - view.from) / (view.to - view.from) * (width - gutter);
}

function toTime(x) {
    return view.from + (x - gutter) / (width - gutter) * (view.to - view.from);
}

// Slices of one track and one depth of nesting: starts added up, and the sums of all durations, and of tasks', before
// each.
const groups = data.groups.map(([track, level, first, count]) => {
    const sums = new Float64Array(count + 1), tasks = new Float64Array(count + 1);
    for (let place = 0, start = 0; place < count; place++) {
        const row = first + place;
        start += S.start[row];
        S.start[row] = start;
        sums[place + 1] = sums[place] + S.duration[row];
        tasks[place + 1] = tasks[place] + (S.rank[row] < 2 ? S.duration[row] : 0);
    }
    return { track, level, first, last: first + count, sums, tasks };
});

// For each worker and heading, the sum of what lies before each slice: utilisation is a difference of two.
const used = groups.filter((group) => group.level === 0 && data.tracks[group.track].worker).map((group) => {
    const sums = {};
    for (const heading of new Set(HEADINGS))
        sums[heading] = new Float64Array(group.last - group.first + 1);
    for (let row = group.first, place = 0; row < group.last; row++, place++)
        for (const heading in sums)
            sums[heading][place + 1] = sums[heading][place] + (HEADINGS[S.rank[row]] === heading ? S.duration[row] : 0);
    return { group, sums };
});

function until(entry, heading, at) {
    const { group, sums } = entry, row = after(S.start, group.first, group.last, at) - 1;
    if (row < group.first)
        return 0;
    const own = HEADINGS[S.rank[row]] === heading;
    return sums[heading][row - group.first] + (own ? Math.min(S.duration[row], at - S.start[row]) : 0);
}

function colourOf(row) {
    const rank = S.rank[row];
    if (rank === 0 || rank === 1)
        return colourOfName(S.name[row]);
    return colours[HEADINGS[rank]];
}

function colourOfName(name) {
    const place = data.colours[name];
    return colours["n" + (place < 0 ? name % COLOURS : place % COLOURS)];
}

function isDim(name, note) {
    return wanted !== null && !wanted.has(name) && !wanted.has(note);
}
