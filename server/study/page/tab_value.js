// tab_value.js - one value down to its bytes: ziplist, intset, listpack, quicklist, skiplist, hash table, stream.
"use strict";

const valueTab = {
    name: "value",
    keyName: "",
    db: 0,
    first: 0,

    views() {
        return this.keyName ? [`KEY ${this.keyName}` + (this.first ? " " + this.first : "")] : ["DB 0 0"];
    },

    build(root) {
        this.field = h("input", {id: "key", value: this.keyName, placeholder: t("keyName"), spellcheck: "false", autocomplete: "off"});
        this.choices = h("span", {class: "choices"});
        this.head = h("div", {id: "valueHead"});
        this.body = h("div", {id: "value"});
        const submit = event => { event.preventDefault(); this.open(this.field.value, this.db); };
        root.append(h("form", {class: "bar", onsubmit: submit}, h("label", {}, "KEY ", this.field), h("button", {}, t("show")),
            h("button", {type: "button", onclick: () => this.move(-1)}, "◀ " + t("earlier")), h("button", {type: "button", onclick: () => this.move(1)}, t("more") + " ▶"), this.choices),
        this.head, this.body);
    },

    open(name, db) {
        this.keyName = name;
        this.db = db || 0;
        this.first = 0;
        page.show(this);
    },

    move(by) {
        this.first = Math.max(0, this.first + by * 16);
        page.watch();
        this.update();
    },

    key(name) {
        if (name !== "ArrowLeft" && name !== "ArrowRight")
            return false;
        this.move(name === "ArrowRight" ? 1 : -1);
        return true;
    },

    state() {
        const states = page.states.get(page.node) || {};
        const name = this.views()[0];
        if (name.startsWith("KEY ") && (states[name] || page.source.live))
            return states[name];
        return page.source.live ? undefined : states[Object.keys(states).find(each => each.startsWith("KEY "))];
    },

    // Keys to choose from: those of the window of the database, and those of a recording.
    keys() {
        const states = page.states.get(page.node) || {}, names = new Set();
        for (const [view, state] of Object.entries(states)) {
            if (view.startsWith("KEY ") && state && state.key !== undefined)
                names.add(state.key);
            if (view.startsWith("DB ") && state && state.ht)
                state.ht.forEach(ht => ht.buckets.flat().forEach(each => names.add(each.key)));
        }
        return [...names].slice(0, 12);
    },

    update() {
        const state = this.state();
        once(this.choices, [this.keys(), this.keyName], () => h("span", {class: "chips"}, this.keys().map(name =>
            h("button", {type: "button", class: name === this.keyName ? "on" : null, onclick: () => this.open(name, 0)}, shorten(name, 16)))));
        if (!state || state.error || !state.encoding) {
            once(this.head, [state, this.keyName, language], () => h("p", {class: "quiet"}, state && state.error || (this.keyName ? t("noKey", {key: this.keyName}) : t("chooseKey"))));
            return keyed(this.body, []);
        }
        once(this.head, [Object.assign({}, state, {value: null}), language], () => h("p", {}, h("b", {}, shorten(state.key, 60)), " ",
            h("span", {class: "tag"}, state.type), " ", h("span", {class: "tag on", id: "encoding"}, state.encoding), " ",
            t("keyFacts", {table: state.table, bucket: state.bucket, refcount: thousands(state.refcount), idle: state.idle_s}),
            state.ttl_ms === null || state.ttl_ms === undefined ? "" : " · " + (state.expired ? t("expired") : t("ttl", {ms: thousands(state.ttl_ms)}))));
        if (state.encoding === "hashtable") {
            if (!this.body.firstChild || !this.body.firstChild.classList.contains("tables")) {
                keyed(this.body, []);
                keyed(this.body, [{key: "tables", data: 0, draw: () => h("div", {class: "tables"})}]);
            }
            return drawTables(this.body.firstChild, state.value, each => h("span", {class: "entry"}, h("b", {}, shorten(each.key, 24)),
                each.value === undefined ? null : h("small", {}, shorten(each.value, 24))));
        }
        once(this.body, [state.encoding, state.value, language], () => (DRAWERS[state.encoding] || drawUnknown)(state.value, state));
    },
};

// Cells of bytes: [[class, bytes in hex, what is written below, title], ...]
function cells(rows, attributes) {
    return h("div", Object.assign({class: "cells"}, attributes), rows.filter(([, hex]) => hex).map(([name, hex, below, title]) =>
        h("span", {class: "cell " + name, title: title || null}, h("code", {}, shorten(hex, 50)), h("small", {}, below === undefined ? "" : shorten(below, 44)))));
}

