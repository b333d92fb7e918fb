// page.js - the frame of the page: tabs, node, language, keyboard, command line.
"use strict";

const TABS = [writeTab, loopTab, keyspaceTab, valueTab, replicationTab, clientsTab, nodesTab];
const EVENTS = 6000;                   // of the tracer that are kept
const REFRESH = 5000;                  // ms between two looks at the roles of the nodes
const GONE = "gone, trying again";     // the error of a frame when the server does not answer

let language = "en";

// The text for a key, in the language of the page; {name} stands for a value.
function t(key, values) {
    const text = STRINGS[language][key];
    return (text === undefined ? key : text).replace(/\{(\w+)\}/g, (whole, name) => values && values[name] !== undefined ? String(values[name]) : whole);
}

const page = {
    source: null,
    tab: null,
    node: "",
    nodes: [],
    states: new Map(),                 // node -> {view: state}
    events: [],                        // of the tracer, by start
    seen: new Set(),
    history: [],
    place: 0,

    // What is known of a view of the node that is looked at.
    state(view, node) {
        const states = this.states.get(node || this.node);
        return states && states[view];
    },

    frame(frame) {
        if (frame.state) {
            const known = this.states.get(frame.node) || {};
            this.states.set(frame.node, Object.assign(known, frame.state));
        }
        if (frame.node === this.node && this.resting !== (frame.resting || 0)) {
            this.resting = frame.resting || 0;
            this.gone(frame.error || null);
        }
        this.addEvents(frame.trace || [], frame.node);
        this.later();
    },

    addEvents(events, node) {
        let fresh = 0;
        for (const event of events) {
            event.node = event.node || node;
            event.id = `${event.node}/${event.pid}/${event.n}/${event.ts}`;            // n begins again when the tracer does
            if (this.seen.has(event.id))
                continue;
            this.seen.add(event.id);
            this.events.push(event);
            fresh++;
        }
        if (!fresh)
            return;
        this.events.sort((a, b) => a.ts - b.ts || b.dur - a.dur);
        if (this.events.length > EVENTS)
            for (const old of this.events.splice(0, this.events.length - EVENTS))
                this.seen.delete(old.id);
    },

    reset() {
        this.states.clear();
        this.events = [];
        this.seen.clear();
        for (const tab of TABS)
            if (tab.reset)
                tab.reset();
    },

    // The source says what is wrong: null = nothing, "" = the server has gone, or a line of text.
    gone(error) {
        const status = document.getElementById("status"), notice = document.getElementById("notice");
        const lost = error === "" || error === GONE;
        status.textContent = error === null ? this.resting ? t("resting", {n: thousands(this.resting)}) : this.source.live ? t("live") : t("replay") : lost ? t("gone") : t("refused");
        status.className = error === null ? "good" : "bad";
        if (lost && this.source.live && this.tab.lost && status.dataset.lost !== this.node)
            this.tab.lost().catch(() => null);
        status.dataset.lost = lost ? this.node : "";
        notice.hidden = error === null || lost;
        notice.textContent = error || "";
    },

    // Draw once for all frames that have come meanwhile.
    later() {
        if (!this.waiting) {
            this.waiting = true;
            setTimeout(() => {
                this.waiting = false;
                this.tab.update();
            }, 30);
        }
    },

    show(tab) {
        this.tab = tab;
        remember("tab", tab.name);
        this.draw();
    },

    // Build all texts and the tab anew.
    draw() {
        document.documentElement.lang = language;
        document.getElementById("tabs").replaceChildren(...TABS.map((tab, number) =>
            h("button", {id: "tab-" + tab.name, class: tab === this.tab ? "on" : null, title: String(number + 1), onclick: () => this.show(tab)}, t("tab_" + tab.name))));
        document.getElementById("language").textContent = language === "en" ? "中文" : "English";
        document.getElementById("prompt").textContent = (this.node || "") + ">";
        document.getElementById("words").placeholder = t("commandLine");
        document.getElementById("send").textContent = t("send");
        this.drawNodes();
        const root = document.getElementById("tab");
        root.replaceChildren();
        root.className = "tab-" + this.tab.name;
        this.tab.build(root);
        this.tab.update();
        this.transport();
        this.watch();
    },

    drawNodes() {
        const select = document.getElementById("node"), text = JSON.stringify([this.nodes, this.node]);
        if (select.dataset.text === text)
            return;
        select.dataset.text = text;
        select.replaceChildren(...this.nodes.map(node => h("option", {value: node.name, selected: node.name === this.node},
            node.name + (node.role ? " · " + node.role : "") + (node.port ? " :" + node.port : ""))));
    },

    // Ask again what the nodes are: a failover changes their roles.
    async refreshNodes() {
        this.nodes = await this.source.nodes();
        this.drawNodes();
        this.later();
    },

    choose(name) {
        this.node = name;
        this.draw();
    },

    watch() {
        this.source.watch(this.node, this.tab.views(), Boolean(this.tab.traced));
    },

    // The controls of a recording.
    transport() {
        const bar = document.getElementById("transport"), source = this.source;
        bar.hidden = source.live;
        if (source.live)
            return;
        const last = source.frames.length - 1, first = source.frames[0], now = source.frames[Math.max(0, source.at)];
        once(bar, [source.at, last, source.timer !== null, language], () => h("div", {class: "player"},
            h("button", {id: "play", onclick: () => source.play()}, source.timer === null ? t("play") : t("pause")),
            h("button", {onclick: () => source.seek(source.at - 1)}, "◀"),
            h("input", {id: "position", type: "range", min: 0, max: last, value: source.at, oninput: event => source.seek(Number(event.target.value))}),
            h("button", {onclick: () => source.seek(source.at + 1)}, "▶"),
            h("span", {}, now ? t("frameOf", {n: source.at + 1, of: last + 1, time: ((now.t - first.t) / 1e9).toFixed(2)}) : t("emptyRecording")),
            h("span", {class: "quiet"}, shorten((source.head.command || "") + (source.skipped ? " " + t("skipped", {n: source.skipped}) : ""), 60))));
    },

    async command(text) {
        const words = splitWords(text);
        if (!words.length)
            return null;
        const reply = document.getElementById("reply");
        try {
            if (this.tab.sent)
                this.tab.sent();
            reply.className = "quiet";
            reply.textContent = this.tab.traced ? t("following") : "…";
            const answer = await this.source.command(this.node, words, Boolean(this.tab.traced));
            reply.className = "";
            reply.textContent = `${answer.reply}   (${answer.ms.toFixed(2)} ms)`;
            this.addEvents(answer.trace || [], this.node);
            this.later();
            return answer;
        } catch (error) {
            reply.className = "bad";
            reply.textContent = error.message;
            return null;
        }
    },

    setLanguage(to) {
        language = to;
        remember("lang", to);
        this.draw();
        this.gone(null);
    },
};

