// tab_loop.js - one turn of the event loop as a ring, the last turns as a strip, and the threads around them.
"use strict";

const PARTS = ["before", "files", "timers", "other"];
const TURNS = 200;
const HOLE = 20e6;                     // ns without any event: nobody watched meanwhile, or the tracer was off

// The turns of the event loop: from one beforeSleep to the next.  {ts, before, wait, files, timers, other, work, what, own, commands}
function turnsOf(events, node) {
    const main = events.filter(e => e.node === node && e.thread === "main" && e.tid === e.pid);
    const turns = [];
    let turn = null, end = 0;
    for (const e of main) {
        if (e.name === "beforeSleep") {
            if (turn !== null && turn.polled && finish(turn, e.ts).other < HOLE)
                turns.push(turn);
            turn = {id: e.id, ts: e.ts, before: e.dur, wait: 0, files: 0, timers: 0, what: [], own: false, commands: [], polled: false, ready: 0};
            end = endOf(e);
        } else if (turn === null) {
            continue;
        } else if (e.name === "aeApiPoll") {
            turn.wait = e.dur;
            turn.ready = e.args.ready;
            turn.polled = true;
            end = endOf(e);
        } else {
            if (e.name === "call" && e.args.command) {
                turn.own = turn.own || e.args.command === "debug";
                turn.commands.push(e.args.command);
            }
            if (e.ts < end) {
                if (e.ts < turn.ts + turn.before)
                    turn.what.push(["before", e.name, e.dur]);
                continue;              // within the one before
            }
            const part = e.phase === "cron" || e.phase === "sentinel" || e.name === "clusterCron" ? "timers" : "files";
            turn[part] += e.dur;
            turn.what.push([part, e.name, e.dur]);
            end = endOf(e);
        }
    }
    return turns.slice(-TURNS);
}

function finish(turn, ts) {
    turn.work = Math.max(1, ts - turn.ts - turn.wait);
    turn.other = Math.max(0, turn.work - turn.before - turn.files - turn.timers);
    return turn;
}

