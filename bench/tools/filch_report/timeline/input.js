// SPDX-License-Identifier: MIT
// Zooming, panning, what the pointer is on, and what is selected.
function show(from, to) {
    const span = Math.min(whole - begin, Math.max(20, to - from));
    view.from = Math.min(Math.max(begin, (from + to - span) / 2), whole - span);
    view.to = view.from + span;
    redraw();
}

function zoom(factor, x) {
    const at = toTime(x === undefined ? (gutter + width) / 2 : Math.max(gutter, x));
    const span = Math.min(whole - begin, Math.max(20, (view.to - view.from) * factor));
    const from = at - (at - view.from) / (view.to - view.from) * span;
    show(from, from + span);
}

function pan(share) {
    const by = share * (view.to - view.from);
    show(view.from + by, view.to + by);
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
    const stretch = S.end[row] >> 3 ? ", stretch " + ((S.end[row] >> 3) + 1) : "";
    lines.push("task " + S.id[row] + stretch + (end ? ", " + end : ""));
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
        const of = counter.limit ? " of " + counter.limit : "";
        return row < 0 ? null : [counter.name + " at " + time(counter.at[row]), counter.queued[row] + " queued",
            counter.permits[row] + " permits in use" + of, counter.running[row] + " running",
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
    const actions = { in: () => zoom(0.5), out: () => zoom(2), left: () => pan(-0.4), right: () => pan(0.4),
        all: () => show(begin, whole) };
    const keys = { w: "in", s: "out", a: "left", d: "right", "+": "in", "-": "out", ArrowLeft: "left",
        ArrowRight: "right", 0: "all" };
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
    const ranks = new Set(S.rank);
    for (const rank of [4, 3, 5, 2, 6, 7])
        if (ranks.has(rank))
            addToLegend(RANKS[rank], HEADINGS[rank]);
    if (hidden)
        section.querySelector(".legend").append(hidden + " rows of children nested deeper are not shown");
}

readColours();
layOut();
legend();
listen();
resize();
