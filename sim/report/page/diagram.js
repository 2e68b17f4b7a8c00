// The space-time diagram: bands of partitions above, a lane for each node and client below.

// ---- lanes ----

const canvas = byId("canvas");
const pen = canvas.getContext("2d");
const plot = { width: 0, height: 0, scale: d3.scaleLinear(), lanes: [], laneOf: new Map(), hits: [], chosen: null, cursor: null };
const base = d3.scaleLinear();
const paint = {};

function readColours() {
  for (const name of ["paper", "raised", "line", "line-soft", "ink", "ink-2", "ink-3", "accent", "good", "bad", "warn", "fault", "shade"]) paint[name] = colour(name);
  paint.machines = data.machines.map((one, i) => (isNode(i) ? colour("c" + (i % 8)) : paint["ink-2"]));
}
const colourOfId = (id) => (id < 0 ? paint.bad : paint.machines[nodeOfId.get(id)] ?? paint["ink-3"]);
// Black or white, whichever reads better on this colour.
function inkOn(background) {
  const { r, g, b } = d3.rgb(background);
  return 0.299 * r + 0.587 * g + 0.114 * b > 145 ? "#10141a" : "#ffffff";
}

// Which rows faults take, so that none covers another.
const faultRows = [];
for (const one of faults) {
  let row = faultRows.findIndex((until) => until + end / 12 < one.at);
  if (row < 0 && faultRows.length < 8) row = faultRows.push(0) - 1;
  one.row = Math.max(row, 0);
  faultRows[one.row] = Math.max(one.to, faultRows[one.row]);
}

function layLanes() {
  const lanes = [];
  let y = 22;
  const add = (kind, height, more) => { lanes.push({ kind, y, height, ...more }); y += height; };
  if (faults.length) add("faults", 8 + 15 * Math.max(faultRows.length, 1), { label: "Faults" });
  if (quorum.length) add("quorum", 24, { label: "Quorum" });
  const few = data.partitions.length <= 12 || filter.partition >= 0;
  data.partitions.forEach((name, partition) => {
    if (filter.partition >= 0 && filter.partition !== partition) return;
    const replicas = [...new Set(bands[partition].flatMap((band) => [...band.isr, ...band.elr]))].sort((a, b) => a - b);
    add("partition", 20 + 4 * replicas.length + (few ? 18 : 0) + 5, { label: name, partition, replicas, few });
  });
  y += 4;
  const tall = byId("with-messages").checked ? 34 : 26;
  data.machines.forEach((one, machine) => add("machine", tall, { label: one.name, machine }));
  plot.lanes = lanes;
  plot.laneOf = new Map(lanes.filter((lane) => lane.kind === "machine").map((lane) => [lane.machine, lane.y + lane.height / 2]));
  plot.height = y + 6;
  fill(byId("lanes"), ...lanes.map((lane) => {
    const chosen = lane.kind === "partition" ? filter.partition === lane.partition : filter.machine === lane.machine && lane.kind === "machine";
    const button = element("button", lane.label);
    button.type = "button";
    Object.assign(button.style, { top: lane.y + "px", height: lane.height + "px" });
    if (lane.kind === "faults" || lane.kind === "quorum") { button.disabled = true; button.style.color = "var(--ink-2)"; button.style.cursor = "default"; return button; }
    button.setAttribute("aria-pressed", String(chosen));
    button.title = chosen ? "Show all again" : "Only " + lane.label;
    button.addEventListener("click", () => {
      if (lane.kind === "partition") filter.partition = chosen ? -1 : lane.partition;
      else filter.machine = chosen ? -1 : lane.machine;
      filterChanged();
    });
    return button;
  }));
}

// ---- drawing ----

const x = (at) => plot.scale(at);
const inWindow = (from, to) => x(to) >= -2 && x(from) <= plot.width + 2;
const hit = (x0, y0, x1, y1, item) => plot.hits.push({ x0, y0, x1, y1, item });
const dimmed = (machine) => filter.machine >= 0 && filter.machine !== machine;