function legend(names) {
    return h("p", {class: "legend"}, names.map(name => h("span", {class: "cell " + name}, t("cell_" + name))));
}

function drawString(value, state) {
    const blob = value.blob;
    return h("div", {}, facts(t("stringFacts"), [[t("bytes"), thousands(blob.size)], ["alloc", thousands(value.alloc)], [t("encoding"), t("string_" + state.encoding)]]),
        h("pre", {class: "bytes"}, blob.text + (blob.cut ? " …" : "")));
}

function drawInt(value) {
    return h("div", {}, h("pre", {class: "bytes"}, value.int), h("p", {}, t("string_int")));
}

function ziplistCells(zl) {
    const bytes = zl.hex.split(" "), hex = (from, to) => bytes.slice(from, to).join(" ");
    const rows = [["header", hex(0, 4), `zlbytes ${zl.zlbytes}`], ["header", hex(4, 8), `zltail ${zl.zltail}`], ["header", hex(8, 10), `zllen ${zl.zllen}`]];
    if (zl.first)
        rows.push(["gap", "…", t("before", {n: zl.first})]);
    const entries = zl.entries.map(entry => h("span", {class: "group", "data-offset": entry.offset}, cells([
        ["prevlen", entry.prevlen_bytes, `prevlen ${entry.prevlen}`],
        ["encoding", entry.encoding_bytes, entry.encoding],
        ["content", entry.content_bytes, entry.value],
    ]), h("small", {class: "offset"}, `+${entry.offset}`)));
    return h("div", {class: "ziplist"}, cells(rows), entries, cells([zl.cut ? ["gap", "…", t("cut")] : ["end", "ff", "zlend"]]));
}

function drawZiplist(value) {
    return h("div", {}, legend(["header", "prevlen", "encoding", "content", "end"]), ziplistCells(value));
}

function drawIntset(value) {
    const bytes = value.hex.split(" "), hex = (from, to) => bytes.slice(from, to).join(" ");
    const rows = [["header", hex(0, 4), `encoding ${value.encoding}`], ["header", hex(4, 8), `length ${value.length}`]];
    const contents = value.contents.map((number, j) => {
        const at = 8 + (value.first + j) * value.encoding;
        return ["content", hex(at, at + value.encoding) || "…", number, `+${at}`];
    });
    return h("div", {}, h("p", {}, t("intsetSays", {bits: value.encoding * 8, bytes: thousands(value.bytes)})), cells(rows.concat(contents, value.cut ? [["gap", "…", t("cut")]] : [])));
}

function drawQuicklist(value) {
    return h("div", {}, h("p", {}, t("quicklistSays", {count: thousands(value.count), len: thousands(value.len), fill: value.fill, compress: value.compress})),
        legend(["header", "prevlen", "encoding", "content", "end"]),
        value.nodes.map((node, j) => h("section", {class: "node"}, h("h2", {}, t("quicklistNode", {n: value.first + j, count: node.count, sz: thousands(node.sz), encoding: node.encoding})),
            node.ziplist ? ziplistCells(node.ziplist) : h("p", {}, t("compressed", {bytes: thousands(node.bytes)})))), value.cut ? h("p", {}, t("cut")) : null);
}