// Keep a choice in the URL, and the language for the next time.
function remember(name, value) {
    const url = new URL(location.href);
    url.searchParams.set(name, value);
    try {
        history.replaceState(null, "", url);
        if (name === "lang")
            localStorage.setItem("lang", value);
    } catch (error) {
        // A page from a file may not do that.
    }
}

function chooseLanguage() {
    let wanted = new URLSearchParams(location.search).get("lang");
    try {
        wanted = wanted || localStorage.getItem("lang");
    } catch (error) {
        // No storage: the browser's language then.
    }
    wanted = wanted || navigator.language || "en";
    return wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
}

// Split a line as redis-cli does: "quoted\n", 'quoted', plain.
function splitWords(text) {
    const words = [];
    const pattern = /"((?:\\.|[^"\\])*)"|'((?:\\'|[^'])*)'|(\S+)/g;
    const escapes = {n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07"};
    for (const [, double, single, plain] of text.matchAll(pattern)) {
        if (double !== undefined)
            words.push(double.replace(/\\(x([0-9a-fA-F]{2})|.)/g, (whole, one, hex) => hex ? String.fromCharCode(parseInt(hex, 16)) : escapes[one] || one));
        else
            words.push(single !== undefined ? single.replace(/\\'/g, "'") : plain);
    }
    return words;
}

function onKey(event) {
    const field = event.target.closest("input:not([type=range]), select, textarea");
    if (event.ctrlKey || event.altKey || event.metaKey)
        return;
    if (field) {
        if (event.key === "Escape")
            field.blur();
        else if (field.id === "words" && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
            page.place = Math.max(0, Math.min(page.history.length, page.place + (event.key === "ArrowUp" ? -1 : 1)));
            field.value = page.history[page.place] || "";
            event.preventDefault();
        }
        return;
    }
    if (event.key >= "1" && event.key <= String(TABS.length))
        page.show(TABS[Number(event.key) - 1]);
    else if (event.key === "/")
        document.getElementById("words").focus();
    else if (!(page.tab.key && page.tab.key(event.key)) && !page.source.live && event.key === " ")
        page.source.play();
    else if (event.key !== "/" && !event.key.startsWith("Arrow") && event.key !== " ")
        return;
    event.preventDefault();
}

async function start() {
    language = chooseLanguage();
    document.addEventListener("keydown", onKey);
    document.getElementById("language").addEventListener("click", () => page.setLanguage(language === "en" ? "zh" : "en"));
    document.getElementById("node").addEventListener("change", event => page.choose(event.target.value));
    document.getElementById("command").addEventListener("submit", event => {
        event.preventDefault();
        const field = document.getElementById("words");
        if (field.value.trim()) {
            page.history.push(field.value);
            page.place = page.history.length;
            page.command(field.value);
            field.value = "";
        }
    });
    const wanted = new URLSearchParams(location.search).get("tab");
    page.tab = TABS.find(tab => tab.name === wanted) || writeTab;
    try {
        page.source = await openSource(page);
        page.nodes = await page.source.nodes();
        page.node = page.nodes.length ? page.nodes[0].name : "";
        page.gone(null);
        page.draw();
        if (page.source.live)
            setInterval(() => page.refreshNodes().catch(() => null), REFRESH);
    } catch (error) {
        page.source = page.source || {live: true};
        page.gone(error.message);
        setTimeout(() => location.reload(), 2000);
    }
}

start();
