// SPDX-License-Identifier: Apache-2.0
// Draws the report from the JSON that the page carries (schema 1, see compiler/report/Report.h).
"use strict";

const report = JSON.parse(document.getElementById("data").textContent);
const plan = report.plan;
const total = (list) => list.reduce((sum, value) => sum + value, 0);
const grouped = (number) => Math.round(number).toLocaleString("en-US");
const bytes = (n) => n >= 1e6 ? (n / 1e6).toFixed(2) + " MB" : n >= 1e3 ? (n / 1e3).toFixed(1) + " kB" : n + " B";
const fixed = (digits) => (number) => number === undefined || number === null ? "" : number.toFixed(digits);
const percent = (share) => (100 * share).toFixed(2) + " %";

// Elements by name; children are elements or text, never markup: names come from a model file.
function make(name, attributes = {}, ...children) {
  const inSvg = ["svg", "g", "rect", "path", "line", "circle", "text", "title"].includes(name);
  const element = inSvg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}
const place = (id, inner) => document.querySelector(`#${id} ${inner}`);
const drop = (id) => document.getElementById(id).remove();

// A table; columns are {title, value(row), text(value), number, bar, className(row)}.
function table(columns, rows, isChosen = () => false) {
  const largest = columns.map((c) => c.bar ? Math.max(1e-30, ...rows.map((row) => c.value(row) || 0)) : 0);
  const head = make("tr", {}, ...columns.map((c) => make("th", c.number ? {class: "number"} : {}, c.title)));
  const body = rows.map((row) => make("tr", isChosen(row) ? {class: "chosen"} : {}, ...columns.map((c, i) => {
    const value = c.value(row);
    const classes = [c.number && "number", c.bar && "bar", c.className && c.className(row)].filter(Boolean).join(" ");
    const cell = make("td", classes ? {class: classes} : {});
    if (c.bar) cell.style.setProperty("--share", (value || 0) / largest[i]);
    cell.append(value instanceof Node ? value : c.text ? c.text(value) : value === undefined ? "" : String(value));
    return cell;
  })));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
}

// Steps of one node of the model belong together: that is a layer.
function layersOf(steps) {
  const layers = new Map();
  const producer = new Map();
  for (const step of steps) {
    if (!layers.has(step.name))
      layers.set(step.name, {name: step.name, gates: new Set(), steps: 0, exchanges: 0, message: 0, dealt: 0,
        multiplications: 0, predicted: 0, shape: step.shape, details: [], from: new Set()});
    const layer = layers.get(step.name);
    ++layer.steps;
    layer.gates.add(step.gate);
    layer.exchanges += step.message_bytes.length;
    layer.message += total(step.message_bytes);
    layer.dealt += total(step.dealt_bytes);
    layer.multiplications += step.multiplications;
    layer.predicted += step.predicted_ms;
    layer.shape = step.shape;
    if (step.detail && !["Take", "Scale", "Input", "Output"].includes(step.gate)) layer.details.push(`${step.gate} ${step.detail}`);
    for (const operand of step.operands)
      if (producer.has(operand) && producer.get(operand) !== step.name) layer.from.add(producer.get(operand));
    if (step.gate !== "Output") producer.set(step.result, step.name);
  }
  return [...layers.values()];
}
const layers = layersOf(plan.layers);
const metrics = [
  ["predicted time", (layer) => layer.predicted, (ms) => ms.toFixed(3) + " ms"], ["dealt bytes", (layer) => layer.dealt, bytes], ["bytes each way", (layer) => layer.message, bytes],
  ["exchanges", (layer) => layer.exchanges, grouped], ["multiplications", (layer) => layer.multiplications, grouped]];