function label(text, left, y, width, ink) {
  if (width < 16) return;
  pen.fillStyle = ink;
  const whole = pen.measureText(text).width;
  if (whole <= width - 8) pen.fillText(text, left + 4, y);
}
function firstThatFits(texts, left, y, width, ink) {
  const text = texts.find((one) => pen.measureText(one).width <= width - 8);
  if (text) label(text, left, y, width, ink);
}

function drawAxis() {
  pen.fillStyle = paint.raised;
  pen.fillRect(0, 0, plot.width, 20);
  const [from, to] = plot.scale.domain();
  const seconds = d3.scaleLinear([from / 1e6, to / 1e6], [0, plot.width]);
  const ticks = seconds.ticks(Math.max(plot.width / 110, 2));
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
  const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)));
  for (const tick of ticks) {
    const at = Math.round(seconds(tick)) + 0.5;
    pen.strokeStyle = paint["line-soft"];
    pen.beginPath(); pen.moveTo(at, 20); pen.lineTo(at, plot.height); pen.stroke();
    pen.fillStyle = paint["ink-3"];
    const text = tick.toFixed(digits) + " s";
    pen.fillText(text, Math.min(at + 4, plot.width - pen.measureText(text).width - 2), 10);
  }
}

function drawFaults(lane) {
  for (const one of faults) {
    if (!inWindow(one.at, one.to)) continue;
    const from = x(one.at), width = Math.max(x(one.to) - from, 3);
    const y = lane.y + 4 + one.row * 15;
    pen.globalAlpha = one.fault.took ? 1 : 0.45;
    pen.fillStyle = one.fault.took ? paint.fault : paint["ink-3"];
    pen.fillRect(from, y, width, 12);
    const text = one.fault.kind + " " + one.fault.target;
    const seen = Math.max(from, 0);
    const room = Math.min(from + width, plot.width) - seen;
    if (pen.measureText(one.fault.kind).width + 8 <= room) {
      firstThatFits([text, one.fault.kind], seen, y + 6.5, room, inkOn(paint.fault));
    } else if (one.fault.took && faults.length <= 12) {
      const ink = paint["ink-2"];
      pen.fillStyle = ink;
      if (from + width + pen.measureText(one.fault.kind).width < plot.width) pen.fillText(one.fault.kind, from + width + 3, y + 6.5);
      else pen.fillText(one.fault.kind, from - pen.measureText(one.fault.kind).width - 3, y + 6.5);
    }
    pen.globalAlpha = 1;
    hit(from - 2, y - 1, from + width + 2, y + 13, one);
  }
}

// On the lanes of what it struck.
function drawStruck() {
  const bottom = (machine) => plot.laneOf.get(machine);
  for (const one of faults) {
    if (!one.fault.took || !inWindow(one.at, one.to)) continue;
    const from = x(one.at), width = Math.max(x(one.to) - from, 1);
    for (const machine of one.fault.machines) {
      const y = bottom(machine);
      if (y === undefined || dimmed(machine)) continue;
      pen.fillStyle = paint.shade;
      pen.fillRect(from, y - 11, width, 22);
      pen.fillStyle = paint.fault;
      pen.fillRect(from, y - 11, 1.5, 22);
    }
  }
}

function drawQuorum(lane) {
  for (const band of quorum) {
    if (!inWindow(band.at, band.to)) continue;
    const from = Math.max(x(band.at), 0), to = Math.min(x(band.to), plot.width);
    pen.fillStyle = paint.machines[band.machine];
    pen.fillRect(from, lane.y + 4, Math.max(to - from, 1.5), 16);
    firstThatFits([nameOf(band.machine) + " leads, epoch " + band.epoch, nameOf(band.machine) + " · " + band.epoch, String(band.epoch)],
      from, lane.y + 12.5, to - from, inkOn(paint.machines[band.machine]));
    hit(from, lane.y + 2, Math.max(to, from + 2), lane.y + 22, band);
  }
}