const loopTab = {
    name: "loop",
    traced: true,
    chosen: null,                      // id of the turn that is shown; null = the newest that served a client

    views() {
        return ["LOOP", "THREADS"];
    },

    build(root) {
        this.ring = h("div", {id: "ring"});
        this.strip = h("div", {id: "strip"});
        this.note = h("p", {id: "turnNote", class: "quiet"});
        this.facts = h("div", {class: "columns"});
        root.append(h("div", {class: "loop"}, h("div", {}, this.ring, this.note), h("div", {}, h("h2", {}, t("lastTurns", {n: TURNS})), this.strip, this.facts)));
    },

    update() {
        const turns = turnsOf(page.events, page.node), state = page.state("LOOP"), threads = page.state("THREADS");
        const ordinary = turns.filter(turn => turn.commands.some(name => !INTERNAL.has(name)));
        const busy = ordinary.length ? ordinary : turns.filter(turn => !turn.own && turn.files);
        const turn = turns.find(each => each.id === this.chosen) || busy[busy.length - 1] || turns[turns.length - 1] || null;
        const jobs = this.jobs(threads, turn);
        once(this.ring, [turn && turn.id, jobs, language], () => this.drawRing(turn, jobs));
        once(this.strip, [turns.map(each => each.id), turn && turn.id, language], () => this.drawStrip(turns, turn));
        once(this.note, [turn, language], () => h("span", {}, turn === null ? t("noTurns") : this.describe(turn)));
        once(this.facts, [state, language], () => state ? this.drawFacts(state) : h("p", {class: "quiet"}, t("noView", {view: "LOOP"})));
    },

    key(name) {
        const turns = turnsOf(page.events, page.node);
        if (name !== "ArrowLeft" && name !== "ArrowRight" || !turns.length)
            return false;
        const at = turns.findIndex(turn => turn.id === this.chosen);
        const next = at < 0 ? turns.length - 1 : Math.max(0, Math.min(turns.length - 1, at + (name === "ArrowRight" ? 1 : -1)));
        this.chosen = turns[next].id;
        this.update();
        return true;
    },

    // The threads beside main: [name, jobs waiting, whether it worked during or since this turn]
    jobs(threads, turn) {
        if (!threads)
            return [];
        const working = new Set(page.events.filter(e => e.node === page.node && turn !== null && e.thread !== "main" && endOf(e) >= turn.ts
            && e.ts <= turn.ts + turn.work + turn.wait).map(e => e.thread));
        const rows = (threads.bio || []).map(bio => [bio.name, bio.pending, working.has(bio.name)]);
        for (let n = 1; threads.io && n < threads.io.num; n++)
            rows.push(["io_thd_" + n, (threads.io.pending || [])[n] || 0, working.has("io_thd_" + n)]);
        if (threads.child)
            rows.push([threads.child.type + " " + threads.child.pid, 1, true]);
        return rows;
    },

    describe(turn) {
        const what = [...new Set(turn.what.map(([, name]) => name))].slice(0, 8).join(", ");
        return t("turn", {ready: turn.ready, work: span(turn.work), wait: span(turn.wait), commands: turn.commands.join(" ") || "-", what: what || "-"})
            + (turn.own ? " " + t("ownTurn") : "");
    },

    drawRing(turn, jobs) {
        const svg = picture(580, 480, {role: "img"}), x = 290, y = 240, outer = 168, inner = 104;
        svg.append(s("circle", {cx: x, cy: y, r: (outer + inner) / 2, "stroke-width": outer - inner, class: "track"}));
        let from = 0;
        for (const part of turn === null ? [] : PARTS) {
            const share = turn[part] / turn.work;
            if (share > 0.001)
                svg.append(s("path", {d: wedge(x, y, inner, outer, from, Math.min(from + share, 0.9999)), class: "wedge " + part, "data-part": part},
                    s("title", {}, `${t("part_" + part)}: ${span(turn[part])}`)));
            from += share;
        }
        const middle = {class: "middle", "text-anchor": "middle"};
        svg.append(label(x, y - 40, "aeMain", {class: "middle name", "text-anchor": "middle"}));
        if (turn !== null) {
            for (const [number, part] of PARTS.entries())
                svg.append(s("rect", {x: x - 84, y: y - 27 + 20 * number, width: 10, height: 10, class: "wedge " + part}),
                    label(x - 70, y - 18 + 20 * number, t("part_" + part)), label(x + 84, y - 18 + 20 * number, span(turn[part]), {"text-anchor": "end"}));
            svg.append(label(x, y + 66, t("waited"), middle), label(x, y + 84, span(turn.wait), middle));
        }
        for (const [number, [name, waiting, on]] of jobs.entries()) {
            const angle = 2 * Math.PI * (number + 0.5) / jobs.length - Math.PI / 2, left = x + 196 * Math.cos(angle), top = y + 196 * Math.sin(angle);
            const side = Math.cos(angle), anchor = side > 0.3 ? "start" : side < -0.3 ? "end" : "middle";
            svg.append(s("g", {class: "thread" + (on ? " on" : ""), "data-thread": name}, s("circle", {cx: left, cy: top, r: 9}),
                label(left + (anchor === "start" ? 14 : anchor === "end" ? -14 : 0), top + (anchor !== "middle" ? 5 : Math.sin(angle) > 0 ? 28 : -18), name + (waiting ? ` (${waiting})` : ""), {"text-anchor": anchor})));
        }
        return svg;
    },

    drawStrip(turns, chosen) {
        const svg = picture(880, 150, {role: "img"}), left0 = 56, width = (880 - left0) / TURNS;
        const height = ns => Math.max(0, Math.min(124, 20 * Math.log10(Math.max(1, ns / 100))));       // 0.1 us: 0, 100 ms: 120
        for (const [ns, name] of [[10000, "10 µs"], [1000000, "1 ms"], [100000000, "100 ms"]])
            svg.append(s("path", {d: `M${left0} ${130 - height(ns)}H880`, class: "grid"}), label(left0 - 6, 134 - height(ns), name, {class: "small", "text-anchor": "end"}));
        for (const [number, turn] of turns.entries()) {
            const left = 880 - (turns.length - number) * width, full = height(turn.work);
            const group = s("g", {class: "turn" + (turn.own ? " own" : "") + (turn === chosen ? " on" : ""), onclick: () => { this.chosen = turn.id; this.update(); }},
                s("rect", {x: left, y: 0, width, height: 132, class: "hit"}, s("title", {}, this.describe(turn))));
            let top = 130;
            for (const part of PARTS) {
                const piece = full * turn[part] / turn.work;
                group.append(s("rect", {x: left, y: top - piece, width: width - 0.8, height: piece, class: "wedge " + part}));
                top -= piece;
            }
            svg.append(group);
        }
        svg.append(label(0, 146, t("stripScale"), {class: "small"}));
        return svg;
    },

    drawFacts(state) {
        const lists = Object.entries(state.lists || {});
        return h("div", {class: "columns"},
            h("section", {}, h("h2", {}, t("fileEvents")), table(["fd", "", t("handler"), t("owner")],
                (state.events || []).slice(0, 14).map(e => [String(e.fd), e.mask, e.proc, e.owner]))),
            h("section", {}, facts(t("timers"), (state.timers || []).map(each => [each.proc, t("inMs", {ms: Number(each.in_ms).toFixed(0)})])),
                facts(t("loopFacts"), [["hz", String(state.hz)], ["cronloops", thousands(state.cronloops)], ["api", state.api],
                    ["fast-path", state.fast_path ? "yes" : "no"]])),
            facts(t("lists"), lists.map(([name, count]) => [name, String(count)])));
    },
};

// A piece of a ring; from and to: shares of the circle, from the top, clockwise.
function wedge(x, y, inner, outer, from, to) {
    const point = (radius, share) => {
        const angle = 2 * Math.PI * share - Math.PI / 2;
        return (x + radius * Math.cos(angle)).toFixed(2) + " " + (y + radius * Math.sin(angle)).toFixed(2);
    };
    const large = to - from > 0.5 ? 1 : 0;
    return `M${point(outer, from)}A${outer} ${outer} 0 ${large} 1 ${point(outer, to)}L${point(inner, to)}A${inner} ${inner} 0 ${large} 0 ${point(inner, from)}Z`;
}