// A skiplist: a column a node, a row a level, and the spans on the arrows.
function drawSkiplist(value) {
    const nodes = value.nodes.slice(0, 24), levels = value.level, step = 100, rowHeight = 30, left = 86, top = 20;
    const x = rank => left + (rank - value.first) * step, y = level => top + (levels - 1 - level) * rowHeight;
    const width = left + nodes.length * step + 70, height = top + levels * rowHeight + 66;
    const svg = picture(width, height, {class: "skiplist", role: "img", width, height});
    const arrow = (from, to, level, spanOf) => {
        const end = to === null || to >= value.first + nodes.length ? width - 46 : x(to) - 2, start = from < value.first ? 62 : x(from) + 56;
        svg.append(s("path", {d: `M${start} ${y(level) + 11}H${end}`, class: "link" + (to === null ? " null" : ""), "marker-end": "url(#link)"}));
        if (to !== null)
            svg.append(label(start + 4, y(level) + 8, String(spanOf), {class: "span"}));
        else
            svg.append(label(width - 40, y(level) + 15, "NULL", {class: "small"}));
    };
    svg.append(s("defs", {}, s("marker", {id: "link", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto"}, s("path", {d: "M0 0L8 4L0 8z", class: "tip"}))));
    for (const enter of value.from) {
        svg.append(s("rect", {x: 4, y: y(enter.level), width: 56, height: 22, rx: 3, class: "level"}), label(10, y(enter.level) + 15, enter.rank < 0 ? `head ${enter.level}` : `#${enter.rank}`, {class: "small"}));
        arrow(value.first - 1, enter.forward, enter.level, enter.span);
    }
    for (const node of nodes) {
        node.levels.forEach((level, j) => {
            svg.append(s("rect", {x: x(node.rank), y: y(j), width: 56, height: 22, rx: 3, class: "level"}), label(x(node.rank) + 6, y(j) + 15, `L${j}`, {class: "small"}));
            arrow(node.rank, level.forward, j, level.span);
        });
        const bottom = top + levels * rowHeight;
        svg.append(s("g", {class: "element", "data-rank": node.rank}, s("rect", {x: x(node.rank), y: bottom - 2, width: 92, height: 36, rx: 3}),
            label(x(node.rank) + 5, bottom + 13, node.ele, {}, 11), label(x(node.rank) + 5, bottom + 28, node.score, {class: "small"}, 13)),
        label(x(node.rank) + 5, bottom + 50, "#" + node.rank, {class: "small"}));
    }
    return h("div", {}, h("p", {}, t("skiplistSays", {length: thousands(value.length), level: value.level, size: thousands(value.dict.size), used: thousands(value.dict.used)})),
        h("div", {class: "wide"}, svg));
}

// A radix tree as nested boxes.
function drawRax(node) {
    const bytes = node.data ? node.data.split(" ").map(byte => parseInt(byte, 16)) : [];
    const readable = bytes.every(byte => byte > 32 && byte < 127), shown = bytes.map((byte, j) => readable ? String.fromCharCode(byte) : node.data.split(" ")[j]);
    const letters = shown.join(!node.iscompr ? " | " : readable ? "" : " ");
    return h("li", {}, h("span", {class: "raxnode" + (node.iskey ? " iskey" : "") + (node.iscompr ? " compr" : "")}, node.iscompr ? `"${letters}"` : `[${letters}]`,
        node.iskey ? h("small", {}, " " + (node.value === null || node.value === undefined ? "NULL" : node.value)) : null),
    node.children && node.children.length ? h("ul", {}, node.children.map(drawRax)) : null, node.cut ? "…" : null);
}

function drawStream(value) {
    const packs = value.listpacks.map(pack => h("section", {class: "node"}, h("h2", {}, t("listpackHead", {id: pack.id, bytes: thousands(pack.bytes), elements: pack.elements})),
        h("div", {class: "ziplist"}, cells([["header", pack.hex.split(" ").slice(0, 4).join(" "), t("bytes") + " " + pack.bytes], ["header", pack.hex.split(" ").slice(4, 6).join(" "), "num " + pack.elements]]),
            pack.entries.map(entry => h("span", {class: "group"}, cells([["content", entry.bytes, entry.value, entry.role], ["prevlen", entry.backlen, "backlen"]]),
                h("small", {class: "offset"}, entry.role))), pack.cut ? cells([["gap", "…", t("cut")]]) : cells([["end", "ff", "LP_EOF"]]))));
    const groups = value.groups.map(group => h("section", {}, h("h2", {}, t("groupHead", {name: group.name, last: group.last_id, pending: group.pending})),
        table(["PEL", t("consumer"), t("deliveries")], group.pel.slice(0, 16).map(entry => [entry.id, entry.consumer, entry.delivery_count]))));
    return h("div", {}, h("p", {}, t("streamSays", {length: thousands(value.length), last: value.last_id, keys: value.rax.numele, nodes: value.rax.numnodes})),
        h("div", {class: "columns"}, h("section", {}, h("h2", {}, "rax"), h("ul", {class: "rax"}, drawRax(value.rax.head))), groups.length ? h("section", {}, groups) : null), packs);
}

function drawUnknown(value) {
    return h("pre", {class: "bytes"}, JSON.stringify(value, null, 1));
}

const DRAWERS = {int: drawInt, embstr: drawString, raw: drawString, ziplist: drawZiplist, intset: drawIntset, quicklist: drawQuicklist, skiplist: drawSkiplist, stream: drawStream};