function drawOverview() {
  const totals = plan.totals;
  document.title = `${plan.model || "model"} · GFS report`;
  document.getElementById("title").textContent = plan.model || "Unnamed model";
  document.getElementById("subtitle").textContent = `Plan for private inference, made by ${plan.compiler}`;
  const tiles = [
    [totals.exchanges, "exchanges between the servers"], [bytes(totals.bytes_each_way), "sent each way"],
    [bytes(total(totals.dealt_bytes)), "dealt, both servers"],
    [totals.relus ? (total(totals.relu_dealt_bytes) / totals.relus).toFixed(1) + " B" : "none", "dealt per ReLU"],
    [grouped(totals.relus), "ReLUs"], [grouped(totals.multiplications), "multiplications a server"],
    [grouped(plan.weights), "weights"], [`${plan.ring_bits} bits`, "ring"]];
  tiles.unshift([plan.predicted.online_ms.toFixed(2) + " ms", `predicted online, ${plan.predicted.network}`]);
  if (report.calibration) tiles.push([percent(report.calibration.agreement), `same answer on ${report.calibration.samples} ${report.calibration.synthetic ? "made-up" : "calibration"} inputs`]);
  place("overview", ".tiles").append(...tiles.map(([value, name]) => make("div", {class: "tile"}, make("b", {}, String(value)), make("span", {}, name))));
  const facts = Object.entries(report.formats || {}).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
  place("overview", ".facts").append(facts.join(" · "), make("br"), "plan ", make("code", {}, plan.hash));
}

// Layers by the longest path from the inputs; edges as curves between rows.
function drawGraph() {
  const select = place("graph", "select");
  for (const [name] of metrics) select.append(make("option", {}, name));
  const row = new Map(), byName = new Map(layers.map((layer) => [layer.name, layer])), rows = [];
  for (const layer of layers) {
    const depth = Math.max(-1, ...[...layer.from].map((name) => row.get(name) ?? -1)) + 1;
    row.set(layer.name, depth);
    (rows[depth] ||= []).push(layer);
  }
  const width = 210, height = 40, gapX = 24, gapY = 28, widest = Math.max(...rows.map((list) => list.length));
  const position = new Map();
  rows.forEach((list, depth) => list.forEach((layer, i) => position.set(layer.name,
    {x: 20 + (i + (widest - list.length) / 2) * (width + gapX), y: 16 + depth * (height + gapY)})));
  const svg = make("svg", {width: 40 + widest * (width + gapX), height: 20 + rows.length * (height + gapY), role: "img",
    "aria-label": "graph of the network"});
  for (const layer of layers)
    for (const name of layer.from) {
      const a = position.get(name), b = position.get(layer.name);
      if (!a || !byName.has(name)) continue;
      const x0 = a.x + width / 2, y0 = a.y + height, x1 = b.x + width / 2, y1 = b.y;
      // An edge over several rows leaves the column, so that it does not run through the boxes between.
      const bend = row.get(layer.name) - row.get(name) > 1 ? width * .62 : 0;
      svg.append(make("path", {class: "edge", d: `M${x0} ${y0} C${x0 + bend} ${y0 + gapY} ${x1 + bend} ${y1 - gapY} ${x1} ${y1}`}));
    }
  const boxes = layers.map((layer) => {
    const {x, y} = position.get(layer.name);
    const box = make("rect", {x, y, width, height, rx: 6});
    const short = layer.name.length > 28 ? "…" + layer.name.slice(-27) : layer.name || "(unnamed)";
    const text = make("text", {class: "soft", x: x + 8, y: y + 32});
    svg.append(make("g", {class: "node"}, box, make("text", {x: x + 8, y: y + 16}, short), text,
      make("title", {}, [layer.name, layer.shape.join("×"), ...layer.details].join("\n"))));
    return {layer, box, text};
  });
  const colour = () => {
    const [, value, text] = metrics[select.selectedIndex];
    const largest = Math.max(1e-30, ...layers.map(value));
    for (const {layer, box, text: line} of boxes) {
      box.style.fill = `color-mix(in srgb, var(--accent) ${Math.round(45 * value(layer) / largest)}%, var(--card))`;
      line.textContent = `${[...layer.gates].filter((g) => !["Take", "Scale", "Open"].includes(g)).join(", ").slice(0, 22)}  ${value(layer) ? text(value(layer)) : ""}`;
    }
  };
  select.addEventListener("change", colour);
  colour();
  place("graph", ".scroll").append(svg);
}

function drawLayers() {
  const columns = [{title: "layer", value: (l) => l.name}, {title: "result", value: (l) => l.shape.join("×")},
    ...metrics.map(([title, value, text]) => ({title, value, text: (v) => v ? text(v) : "", number: true, bar: true})),
    {title: "steps", value: (l) => l.details.join("; "), className: () => "wide"}];
  place("layers", ".scroll").append(table(columns, layers));
}

