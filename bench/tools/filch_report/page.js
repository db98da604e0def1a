// SPDX-License-Identifier: MIT
// The timeline: lanes below one another on a canvas, drawn anew for each view.
//
// A million slices are drawn as fast as a thousand: slices are sorted, so that those in view are found by bisection, and where
// several fall onto one pixel column the column is drawn once: from below as much of it as tasks cover, in the colour of those
// that take most of it as far as a few of them tell, and above that what the worker did otherwise.
"use strict";
(async function () {
    const section = document.getElementById("timeline");
    if (!section)
        return;
    const data = JSON.parse(document.getElementById("data").textContent);
    const canvas = section.querySelector("canvas"), pen = canvas.getContext("2d");
    const tip = section.querySelector(".tip"), details = section.querySelector(".details");
    const GUTTER_WIDE = 120, GUTTER_NARROW = 74, AXIS = 24, ROW = 18, GAP = 6, CHART = 44, UTILISATION = 64;
    const ENDS = ["", "done", "waits", "yields", "blocks", "went on when the trace ended"];
    const RANKS = ["task", "spawned child", "blocked", "search", "permit", "park"];
    const HEADINGS = ["tasks", "tasks", "blocked", "search", "permit", "park"];
    const COLOURS = 10;

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
    const whole = Math.max(1, data.wall / data.unit);
    const view = { from: 0, to: whole };
    let colours = {}, width = 0, height = 0, gutter = GUTTER_WIDE, lanes = [], selected = null, wanted = null, pending = false;

    function text(place) {
        return place >= 0 ? data.texts[place] : "";
    }

    function time(units) {
        const us = units * data.unit, size = Math.abs(us);
        for (const [unit, name] of [[1e6, "s"], [1e3, "ms"], [1, "µs"]])
            if (size >= unit)
                return (us / unit).toPrecision(size / unit >= 1000 ? 4 : 3).replace(/e.*/, "") + " " + name;
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
        const us = units * data.unit, [unit, name] = [[1e6, " s"], [1e3, " ms"], [1, " µs"]].find(([size]) => us >= size * 0.999)
            || [1e-3, " ns"];
        return Number((us / unit).toPrecision(9)) + name;
    }

    function toX(at) {
        return gutter + (at - view.from) / (view.to - view.from) * (width - gutter);
    }

    function toTime(x) {
        return view.from + (x - gutter) / (width - gutter) * (view.to - view.from);
    }

    // Slices of one track and one depth of nesting: starts added up, and the sums of all durations, and of tasks', before each.
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

    function box(x, y, w, h, colour, alpha) {
        pen.globalAlpha = alpha;
        pen.fillStyle = colour;
        pen.fillRect(x, y, w, h);
        pen.globalAlpha = 1;
    }

    function label(words, x, y, room, colour) {
        if (room < 22)
            return;
        pen.fillStyle = colour;
        let shown = words;
        if (pen.measureText(shown).width > room) {
            const letters = Math.floor(shown.length * room / pen.measureText(shown).width) - 1;
            if (letters < 2)
                return;
            shown = shown.slice(0, letters) + "…";
        }
        pen.fillText(shown, x, y);
    }

    function drawSlices(lane) {
        const { group } = lane, perPixel = (view.to - view.from) / (width - gutter);
        let row = Math.max(group.first, after(S.start, group.first, group.last, view.from) - 1);
        while (row < group.last && S.start[row] < view.to) {
            if (S.duration[row] >= 1.5 * perPixel) {
                drawSlice(lane, row);
                row++;
                continue;
            }
            // All that starts on this pixel column, drawn once.
            const x = Math.floor(toX(S.start[row])), end = Math.max(row + 1, after(S.start, row, group.last, toTime(x + 1)));
            const stop = S.duration[end - 1] >= 1.5 * perPixel ? Math.max(row + 1, end - 1) : end;
            if (x >= gutter)
                drawColumn(lane, x, row, stop, perPixel);
            row = stop;
        }
    }

    function drawColumn(lane, x, row, stop, perPixel) {
        const { group } = lane, times = new Map();
        // An odd step: tasks and searches may take turns.
        for (let step = (stop - row) >> 4 | 1, place = row; place < stop; place += step) {
            const colour = isDim(S.name[place], S.note[place] - 1) ? colours.grid : colourOf(place);
            const key = S.rank[place] < 2 ? "t" + colour : "w" + colour;
            times.set(key, (times.get(key) || 0) + S.duration[place]);
        }
        const longest = (kind) => [...times].filter(([key]) => key[0] === kind)
            .reduce((best, entry) => entry[1] > best[1] ? entry : best, ["", -1])[0].slice(1);
        const sum = (sums) => Math.min(1, (sums[stop - group.first] - sums[row - group.first]) / perPixel);
        const tall = sum(group.tasks) * lane.height, all = sum(group.sums) * lane.height, base = lane.y + lane.height;
        if (tall > 0 && longest("t"))
            box(x, base - tall, 1, tall, longest("t"), 1);
        if (all > tall && longest("w"))
            box(x, base - all, 1, all - tall, longest("w"), 0.85);
    }

    function drawSlice(lane, row) {
        const left = Math.max(gutter, toX(S.start[row])), right = Math.min(width, toX(S.start[row] + S.duration[row]));
        if (right <= left)
            return;
        const rank = S.rank[row], task = rank < 2, dim = isDim(S.name[row], S.note[row] - 1);
        const room = right - left - (right - left > 3 ? 1 : 0);
        box(left, lane.y + (rank === 1 ? 2 : 0), room, lane.height - (rank === 1 ? 4 : 0), colourOf(row), dim ? 0.15 : task ? 1 : 0.85);
        if (selected !== null && task && S.id[row] === selected) {
            pen.strokeStyle = colours.text;
            pen.lineWidth = 2;
            pen.strokeRect(left + 1, lane.y + 1, Math.max(1, room - 2), lane.height - 2);
        }
        const note = text(S.note[row] - 1);
        if (!dim)
            label(text(S.name[row]) + (note ? " " + note : ""), left + 4, lane.y + lane.height / 2 + 1, room - 7,
                rank === 5 ? colours.dim : colours["on-slice"]);
    }

    function drawUtilisation(lane) {
        const step = 2, columns = Math.ceil((width - gutter) / step), order = ["tasks", "blocked", "permit", "search", "park"];
        if (!used.length)
            return;
        const before = used.map((entry) => order.map((heading) => until(entry, heading, view.from)));
        for (let column = 0; column < columns; column++) {
            const to = toTime(gutter + (column + 1) * step), span = (view.to - view.from) / (width - gutter) * step * used.length;
            const sums = order.map(() => 0);
            used.forEach((entry, track) => order.forEach((heading, place) => {
                const now = until(entry, heading, to);
                sums[place] += now - before[track][place];
                before[track][place] = now;
            }));
            let y = lane.y + lane.height;
            order.forEach((heading, place) => {
                const tall = sums[place] / span * lane.height;
                if (tall > 0.05)
                    box(gutter + column * step, y - tall, step, tall, colours[heading], 1);
                y -= tall;
            });
        }
    }

    // A level that holds from each time to the next; of several on one pixel the largest is drawn.
    function drawSteps(lane, at, values, most, colour, filled) {
        let row = Math.max(0, after(at, 0, at.length, view.from) - 1);
        const base = lane.y + lane.height, scale = (lane.height - 2) / Math.max(1, most);
        pen.beginPath();
        pen.moveTo(Math.max(gutter, toX(at[row] || 0)), base);
        while (row < at.length && at[row] < view.to) {
            const x = Math.max(gutter, toX(at[row]));
            const next = Math.max(row + 1, after(at, row, at.length, toTime(Math.floor(x) + 1)));
            let largest = values[row];
            for (let place = row; place < next; place++)
                largest = Math.max(largest, values[place]);
            const end = Math.min(width, next < at.length ? toX(at[next]) : toX(whole));
            pen.lineTo(x, base - largest * scale);
            pen.lineTo(end, base - largest * scale);
            row = next;
        }
        if (filled) {
            pen.lineTo(Math.min(width, toX(whole)), base);
            pen.fillStyle = colour;
            pen.globalAlpha = 0.35;
            pen.fill();
        } else {
            pen.strokeStyle = colour;
            pen.lineWidth = 1.5;
            pen.stroke();
        }
        pen.globalAlpha = 1;
    }

    function most(values) {
        let largest = 0;
        for (const value of values)
            largest = Math.max(largest, value);
        return largest;
    }

    function drawScale(lane, value) {
        pen.fillStyle = colours.dim;
        pen.textAlign = "right";
        pen.fillText(String(value), gutter - 5, lane.y + 6);
        pen.textAlign = "left";
    }

    function drawQueue(lane) {
        drawSteps(lane, lane.counter.at, lane.counter.queued, lane.most, colours.accent, true);
        drawScale(lane, lane.most);
    }

    function drawWaiting(lane) {
        drawSteps(lane, lane.counter.at, lane.counter.suspended, lane.most, colours.blocked, true);
        drawScale(lane, lane.most);
    }

    function drawPermits(lane) {
        const { counter } = lane;
        drawSteps(lane, counter.at, counter.running, lane.most, colours.tasks, true);
        drawSteps(lane, counter.at, counter.permits, lane.most, colours.text, false);
        if (counter.limit) {
            const y = lane.y + lane.height - counter.limit / lane.most * (lane.height - 2);
            pen.strokeStyle = colours.bad;
            pen.lineWidth = 1;
            pen.setLineDash([4, 3]);
            pen.beginPath();
            pen.moveTo(gutter, y);
            pen.lineTo(width, y);
            pen.stroke();
            pen.setLineDash([]);
        }
        drawScale(lane, lane.most);
    }

    function drawSuspended(lane) {
        for (let row = 0; row < P.start.length; row++) {
            if (P.row[row] !== lane.row || P.stop[row] < view.from || P.start[row] > view.to)
                continue;
            const left = Math.max(gutter, toX(P.start[row])), right = Math.min(width, toX(P.stop[row]));
            const room = Math.max(1, right - left - 1), colour = colourOfName(P.name[row]);
            box(left, lane.y + 3, room, lane.height - 6, colour, isDim(P.name[row], -2) ? 0.1 : selected === P.id[row] ? 0.9 : 0.45);
            label(text(P.name[row]) + ", " + data.suspended.reasons[P.reason[row]], left + 4, lane.y + lane.height / 2 + 1, room - 6,
                colours.text);
        }
    }

    function layOut() {
        lanes = [];
        let y = AXIS;
        const add = (lane) => {
            lanes.push({ y, ...lane });
            y += lane.height + (lane.gap === undefined ? GAP : lane.gap);
        };
        if (used.length)
            add({ height: UTILISATION, title: "workers", draw: drawUtilisation, kind: "utilisation" });
        for (const counter of counters) {
            const name = counters.length > 1 ? counter.name.replace(/^pool /, "") + " " : "";
            add({ height: CHART, title: name + "queued", draw: drawQueue, kind: "counter", counter, most: Math.max(1, most(counter.queued)) });
            add({ height: CHART, title: name + "permits", draw: drawPermits, kind: "counter", counter,
                most: Math.max(1, counter.limit, most(counter.permits), most(counter.running)) });
            if (most(counter.suspended))
                add({ height: CHART, title: name + "suspended", draw: drawWaiting, kind: "counter", counter, most: most(counter.suspended) });
        }
        for (const group of groups)
            add({ height: ROW, gap: 2, title: group.level ? "" : data.tracks[group.track].name, draw: drawSlices, kind: "slices", group });
        for (let row = 0; row < data.suspended.rows; row++)
            add({ height: ROW, gap: 0, title: row ? "" : "waiting tasks", draw: drawSuspended, kind: "suspended", row });
        height = y + 4;
    }

    function drawAxis() {
        const room = width - gutter, span = (view.to - view.from) * data.unit;
        const rough = span / Math.max(2, room / 110), power = 10 ** Math.floor(Math.log10(rough));
        const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough) / data.unit;
        for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
            const x = toX(at);
            box(x, AXIS - 6, 1, height, colours.grid, 1);
            const words = at ? tick(at) : "0";
            pen.fillStyle = colours.dim;
            pen.fillText(words, Math.min(x + 3, width - pen.measureText(words).width), AXIS / 2);
        }
    }

    // From each stretch of the selected task to the next, and from whoever handed it over.
    function drawLinks() {
        if (selected === null)
            return;
        const stretches = stretchesOf(selected);
        pen.strokeStyle = colours.text;
        pen.lineWidth = 1.25;
        for (let place = 1; place < stretches.length; place++)
            drawLink(stretches[place - 1].lane, stretches[place - 1].stop, stretches[place].lane, stretches[place].start, [2, 3]);
        for (const { lane, start } of stretches)
            for (let flow = 0; flow < F.to.length; flow++)
                if (F.to[flow] === lane.group.track && Math.abs(F.received[flow] - start) <= 1) {
                    const source = lanes.find((other) => other.kind === "slices" && other.group.track === F.from[flow]);
                    if (source)
                        drawLink(source, F.sent[flow], lane, start, [5, 3]);
                }
    }

    function drawLink(from, sent, to, received, dashes) {
        const x1 = Math.max(gutter, toX(sent)), x2 = Math.max(gutter, toX(received));
        pen.setLineDash(dashes);
        pen.beginPath();
        pen.moveTo(x1, from.y + from.height / 2);
        pen.bezierCurveTo(x1 + 20, from.y + from.height / 2, x2 - 20, to.y + to.height / 2, x2, to.y + to.height / 2);
        pen.stroke();
        pen.setLineDash([]);
    }

    const known = new Map();
    function stretchesOf(id) {
        if (!known.has(id)) {
            const found = [];
            for (const lane of lanes)
                for (let row = lane.group ? lane.group.first : 0; lane.group && row < lane.group.last; row++)
                    if (S.id[row] === id && S.rank[row] === 0)
                        found.push({ row, lane, start: S.start[row], stop: S.start[row] + S.duration[row] });
            known.set(id, found.sort((one, other) => one.start - other.start));
        }
        return known.get(id);
    }

    function draw() {
        pending = false;
        const scale = window.devicePixelRatio || 1;
        pen.setTransform(scale, 0, 0, scale, 0, 0);
        pen.clearRect(0, 0, width, height);
        pen.font = "11.5px system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
        pen.textBaseline = "middle";
        drawAxis();
        for (const lane of lanes) {
            box(gutter, lane.y + lane.height, width - gutter, 1, colours.grid, 1);
            lane.draw(lane);
            label(lane.title, 0, lane.kind === "slices" || lane.kind === "suspended" ? lane.y + lane.height / 2 + 1
                : lane.y + lane.height / 2, gutter - 6, colours.text);
        }
        drawLinks();
    }

    function redraw() {
        if (!pending) {
            pending = true;
            requestAnimationFrame(draw);
        }
    }

    function resize() {
        const scale = window.devicePixelRatio || 1;
        width = canvas.parentNode.clientWidth;
        gutter = width < 560 ? GUTTER_NARROW : GUTTER_WIDE;
        canvas.style.height = height + "px";
        canvas.width = Math.round(width * scale);
        canvas.height = Math.round(height * scale);
        draw();
    }

    function readColours() {
        const style = getComputedStyle(document.documentElement);
        const names = ["text", "dim", "line", "grid", "bad", "accent", "tasks", "permit", "search", "park", "blocked", "on-slice"];
        for (let place = 0; place < COLOURS; place++)
            names.push("n" + place);
        colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
    }

    function show(from, to) {
        const span = Math.min(whole, Math.max(20, to - from));
        view.from = Math.min(Math.max(0, (from + to - span) / 2), whole - span);
        view.to = view.from + span;
        redraw();
    }

    function zoom(factor, x) {
        const at = toTime(x === undefined ? (gutter + width) / 2 : Math.max(gutter, x));
        const span = Math.min(whole, Math.max(20, (view.to - view.from) * factor));
        const from = Math.min(Math.max(0, at - (at - view.from) / (view.to - view.from) * span), whole - span);
        show(from, from + span);
    }

    function pan(share) {
        const span = view.to - view.from, from = Math.min(Math.max(0, view.from + share * span), whole - span);
        show(from, from + span);
    }

    function laneAt(y) {
        return lanes.find((lane) => y >= lane.y && y < lane.y + lane.height + 2);
    }

    function rowAt(lane, x) {
        const at = toTime(x), slack = 2 * (view.to - view.from) / (width - gutter);
        const row = after(S.start, lane.group.first, lane.group.last, at) - 1;
        if (row >= lane.group.first && at < S.start[row] + S.duration[row] + slack)
            return row;
        return row + 1 < lane.group.last && S.start[row + 1] < at + slack ? row + 1 : -1;
    }

    function describe(row) {
        const rank = S.rank[row], lines = [];
        if (rank > 1)
            return [RANKS[rank], time(S.duration[row])];
        lines.push(text(S.name[row]) + (rank ? " (spawned child)" : ""));
        if (S.note[row])
            lines.push(text(S.note[row] - 1));
        lines.push(time(S.duration[row]) + " from " + time(S.start[row]));
        const end = ENDS[S.end[row] & 7];
        lines.push("task " + S.id[row] + (S.end[row] >> 3 ? ", stretch " + ((S.end[row] >> 3) + 1) : "") + (end ? ", " + end : ""));
        if (S.queue[row])
            lines.push("queued for " + time(S.queue[row] - 1));
        return lines;
    }

    function describeAt(x, y) {
        const lane = laneAt(y);
        if (!lane || x < gutter)
            return null;
        if (lane.kind === "slices") {
            const row = rowAt(lane, x);
            return row < 0 ? null : describe(row);
        }
        if (lane.kind === "counter") {
            const row = after(lane.counter.at, 0, lane.counter.at.length, toTime(x)) - 1, counter = lane.counter;
            return row < 0 ? null : [counter.name + " at " + time(counter.at[row]), counter.queued[row] + " queued", counter.permits[row]
                + " permits in use" + (counter.limit ? " of " + counter.limit : ""), counter.running[row] + " running",
                counter.suspended[row] + " suspended"];
        }
        if (lane.kind === "suspended") {
            const at = toTime(x);
            for (let row = 0; row < P.start.length; row++)
                if (P.row[row] === lane.row && P.start[row] <= at && at < P.stop[row])
                    return [text(P.name[row]), "suspended, for: " + data.suspended.reasons[P.reason[row]],
                        time(P.stop[row] - P.start[row]) + " from " + time(P.start[row]), "task " + P.id[row]];
            return null;
        }
        const from = toTime(x - 1), to = toTime(x + 1), lines = [time((from + to) / 2)];
        for (const heading of ["tasks", "blocked", "permit", "search", "park"]) {
            const sum = used.reduce((total, entry) => total + until(entry, heading, to) - until(entry, heading, from), 0);
            if (sum > 0)
                lines.push(heading + " " + (100 * sum / (to - from) / used.length).toFixed(0) + " %");
        }
        return lines;
    }

    function hover(x, y) {
        const lines = describeAt(x, y);
        tip.hidden = !lines;
        if (!lines)
            return;
        tip.textContent = lines.join("\n");
        tip.style.left = Math.max(0, Math.min(x + 14, width - tip.offsetWidth - 2)) + "px";
        tip.style.top = (y + 18) + "px";
    }

    function select(id) {
        selected = id;
        details.hidden = id === null;
        if (id !== null) {
            const stretches = stretchesOf(id), lines = [];
            for (const { row, lane } of stretches.slice(0, 20))
                lines.push(data.tracks[lane.group.track].name + ": " + describe(row).join(", "));
            if (stretches.length > 20)
                lines.push("and " + (stretches.length - 20) + " more");
            details.textContent = lines.join("\n");
        }
        redraw();
    }

    function pick(x, y) {
        const lane = laneAt(y);
        const row = lane && lane.kind === "slices" && x >= gutter ? rowAt(lane, x) : -1;
        select(row >= 0 && S.rank[row] < 2 ? S.id[row] : null);
        return row;
    }

    function listen() {
        const pointers = new Map();
        let moved = false, spread = 0;
        canvas.addEventListener("pointerdown", (event) => {
            pointers.set(event.pointerId, event.offsetX);
            canvas.setPointerCapture(event.pointerId);
            moved = false;
            spread = 0;
        });
        canvas.addEventListener("pointermove", (event) => {
            if (!pointers.has(event.pointerId)) {
                hover(event.offsetX, event.offsetY);
                return;
            }
            const before = pointers.get(event.pointerId);
            pointers.set(event.pointerId, event.offsetX);
            tip.hidden = true;
            if (pointers.size === 2) {
                const [one, other] = [...pointers.values()], apart = Math.max(10, Math.abs(one - other));
                if (spread)
                    zoom(spread / apart, (one + other) / 2);
                spread = apart;
                moved = true;
            } else if (moved || Math.abs(event.offsetX - before) > 1) {
                moved = true;
                pan((before - event.offsetX) / (width - gutter));
            }
        });
        const release = (event) => {
            if (pointers.delete(event.pointerId) && !moved && event.type === "pointerup")
                pick(event.offsetX, event.offsetY);
        };
        canvas.addEventListener("pointerup", release);
        canvas.addEventListener("pointercancel", release);
        canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
        canvas.addEventListener("wheel", (event) => {
            if (event.ctrlKey || event.metaKey)
                zoom(Math.exp(event.deltaY * 0.004), event.offsetX);
            else if (Math.abs(event.deltaX) > Math.abs(event.deltaY))
                pan(event.deltaX / (width - gutter));
            else
                return;
            event.preventDefault();
        }, { passive: false });
        canvas.addEventListener("dblclick", (event) => {
            const row = pick(event.offsetX, event.offsetY);
            if (row >= 0)
                show(S.start[row] - S.duration[row] * 0.1, S.start[row] + S.duration[row] * 1.1);
        });
        const actions = { in: () => zoom(0.5), out: () => zoom(2), left: () => pan(-0.4), right: () => pan(0.4), all: () => show(0, whole) };
        const keys = { w: "in", s: "out", a: "left", d: "right", "+": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all" };
        canvas.addEventListener("keydown", (event) => {
            if (event.key === "Escape")
                select(null);
            else if (keys[event.key] && !event.ctrlKey && !event.metaKey)
                actions[keys[event.key]]();
            else
                return;
            event.preventDefault();
        });
        for (const button of section.querySelectorAll("button"))
            button.addEventListener("click", () => actions[button.dataset.do]());
        section.querySelector("input").addEventListener("input", (event) => find(event.target.value.toLowerCase()));
        for (const row of document.querySelectorAll("tr.goto")) {
            row.addEventListener("click", () => goTo(row.dataset));
            row.addEventListener("keydown", (event) => event.key === "Enter" && goTo(row.dataset));
        }
        new ResizeObserver(resize).observe(canvas.parentNode);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
            readColours();
            redraw();
        });
    }

    function find(words) {
        wanted = words ? new Set() : null;
        let count = 0;
        if (words) {
            data.texts.forEach((entry, place) => entry.toLowerCase().includes(words) && wanted.add(place));
            for (let row = 0; row < S.name.length; row++)
                count += S.rank[row] === 0 && (wanted.has(S.name[row]) || wanted.has(S.note[row] - 1));
        }
        section.querySelector(".found").textContent = words ? count.toLocaleString("en") + " slices" : "";
        redraw();
    }

    function goTo(place) {
        const start = place.start / data.unit, stop = place.stop / data.unit, margin = Math.max(10, (stop - start) * 0.2);
        show(start - margin, stop + margin);
        select(Number(place.id) >>> 0);
        section.scrollIntoView({ behavior: "smooth" });
    }

    function addToLegend(name, colour) {
        const entry = document.createElement("span"), swatch = document.createElement("span");
        swatch.className = "swatch";
        swatch.style.background = "var(--" + colour + ")";
        entry.append(swatch, name);
        section.querySelector(".legend").append(entry);
    }

    function legend() {
        const names = data.colours.map((place, name) => [place, name]).filter(([place]) => place >= 0 && place < COLOURS);
        for (const [place, name] of names.sort((one, other) => one[0] - other[0]))
            addToLegend(text(name), "n" + place);
        for (const heading of ["permit", "search", "park", "blocked"])
            addToLegend({ permit: "waits for a permit", search: "searches", park: "parked", blocked: "blocked" }[heading], heading);
    }

    readColours();
    layOut();
    legend();
    listen();
    resize();
})();