function drawPartition(lane) {
  for (const band of bands[lane.partition]) {
    if (!inWindow(band.at, band.to)) continue;
    const from = Math.max(x(band.at), 0), to = Math.min(x(band.to), plot.width);
    const width = Math.max(to - from, 1);
    const y = lane.y + 3;
    if (band.leader < 0) {
      pen.fillStyle = paint.shade; pen.fillRect(from, y, width, 15);
      pen.strokeStyle = paint.bad; pen.strokeRect(from + 0.5, y + 0.5, Math.max(width - 1, 0.5), 14);
      firstThatFits(["no leader, epoch " + band.epoch, "no leader", "none"], from, y + 8, width, paint.bad);
    } else {
      const shade = colourOfId(band.leader);
      pen.fillStyle = shade; pen.fillRect(from, y, width, 15);
      firstThatFits([ofId(band.leader) + " leads, epoch " + band.epoch + ", ISR " + band.isr, ofId(band.leader) + ", epoch " + band.epoch,
        ofId(band.leader) + " · " + band.epoch, String(band.leader)], from, y + 8, width, inkOn(shade));
    }
    if (band.elected && x(band.at) >= 0) {
      pen.fillStyle = band.unclean ? paint.bad : paint.ink;
      pen.fillRect(from - 0.5, lane.y, band.unclean ? 3 : 1.5, 20);
    }
    lane.replicas.forEach((id, row) => {
      const top = y + 17 + row * 4;
      if (band.isr.includes(id)) { pen.fillStyle = colourOfId(id); pen.fillRect(from, top, width, 3); }
      else if (band.elr.includes(id)) {
        pen.fillStyle = colourOfId(id);
        for (let at = from; at < from + width; at += 6) pen.fillRect(at, top, Math.min(3, from + width - at), 3);
      }
    });
    hit(from, lane.y, from + width, lane.y + lane.height, band);
  }
  if (lane.few) drawWatermark(lane);
}

function drawWatermark(lane) {
  const marks = watermarks.get(lane.partition);
  if (!marks) return;
  const bottom = lane.y + lane.height - 4, top = bottom - 16;
  const [from, to] = plot.scale.domain();
  const first = Math.max(d3.bisectLeft(marks.time, from) - 1, 0), last = Math.min(d3.bisectRight(marks.time, to), marks.time.length);
  const seen = marks.offset.slice(first, last);
  if (!seen.length) return;
  const y = d3.scaleLinear([d3.min(seen), Math.max(d3.max(seen), d3.min(seen) + 1)], [bottom, top]);
  pen.beginPath();
  let before = null;
  for (let i = first; i < last; ++i) {
    const at = x(marks.time[i]), level = y(marks.offset[i]);
    if (before === null) pen.moveTo(at, level);
    else { pen.lineTo(at, before); pen.lineTo(at, level); }
    before = level;
  }
  if (before !== null) pen.lineTo(Math.min(x(end), plot.width), before);
  pen.strokeStyle = paint["ink-2"]; pen.lineWidth = 1.2; pen.stroke(); pen.lineWidth = 1;
  const text = number(seen[seen.length - 1]);
  const left = plot.width - pen.measureText(text).width - 6;
  pen.fillStyle = paint.paper; pen.fillRect(left - 3, before < (top + bottom) / 2 ? before + 2 : before - 12, plot.width - left + 1, 11);
  pen.fillStyle = paint["ink-3"]; pen.fillText(text, left, before < (top + bottom) / 2 ? before + 8 : before - 6);
}

