// SPDX-License-Identifier: MIT
// Lanes below one another on a canvas, drawn anew for each view.
//
// A million slices are drawn as fast as a thousand: slices are sorted, so that those in view are found by bisection,
// and where several fall onto one pixel column the column is drawn once: from below as much of it as tasks cover, in
// the colour of those that take most of it as far as a few of them tell, and above that what the worker did otherwise.
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
        const x = Math.floor(toX(S.start[row]));
        const end = Math.max(row + 1, after(S.start, row, group.last, toTime(x + 1)));
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
    const room = right - left - (right - left > 3 ? 1 : 0), inset = rank === 1 ? 2 : 0;
    box(left, lane.y + inset, room, lane.height - 2 * inset, colourOf(row), dim ? 0.15 : task ? 1 : 0.85);
    if (selected !== null && task && S.id[row] === selected) {
        pen.strokeStyle = colours.text;
        pen.lineWidth = 2;
        pen.strokeRect(left + 1, lane.y + 1, Math.max(1, room - 2), lane.height - 2);
    }
    const note = text(S.note[row] - 1);
    if (!dim)
        label(text(S.name[row]) + (note ? " " + note : ""), left + 4, lane.y + lane.height / 2 + 1, room - 7,
            rank === 5 || rank === 7 ? colours.dim : colours["on-slice"]);
}

function drawUtilisation(lane) {
    const step = 2, columns = Math.ceil((width - gutter) / step);
    const span = (view.to - view.from) / (width - gutter) * step * used.length;
    const order = ["tasks", "blocked", "permit", "search", "park"];
    const before = used.map((entry) => order.map((heading) => until(entry, heading, view.from)));
    for (let column = 0; column < columns; column++) {
        const to = toTime(gutter + (column + 1) * step), sums = order.map(() => 0);
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
        const alpha = isDim(P.name[row], -2) ? 0.1 : selected === P.id[row] ? 0.9 : 0.45;
        box(left, lane.y + 3, room, lane.height - 6, colour, alpha);
        const words = text(P.name[row]) + ", " + data.suspended.reasons[P.reason[row]];
        label(words, left + 4, lane.y + lane.height / 2 + 1, room - 6, colours.text);
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
        add({ height: CHART, title: name + "queued", draw: drawQueue, kind: "counter", counter,
            most: Math.max(1, most(counter.queued)) });
        add({ height: CHART, title: name + "permits", draw: drawPermits, kind: "counter", counter,
            most: Math.max(1, counter.limit, most(counter.permits), most(counter.running)) });
        if (most(counter.suspended))
            add({ height: CHART, title: name + "suspended", draw: drawWaiting, kind: "counter", counter,
                most: most(counter.suspended) });
    }
    const deepest = Math.max(3, Math.floor(SLICE_ROWS / data.tracks.length));
    hidden = groups.filter((group) => group.level >= deepest).length;
    for (const group of groups.filter((entry) => entry.level < deepest))
        add({ height: ROW, gap: 2, title: group.level ? "" : data.tracks[group.track].name, draw: drawSlices,
            kind: "slices", group });
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
    for (let place = 1; place < stretches.length; place++) {
        const [before, next] = stretches.slice(place - 1, place + 1);
        drawLink(before.lane, before.stop, next.lane, next.start, [2, 3]);
    }
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
    const names = ["text", "dim", "line", "grid", "bad", "accent", "tasks", "permit", "search", "park", "blocked",
        "between", "on-slice"];
    for (let place = 0; place < COLOURS; place++)
        names.push("n" + place);
    colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
}
