// The page of a campaign.

const [runs, events, virtualMs, acknowledged, lost, permitted, faultsStruck, elections, kept] = data.totals[0];
const failed = d3.sum(data.scenarios, (row) => row[2]);
let word = "";
const wanted = (...texts) => !word || texts.join(" ").toLowerCase().includes(word);
const hours = (ms) => (ms >= 3.6e6 ? (ms / 3.6e6).toFixed(1) + " h" : ms >= 6e4 ? (ms / 6e4).toFixed(1) + " min" : (ms / 1e3).toFixed(1) + " s");

function showHead() {
  byId("title").textContent = "Campaign " + data.file;
  fill(byId("verdict"), failed ? badge(plural(failed, "failed run"), "bad") : badge("all runs held", "good"));
  const { swarm } = data;
  const facts = [["build", swarm.build], ["seeds from", swarm.first_seed], ["guided", swarm.guided === "1" ? "yes" : "no"], ["every second run", swarm.favoured], ["settings", (swarm.settings ?? "").trim()]];
  fill(byId("facts"), ...facts.filter(([, text]) => text).map(([name, text]) => element("div", element("dt", name), element("dd.mono", text))));
  const [rechecked, differed] = data.rechecks[0];
  fill(byId("tiles"), tile("runs", number(runs)), tile("failed", number(failed), failed ? "bad" : ""), tile("causes", number(new Set(data.causes.map((row) => row[0])).size)),
    tile("scenarios", number(data.scenarios.length)), tile("virtual time", hours(virtualMs)), tile("events of the simulator", number(events)), tile("records acknowledged", number(acknowledged)),
    tile("lost, permitted", number(permitted)), tile("lost, not permitted", number(lost - permitted), lost > permitted ? "bad" : ""), tile("faults that took effect", number(faultsStruck)), tile("elections of leaders", number(elections)),
    tile("run a second time", number(rechecked)), tile("of these different", number(differed), differed ? "bad" : ""), kept ? tile("plans kept for being new", number(kept)) : null);
}

function showFailures() {
  const body = byId("failures-body");
  const causes = data.causes.filter((row) => wanted(row[1], row[3], ...data.failures.filter((one) => one[0] === row[0]).map((one) => one[2])));
  byId("failures-note").textContent = data.causes.length ? plural(failed, "run") + " of " + plural(data.causes.length, "cause") : "none";
  if (!data.causes.length) return fill(body, element("p", "No run has failed."));
  const most = d3.max(data.causes, (row) => row[2]);
  fill(body, ...causes.map(([cause, outcome, count, complaint]) => {
    const examples = data.failures.filter((one) => one[0] === cause);
    const bar = element("i");
    bar.style.cssText = `display:block;height:4px;border-radius:2px;background:var(--bad);margin:4px 0;width:${100 * count / most}%`;
    const commands = examples.map(([, , scenario, seed, , recording, ms]) => element("div",
      copyable("scripts/ksim scenario " + scenario + " --seed " + seed), element("span.small.quiet", hours(ms) + " of virtual time" + (recording ? "; scripts/ksim report " + recording + " -o report.html" : ""))));
    return element("div.violation", element("h3", complaint), element("p", badge(outcome.replace("_", " "), "bad"), " " + plural(count, "run")), bar,
      element("details", element("summary", "The shortest " + (examples.length > 1 ? examples.length + " of them" : "one")), ...commands));
  }));
}

// One line chart: values by x.
function lineChart(title, points, format, xLabel) {
  const room = byId("pace-body").clientWidth;
  const width = room > 700 ? room / 2 - 8 : room, height = 150;
  const x = d3.scaleLinear(d3.extent(points, (point) => point[0]), [46, width - 12]);
  const y = d3.scaleLinear([0, d3.max(points, (point) => point[1]) || 1], [height - 22, 8]).nice(4);
  const svg = d3.create("svg").attr("width", width).attr("height", height).attr("role", "img").attr("aria-label", title);
  svg.append("g").attr("class", "grid").attr("transform", "translate(46,0)").call(d3.axisLeft(y).ticks(4).tickSize(-(width - 58)).tickFormat(format)).select(".domain").remove();
  svg.append("g").attr("transform", `translate(0,${height - 22})`).call(d3.axisBottom(x).ticks(Math.max(width / 110, 2)).tickFormat((value) => number(value) + xLabel));
  svg.append("path").attr("fill", "none").attr("stroke", "var(--c0)").attr("stroke-width", 1.6).attr("d", d3.line().x((point) => x(point[0])).y((point) => y(point[1]))(points));
  return element("div", element("h3", title), svg.node());
}
const short = (value) => d3.format(value < 10 ? ".2~g" : ".3~s")(value);