function drawLives() {
  for (const [machine, incarnation, from, to] of data.lives) {
    if (!inWindow(from, to)) continue;
    const y = plot.laneOf.get(machine);
    pen.globalAlpha = dimmed(machine) ? 0.3 : 1;
    pen.fillStyle = paint.machines[machine];
    pen.fillRect(Math.max(x(from), 0), y - 1.5, Math.max(Math.min(x(to), plot.width) - Math.max(x(from), 0), 1), 3);
    if (incarnation > 1 && x(from) >= 0) { pen.beginPath(); pen.arc(x(from), y, 4, 0, 7); pen.fill(); }
    if (to < end) {
      pen.strokeStyle = paint.bad; pen.lineWidth = 2;
      pen.beginPath();
      pen.moveTo(x(to) - 4, y - 4); pen.lineTo(x(to) + 4, y + 4); pen.moveTo(x(to) - 4, y + 4); pen.lineTo(x(to) + 4, y - 4);
      pen.stroke(); pen.lineWidth = 1;
    }
    pen.globalAlpha = 1;
    hit(x(from), y - 8, x(to), y + 8, { kind: "life", at: from, to, machine, incarnation });
  }
  for (const band of quorum) {
    const y = plot.laneOf.get(band.machine);
    if (y === undefined || !inWindow(band.at, band.to) || dimmed(band.machine)) continue;
    pen.fillStyle = paint.machines[band.machine];
    pen.globalAlpha = 0.45;
    pen.fillRect(x(band.at), y - 6, Math.max(x(band.to) - x(band.at), 1), 12);
    pen.globalAlpha = 1;
  }
}

const moods = () => [paint.good, paint.bad, paint.warn, paint.warn];
const wantedOp = (i) => (filter.partition < 0 || columns.ops.part[i] === filter.partition || columns.ops.part[i] < 0 && columns.ops.kinds[columns.ops.kind[i]] !== "send") && !dimmed(columns.ops.client[i]);

// One by one while there are few in the window, else how many of which outcome.
function drawOperations() {
  const ops = columns.ops;
  const shades = moods();
  const [from, to] = plot.scale.domain();
  const counts = new Map();
  for (let i = 0; i < ops.at.length; ++i) {
    if (ops.took[i] === 0 || !wantedOp(i)) continue;  // what was read came with a poll
    const until = ops.took[i] < 0 ? end : ops.at[i] + ops.took[i];
    if (until < from || ops.at[i] > to) continue;
    if (!counts.has(ops.client[i])) counts.set(ops.client[i], []);
    counts.get(ops.client[i]).push(i);
  }
  for (const [client, list] of counts) {
    const middle = plot.laneOf.get(client);
    if (middle === undefined) continue;
    if (list.length <= plot.width / 3) {
      list.forEach((i, place) => {
        const y = middle - 8 + (place % 5) * 4;
        const left = x(ops.at[i]), right = ops.took[i] < 0 ? x(end) : x(ops.at[i] + ops.took[i]);
        pen.fillStyle = shades[ops.outcome[i]];
        pen.globalAlpha = 0.35; pen.fillRect(left, y, Math.max(right - left, 1), 3);
        pen.globalAlpha = 1; pen.fillRect(right - 1.5, y - 0.5, 3, 4);
        hit(left - 1, y - 1, right + 2, y + 4, { kind: "op", i, at: ops.at[i], to: ops.at[i] + Math.max(ops.took[i], 0) });
      });
      continue;
    }
    const columnsOf = d3.range(Math.ceil(plot.width / 3) + 1).map(() => [0, 0, 0, 0]);
    for (const i of list) {
      const place = Math.floor(x(ops.took[i] < 0 ? ops.at[i] : ops.at[i] + ops.took[i]) / 3);
      if (place >= 0 && place < columnsOf.length) ++columnsOf[place][ops.outcome[i]];
    }
    const most = Math.log1p(d3.max(columnsOf, (one) => d3.sum(one)));
    columnsOf.forEach((one, place) => {
      const sum = d3.sum(one);
      if (!sum) return;
      let y = middle + 10;
      const height = Math.max(20 * Math.log1p(sum) / most, 3);
      one.forEach((count, outcome) => {
        if (!count) return;
        const part = Math.max(height * count / sum, outcome ? 3 : 1);
        pen.fillStyle = shades[outcome];
        pen.fillRect(place * 3, y - part, 2.4, part);
        y -= part;
      });
    });
  }
}

