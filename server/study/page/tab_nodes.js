// tab_nodes.js - the nodes: who is master of what, slots, epochs, messages, and the buttons that break things.
"use strict";

const SLOTS = 16384;
const BUTTONS = ["kill", "restart", "stop", "freeze", "cont", "isolate", "heal"];
const MESSAGES_SHOWN = 2e9;            // ns: how long a message is a dot

const nodesTab = {
    name: "nodes",
    traced: true,
    chosen: null,

    views() {
        const node = page.nodes.find(each => each.name === page.node) || {};
        return node.role === "sentinel" ? ["SENTINEL"] : ["CLUSTER", "REPL"];
    },

    build(root) {
        this.map = h("div", {id: "map"});
        this.slots = h("div", {id: "slots"});
        this.facts = h("div", {id: "nodeFacts"});
        this.buttons = h("div", {id: "buttons"});
        root.append(h("div", {class: "nodes"}, h("div", {}, this.map, this.slots), h("div", {}, this.buttons, this.facts)));
    },

    // What the map shows: {points: [{id, name, sort, state, text}], links: [[from, to, up]]}
    model() {
        const cluster = page.state("CLUSTER"), sentinel = page.state("SENTINEL"), repl = page.state("REPL");
        if (sentinel && sentinel.masters)
            return this.sentinelModel(sentinel);
        if (cluster && cluster.nodes)
            return {
                points: inOrder(cluster.nodes).map(n => ({id: n.name, name: nameAt(n.ip, n.port), sort: n.slaveof ? "replica" : "master", state: stateOfFlags(n.flags, n.link), text: n.slaveof ? "" : t("slotsOf", {n: thousands(n.numslots)}), me: n.flags.includes("myself")})),
                links: cluster.nodes.filter(n => n.slaveof).map(n => [n.name, n.slaveof, n.link]),
            };
        if (repl && repl.role)
            return this.replModel(repl);
        return null;
    },

    replModel(repl) {
        const me = page.nodes.find(each => each.name === page.node) || {name: page.node};
        const points = [{id: me.name, name: me.name, sort: repl.role === "master" ? "master" : "replica", state: "ok", text: thousands(repl.offset), me: true}], links = [];
        if (repl.master) {
            points.unshift({id: "master", name: nameAt(repl.master.host, repl.master.port), sort: "master", state: repl.master.state === "connected" ? "ok" : "fail", text: repl.master.state});
            links.push([me.name, "master", repl.master.state === "connected"]);
        }
        for (const slave of repl.slaves) {
            points.push({id: slave.name, name: nameAt(...addressOf(slave.name)), sort: "replica", state: slave.state === "online" ? "ok" : "fail?", text: slave.state});
            links.push([slave.name, me.name, true]);
        }
        return {points, links};
    },

    sentinelModel(state) {
        const points = [], links = [];
        for (const master of state.masters) {
            const down = master.o_down_ms !== null ? "fail" : master.s_down_ms !== null ? "fail?" : "ok";
            points.push({id: master.name, name: nameAt(master.ip, master.port), sort: "master", state: down, text: master.name});
            for (const slave of master.slaves) {
                points.push({id: master.name + slave.name, name: nameAt(...addressOf(slave.name)), sort: "replica", state: slave.s_down_ms === null ? "ok" : "fail?", text: ""});
                links.push([master.name + slave.name, master.name, slave.master_link]);
            }
            for (const other of master.sentinels)
                if (!points.some(point => point.id === other.name))
                    points.push({id: other.name, name: nameAt(other.ip, other.port), sort: "sentinel", state: other.s_down_ms === null ? "ok" : "fail?", text: ""});
        }
        points.push({id: "me", name: page.node, sort: "sentinel", state: state.tilt ? "fail?" : "ok", text: state.tilt ? "TILT" : "", me: true});
        return {points, links};
    },

    update() {
        const model = this.model(), cluster = page.state("CLUSTER"), sentinel = page.state("SENTINEL");
        const messages = this.messages();
        once(this.map, [model, messages, language], () => model ? this.drawMap(model, messages) : h("p", {class: "quiet"}, t("noView", {view: "CLUSTER"})));
        once(this.slots, [cluster && cluster.nodes, language], () => cluster && cluster.nodes ? this.drawSlots(cluster) : h("p", {}));
        once(this.facts, [cluster, sentinel, page.nodes, language], () => this.drawFacts(cluster, sentinel));
        once(this.buttons, [page.nodes, this.chosen, language], () => this.drawButtons());
    },

    // The node that was looked at does not answer: look at the others through one that does.
    async lost() {
        const before = page.node;
        await page.refreshNodes();
        const other = page.nodes.find(node => node.up && node.name !== before);
        if (other && page.node === before && page.tab === this)
            page.choose(other.name);
    },

    // The packets of the last moments: [node (its first 8 letters), type, sent or received, age]
    messages() {
        const last = page.events.length ? page.events[page.events.length - 1].ts : 0;
        return page.events.filter(e => e.node === page.node && last - e.ts < MESSAGES_SHOWN && e.args.node && (e.name === "clusterProcessPacket" || e.name === "clusterSendMessage"))
            .slice(-60).map(e => [e.args.node, e.args.type, e.name === "clusterSendMessage", Math.round((last - e.ts) / 1e7) / 100]);
    },

    drawMap(model, messages) {
        const count = model.points.length, crowd = Math.max(1, count / 10), x = 360 * crowd, y = 210 * crowd;
        const svg = picture(2 * x, 2 * y, {role: "img"}), place = new Map();
        model.points.forEach((point, number) => {
            const angle = 2 * Math.PI * number / count - Math.PI / 2;
            place.set(point.id, count === 1 ? [x, y] : [x + (x - 105) * Math.cos(angle), y + (y - 60) * Math.sin(angle)]);
        });
        for (const [from, to, up] of model.links)
            if (place.has(from) && place.has(to))
                svg.append(s("path", {d: `M${place.get(from)}L${place.get(to)}`, class: "tie" + (up ? "" : " down")}));
        const me = model.points.find(point => point.me);
        for (const [name, type, sent, age] of messages) {
            const other = model.points.find(point => point.id.startsWith(name));
            if (!me || !other || other === me)
                continue;
            const [x1, y1] = place.get(me.id), [x2, y2] = place.get(other.id), share = Math.min(1, age / 2) * 0.6 + 0.2, at = sent ? share : 1 - share;
            svg.append(s("circle", {cx: x1 + (x2 - x1) * at + (sent ? 4 : -4), cy: y1 + (y2 - y1) * at + (sent ? 4 : -4), r: 3.5, class: "message " + type}, s("title", {}, `${type} ${sent ? "→" : "←"} ${name}`)));
        }
        for (const point of model.points) {
            const [left, top] = place.get(point.id);
            svg.append(s("g", {class: `point ${point.sort} ${point.state === "ok" ? "ok" : "fail"}` + (point.me ? " me" : ""), "data-node": point.id},
                s("rect", {x: left - 76, y: top - 28, width: 152, height: 56, rx: point.sort === "sentinel" ? 16 : 6}),
                label(left, top - 10, point.name, {"text-anchor": "middle", class: "placeName"}, 21),
                label(left, top + 6, t("role_" + point.sort) + (point.state === "ok" ? "" : " · " + point.state), {"text-anchor": "middle", class: "small"}),
                label(left, top + 21, point.text, {"text-anchor": "middle", class: "small"}, 20)));
        }
        return svg;
    },

    drawSlots(cluster) {
        const svg = picture(720, 46, {role: "img"}), masters = inOrder(cluster.nodes).filter(n => !n.slaveof && n.numslots);
        svg.append(s("rect", {x: 0, y: 4, width: 720, height: 20, class: "track"}));
        masters.forEach((n, number) => n.slots.forEach(([first, last], piece) => {
            const left = 720 * first / SLOTS, width = 720 * (last - first + 1) / SLOTS;
            svg.append(s("rect", {x: left, y: 4, width, height: 20, class: "slots slot" + number % 6}, s("title", {}, `${n.ip}:${n.port} ${first}-${last}`)));
            if (width > 90)
                svg.append(label(left + 4, 40, `${n.port}: ${first}-${last}`, {class: "small"}, Math.floor(width / 6)));
        }));
        return h("div", {}, h("h2", {}, t("slotsHead", {n: thousands(cluster.slots_assigned)})), svg);
    },

    drawFacts(cluster, sentinel) {
        const parts = [];
        if (cluster && cluster.nodes) {
            parts.push(facts(t("clusterFacts"), [[t("stateOf"), cluster.state], ["currentEpoch", String(cluster.epoch)], ["lastVoteEpoch", String(cluster.last_vote_epoch)], [t("size"), String(cluster.size)]]));
            parts.push(table([t("node"), "configEpoch", t("flags"), "ping", "pong", t("failReports")], inOrder(cluster.nodes).map(n =>
                [nameAt(n.ip, n.port), n.epoch, n.flags.filter(flag => flag !== "myself").join(" "), sinceMs(n.ping_ms), sinceMs(n.pong_ms), n.fail_reports.length])));
            const types = [...new Set([...Object.keys(cluster.sent), ...Object.keys(cluster.received)])];
            parts.push(table([t("message"), t("messagesSent"), t("messagesReceived")], types.map(type => [type, cluster.sent[type] || 0, cluster.received[type] || 0]), {id: "messages"}));
        } else if (sentinel && sentinel.masters) {
            for (const m of sentinel.masters)
                parts.push(facts(m.name, [["quorum", String(m.quorum)], [t("flags"), m.flags.join(" ")], ["s_down", sinceMs(m.s_down_ms)], ["o_down", sinceMs(m.o_down_ms)],
                    ["failover", m.failover], ["config epoch", String(m.epoch)], [t("leader"), m.leader ? m.leader.slice(0, 8) + " · " + m.leader_epoch : "-"]]));
        } else
            parts.push(table([t("node"), t("role"), t("version")], page.nodes.map(n => [n.name + (n.port ? ` ${n.host || ""}:${n.port}` : ""), n.role || "", (n.version || "") + (n.ours === false ? " C" : "")])));
        return h("div", {}, parts);
    },

    drawButtons() {
        if (!page.source.live)
            return h("p", {class: "quiet"}, t("replayOnly"));
        const chosen = this.chosen || page.node;
        const run = async what => {
            const target = document.getElementById("target").value;
            const reply = document.getElementById("reply");
            try {
                const answer = await page.source.lab(what, what === "heal" ? [] : [target]);
                reply.className = "";
                reply.textContent = answer.reply || "OK";
            } catch (error) {
                reply.className = "bad";
                reply.textContent = error.message;
            }
        };
        return h("div", {class: "bar"}, h("select", {id: "target", onchange: event => { this.chosen = event.target.value; }}, page.nodes.map(n => h("option", {value: n.name, selected: n.name === chosen}, n.name))),
            BUTTONS.map(what => h("button", {"data-do": what, title: t("do_" + what), onclick: () => run(what)}, what)));
    },
};

// The node at this address: as the page calls it, and its address.
function nameAt(ip, port) {
    const known = page.nodes.find(n => n.port === port && (n.host === ip || ip.startsWith("127.")));
    return (known ? known.name + " " : "") + `${ip}:${port}`;
}

function sinceMs(ms) {
    return ms === null ? "-" : ms < 10000 ? ms + " ms" : Math.round(ms / 1000) + " s";
}

function addressOf(text) {
    const colon = text.lastIndexOf(":");
    return [text.slice(0, colon), Number(text.slice(colon + 1))];
}

function inOrder(nodes) {
    return nodes.slice().sort((a, b) => a.ip.localeCompare(b.ip) || a.port - b.port);
}

function stateOfFlags(flags, link) {
    return flags.includes("fail") ? "fail" : flags.includes("fail?") ? "fail?" : link || flags.includes("myself") ? "ok" : "no link";
}
