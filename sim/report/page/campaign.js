// The page of a campaign.

const [runs, events, virtualMs, acknowledged, lost, permitted, faultsStruck, elections, kept] = data.totals[0];
const failed = d3.sum(data.scenarios, (row) => row[2]);
let word = "";
const wanted = (...texts) => !word || texts.join(" ").toLowerCase().includes(word);
const settings = (data.swarm.settings ?? "").split("\n").filter((line) => line);
// The command that does a run again, explains it, ...
const repeating = (command, scenario, seed) => ["scripts/ksim " + command, scenario, ...settings.map((one) => `--set '${one}'`), "--seed " + seed].join(" ");
const hours = (ms) => (ms >= 3.6e6 ? (ms / 3.6e6).toFixed(1) + " h" : ms >= 6e4 ? (ms / 6e4).toFixed(1) + " min" : (ms / 1e3).toFixed(1) + " s");

function showHead() {
  byId("title").textContent = "Campaign " + data.file;
  fill(byId("verdict"), failed || data.differences.length ? badge(failed ? plural(failed, "failed run") : "not the same twice", "bad") : badge("all runs held", "good"));
  const { swarm } = data;
  const facts = [["build", swarm.build], ["seeds from", swarm.first_seed], ["guided", swarm.guided === "1" ? "yes" : "no"], ["three runs of four", swarm.favoured], ["settings", settings.join(", ")]];
  fill(byId("facts"), ...facts.filter(([, text]) => text).map(([name, text]) => element("div", element("dt", name), element("dd.mono", text))));
  const [rechecked, differed] = data.rechecks[0];
  fill(byId("tiles"), tile("runs", number(runs)), tile("failed", number(failed), failed ? "bad" : ""), tile("causes", number(new Set(data.causes.map((row) => row[0])).size)),
    tile("scenarios", number(data.scenarios.length)), data.speed ? tile("real time", hours(data.speed.real_ms)) : null, data.speed ? tile("runs a second", (data.speed.runs * 1e3 / data.speed.real_ms).toFixed(1)) : null, tile("virtual time", hours(virtualMs)), tile("events of the simulator", short(events)), tile("records acknowledged", number(acknowledged)),
    tile("lost, permitted", number(permitted)), tile("lost, not permitted", number(lost - permitted), lost > permitted ? "bad" : ""), tile("faults that took effect", number(faultsStruck)), tile("elections of leaders", number(elections)),
    tile("run a second time", number(rechecked)), tile("of these different", number(differed), differed ? "bad" : ""), kept ? tile("plans kept for being new", number(kept)) : null);
}