function drawRecord() {
  if (filter.record < 0) return;
  const ops = columns.ops;
  for (let i = 0; i < ops.at.length; ++i) {
    if (ops.record[i] !== filter.record) continue;
    const y = plot.laneOf.get(ops.client[i]);
    const at = x(ops.took[i] < 0 ? ops.at[i] : ops.at[i] + ops.took[i]);
    const send = ops.kinds[ops.kind[i]] === "send";
    pen.strokeStyle = paint.accent; pen.setLineDash(send ? [] : [3, 3]); pen.lineWidth = 1.5;
    pen.beginPath(); pen.moveTo(at, 20); pen.lineTo(at, plot.height); pen.stroke();
    pen.setLineDash([]);
    if (send) { pen.beginPath(); pen.moveTo(x(ops.at[i]), y); pen.lineTo(at, y); pen.lineWidth = 4; pen.stroke(); }
    pen.lineWidth = 1;
    pen.fillStyle = paint.accent;
    pen.beginPath(); pen.arc(at, y, 5, 0, 7); pen.fill();
    hit(at - 6, y - 6, at + 6, y + 6, { kind: "op", i, at: ops.at[i], to: ops.at[i] });
  }
}

const kMostMessages = 4000;
function messagesInWindow() {
  const messages = columns.messages;
  const [from, to] = plot.scale.domain();
  const found = [];
  for (let i = 0; i < messages.at.length; ++i) {
    if (messages.at[i] > to) break;
    if (messages.at[i] + Math.max(messages.took[i], 0) < from) continue;
    if (filter.machine >= 0 && messages.from[i] !== filter.machine && messages.to[i] !== filter.machine) continue;
    if (filter.word && !api(i).toLowerCase().includes(filter.word)) continue;
    found.push(i);
  }
  return found;
}

function drawMessages() {
  const said = byId("messages-said");
  if (!byId("with-messages").checked) { said.textContent = ""; return; }
  const found = messagesInWindow();
  if (found.length > kMostMessages) {
    said.textContent = plural(found.length, "message") + " in this window: zoom in, choose a node or type an API's name";
    return;
  }
  said.textContent = plural(found.length, "message");
  const messages = columns.messages;
  const few = found.length < 60;
  const labels = [];
  for (const i of found) {
    const y0 = plot.laneOf.get(messages.from[i]), y1 = plot.laneOf.get(messages.to[i]);
    if (y0 === undefined || y1 === undefined) continue;
    const lost = messages.took[i] < 0;
    const x0 = x(messages.at[i]), x1 = lost ? x0 + 8 : x(messages.at[i] + messages.took[i]);
    const yEnd = lost ? y0 + (y1 - y0) * 0.4 : y1;
    const name = messages.apis[messages.api[i] >> 1];
    pen.strokeStyle = lost ? paint.bad : name === "Fetch" ? paint["ink-3"] : name === "Produce" ? paint.accent : paint.machines[messages.from[i]];
    pen.globalAlpha = few ? 1 : lost ? 0.9 : 0.5;
    pen.setLineDash(messages.api[i] & 1 ? [4, 3] : []);
    pen.beginPath(); pen.moveTo(x0, y0); pen.lineTo(x1, yEnd); pen.stroke();
    pen.setLineDash([]);
    if (lost) { pen.strokeRect(x1 - 2, yEnd - 2, 4, 4); }
    else { pen.fillStyle = pen.strokeStyle; pen.beginPath(); pen.arc(x1, yEnd, 2, 0, 7); pen.fill(); }
    pen.globalAlpha = 1;
    hit(0, 0, 0, 0, { kind: "message", i, at: messages.at[i], to: messages.at[i] + Math.max(messages.took[i], 0), line: [x0, y0, x1, yEnd] });
    const left = Math.max((x0 + x1) / 2 + 3, 2), middle = (y0 + yEnd) / 2;
    const free = labels.every((other) => Math.abs(other[0] - left) > 46 || Math.abs(other[1] - middle) > 11);
    if (few && plot.width > 500 && free) {
      labels.push([left, middle]);
      pen.fillStyle = paint["ink-2"];
      pen.fillText(name, left, middle);
    }
  }
}

