// life.js - the life of one command, made of the events of the tracer.  No drawing here.
//
// A life is a list of steps.  Each step says what kind it is, when it was and how long it took (UNIT: ns), in which thread, and what
// it puts into the places of the picture, or moves on from them.  Nothing is guessed: the offsets in `call` tell which write of the
// AOF and which sync carried this command, and when a replica had it (as trace_show.py does in the terminal).
"use strict";

const INTERNAL = new Set(["debug", "info", "replconf", "psync", "ping", "sentinel", "client", "cluster", "command", "config", "latency"]);

// Functions that belong to a step; the first is shown.
const FUNCTIONS = {
    accept: ["acceptTcpHandler", "anetTcpAccept", "connCreateAcceptedSocket", "createClient", "aeCreateFileEvent"],
    epoll: ["aeProcessEvents", "aeApiPoll"],
    read: ["readQueryFromClient", "connSocketRead", "processInputBuffer"],
    parse: ["processMultibulkBuffer", "processInputBuffer", "processInlineBuffer"],
    execute: ["call", "processCommand", "lookupKeyWrite", "setKey", "dbAdd"],
    inner: ["call"],
    expand: ["dictExpand", "_dictExpandIfNeeded"],
    rehash: ["dictRehash", "_dictRehashStep"],
    answer: ["addReply", "prepareClientToWrite", "_addReplyToBuffer"],
    evict: ["performEvictions"],
    block: ["blockForKeys", "blockClient"],
    unblock: ["unblockClient", "handleClientsBlockedOnKeys"],
    fork: ["redisFork"],
    feed: ["feedAppendOnlyFile", "propagate", "catAppendOnlyGenericCommand"],
    ring: ["replicationFeedSlaves", "feedReplicationBacklog", "addReplyProto"],
    write: ["flushAppendOnlyFile", "aofWrite", "beforeSleep"],
    send: ["writeToClient", "handleClientsWithPendingWrites"],
    reply: ["writeToClient", "connSocketWrite", "handleClientsWithPendingWrites"],
    sync: ["bioProcessBackgroundJobs", "bioCreateFsyncJob", "aof_background_fsync"],
    applied: ["processInputBuffer", "commandProcessed", "call"],
    ack: ["replconfCommand", "replicationSendAck"],
};

const PHASE = {
    accept: 1, epoll: 2, read: 2, parse: 2, execute: 2, inner: 2, expand: 2, rehash: 2, answer: 2, evict: 2, block: 2, unblock: 2, fork: 3,
    feed: 3, write: 3, sync: 3, ring: 4, send: 4, applied: 4, ack: 4, reply: 5,
};

function endOf(event) {
    return event.ts + event.dur;
}

function inside(event, outer) {
    return event !== outer && event.node === outer.node && event.tid === outer.tid && outer.ts <= event.ts && endOf(event) <= endOf(outer);
}

// The command as it comes over the wire.
function resp(argv) {
    return "*" + argv.length + "\r\n" + argv.map(word => "$" + new TextEncoder().encode(word).length + "\r\n" + word + "\r\n").join("");
}

// The commands of ordinary clients among the events, oldest first; `all`: also those that tools send.
function callsOf(events, all) {
    const calls = events.filter(e => e.name === "call" && e.args.command !== undefined && (!e.args.kind || e.args.kind === "subscriber")
        && (all || !INTERNAL.has(e.args.command)));
    return calls.filter(e => !calls.some(outer => inside(e, outer))).sort((a, b) => a.ts - b.ts);
}

function nameOf(call) {
    return call.args.argv ? call.args.argv.join(" ") : call.args.command;
}

