// tab_clients.js - the clients: what waits in their buffers, and the limits of their output.
"use strict";

const clientsTab = {
    name: "clients",
    chosen: null,
    first: 0,

    views() {
        return [this.first ? "CLIENTS " + this.first : "CLIENTS"];
    },

    build(root) {
        this.head = h("p", {id: "clientsHead"});
        this.list = h("div", {id: "clients"});
        this.detail = h("div", {id: "client"});
        root.append(this.head, h("div", {class: "clients"}, h("div", {class: "scroll"}, this.list), this.detail));
    },

    key(name) {
        const state = page.state(this.views()[0]);
        if (name !== "ArrowUp" && name !== "ArrowDown" || !state || !state.list)
            return false;
        const at = state.list.findIndex(c => c.id === this.chosen), last = state.list.length - 1;
        this.chosen = state.list[Math.max(0, Math.min(last, at + (name === "ArrowDown" ? 1 : -1)))].id;
        this.update();
        return true;
    },

    update() {
        const state = page.state(this.views()[0]);
        if (!state || !state.list) {
            once(this.head, ["none", language], () => h("span", {class: "quiet"}, t("noView", {view: "CLIENTS"})));
            keyed(this.list, []);
            return keyed(this.detail, []);
        }
        once(this.head, [state.clients, state.maxclients, state.blocked, state.limits, language], () => h("span", {},
            t("clientsSay", {clients: thousands(state.clients), max: thousands(state.maxclients), blocked: thousands(state.blocked)}) + " ",
            Object.entries(state.limits).map(([type, [hard, soft, seconds]]) => h("span", {class: "tag", title: t("limitsTitle")},
                `${type}: ${hard ? bytesOf(hard) : "∞"} / ${soft ? bytesOf(soft) + " " + seconds + " s" : "∞"}`))));
        const chosen = state.list.find(c => c.id === this.chosen) || state.list.find(c => !c.me) || state.list[0];
        keyed(this.list, state.list.map(c => ({
            key: c.id, data: [c.id, c.addr, c.type, c.flags, c.cmd, c.querybuf.size, c.buf.size, c.reply_bytes, c.blocked, c.me, c === chosen, language],
            draw: () => this.drawRow(c, state.limits, c === chosen),
        })));
        once(this.detail, [chosen, language], () => chosen ? this.drawClient(chosen, state.limits) : h("p", {}));
    },

    drawRow(c, limits, on) {
        const output = c.buf.size + c.reply_bytes, choose = () => { this.chosen = c.id; this.update(); };
        return h("div", {class: "client" + (on ? " on" : "") + (c.me ? " me" : ""), "data-client": c.id, tabindex: 0, onclick: choose, onkeydown: onEnter(choose)},
            h("b", {}, "#" + c.id), h("span", {}, c.addr), h("span", {class: "tag"}, c.me ? t("thisPage") : c.type),
            h("span", {class: "cmd"}, c.cmd || ""), c.blocked ? h("span", {class: "tag on"}, t("blockedOn", {keys: shorten((c.blocked.keys || []).join(" "), 12)})) : null,
            bar(t("in"), c.querybuf.size, 16384), bar(t("out"), output, limitOf(c, limits) || 16384));
    },

    drawClient(c, limits) {
        const blob = (title, value, note) => h("section", {}, h("h2", {}, `${title} · ${thousands(value.size)} B` + (note ? " · " + note : "")), h("pre", {class: "bytes"}, value.text + (value.cut ? " …" : "")));
        const [hard, soft, seconds] = limits[c.type === "master" ? "slave" : c.type] || limits.normal;
        return h("div", {}, h("h2", {}, `client ${c.id} ${c.name ? "“" + shorten(c.name, 30) + "”" : ""}`),
            h("p", {}, [c.addr, "fd " + c.fd, "db " + c.db, c.user, "RESP" + c.resp, t("ageIdle", {age: c.age_s, idle: c.idle_s})].join(" · "), " ", c.flags.map(flag => h("span", {class: "tag"}, flag))),
            blob("querybuf", c.querybuf, c.multibulklen ? t("halfCommand", {args: c.multibulklen, bulk: c.bulklen}) : ""),
            c.argv && c.argv.length ? h("section", {}, h("h2", {}, "argv"), h("div", {class: "chips"}, c.argv.map(word => h("span", {class: "tag"}, shorten(word, 40))))) : null,
            c.queued && c.queued.length ? h("section", {}, h("h2", {}, t("queued")), h("ol", {}, c.queued.map(words => h("li", {}, h("code", {}, shorten(words.join(" "), 60)))))) : null,
            blob("buf", c.buf, c.sentlen ? t("sent", {n: c.sentlen}) : ""),
            facts(t("outputLimits"), [["reply", t("replyBlocks", {blocks: c.reply_blocks, bytes: thousands(c.reply_bytes)})],
                ["hard", hard ? bytesOf(hard) : "∞"], ["soft", soft ? `${bytesOf(soft)}, ${seconds} s` : "∞"], [t("overSoft"), c.soft_limit_s ? c.soft_limit_s + " s" : "-"]]),
            c.watched && c.watched.length ? facts("WATCH", c.watched.map(key => [shorten(key, 40), ""])) : null,
            c.blocked ? facts(t("blocked"), [[c.blocked.type, (c.blocked.keys || []).join(" ")], [t("timeLeft"), c.blocked.left_ms === null ? "∞" : c.blocked.left_ms + " ms"]]) : null);
    },
};

function limitOf(c, limits) {
    const [hard, soft] = limits[c.type === "master" ? "slave" : c.type] || limits.normal;
    return hard || soft;
}

// A bar that says how full a buffer is.
function bar(name, bytes, limit) {
    const share = Math.min(1, bytes / limit);
    return h("span", {class: "meter", title: `${name}: ${thousands(bytes)} B`}, h("small", {}, name), s("svg", {viewBox: "0 0 60 8", width: 60, height: 8},
        s("rect", {width: 60, height: 8, rx: 2, class: "track"}), s("rect", {width: bytes ? Math.max(2, 60 * share) : 0, height: 8, rx: 2, class: share > 0.8 ? "high" : "used"})),
    h("small", {}, bytesOf(bytes)));
}