function drawMoments() {
  for (const one of violations) {
    if (!inWindow(one.at, one.at)) continue;
    const at = x(one.at);
    pen.strokeStyle = paint.bad; pen.setLineDash([5, 3]); pen.lineWidth = 1.5;
    pen.beginPath(); pen.moveTo(at, 20); pen.lineTo(at, plot.height); pen.stroke();
    pen.setLineDash([]); pen.lineWidth = 1;
    pen.fillStyle = paint.bad;
    pen.beginPath(); pen.moveTo(at, 12); pen.lineTo(at + 7, 20); pen.lineTo(at, 28); pen.lineTo(at - 7, 20); pen.fill();
    hit(at - 7, 10, at + 7, 30, one);
  }
  if (plot.cursor !== null && inWindow(plot.cursor, plot.cursor)) {
    pen.strokeStyle = paint.accent;
    pen.beginPath(); pen.moveTo(x(plot.cursor), 20); pen.lineTo(x(plot.cursor), plot.height); pen.stroke();
  }
}

function draw() {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(plot.width * ratio);
  canvas.height = Math.round(plot.height * ratio);
  canvas.style.height = plot.height + "px";
  byId("lanes").style.height = plot.height + "px";
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.font = '11px system-ui, "DejaVu Sans", sans-serif';
  pen.textBaseline = "middle";
  pen.clearRect(0, 0, plot.width, plot.height);
  plot.hits = [];
  for (const lane of plot.lanes) {
    pen.fillStyle = paint["line-soft"];
    pen.fillRect(0, lane.y + lane.height - 0.5, plot.width, 1);
  }
  drawAxis();
  for (const lane of plot.lanes) {
    if (lane.kind === "faults") drawFaults(lane);
    if (lane.kind === "quorum") drawQuorum(lane);
    if (lane.kind === "partition") drawPartition(lane);
  }
  drawStruck();
  drawLives();
  drawOperations();
  drawMessages();
  drawRecord();
  drawMoments();
  const [from, to] = plot.scale.domain();
  byId("window").textContent = moment(from) + " to " + moment(to) + " (" + span(to - from) + ")";
}

// ---- moving about ----

const zoom = d3.zoom().filter(() => {
  const event = d3.event;
  if (event.type === "wheel") return event.ctrlKey || event.metaKey;
  return event.touches ? event.touches.length > 1 : !event.button;
}).on("zoom", () => {
  plot.scale = d3.event.transform.rescaleX(base);
  moveBrush();
  schedule();
});
let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; draw(); showList(); });
}
function show(from, to) {
  const least = Math.max(end / 20000, 200);
  if (to - from < least) { const middle = (from + to) / 2; from = middle - least / 2; to = middle + least / 2; }
  const k = end / (to - from);
  d3.select(canvas).call(zoom.transform, d3.zoomIdentity.scale(k).translate(-base(Math.max(from, 0)), 0));
}
function showAround(at, width) {
  const [from, to] = plot.scale.domain();
  const half = (width ?? Math.min(to - from, end / 12)) / 2;
  plot.cursor = at;
  show(Math.max(at - half, 0), Math.min(at + half, end));
}
function shift(part) { d3.select(canvas).call(zoom.translateBy, -part * plot.width / d3.zoomTransform(canvas).k, 0); }
function scaleBy(factor) { d3.select(canvas).call(zoom.scaleBy, factor); }
function goToTurn(step) {
  const list = turns.filter(wantedTurn);
  const [from, to] = plot.scale.domain();
  const here = plot.cursor ?? (step > 0 ? from - 1 : to + 1);
  const next = step > 0 ? list.find((one) => one.at > here) : list.slice().reverse().find((one) => one.at < here);
  if (!next) return;
  showAround(next.at);
  choose(next);
}

