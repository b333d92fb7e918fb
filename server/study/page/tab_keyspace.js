// tab_keyspace.js - both tables of a database's dict, bucket by bucket, and how a rehash moves them.
"use strict";

const WINDOW = 64;                     // buckets that a view shows

// Draw the two tables of a dict; `entry` makes the box of an entry.  Each bucket is redrawn only if it has changed.
function drawTables(parent, dict, entry) {
    keyed(parent, dict.ht.map((ht, number) => ({
        key: number, data: [language],
        draw: () => h("section", {class: "hashtable", "data-table": number}, h("h2", {}), h("div", {class: "buckets"})),
    })));
    dict.ht.forEach((ht, number) => {
        const section = parent.children[number];
        const last = ht.first + ht.buckets.length - 1;
        section.firstChild.textContent = t("tableHead", {n: number, size: thousands(ht.size), used: thousands(ht.used)})
            + (ht.size > ht.buckets.length ? " · " + t("bucketsShown", {first: ht.first, last}) : "");
        keyed(section.lastChild, ht.buckets.map((chain, j) => {
            const index = ht.first + j, done = number === 0 && dict.rehashidx >= 0 && index < dict.rehashidx, now = number === 0 && index === dict.rehashidx;
            return {
                key: index, data: [chain, done, now],
                draw: () => h("div", {class: "bucket" + (done ? " done" : "") + (now ? " rehash" : ""), "data-bucket": index},
                    h("span", {class: "index"}, String(index)), h("span", {class: "chain"}, chain.length ? chain.map((each, n) => [n ? h("span", {class: "next"}, "→") : null, entry(each)]) : h("span", {class: "empty"}, "·"))),
            };
        }));
    });
}

const keyspaceTab = {
    name: "keyspace",
    db: 0,
    first: 0,
    added: 0,

    views() {
        return [`DB ${this.db} ${this.first}`];
    },

    build(root) {
        this.summary = h("p", {id: "summary"});
        this.tables = h("div", {id: "tables", class: "tables"});
        const move = by => () => this.move(this.first + by);
        root.append(h("div", {class: "bar"},
            h("label", {}, "db ", h("input", {id: "db", type: "number", min: 0, value: this.db, onchange: event => { this.db = Number(event.target.value) || 0; this.move(0); }})),
            h("button", {onclick: move(-WINDOW)}, "◀ " + t("earlier")), h("button", {onclick: move(WINDOW)}, t("more") + " ▶"),
            page.source.live ? [h("button", {id: "lookup", onclick: () => this.lookup()}, t("oneLookup")), h("button", {id: "addKeys", onclick: () => this.add()}, t("addKeys"))] : null,
            this.summary), this.tables);
    },

    move(first) {
        this.first = Math.max(0, first);
        page.watch();
        this.update();
    },

    key(name) {
        if (name !== "ArrowLeft" && name !== "ArrowRight")
            return false;
        this.move(this.first + (name === "ArrowRight" ? WINDOW : -WINDOW));
        return true;
    },

    // The view that is wanted, or of a recording any that there is.
    state() {
        const states = page.states.get(page.node) || {};
        const name = this.views()[0];
        if (states[name] || page.source.live)
            return states[name];
        return states[Object.keys(states).find(each => each.startsWith("DB ")) || name];
    },

    update() {
        const state = this.state();
        if (!state || !state.ht) {
            once(this.summary, ["none", language, state], () => h("span", {}, state && state.error || t("noView", {view: "DB"})));
            return keyed(this.tables, []);
        }
        once(this.summary, [state.keys, state.expires, state.rehashidx, state.resize, language], () => h("span", {},
            t("dbSummary", {keys: thousands(state.keys), expires: thousands(state.expires)}) + " ",
            h("b", {id: "rehashidx"}, "rehashidx " + state.rehashidx), " · " + (state.rehashidx < 0 ? t("noRehash") : t("rehashing")),
            state.resize && state.resize !== "enable" ? " · " + t("resize", {resize: state.resize}) : ""));
        drawTables(this.tables, state, each => h("button", {
            class: "entry" + (each.expired ? " expired" : ""), title: `${each.type} ${each.encoding}` + (each.ttl_ms === null || each.ttl_ms === undefined ? "" : ` · ttl ${each.ttl_ms} ms`),
            onclick: () => valueTab.open(each.key, this.db),
        }, h("b", {}, shorten(each.key, 22)), h("small", {}, each.type === "string" ? shorten(each.preview === undefined || each.preview === null ? "" : each.preview, 14) : each.type)));
    },

    // A look-up of any key moves one bucket.
    lookup() {
        const state = this.state(), keys = state && state.ht ? state.ht.flatMap(ht => ht.buckets.flat()) : [];
        const plain = keys.find(each => each.type === "string" && !each.key.includes("\\"));
        return page.command("GET " + (plain ? JSON.stringify(plain.key) : "key:0"));
    },

    async add() {
        for (let n = 0; n < 4; n++)
            await page.command(`SET key:${Date.now() % 100000}:${this.added++} ${this.added}`);
    },
};
