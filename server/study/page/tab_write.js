// tab_write.js - the way of one write: the picture, its slider, a sentence a step, and the code beside it.
"use strict";

// The places of the picture: x, y, width, height, and the phase whose colour the place has.
const PLACES = {
    client: [8, 44, 124, 264, 0],
    got: [8, 552, 124, 72, 5],
    accept: [160, 44, 158, 72, 1],
    epoll: [160, 140, 158, 72, 2],
    receive: [160, 236, 158, 72, 2],
    send: [160, 552, 158, 72, 5],
    querybuf: [352, 44, 250, 72, 2],
    argv: [352, 140, 250, 72, 2],
    dict: [352, 236, 250, 72, 2],
    aof_buf: [352, 330, 250, 72, 3],
    ring: [352, 416, 250, 56, 4],
    slave: [352, 482, 250, 56, 4],
    buf: [352, 552, 250, 72, 5],
    cache: [644, 330, 116, 72, 3],
    disk: [784, 330, 108, 72, 3],
    wire: [644, 482, 116, 56, 4],
    replica: [784, 452, 108, 86, 4],
};
const REGIONS = [["regionClient", 0, 140], ["regionSocket", 152, 174], ["regionProcess", 344, 266], ["regionFile", 636, 264]];
const SIZE = [900, 636];
// Arrows: path, phase, and the kinds of steps that light them.
const ARROWS = [
    ["M132 70H158", 1, "accept"],
    ["M239 116V138", 1, "accept"],
    ["M132 272H158", 2, "epoll"],
    ["M239 236V214", 2, "epoll"],
    ["M318 272H335V80H350", 2, "read"],
    ["M477 116V138", 2, "parse"],
    ["M477 212V234", 2, "execute inner"],
    ["M602 284H618V352H604", 3, "feed"],
    ["M602 284H618V444H604", 4, "ring"],
    ["M602 284H618V500H604", 4, "ring"],
    ["M602 284H618V588H604", 5, "answer"],
    ["M602 382H642", 3, "write"],
    ["M760 366H782", 3, "sync"],
    ["M602 522H642", 4, "send"],
    ["M760 510H782", 4, "applied"],
    ["M838 452V440H627V496H604", 4, "ack"],
    ["M352 588H320", 5, "reply"],
    ["M160 588H134", 5, "reply"],
];

const COMMANDS = 12;                   // that can be chosen

