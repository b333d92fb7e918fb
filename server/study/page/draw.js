// draw.js - elements of HTML and SVG, and the redrawing of what has changed.
//
// Text that comes from a server goes in by text nodes only: a key named "<script>" is text.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

// Return an element with these attributes and children; a child that is no element becomes text.
function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
        if (name.startsWith("on"))
            element.addEventListener(name.slice(2), value);
        else if (value === true)
            element.setAttribute(name, "");
        else if (value !== undefined && value !== null && value !== false)
            element.setAttribute(name, value);
    }
    for (const child of children.flat(Infinity))
        if (child !== null && child !== undefined && child !== false)
            element.append(child instanceof Node ? child : String(child));
    return element;
}

function h(tag, attributes, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

function s(tag, attributes, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
}

// An SVG picture of this size, which fills the width that it has.
function picture(width, height, attributes, ...children) {
    return s("svg", Object.assign({viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMin meet"}, attributes), ...children);
}

// Text in SVG, shortened to so many columns; a Chinese character takes two.
function label(x, y, text, attributes, columns) {
    return s("text", Object.assign({x, y}, attributes), columns ? shorten(text, columns) : text);
}

function columnsOf(text) {
    let columns = 0;
    for (const character of text)
        columns += character.codePointAt(0) > 0x2e7f ? 2 : 1;
    return columns;
}

function shorten(text, columns) {
    text = String(text);
    if (columnsOf(text) <= columns)
        return text;
    let shown = "", used = 1;
    for (const character of text) {
        used += columnsOf(character);
        if (used > columns)
            break;
        shown += character;
    }
    return shown + "…";
}

// What a reader sees of bytes: \r\n and other control characters are spelled out.
function visible(text) {
    return String(text).replace(/\r/g, "\\r").replace(/\n/g, "\\n").replace(/[\u0000-\u001f\u007f]/g,
        c => "\\x" + c.charCodeAt(0).toString(16).padStart(2, "0"));
}

function thousands(number) {
    return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

// A time, given in ns.
function span(ns) {
    if (ns < 0)
        return "-" + span(-ns);
    if (ns < 10000)
        return (ns / 1000).toFixed(1) + " µs";
    if (ns < 10000000)
        return thousands(Math.round(ns / 1000)) + " µs";
    return ns < 1e10 ? thousands(Math.round(ns / 1e6)) + " ms" : thousands(Math.round(ns / 1e9)) + " s";
}

function bytesOf(count) {
    if (count < 1024)
        return count + " B";
    return count < 1048576 ? (count / 1024).toFixed(1) + " KB" : (count / 1048576).toFixed(1) + " MB";
}

// Let `parent` have one child for each item {key, data, draw}, in this order.  A child whose data are as before stays as it is.
function keyed(parent, items) {
    const old = parent.drawn || new Map(), now = new Map();
    let place = parent.firstChild;
    for (const item of items) {
        const text = JSON.stringify(item.data);
        let entry = old.get(item.key);
        if (entry === undefined || entry.text !== text) {
            const element = item.draw(item.data);
            if (entry !== undefined) {
                if (place === entry.element)
                    place = element;
                entry.element.replaceWith(element);
            }
            entry = {text, element};
        }
        if (entry.element === place)
            place = place.nextSibling;
        else
            parent.insertBefore(entry.element, place);
        old.delete(item.key);
        now.set(item.key, entry);
    }
    for (const entry of old.values())
        entry.element.remove();
    parent.drawn = now;
}

// Draw one child anew if its data have changed.
function once(parent, data, draw) {
    keyed(parent, [{key: "", data, draw: () => draw(data)}]);
}

// A table; each row is a list of cells: a text, a number, or an element.
function table(heads, rows, attributes) {
    const cell = value => h("td", {class: typeof value === "number" ? "number" : null}, typeof value === "number" ? thousands(value) : value);
    return h("table", attributes, h("thead", {}, h("tr", {}, heads.map(head => h("th", {}, head)))),
        h("tbody", {}, rows.map(row => h("tr", {}, row.map(cell)))));
}

// A box of facts: [[name, value], ...]
function facts(title, rows, attributes) {
    return h("section", Object.assign({class: "facts"}, attributes), h("h2", {}, title),
        h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}
