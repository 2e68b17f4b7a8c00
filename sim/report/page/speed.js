// How fast a campaign was, and the charts of its page.

const short = (value) => d3.format(value < 10 ? ".2~g" : ".3~s")(value);

// A table of names and numbers.
const table = (heads, rows) => element("table", element("thead", element("tr", ...heads.map((name, i) => element(i ? "th.num" : "th", name)))), element("tbody", ...rows));
const row = (name, ...cells) => element("tr", element("td", name), ...cells.map((text) => element("td.num", text)));

// A chart in a grid, as wide as a column of it: axes, and what `draw` makes of the scales.
function chart(body, title, [left, right], most, format, xAxis, draw) {
  const width = Math.floor(parseFloat(getComputedStyle(body).gridTemplateColumns)), height = 150;
  const x = xAxis.scale([46, width - 14]);
  const y = d3.scaleLinear([0, most || 1], [height - 22, 8]).nice(4);
  const svg = d3.create("svg").attr("width", width).attr("height", height).attr("role", "img").attr("aria-label", title);
  svg.append("g").attr("class", "grid").attr("transform", "translate(46,0)").call(d3.axisLeft(y).ticks(4).tickSize(-(width - 60)).tickFormat(format)).select(".domain").remove();
  svg.append("g").attr("transform", `translate(0,${height - 22})`).call(xAxis.axis(d3.axisBottom(x), Math.max(Math.floor(width / 110), 2)));
  draw(svg, x, y);
  return element("div", element("h3", title), svg.node());
}

// Values by x, as a line.
function lineChart(body, title, points, format, xLabel) {
  const extent = d3.extent(points, (point) => point[0]);
  const xAxis = { scale: (range) => d3.scaleLinear(extent, range), axis: (axis, ticks) => axis.ticks(ticks).tickFormat((value) => number(value) + xLabel) };
  return chart(body, title, extent, d3.max(points, (point) => point[1]), format, xAxis, (svg, x, y) => svg.append("path").attr("fill", "none")
    .attr("stroke", "var(--c0)").attr("stroke-width", 1.6).attr("d", d3.line().x((point) => x(point[0])).y((point) => y(point[1]))(points)));
}

// Columns from x to x: [from, to, value, what it says].
function columnChart(body, title, columns, format, xAxis) {
  return chart(body, title, [columns[0][0], columns[columns.length - 1][1]], d3.max(columns, (column) => column[2]), format, xAxis, (svg, x, y) => {
    for (const [from, to, value, said] of columns) {
      svg.append("rect").attr("x", x(from)).attr("width", Math.max(x(to) - x(from) - (x(to) - x(from) > 4 ? 1 : 0), 0.5)).attr("y", y(value)).attr("height", y(0) - y(value))
        .attr("fill", "var(--c0)").append("title").text(said);
    }
  });
}

// The pieces of real time; a last one that is less than half as long goes with the one before.
function speedPieces() {
  const { pieces, piece_ms: piece, real_ms: end } = data.speed;
  const list = pieces.map((sums, i) => ({ from: i * piece, to: Math.min((i + 1) * piece, end), sums }));
  const last = list[list.length - 1];
  if (list.length > 1 && last.to - last.from < piece / 2) {
    list.pop();
    const before = list[list.length - 1];
    list[list.length - 1] = { from: before.from, to: last.to, sums: before.sums.map((sum, i) => sum + last.sums[i]) };
  }
  return list.filter((one) => one.to > one.from);
}

function overTime(body, title, column, scaled, unit) {
  const list = speedPieces();
  const end = list[list.length - 1].to / 1e3;
  const xAxis = { scale: (range) => d3.scaleLinear([0, end], range), axis: (axis, ticks) => axis.ticks(ticks).tickFormat((at) => clock(at, end)) };
  return columnChart(body, title, list.map(({ from, to, sums }) => {
    const value = scaled(sums[column]) * 1e3 / (to - from);
    return [from / 1e3, to / 1e3, value, clock(from / 1e3, end) + " to " + clock(to / 1e3, end) + ": " + short(value) + " " + unit];
  }), short, xAxis);
}
// A moment of a campaign that lasts `end` seconds.
function clock(at, end) {
  if (end < 120) return +at.toFixed(1) + " s";
  const minutes = Math.floor(at / 60), pad = (value) => String(value).padStart(2, "0");
  return end < 7200 ? minutes + ":" + pad(Math.floor(at % 60)) + " min" : Math.floor(minutes / 60) + ":" + pad(minutes % 60) + " h";
}