function showPace() {
  const { along, pace } = data;
  const charts = [];
  if (pace.length > 1) {
    const rate = (column) => pace.slice(1).map((row, i) => [row[0], (row[column] - pace[i][column]) / Math.max(row[0] - pace[i][0], 1)]);
    charts.push(lineChart("Runs a second, over real time", rate(1), short, " s"), lineChart("Simulator events a second, over real time", rate(2), short, " s"),
      lineChart("Virtual seconds in a real second", rate(3).map(([at, ms]) => [at, ms / 1e3]), short, " s"));
  }
  let sum = 0, new_ = 0;
  charts.push(lineChart("Failed runs so far", along.map((row) => [row[0], (sum += row[2])]), short, ""));
  if (kept) charts.push(lineChart("Plans kept for something new, so far", along.map((row) => [row[0], (new_ += row[3])]), short, ""));
  charts.push(lineChart("Events of a run", along.map((row) => [row[0], row[4] / row[1]]), short, ""), lineChart("Virtual seconds of a run", along.map((row) => [row[0], row[5] / row[1] / 1e3]), short, ""));
  byId("pace-note").textContent = pace.length > 1 ? "" : "This file keeps no real times; below, by the number of the run";
  const grid = element("div.two", ...charts);
  grid.style.gridTemplateColumns = byId("pace-body").clientWidth > 700 ? "1fr 1fr" : "1fr";
  fill(byId("pace-body"), grid);
}

function showScenarios() {
  const heads = ["Scenario", "Runs", "Failed", "Events a run", "Virtual time a run", "Lost, permitted", "Lost, not permitted", "Elections a run"];
  const rows = data.scenarios.filter((row) => wanted(row[0])).map(([name, count, bad, eventCount, ms, lostCount, permittedCount, electionCount]) =>
    element("tr", element("td", name), ...[number(count), bad ? badge(number(bad), "bad") : "0", number(Math.round(eventCount / count)), hours(ms / count), number(permittedCount), number(lostCount - permittedCount), (electionCount / count).toFixed(1)].map((text) => element("td.num", text))));
  fill(byId("scenarios-body"), element("table", element("thead", element("tr", ...heads.map((name, i) => element(i ? "th.num" : "th", name)))), element("tbody", ...rows)));
}

function showCoverage() {
  const reached = (list) => list.filter(([, count]) => count > 0).length;
  byId("coverage-note").textContent = reached(data.faults) + " of " + data.faults.length + " kinds of fault took effect, " + reached(data.marks) + " of " + data.marks.length + " marks were reached; in how many runs";
  const part = (title, list) => {
    const rows = list.filter(([name]) => wanted(name)).sort((a, b) => a[1] - b[1] || d3.ascending(a[0], b[0]));
    return element("div", element("h3", title), bars(rows, d3.max(list, (row) => row[1]) || 1));
  };
  fill(byId("coverage-body"), part("Kinds of fault", data.faults.slice()), part("Marks of core", data.marks.slice()));
}

function showPairs() {
  const kinds = data.faults.filter(([, count]) => count > 0).map(([name]) => name);
  const marks = data.marks.filter(([, count]) => count > 0).map(([name]) => name);
  const count = new Map(data.pairs.map(([kind, mark, runsOfBoth]) => [kind + " " + mark, runsOfBoth]));
  const shade = d3.scaleLog([1, Math.max(d3.max(data.pairs, (row) => row[2]) || 1, 2)], [0.18, 1]);
  const cell = 15, left = 130, top = 190;
  const svg = d3.create("svg").attr("width", left + marks.length * cell + 70).attr("height", top + kinds.length * cell + 8).attr("role", "img").attr("aria-label", "Kinds of fault by marks");
  marks.forEach((mark, i) => svg.append("text").attr("transform", `translate(${left + i * cell + 11},${top - 6}) rotate(-60)`).text(mark));
  kinds.forEach((kind, j) => {
    svg.append("text").attr("x", left - 6).attr("y", top + j * cell + 11).attr("text-anchor", "end").text(kind);
    marks.forEach((mark, i) => {
      const both = count.get(kind + " " + mark) ?? 0;
      const box = svg.append("rect").attr("x", left + i * cell).attr("y", top + j * cell).attr("width", cell - 1).attr("height", cell - 1).attr("rx", 2)
        .attr("fill", both ? "var(--c0)" : "var(--raised)").attr("fill-opacity", both ? shade(both) : 1);
      box.append("title").text(kind + " and " + mark + ": " + (both ? plural(both, "run") : "never together"));
    });
  });
  fill(byId("pairs-body"), svg.node());
}

function showAll() { showFailures(); showScenarios(); showCoverage(); }
showHead();
showAll();
showPace();
showPairs();
byId("filter").addEventListener("submit", (event) => event.preventDefault());
byId("search").addEventListener("input", () => { word = byId("search").value.trim().toLowerCase(); showAll(); });
let widthBefore = innerWidth;
addEventListener("resize", () => { if (innerWidth !== widthBefore) { widthBefore = innerWidth; showPace(); } });
fill(byId("footer"), "Made by ksim. Drawn with D3, whose licence stands in this file.");