// explain: {layers: [{layer, protocol, cost, alternatives: [{protocol, cost}]}]}; a cost is {predicted_ms, exchanges, bytes_each_way,
// dealt_bytes, …}. Layers that find no signs have no protocol and no alternatives.
function drawExplain() {
  const rows = report.explain.layers.flatMap((entry) => {
    const choices = entry.alternatives.length ? entry.alternatives : entry.protocol ? [entry] : [];
    return choices.map((one, i) => ({...one.cost, layer: i ? "" : entry.layer, protocol: one.protocol, chosen: one.protocol === entry.protocol}));
  });
  if (!rows.length) return drop("explain");
  const columns = [{title: "layer", value: (r) => r.layer}, {title: "signs by", value: (r) => (r.chosen ? "▸ " : "") + r.protocol},
    {title: "predicted ms", value: (r) => r.predicted_ms, text: fixed(3), number: true},
    {title: "exchanges", value: (r) => r.exchanges, number: true},
    {title: "bytes each way", value: (r) => r.bytes_each_way, text: grouped, number: true},
    {title: "dealt bytes", value: (r) => r.dealt_bytes, text: grouped, number: true}];
  place("explain", ".scroll").append(table(columns, rows, (r) => r.chosen));
}

// activations: [{layer, channels, elements, kinds: {relu: n, quadratic: n, …}, per_channel: ["relu", …]}]; a strip of one cell per channel.
function drawActivations() {
  if (!report.activations || !report.activations.length) return drop("activations");
  const colours = {relu: "var(--warm)", quadratic: "var(--accent)", linear: "var(--good)", identity: "#8b5cf6", constant: "var(--line)", zero: "var(--line)"};
  const strip = (row) => make("div", {class: "stack", role: "img", "aria-label": `channels of ${row.layer}`}, ...row.per_channel.map((kind, i) =>
    make("i", {style: `flex:1;background:${colours[kind] || "var(--soft)"}`, title: `channel ${i}: ${kind}`})));
  const columns = [{title: "layer", value: (r) => r.layer}, {title: "elements", value: (r) => r.elements, text: grouped, number: true},
    {title: "channels", value: (r) => r.channels, number: true}, {title: "each channel", value: strip},
    {title: "kinds", value: (r) => Object.entries(r.kinds).map(([k, n]) => `${n} ${k}`).join(", ")}];
  place("activations", ".scroll").append(table(columns, report.activations));
}

function axes(svg, left, top, width, height, labels) {
  svg.append(make("line", {class: "axis", x1: left, y1: top + height, x2: left + width, y2: top + height}),
    make("line", {class: "axis", x1: left, y1: top, x2: left, y2: top + height}));
  for (const {x, y, text, anchor = "middle"} of labels) svg.append(make("text", {class: "soft", x, y, "text-anchor": anchor}, text));
}

// frontier: {points: [{replaced, agreement, predicted_ms, exchanges, dealt_bytes, ring_bits}], chosen}; costs may be missing where no plan is
// precise enough.
function drawFrontier() {
  const points = report.frontier && report.frontier.points;
  if (!points) return drop("frontier");
  const chosen = points[report.frontier.chosen];
  const width = 640, height = 260, left = 60, top = 16;
  const low = Math.min(...points.map((p) => p.agreement)), high = Math.max(...points.map((p) => p.agreement)), span = high - low || 1;
  const x = (p) => left + p.replaced * width, y = (p) => top + (high - p.agreement) / span * height;
  const svg = make("svg", {width: left + width + 40, height: height + 60, role: "img", "aria-label": "agreement against share replaced"});
  axes(svg, left, top, width, height, [...[0, .25, .5, .75, 1].map((s) => ({x: left + s * width, y: top + height + 18, text: 100 * s + " %"})),
    ...(high > low ? [low, high] : [high]).map((a) => ({x: left - 6, y: top + 4 + (high - a) / span * height, text: percent(a), anchor: "end"})),
    {x: left + width / 2, y: top + height + 36, text: "share of ReLUs replaced"}]);
  svg.append(make("path", {class: "series", d: points.map((p, i) => `${i ? "L" : "M"}${x(p)} ${y(p)}`).join(" ")}));
  const cost = (p) => p.predicted_ms === undefined ? "" : `, ${p.predicted_ms.toFixed(2)} ms, ${bytes(p.dealt_bytes)}`;
  for (const p of points)
    svg.append(make("circle", {class: p === chosen ? "mark chosen" : "mark", cx: x(p), cy: y(p), r: p === chosen ? 6 : 3.5},
      make("title", {}, `${percent(p.replaced)} replaced, ${percent(p.agreement)} agreement${cost(p)}`)));
  place("frontier", ".plot").append(svg);
  const columns = [{title: "replaced", value: (p) => (p === chosen ? "▸ " : "") + percent(p.replaced), number: true},
    {title: "same answer", value: (p) => p.agreement, text: percent, number: true},
    {title: "predicted ms", value: (p) => p.predicted_ms, text: fixed(2), number: true}, {title: "exchanges", value: (p) => p.exchanges, number: true},
    {title: "dealt bytes", value: (p) => p.dealt_bytes, text: (n) => n === undefined ? "" : grouped(n), number: true},
    {title: "ring bits", value: (p) => p.ring_bits, number: true}];
  place("frontier", ".scroll").append(table(columns, points, (p) => p === chosen));
}