// Gather what happened to the command of this `call` event.  events: sorted by start.
function lifeOf(events, call) {
    const here = events.filter(e => e.node === call.node), a = call.args, client = a.client, steps = [];
    const after = here.filter(e => e.ts >= call.ts), before = here.filter(e => e.ts < call.ts);
    const last = (list, test) => list.reduce((found, e) => test(e) ? e : found, null);
    const argv = a.argv || [a.command.toUpperCase()], text = a.argv ? resp(argv) : "";
    const add = (kind, event, puts, facts, ts) => steps.push(Object.assign({
        kind, ts: ts === undefined ? event.ts : ts, dur: event.dur, thread: event.thread, node: event.node, phase: PHASE[kind], puts}, facts));

    const read = last(before, e => e.name === "read" && e.args.client === client && e.args.bytes > 0);
    const poll = read && last(before, e => e.name === "aeApiPoll" && endOf(e) <= read.ts);
    const created = last(before, e => e.name === "createClient" && e.args.client === client);
    if (created !== null) {
        const accepted = last(before, e => e.name === "anetTcpAccept" && e.ts <= created.ts && e.args.fd === created.args.fd) || created;
        add("accept", accepted, {client: "connect", accept: "fd " + created.args.fd}, {fd: created.args.fd, id: client});
    }
    if (read !== null) {
        const fd = read.args.fd;
        if (poll !== null)
            add("epoll", poll, {client: argv.join(" "), accept: null, epoll: "fd " + fd + " EPOLLIN", receive: text},
                {fd, ready: poll.args.ready, bytes: read.args.bytes}, endOf(poll));
        add("read", last(before, e => e.name === "readQueryFromClient" && inside(read, e)) || read,
            {client: argv.join(" "), accept: null, epoll: null, receive: null, querybuf: text}, {fd, bytes: read.args.bytes});
    }
    const parse = last(before, e => (e.name === "processMultibulkBuffer" || e.name === "processInlineBuffer") && e.args.client === client);
    if (parse !== null)
        add("parse", parse, {querybuf: null, argv: argv.map((word, j) => j + ": " + word).join("   ")}, {argc: parse.args.argc, missing: parse.args.missing});
    const sent = after.find(e => e.name === "writeToClient" && e.args.client === client && !e.args.kind);
    const answer = sent && sent.args.reply || "";
    add("execute", call, {argv: argv.map((word, j) => j + ": " + word).join("   "), dict: whatItDid(a, argv)},
        {command: a.command, keys: a.keys, dirty: a.dirty, db: a.db, argv, raised: a.raised});
    for (const e of after)
        if (inside(e, call))
            innerStep(e, add, argv);
    if (answer) {
        const first = steps.find(step => step.kind === "feed" || step.kind === "ring");
        add("answer", {ts: call.ts, dur: 0, thread: call.thread, node: call.node}, {buf: answer}, {reply: answer}, first ? first.ts - 1 : endOf(call) - 1);
    }
    for (const name of ["blockForKeys", "unblockClient"])
        for (const e of after.filter(event => event.name === name && event.args.client === client && !inside(event, call)))
            add(name === "blockForKeys" ? "block" : "unblock", e, {dict: (e.args.keys || []).join(" ")}, {keys: e.args.keys});
    if (a.dirty)
        afterTheCall(events, after, call, add);
    if (sent) {
        const write = after.find(e => e.name === "write" && inside(e, sent));
        add("reply", sent, {buf: null, send: answer, got: answer || "?"},
            {fd: sent.args.fd, bytes: write && write.args.written, reply: answer, since: read ? read.ts : call.ts});
    }
    steps.sort((x, y) => x.ts - y.ts);
    return {call, steps, start: poll ? endOf(poll) : read ? read.ts : call.ts, name: nameOf(call)};
}

// What the box of the dict shows.
function whatItDid(args, argv) {
    const key = argv.length > 1 ? argv[1] : "";
    if (args.keys > 0)
        return "+ " + key + (args.command === "set" && argv.length > 2 ? " → " + argv[2] : "");
    return args.keys < 0 ? "− " + key : key + (args.dirty && args.command === "set" ? " → " + argv[2] : "");
}