const strip = { svg: d3.select("#overview"), brush: d3.brushX(), quiet: false };
function drawStrip() {
  const height = 46, width = plot.width;
  const left = byId("canvas").getBoundingClientRect().left - byId("overview").getBoundingClientRect().left;
  const svg = strip.svg;
  svg.selectAll("*").remove();
  const inner = svg.append("g").attr("transform", `translate(${left},0)`);
  const bins = Math.min(150, Math.ceil(width / 4));
  const ops = columns.ops;
  const good = new Array(bins + 1).fill(0), bad = new Array(bins + 1).fill(0);
  for (let i = 0; i < ops.at.length; ++i) {
    const at = ops.took[i] < 0 ? ops.at[i] : ops.at[i] + ops.took[i];
    ++(ops.outcome[i] === 0 ? good : bad)[Math.floor(at / end * bins)];
  }
  const y = d3.scaleSqrt([0, Math.max(d3.max(good), d3.max(bad), 1)], [0, 26]);
  const bar = (values, fillWith) => inner.selectAll(null).data(values).enter().filter((value) => value > 0).append("rect")
    .attr("x", (value, i) => i).attr("width", 1).attr("fill", fillWith);
  good.forEach((count, i) => { if (count) inner.append("rect").attr("x", i * width / bins).attr("width", width / bins + 0.3).attr("y", 30 - y(count)).attr("height", y(count)).attr("fill", paint.line); });
  bad.forEach((count, i) => { if (count) inner.append("rect").attr("x", i * width / bins).attr("width", Math.max(width / bins, 2)).attr("y", 30 - y(count)).attr("height", y(count)).attr("fill", paint.warn); });
  for (const one of faults) if (one.fault.took) inner.append("rect").attr("x", base(one.at)).attr("width", Math.max(base(one.to) - base(one.at), 2)).attr("y", 0).attr("height", 3).attr("fill", paint.fault);
  for (const one of turns) if (one.what === "leader" || one.what === "unclean") inner.append("rect").attr("x", base(one.at)).attr("width", 1.5).attr("y", 5).attr("height", 5).attr("fill", one.what === "unclean" ? paint.bad : paint.accent);
  for (const one of violations) inner.append("path").attr("d", `M${base(one.at)},0l5,6l-5,6l-5,-6z`).attr("fill", paint.bad);
  inner.append("g").attr("transform", "translate(0,30)").call(d3.axisBottom(d3.scaleLinear([0, end / 1e6], [0, width])).ticks(Math.max(width / 120, 2)).tickSize(3).tickFormat((t) => t + " s"));
  strip.brush.extent([[0, 0], [width, 30]]).on("brush end", () => {
    if (!d3.event.sourceEvent || strip.quiet) return;
    const chosen = d3.event.selection;
    if (!chosen) show(0, end);
    else show(base.invert(chosen[0]), base.invert(chosen[1]));
  });
  strip.area = inner.append("g").attr("class", "brush").call(strip.brush);
  moveBrush();
  svg.attr("height", height);
}
function moveBrush() {
  if (!strip.area) return;
  strip.quiet = true;
  const [from, to] = plot.scale.domain();
  strip.area.call(strip.brush.move, to - from > end * 0.999 ? null : [base(from), base(to)]);
  strip.quiet = false;
}

function resize() {
  const width = canvas.clientWidth;
  const [from, to] = plot.width ? plot.scale.domain() : [0, end];
  plot.width = width;
  base.domain([0, end]).range([0, width]);
  zoom.extent([[0, 0], [width, 1]]).translateExtent([[0, 0], [width, 1]]).scaleExtent([1, Math.max(end / 200, 2)]);
  layLanes();
  show(from, to);
  drawStrip();
}