function drawHeadroom() {
  const rows = report.headroom;
  if (!rows.length) return drop("headroom");
  const bits = (r) => r.headroom ? Math.log2(r.headroom) : undefined;
  const columns = [{title: "layer", value: (r) => r.layer}, {title: "operation", value: (r) => r.operation},
    {title: "largest value", value: (r) => r.magnitude || undefined, text: (v) => v === undefined ? "" : v.toPrecision(4), number: true},
    {title: "scale", value: (r) => r.operand_scale === r.result_scale ? r.operand_scale : `${r.operand_scale} → ${r.result_scale}`},
    {title: "weight bits", value: (r) => r.weight_bits || "", number: true},
    {title: "window", value: (r) => r.window[1] ? `[${r.window[0]}, ${r.window[1]})` : ""},
    {title: "head-room, bits", value: bits, text: fixed(1), number: true, bar: true, className: (r) => r.headroom && r.headroom < 1 ? "low" : ""}];
  place("headroom", ".scroll").append(table(columns, rows));
}

function drawSchedule() {
  const exchanges = plan.schedule;
  if (!exchanges.length) return drop("schedule");
  const left = 70, top = 12, height = 160, step = Math.max(3, Math.min(22, 900 / exchanges.length)), width = step * exchanges.length;
  const largest = Math.max(...exchanges.map((e) => e.bytes_each_way));
  const names = new Map(plan.layers.map((s) => [s.step, `${s.name} (${s.gate})`]));
  const svg = make("svg", {width: left + width + 30, height: height + 50, role: "img", "aria-label": "bytes of each exchange"});
  axes(svg, left, top, width, height, [{x: left - 6, y: top + 8, text: bytes(largest), anchor: "end"},
    {x: left - 6, y: top + height, text: "0", anchor: "end"}, {x: left + width / 2, y: top + height + 24, text: `${exchanges.length} exchanges`}]);
  exchanges.forEach((e, i) => {
    const tall = Math.max(1, e.bytes_each_way / largest * height);
    svg.append(make("rect", {class: "column", x: left + i * step + .5, y: top + height - tall, width: step - 1, height: tall},
      make("title", {}, `${i}: ${bytes(e.bytes_each_way)}\n${e.steps.map((s) => names.get(s)).join("\n")}`)));
  });
  place("schedule", ".plot").append(svg);
}

function drawLeakage() {
  place("leakage", ".roles").append(...report.leakage.map((role) => make("div", {class: "role"}, make("h3", {}, role.role),
    make("dl", {}, ...role.sights.flatMap((sight) => [make("dt", {}, sight.kind), make("dd", {}, sight.text,
      sight.details.length ? make("ul", {}, ...sight.details.map((detail) => make("li", {}, detail))) : undefined)])))));
}

for (const draw of [drawOverview, drawGraph, drawLayers, drawExplain, drawActivations, drawFrontier, drawHeadroom, drawSchedule, drawLeakage]) draw();
const contents = document.getElementById("contents");
for (const heading of document.querySelectorAll("section > h2"))
  contents.append(make("a", {href: "#" + heading.parentElement.id}, heading.textContent));
document.getElementById("footer").textContent = `Report schema ${report.schema}. Weights, inputs and calibration data are not in this file; ranges and choices derived from them are.`;
// For tests and for people who script the page: everything was drawn.
document.body.dataset.drawn = layers.length;