// Something that happened within the command.
function innerStep(e, add, argv) {
    const a = e.args;
    if (e.name === "feedAppendOnlyFile")
        add("feed", e, {aof_buf: a.text || bytesOf(a.bytes)}, {bytes: a.bytes, aof_buf: a.aof_buf, offset: a.offset, select: a.select});
    else if (e.name === "replicationFeedSlaves")
        add("ring", e, {ring: "… " + argv.join(" ") + "  ← " + thousands(a.offset), slave: a.replicas ? argv.join(" ") : undefined}, {bytes: a.bytes, replicas: a.replicas, offset: a.offset});
    else if (e.name === "dictExpand")
        add("expand", e, {}, {size: Math.max(a.table0, a.table1)});
    else if (e.name === "dictRehash")
        add("rehash", e, {}, {from: a.from, to: a.to, left: a.left});
    else if (e.name === "performEvictions")
        add("evict", e, {}, {evicted: a.evicted});
    else if (e.name === "redisFork")
        add("fork", e, {}, {child: a.child});
    else if (e.name === "blockForKeys")
        add("block", e, {dict: (a.keys || []).join(" ")}, {keys: a.keys});
    else if (e.name === "unblockClient")
        add("unblock", e, {}, {});
    else if (e.name === "call" && a.command !== undefined)
        add("inner", e, {}, {command: a.command, argv: a.argv || [a.command]});
}

// The write on its way: file, disk, replicas.
function afterTheCall(events, after, call, add) {
    const offset = call.args.aof_offset, position = call.args.repl_offset;
    const fed = after.some(e => e.name === "feedAppendOnlyFile" && inside(e, call));
    const write = fed && after.find(e => e.name === "aofWrite" && e.args.size >= offset);
    if (write)
        add("write", write, {aof_buf: null, cache: bytesOf(write.args.written)}, {fd: write.args.fd, bytes: write.args.written, size: write.args.size});
    const sync = fed && after.find(e => e.args.synced !== undefined && e.args.synced >= offset);
    if (sync)
        add("sync", sync, {cache: null, disk: thousands(sync.args.synced) + " B"}, {fd: sync.args.fd, synced: sync.args.synced}, endOf(sync));
    const seen = new Set();
    for (const e of after)
        if (e.name === "writeToClient" && e.args.kind === "replica" && !seen.has(e.args.fd)) {
            seen.add(e.args.fd);
            const sent = after.find(w => w.name === "write" && inside(w, e));
            if (sent)
                add("send", e, {slave: null, wire: bytesOf(sent.args.written)}, {fd: e.args.fd, bytes: sent.args.written});
        }
    const replicas = new Set(events.filter(e => e.node !== call.node && e.ts >= call.ts).map(e => e.node));
    for (const node of replicas) {
        const applied = events.find(e => e.node === node && e.name === "call" && e.args.kind === "master" && e.args.repl_offset >= position && e.ts >= call.ts);
        if (applied)
            add("applied", applied, {wire: null, replica: nameOf(applied)}, {offset: applied.args.repl_offset});
    }
    const ack = after.find(e => e.name === "call" && e.args.ack !== undefined && e.args.ack >= position);
    if (ack && position > 0)
        add("ack", ack, {wire: null, ack: "ACK " + thousands(ack.args.ack)}, {ack: ack.args.ack});
}

// What stands in each place of the picture after step `index`: {place: {text, gone, now}}.
function placesAt(life, index) {
    const places = {};
    life.steps.slice(0, index + 1).forEach((step, number) => {
        for (const [place, text] of Object.entries(step.puts)) {
            if (text === undefined)
                continue;
            const before = places[place];
            if (text === null)
                places[place] = {text: before ? before.text : "", gone: true, now: number === index && before !== undefined && !before.gone};
            else
                places[place] = {text, gone: false, now: number === index};
        }
    });
    return places;
}

// Whether the write would survive after step `index` -> {kill, power}: "lost", "safe", or "none" if there is nothing to lose.
function safetyAt(life, index) {
    const done = kind => life.steps.slice(0, index + 1).some(step => step.kind === kind);
    if (!life.call.args.dirty || !done("execute"))
        return {kill: "none", power: "none"};
    return {kill: done("write") ? "safe" : "lost", power: done("sync") ? "safe" : "lost"};
}