function nearest(event) {
  const box = canvas.getBoundingClientRect();
  const at = event.clientX - box.left, y = event.clientY - box.top;
  let best = null, distance = 7;
  for (const one of plot.hits) {
    if (!one.item.line) continue;
    const [x0, y0, x1, y1] = one.item.line;
    const along = Math.max(0, Math.min(1, ((at - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2 || 1)));
    const away = Math.hypot(at - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0));
    if (away < distance) { distance = away; best = one.item; }
  }
  if (best) return best;
  for (let i = plot.hits.length - 1; i >= 0; --i) {
    const one = plot.hits[i];
    if (!one.item.line && at >= one.x0 && at <= one.x1 && y >= one.y0 && y <= one.y1) return one.item;
  }
  return null;
}

// `sized` is asked once, when it is known how wide it is.
function setUpDiagram(sized) {
  readColours();
  d3.select(canvas).call(zoom).on("dblclick.zoom", null);
  canvas.addEventListener("wheel", (event) => {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey || Math.abs(sideways) < Math.abs(event.deltaY) && !event.shiftKey) return;
    event.preventDefault();
    shift(sideways / plot.width);
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => {
    const at = plot.scale.invert(event.clientX - canvas.getBoundingClientRect().left);
    const [from, to] = plot.scale.domain();
    show(at - (to - from) / 8, at + (to - from) / 8);
  });
  canvas.addEventListener("click", (event) => { const item = nearest(event); if (item) choose(item); });
  canvas.addEventListener("mousemove", (event) => {
    const item = nearest(event);
    const tip = byId("tip");
    tip.style.display = item ? "block" : "none";
    if (!item) return;
    const { title, rows } = describe(item);
    tip.textContent = title + (rows.length ? " · " + rows[0][1] : "");
    tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = event.clientY + 16 + "px";
  });
  canvas.addEventListener("mouseleave", () => { byId("tip").style.display = "none"; });
  const keys = { ArrowLeft: () => shift(-0.15), ArrowRight: () => shift(0.15), "+": () => scaleBy(1.6), "=": () => scaleBy(1.6), "-": () => scaleBy(1 / 1.6), 0: () => show(0, end), n: () => goToTurn(1), p: () => goToTurn(-1) };
  canvas.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!keys[key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[key]();
  });
  byId("zoom-in").addEventListener("click", () => scaleBy(2));
  byId("zoom-out").addEventListener("click", () => scaleBy(0.5));
  byId("zoom-all").addEventListener("click", () => { plot.cursor = null; show(0, end); });
  byId("turn-on").addEventListener("click", () => goToTurn(1));
  byId("turn-back").addEventListener("click", () => goToTurn(-1));
  byId("with-messages").addEventListener("change", () => { layLanes(); schedule(); });
  const words = [["good", "answered well"], ["bad", "failed"], ["warn", "outcome unknown, or open"], ["fault", "fault, violation ◆, dead ×"]];
  fill(byId("legend"), ...words.map(([name, text]) => { const swatch = element("i"); swatch.style.background = `var(--${name})`; return element("span", swatch, text); }),
    ...data.machines.map((one, i) => { if (!isNode(i)) return null; const swatch = element("i"); swatch.style.background = `var(--c${i % 8})`; return element("span", swatch, one.name); }),
    element("span", "thin lines below a leader: its ISR (dashed: ELR), then the high watermark"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); drawStrip(); schedule(); });
  let known = 0;
  new ResizeObserver(() => {
    if (canvas.clientWidth <= 20 || canvas.clientWidth === known) return;
    const first = known === 0;
    known = canvas.clientWidth;
    resize();
    if (first) sized();
  }).observe(canvas);
  filter.listeners.push(() => { layLanes(); schedule(); });
}