const writeTab = {
    name: "write",
    traced: true,
    chosen: null,                      // the call event that is shown; null = the newest
    step: 0,
    shown: null,                       // the life that is shown
    functionName: null,
    side: "python",
    code: new Map(),
    calls: [],                         // the last commands that were seen; page.events forgets them sooner
    lives: new Map(),                  // id of a call -> its life

    // The recording is played again.
    reset() {
        this.calls = [];
        this.lives.clear();
    },

    views() {
        return ["AOF", "REPL"];
    },

    build(root) {
        this.commands = h("ol", {id: "commands", class: "picks"});
        this.picture = h("div", {id: "picture"});
        this.slider = h("input", {id: "slider", type: "range", min: 0, max: 0, value: 0, oninput: () => this.go(Number(this.slider.value))});
        this.slider.setAttribute("aria-label", t("stepOf", {n: "", of: ""}));
        this.sentence = h("p", {id: "sentence"});
        this.steps = h("ol", {id: "steps"});
        this.functions = h("div", {id: "functions", class: "chips"});
        this.listing = h("div", {id: "code"});
        root.append(h("div", {class: "write"},
            h("div", {class: "left"}, this.picture,
                h("div", {class: "player"},
                    h("button", {id: "back", title: "←", onclick: () => this.go(this.step - 1)}, "◀"), this.slider,
                    h("button", {id: "forward", title: "→", onclick: () => this.go(this.step + 1)}, "▶")),
                this.sentence),
            h("div", {class: "right"}, h("h2", {}, t("commandsSeen")), this.commands, h("h2", {}, t("steps")), this.steps,
                this.functions, this.listing)));
    },

    // The events have grown, or another tab was shown before.
    update() {
        for (const call of callsOf(page.events, false))
            if (!this.calls.some(known => known.id === call.id))
                this.calls.push(call);
        for (const old of this.calls.sort((a, b) => a.ts - b.ts).splice(0, Math.max(0, this.calls.length - COMMANDS)))
            if (this.chosen === null || this.chosen.id !== old.id)
                this.lives.delete(old.id);
        const calls = this.calls.slice().reverse();
        const pinned = this.chosen && this.calls.find(call => call.id === this.chosen.id);
        const newest = pinned || calls[0] || null;
        keyed(this.commands, calls.map(call => ({
            key: call.id, data: [nameOf(call), call.node, call.id === newest.id],
            draw: ([name, node, on]) => h("li", {class: on ? "on" : null, tabindex: 0, onclick: () => this.choose(call), onkeydown: onEnter(() => this.choose(call))},
                h("b", {}, shorten(visible(name), 44)), h("span", {}, node || "")),
        })));
        if (newest === null) {
            this.shown = null;
            return this.draw();
        }
        if (this.shown === null || this.shown.call.id !== newest.id)
            this.step = 0;
        this.shown = this.life(newest);
        this.draw();
    },

    // The life of a command.  It grows as long as the page still has the events from its beginning on.
    life(call) {
        const known = this.lives.get(call.id), oldest = page.events.length ? page.events[0].ts : Infinity;
        if (known === undefined || oldest <= known.steps[0].ts)
            this.lives.set(call.id, lifeOf(page.events, call));
        return this.lives.get(call.id);
    },

    choose(call) {
        this.chosen = call;
        this.update();
    },

    // The page has sent a command: show it when its events come.
    sent() {
        this.chosen = null;
    },

    go(step) {
        if (this.shown === null)
            return;
        this.chosen = this.shown.call;
        this.step = Math.max(0, Math.min(step, this.shown.steps.length - 1));
        this.functionName = null;
        this.draw();
    },

    key(name) {
        if (name === "ArrowLeft" || name === "ArrowRight")
            this.go(this.step + (name === "ArrowRight" ? 1 : -1));
        else if (name === "Home" || name === "End")
            this.go(name === "Home" ? 0 : 1e9);
        else
            return false;
        return true;
    },

    draw() {
        const life = this.shown;
        if (life === null) {
            once(this.picture, ["empty", language], () => this.drawPicture({}, null, null));
            once(this.sentence, ["empty", language], () => h("span", {}, page.source.live ? t("sendOne") : t("noCommands")));
            keyed(this.steps, []);
            return this.drawCode(FUNCTIONS.read);
        }
        this.step = Math.min(this.step, life.steps.length - 1);
        const step = life.steps[this.step];
        this.slider.max = life.steps.length - 1;
        this.slider.value = this.step;
        once(this.picture, [life.name, this.step, placesAt(life, this.step), language], () => this.drawPicture(placesAt(life, this.step), step, safetyAt(life, this.step)));
        once(this.sentence, [this.step, life.steps.length, step, language], () => h("span", {},
            h("b", {class: "phase" + step.phase}, t("stepOf", {n: this.step + 1, of: life.steps.length}) + " · " + t("phase" + step.phase)),
            h("i", {}, " " + span(step.ts - life.start) + " "), sentenceOf(step)));
        keyed(this.steps, life.steps.map((each, number) => ({
            key: number, data: [each.kind, each.ts, each.dur, each.thread, each.node, number === this.step, number < this.step, language],
            draw: () => h("li", {class: "phase" + each.phase + (number === this.step ? " on" : number > this.step ? " later" : ""), onclick: () => this.go(number)},
                h("span", {class: "when"}, span(each.ts - life.start)), h("b", {}, t("kind_" + each.kind)),
                h("span", {class: "where"}, (each.node !== life.call.node ? each.node + " " : "") + (each.thread === "main" ? "" : each.thread))),
        })));
        const current = this.steps.children[this.step];
        if (current)
            current.scrollIntoView({block: "nearest"});
        const names = FUNCTIONS[step.kind].slice();
        if (step.kind === "execute" || step.kind === "inner")
            names.unshift(step.command + "Command");
        this.drawCode(names);
    },

    drawPicture(places, step, safety) {
        const kind = step ? step.kind : "";
        const svg = picture(SIZE[0], SIZE[1], {role: "img"});
        svg.append(s("defs", {}, [1, 2, 3, 4, 5].map(n => s("marker", {id: "tip" + n, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto"},
            s("path", {d: "M0 0L8 4L0 8z", class: "tip phase" + n})))));
        for (const [name, x, width] of REGIONS)
            svg.append(s("rect", {x, y: 4, width, height: SIZE[1] - 8, rx: 8, class: "region"}), label(x + 10, 28, t(name), {class: "regionName"}));
        const lit = arrow => arrow[2].split(" ").includes(kind);
        for (const [d, phase, kinds] of ARROWS.slice().sort((a, b) => lit(a) - lit(b)))
            svg.append(s("path", {d, class: "arrow phase" + phase + (kinds.split(" ").includes(kind) ? " on" : ""), "marker-end": `url(#tip${phase})`}));
        for (const [name, [x, y, width, height, phase]] of Object.entries(PLACES)) {
            const place = places[name] || {text: "", gone: true, now: false};
            const columns = Math.floor((width - 14) / 6.7);
            const group = s("g", {class: `place phase${phase}` + (place.now ? " now" : "") + (place.text && !place.gone ? " full" : ""), "data-place": name},
                s("rect", {x, y, width, height, rx: 6}), label(x + 8, y + 18, t("place_" + name), {class: "placeName"}));
            const content = visible(place.text || "");
            const lines = Math.max(1, Math.floor((height - 24) / 15));
            for (const [number, line] of wrap(content, columns, name === "client" ? 6 : lines).entries())
                group.append(label(x + 8, y + 36 + 15 * number, line, {class: place.gone ? "content gone" : "content"}));
            group.append(s("title", {}, t("place_" + name) + (content ? ": " + content : "")));
            svg.append(group);
        }
        const ack = places.ack && places.ack.text;
        if (ack)
            svg.append(label(646, 432, ack, {class: "content phase4"}));
        if (safety !== null) {
            for (const [number, what] of ["kill", "power"].entries())
                if (safety[what] !== "none")
                    svg.append(s("g", {class: "safety " + safety[what], "data-safety": what + "-" + safety[what]},
                        s("rect", {x: 644, y: 44 + 84 * number, width: 248, height: 72, rx: 6}),
                        label(656, 72 + 84 * number, t(what), {class: "placeName"}),
                        label(656, 96 + 84 * number, t(what + "_" + safety[what]), {class: "small"})));
        }
        return svg;
    },

    // Show the code of the first of these functions, or of the one that was clicked.
    drawCode(names) {
        const name = names.includes(this.functionName) ? this.functionName : names[0];
        if (!this.code.has(name)) {
            this.code.set(name, null);
            page.source.code(name).then(code => this.code.set(name, code), error => this.code.set(name, {error: error.message})).then(() => page.tab === this && this.draw());
        }
        once(this.functions, [names, name, this.side, language], () => h("span", {},
            names.map(each => h("button", {class: each === name ? "on" : null, onclick: () => { this.functionName = each; this.draw(); }}, each)),
            h("span", {class: "sides"}, [["python", "Python"], ["c", "C"]].map(([side, title]) =>
                h("button", {id: "side-" + side, class: side === this.side ? "on" : null, onclick: () => { this.side = side; this.draw(); }}, title)))));
        const code = this.code.get(name);
        once(this.listing, [name, this.side, code, language], () => showCode(code, this.side));
    },
};

function onEnter(act) {
    return event => {
        if (event.key === "Enter")
            act();
    };
}

// Break a text into at most `most` lines; the last ends in an ellipsis if there is more.
function wrap(text, columns, most) {
    const lines = [""];
    for (const character of text) {
        if (columnsOf(lines[lines.length - 1] + character) > columns) {
            if (lines.length === most) {
                lines[most - 1] = shorten(lines[most - 1] + "…", columns - 1) + (lines[most - 1].endsWith("…") ? "" : "");
                if (!lines[most - 1].endsWith("…"))
                    lines[most - 1] += "…";
                break;
            }
            lines.push("");
        }
        lines[lines.length - 1] += character;
    }
    return lines;
}

function sentenceOf(step) {
    const words = Object.assign({}, step, {
        command: (step.command || "").toUpperCase(), thread: step.thread, node: step.node, took: span(step.dur),
        since: step.since ? span(step.ts + step.dur - step.since) : "", reply: visible(step.reply || ""), keys: step.keys,
        ack: thousands(step.ack || 0), offset: thousands(step.offset || 0), synced: thousands(step.synced || 0), words: visible((step.argv || []).join(" ")),
    });
    let text = t("say_" + step.kind, words);
    if (step.kind === "parse" && step.missing)
        text = t("say_half", words);
    if (step.kind === "execute")
        text += " " + (step.raised ? t("say_raised", words) : step.keys > 0 ? t("say_newKeys", words) : step.keys < 0 ? t("say_lessKeys", words)
            : step.dirty ? t("say_changed", words) : t("say_unchanged", words));
    if (step.kind === "feed" && step.select)
        text += " " + t("say_select");
    if (step.thread.startsWith("io_thd"))
        text += " " + t("say_ioThread", words);
    return text;
}

function showCode(code, side) {
    if (code === null)
        return h("p", {class: "quiet"}, "…");
    if (code.error)
        return h("p", {class: "quiet"}, code.error);
    const part = code[side];
    if (!part)
        return h("p", {class: "quiet"}, side === "c" ? t("noC") : t("noCode"));
    const first = part.line || 1;
    const lines = part.text.replace(/\n$/, "").split("\n");
    return h("div", {}, h("p", {class: "file"}, `${part.file}:${first}`),
        h("pre", {}, lines.map((line, number) => [h("span", {class: "number"}, String(first + number).padStart(5) + "  "), line + "\n"])));
}
