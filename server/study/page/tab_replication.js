// tab_replication.js - the backlog as a ring, the offsets, and what a crash would lose right now.
"use strict";

const replicationTab = {
    name: "replication",

    views() {
        return ["AOF", "REPL"];
    },

    build(root) {
        this.losses = h("div", {id: "losses"});
        this.way = h("div", {id: "way"});
        this.backlog = h("div", {id: "backlog"});
        this.facts = h("div", {id: "replFacts"});
        root.append(this.losses, h("div", {class: "repl"}, h("div", {}, h("h2", {}, t("backlogHead")), this.backlog), h("div", {}, h("h2", {}, t("aofHead")), this.way, this.facts)));
    },

    update() {
        const aof = page.state("AOF"), repl = page.state("REPL");
        const none = view => h("p", {class: "quiet"}, t("noView", {view}));
        once(this.losses, [aof, repl && repl.slaves, repl && repl.offset, language], () => aof && aof.state ? this.drawLosses(aof, repl) : none("AOF"));
        once(this.way, [aof, language], () => aof && aof.state ? this.drawWay(aof) : none("AOF"));
        once(this.backlog, [repl && repl.backlog, repl && repl.offset, repl && repl.slaves, language], () => repl && repl.role ? this.drawBacklog(repl) : none("REPL"));
        once(this.facts, [repl, language], () => repl && repl.role ? this.drawFacts(repl) : none("REPL"));
    },

    // What is lost if this happened now.
    drawLosses(aof, repl) {
        const on = aof.state !== "off";
        const card = (what, bytes, text) => h("section", {class: "loss " + (bytes === 0 ? "safe" : "lost"), "data-loss": what, "data-bytes": bytes === null ? "all" : bytes},
            h("h2", {}, t(what)), h("b", {}, bytes === null ? t("sinceSave") : bytesOf(bytes)), h("p", {}, text));
        const behind = repl && repl.slaves && repl.slaves.length ? Math.min(...repl.slaves.map(slave => slave.lag_bytes)) : null;
        return h("div", {class: "losses"},
            card("kill", on ? aof.lost_by_kill : aof.rdb.dirty ? null : 0, on ? t("killSays") : t("noAof", {dirty: thousands(aof.rdb.dirty)})),
            card("power", on ? aof.lost_by_power_cut : aof.rdb.dirty ? null : 0, on ? t("powerSays", {fsync: aof.fsync}) : t("noAof", {dirty: thousands(aof.rdb.dirty)})),
            behind === null ? h("section", {class: "loss"}, h("h2", {}, t("failover")), h("b", {}, "-"), h("p", {}, t("noReplica"))) : card("failover", behind, t("failoverSays")));
    },

    // aof_buf, page cache, disk: where the bytes of the file are.
    drawWay(aof) {
        const svg = picture(640, 128, {role: "img"}), written = aof.size - aof.fsync_offset;
        const stages = [["aof_buf", 10, aof.buf.size, "kill"], ["cache", 226, Math.max(0, written), "power"], ["disk", 442, aof.fsync_offset, null]];
        svg.append(s("defs", {}, s("marker", {id: "wayTip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto"}, s("path", {d: "M0 0L8 4L0 8z", class: "tip phase3"}))));
        for (const [name, x, bytes, danger] of stages)
            svg.append(s("g", {class: "place phase3" + (bytes > 0 ? " full" : ""), "data-stage": name}, s("rect", {x, y: 10, width: 186, height: 78, rx: 6}),
                label(x + 10, 32, t("place_" + name), {class: "placeName"}), label(x + 10, 54, thousands(bytes) + " B", {class: "content big"}),
                label(x + 10, 76, danger === null ? t("safe") : bytes > 0 ? t(danger + "_lost") : "", {class: "small"}, 36)));
        svg.append(s("path", {d: "M196 49H224", class: "arrow phase3 on", "marker-end": "url(#wayTip)"}), s("path", {d: "M412 49H440", class: "arrow phase3 on" + (aof.sync_running ? " busy" : ""), "marker-end": "url(#wayTip)"}),
            label(210, 106, "write(2)", {class: "small", "text-anchor": "middle"}), label(426, 106, "fdatasync(2)", {class: "small", "text-anchor": "middle"}));
        return h("div", {}, svg, h("p", {}, t("aofSays", {state: aof.state, fsync: aof.fsync, size: thousands(aof.size), delayed: aof.delayed_fsync})
            + (aof.sync_running ? " " + t("syncRunning") : "") + (aof.postponed_s ? " " + t("postponed", {s: aof.postponed_s}) : "") + (aof.child ? " " + t("childRuns", {type: aof.child.type, pid: aof.child.pid}) : "")),
        aof.buf.size ? h("pre", {class: "bytes"}, aof.buf.text) : null);
    },

    drawBacklog(repl) {
        const svg = picture(520, 336, {role: "img"}), x = 260, y = 166, outer = 128, inner = 94, ring = repl.backlog;
        svg.append(s("circle", {cx: x, cy: y, r: (outer + inner) / 2, "stroke-width": outer - inner, class: "track"}));
        svg.append(label(x, y - 34, "repl_backlog", {class: "middle name", "text-anchor": "middle"}));
        if (!ring) {
            svg.append(label(x, y, t("noBacklog"), {class: "middle", "text-anchor": "middle"}));
            return svg;
        }
        const share = offset => (((ring.idx - (repl.offset - offset)) % ring.size) + ring.size) % ring.size / ring.size;
        const from = share(repl.offset - ring.histlen), filled = ring.histlen / ring.size;
        if (filled >= 0.999)
            svg.append(s("circle", {cx: x, cy: y, r: (outer + inner) / 2, "stroke-width": outer - inner, class: "filled"}));
        else if (ring.histlen)
            svg.append(s("path", {d: wedge(x, y, inner, outer, from, from + Math.max(filled, 0.004)), class: "wedge ring"}));
        const mark = (at, text, name, radius) => {
            const angle = 2 * Math.PI * at - Math.PI / 2, cos = Math.cos(angle), sin = Math.sin(angle), anchor = cos > 0.3 ? "start" : cos < -0.3 ? "end" : "middle";
            svg.append(s("g", {class: "mark " + name}, s("path", {d: `M${x + inner * cos} ${y + inner * sin}L${x + (outer + 12) * cos} ${y + (outer + 12) * sin}`}),
                label(x + radius * cos, y + radius * sin + (sin > 0.3 ? 8 : sin < -0.3 ? -2 : 4), text, {"text-anchor": anchor})));
        };
        mark(ring.idx / ring.size, `idx ${thousands(ring.idx)}`, "idx", outer + 18);
        for (const [number, slave] of repl.slaves.entries())
            if (slave.ack_offset >= repl.offset - ring.histlen && slave.lag_bytes > ring.size / 100)
                mark(share(slave.ack_offset), shorten(slave.name, 16), "slave", outer + 34 + 14 * (number % 2));
        for (const [number, text] of [t("ringSize", {size: bytesOf(ring.size)}), t("ringHeld", {bytes: thousands(ring.histlen)}), `offset ${thousands(repl.offset)}`, t("ringFirst", {off: thousands(ring.off)})].entries())
            svg.append(label(x, y - 8 + 20 * number, text, {class: "middle", "text-anchor": "middle"}, 30));
        return h("div", {}, svg, h("p", {}, t("ringSays")), h("pre", {class: "bytes tail"}, ring.tail && ring.tail.text ? ring.tail.text.slice(-300) : ""));
    },

    drawFacts(repl) {
        const rows = [[t("role"), repl.role], ["replid", repl.replid], ["offset", thousands(repl.offset)]];
        if (repl.second_replid_offset >= 0)
            rows.push(["replid2", `${repl.replid2} ≤ ${repl.second_replid_offset}`]);
        const master = repl.master;
        if (master)
            rows.push([t("itsMaster"), `${master.host}:${master.port} · ${master.state}`], [t("readOffset"), thousands(master.offset)], [t("pendingBytes"), thousands(master.pending)]);
        if (repl.min_slaves_to_write)
            rows.push(["min-replicas-to-write", `${repl.good_slaves} / ${repl.min_slaves_to_write}`]);
        const heads = [t("replica"), t("stateOf"), t("ackOffset"), t("lag"), t("outBuffer"), t("ackAgo")];
        return h("div", {}, facts(t("replFacts"), rows), repl.slaves.length ? table(heads, repl.slaves.map(slave =>
            [slave.name, slave.state, slave.ack_offset, slave.lag_bytes, slave.buf + slave.reply_bytes, t("secondsAgo", {s: slave.ack_s === null ? "-" : slave.ack_s})]), {id: "slaves"}) : null,
        repl.waiting && repl.waiting.length ? table(["WAIT", t("replica"), "offset"], repl.waiting.map(each => ["client " + each.id, each.replicas, each.offset])) : null);
    },
};
