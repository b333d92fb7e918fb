// source.js - where frames come from: a running server, or a recording.
//
// A frame: {t, node, state: {view: {...}}, trace: [event, ...], error: null or text}.  Both sources have the same methods:
//   nodes() -> promise of [{name, role, ...}]      watch(node, views, traced): from now on these are wanted
//   command(node, words, traced), lab(what, args), code(name) -> promises
// and tell the page by `listener`: frame(frame), gone(text or null), reset() before frames are given anew, transport() after a step.
"use strict";

class LiveSource {
    constructor(listener) {
        this.listener = listener;
        this.live = true;
        this.stream = null;
        this.wanted = "";
    }

    nodes() {
        return this.get("nodes");
    }

    async get(path) {
        const answer = await fetch(path);
        if (!answer.ok)
            throw new Error((await answer.text()).slice(0, 300) || answer.statusText);
        return answer.json();
    }

    async post(path, body) {
        const answer = await fetch(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
        if (!answer.ok)
            throw new Error((await answer.text()).slice(0, 300) || answer.statusText);
        return answer.json();
    }

    watch(node, views, traced) {
        const query = "events?views=" + views.map(encodeURIComponent).join(",") + "&node=" + encodeURIComponent(node) + (traced ? "&trace=1" : "");
        if (query === this.wanted)
            return;
        this.wanted = query;
        this.open();
    }

    open() {
        if (this.stream !== null)
            this.stream.close();
        const stream = this.stream = new EventSource(this.wanted);
        stream.onmessage = message => {
            if (stream === this.stream) {
                const frame = JSON.parse(message.data);
                this.listener.gone(frame.error || null);
                this.listener.frame(frame);
            }
        };
        stream.onerror = () => {
            if (stream !== this.stream)
                return;
            this.listener.gone("");
            if (stream.readyState === EventSource.CLOSED)
                setTimeout(() => stream === this.stream && this.open(), 1000);
        };
    }

    command(node, words, traced) {
        return this.post("command", traced ? {node, words, trace: true} : {node, words});
    }

    lab(what, args) {
        return this.post("lab", {do: what, args});
    }

    code(name) {
        return this.get("source?name=" + encodeURIComponent(name));
    }
}

class ReplaySource {
    // `recording`: {head, frames, source}; source: the code of functions, where it was packed as well
    constructor(listener, recording) {
        this.listener = listener;
        this.live = false;
        this.head = recording.head || {};
        this.frames = recording.frames || [];
        this.sources = recording.source || {};
        this.skipped = recording.skipped || 0;
        this.at = -1;
        this.timer = null;
    }

    // Make a recording of the lines of a file: the first says version and command.  A broken line is counted and passed over.
    static parse(text) {
        const recording = {head: {}, frames: [], skipped: 0};
        for (const [number, line] of text.split("\n").entries()) {
            if (!line.trim())
                continue;
            try {
                const value = JSON.parse(line);
                if (number === 0 && value.state === undefined)
                    recording.head = value;
                else
                    recording.frames.push(value);
            } catch (error) {
                recording.skipped++;
            }
        }
        return recording;
    }

    async nodes() {
        const names = new Map();
        for (const node of this.head.nodes || [])
            names.set(node.name, node);
        for (const frame of this.frames)
            if (!names.has(frame.node))
                names.set(frame.node, {name: frame.node});
        return [...names.values()];
    }

    watch() {
        if (this.at < 0)
            this.seek(this.frames.length - 1);
    }

    // Show the recording as it was at frame `at`.
    seek(at) {
        at = Math.max(0, Math.min(at, this.frames.length - 1));
        if (at < this.at || this.at < 0) {
            this.listener.reset();
            this.at = -1;
        }
        while (this.at < at)
            this.listener.frame(this.frames[++this.at]);
        this.listener.gone(this.frames[at] && this.frames[at].error || null);
        this.listener.transport();
    }

    play() {
        if (this.timer !== null)
            return this.pause();
        if (this.at >= this.frames.length - 1)
            this.seek(0);
        const step = () => {
            if (this.at >= this.frames.length - 1)
                return this.pause();
            this.seek(this.at + 1);
            const next = this.frames[this.at + 1];
            const wait = next ? (next.t - this.frames[this.at].t) / 1e6 : 0;
            this.timer = setTimeout(step, Math.max(20, Math.min(wait, 1000)));
        };
        this.timer = setTimeout(step, 200);
        this.listener.transport();
    }

    pause() {
        clearTimeout(this.timer);
        this.timer = null;
        this.listener.transport();
    }

    command() {
        return Promise.reject(new Error(t("replayOnly")));
    }

    lab() {
        return Promise.reject(new Error(t("replayOnly")));
    }

    async code(name) {
        if (this.sources[name])
            return this.sources[name];
        const answer = window.RECORDING ? null : await fetch("source?name=" + encodeURIComponent(name));
        if (answer === null || !answer.ok)
            throw new Error(t("noCode"));
        return answer.json();
    }
}

// The source of this page: the recording in it, the file that ?replay= names, or the server.
async function openSource(listener) {
    if (window.RECORDING)
        return new ReplaySource(listener, typeof window.RECORDING === "string" ? ReplaySource.parse(window.RECORDING) : window.RECORDING);
    const file = new URLSearchParams(location.search).get("replay");
    if (file !== null) {
        const answer = await fetch(file);
        if (!answer.ok)
            throw new Error(file + ": " + answer.status);
        return new ReplaySource(listener, ReplaySource.parse(await answer.text()));
    }
    return new LiveSource(listener);
}