function showSpeed() {
  const { speed } = data;
  if (!speed) {
    byId("speed-note").textContent = "";
    return fill(byId("speed-body"), element("p", "This file keeps no real times of its runs: the ksim that wrote it did not. One of this version does."));
  }
  const seconds = speed.real_ms / 1e3, cpuSeconds = speed.cpu_us / 1e6;
  byId("speed-note").textContent = "In real time, of " + (speed.runs < runs ? number(speed.runs) + " of " : "") + plural(runs, "run");
  const [median, most9, most99, most] = speed.cpu_parts;
  const tiles = element("div.tiles", tile("runs a second", (speed.runs / seconds).toFixed(1)), tile("real time in all", hours(speed.real_ms)), tile("runs at once, in the mean", (speed.real_us / 1e3 / speed.real_ms).toFixed(1)),
    tile("events a second of a processor", short(speed.events / cpuSeconds)), tile("virtual seconds in one of a processor", short(speed.virtual_ms / 1e3 / cpuSeconds)),
    tile("processor time of a run, the median", span(median)), tile("9 of 10 take at most", span(most9)), tile("99 of 100", span(most99)), tile("the slowest", span(most)));
  const charts = element("div.charts");
  fill(byId("speed-body"), tiles, charts, element("h3", "By scenario, the slowest first"), scrolling("speed-scenarios", "Speed by scenario", "wide-table"), element("h3", "The slowest runs"), scrolling("speed-slowest", "The slowest runs"));
  const histogram = { scale: (range) => d3.scaleLog([speed.steps[0][0], speed.steps[speed.steps.length - 1][1]], range),
    axis: (axis, ticks) => axis.ticks(ticks).tickFormat((us) => ((ticks > 3 ? /^[125]/ : /^1/).test(us) ? (us < 1e6 ? us / 1e3 + " ms" : us / 1e6 + " s") : "")) };
  fill(charts, overTime(charts, "Runs a second, over real time", 0, (count) => count, "runs a second"), overTime(charts, "Events of the simulator a second, over real time", 1, (count) => count, "events a second"),
    columnChart(charts, "Runs by the real time that they took", speed.steps.map(([from, to, count]) => [from, to, count, span(from) + " to " + span(to) + ": " + plural(count, "run")]), short, histogram),
    overTime(charts, "Virtual seconds in a real second", 2, (ms) => ms / 1e3, "virtual seconds in one"));
  showSpeedTables();
}
function scrolling(id, label, look = "") {
  const made = element("div.scroll" + (look && "." + look));
  made.id = id;
  made.tabIndex = 0;
  made.setAttribute("aria-label", label);
  return made;
}

function showSpeedTables() {
  const { speed } = data;
  if (!speed) return;
  const scenarios = Object.entries(speed.scenarios).filter(([name]) => wanted(name)).sort(([, a], [, b]) => b.cpu_us / b.runs - a.cpu_us / a.runs);
  fill(byId("speed-scenarios"), table(["Scenario", "Runs", "Processor time a run", "Median", "99 of 100 at most", "Slowest", "Events a second", "Part of all processor time"],
    scenarios.map(([name, one]) => row(name, number(one.runs), span(one.cpu_us / one.runs), span(one.cpu_parts[0]), span(one.cpu_parts[2]), span(one.cpu_parts[3]), short(one.events * 1e6 / one.cpu_us), (100 * one.cpu_us / speed.cpu_us).toFixed(0) + "%"))));
  fill(byId("speed-slowest"), table(["Run", "Processor time", "Real time", "Events", "Virtual time"],
    speed.slowest.filter(([scenario]) => wanted(scenario)).map(([scenario, seed, real, cpu, count, ms]) => row(element("code", repeating("scenario", scenario, seed)), span(cpu), span(real), number(count), hours(ms)))));
}