function showFailures() {
  const body = byId("failures-body");
  const scenariosOf = (cause) => data.failed_scenarios.filter((row) => row[0] === cause).map((row) => row[1]);
  const causes = data.causes.filter((row) => wanted(row[1], row[3], ...scenariosOf(row[0])));
  byId("failures-note").textContent = data.causes.length ? plural(failed, "run") + " of " + plural(data.causes.length, "cause") + (causes.length < data.causes.length ? ", " + causes.length + " shown" : "") : "none";
  const differences = data.differences.map(([scenario, seed, difference]) => element("div.violation", element("h3", "Not the same when it was run a second time"),
    element("p", badge("simulator", "bad"), " " + difference), copyable(repeating("scenario", scenario, seed) + " --verify")));
  if (!data.causes.length && !differences.length) return fill(body, element("p", "No run has failed."));
  const most = d3.max(data.causes, (row) => row[2]);
  fill(body, ...differences, ...causes.map(([cause, outcome, count, complaint]) => {
    const examples = data.failures.filter((one) => one[0] === cause);
    const [, , scenario, seed, said] = examples[0] ?? [cause, 0, "", "", complaint];
    const bar = element("i");
    bar.style.cssText = `display:block;height:4px;border-radius:2px;background:var(--bad);margin:4px 0 8px;width:${100 * count / most}%`;
    const rule = data.checkers[said.split(" ")[0]];
    const where = data.failed_scenarios.filter((row) => row[0] === cause).map(([, name, times]) => name + (times > 1 ? " " + times + " times" : "")).join(", ");
    const box = element("div.violation", element("h3", said), element("p", badge(outcome.replace("_", " "), "bad"), " " + plural(count, "run") + ": " + where), bar,
      rule ? element("p.small", element("b", said.split(" ")[0]), " is the rule: ", rule + ".") : null);
    const commands = [["The smallest run again", repeating("scenario", scenario, seed)]];
    const recording = examples.find((one) => one[5])?.[5];
    // Of one whose process has ended there is nothing to be told.
    if (outcome === "violated") {
      box.append(element("span.small.quiet", "What became of the smallest run, and what would have helped"), copyable(repeating("explain", scenario, seed)));
      commands.push(["As small as it goes", repeating("shrink", scenario, seed) + " -o small.toml"]);
      if (recording) commands.push(["Drawn, as it was recorded", "scripts/ksim report " + recording + " -o report.html"]);
    }
    const others = table(["Run", "Virtual time", "Events", "Recording"], examples.map(([, , name, its, , file, ms, count_]) =>
      row(element("code", name + " --seed " + its), ms ? hours(ms) : "no end", number(count_), file ?? "none")));
    box.append(element("details", element("summary", "More commands" + (examples.length > 1 ? ", and the " + (count > examples.length ? examples.length + " smallest runs" : plural(count, "run")) : "")),
      ...commands.flatMap(([what, command]) => [element("span.small.quiet", what), copyable(command)]), examples.length > 1 ? element("div.scroll", others) : null));
    return box;
  }));
}

function showAlong() {
  const { along } = data;
  const body = byId("along-body");
  const charts = [];
  let sum = 0, new_ = 0;
  if (failed) {
    charts.push(lineChart(body, "Failed runs so far", along.map((row) => [row[0], (sum += row[2])]), short, ""));
    const first = d3.rollups(data.causes, (rows) => d3.min(rows, (row) => row[4]), (row) => row[0]).map(([, run]) => run);
    charts.push(lineChart(body, "Causes so far", along.map((row, i) => [row[0], first.filter((run) => run < (along[i + 1]?.[0] ?? Infinity)).length]), short, ""));
  }
  if (kept) charts.push(lineChart(body, "Plans kept for something new, so far", along.map((row) => [row[0], (new_ += row[3])]), short, ""));
  charts.push(lineChart(body, "Events of a run", along.map((row) => [row[0], row[4] / row[1]]), short, ""), lineChart(body, "Virtual seconds of a run", along.map((row) => [row[0], row[5] / row[1] / 1e3]), short, ""));
  fill(body, ...charts);
}

function showScenarios() {
  const heads = ["Scenario", "Runs", "Failed", "Events a run", "Virtual time a run", "Lost, permitted", "Lost, not permitted", "Elections a run"];
  const rows = data.scenarios.filter(([name]) => wanted(name)).sort((a, b) => b[2] - a[2] || d3.ascending(a[0], b[0])).map(([name, count, bad, eventCount, ms, lostCount, permittedCount, electionCount]) =>
    row(name, number(count), bad ? badge(number(bad), "bad") : "0", number(Math.round(eventCount / count)), hours(ms / count), number(permittedCount), number(lostCount - permittedCount), (electionCount / count).toFixed(1)));
  fill(byId("scenarios-body"), table(heads, rows));
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

function showAll() { showFailures(); showScenarios(); showCoverage(); showSpeedTables(); }
showHead();
showPairs();
showAlong();
showSpeed();
showAll();
byId("filter").addEventListener("submit", (event) => event.preventDefault());
byId("search").addEventListener("input", () => { word = byId("search").value.trim().toLowerCase(); showAll(); });
let widthBefore = innerWidth;
addEventListener("resize", () => { if (innerWidth !== widthBefore) { widthBefore = innerWidth; showAlong(); showSpeed(); } });
fill(byId("footer"), "Made by ksim. Drawn with D3, whose licence stands in this file.");
