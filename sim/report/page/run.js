// The page of a run.

// ---- one thing in words ----

function describe(item) {
  const rows = [];
  const row = (name, text) => { if (text !== "" && text !== null && text !== undefined) rows.push([name, String(text)]); };
  let title = "";
  if (item.kind === "fault") {
    const { fault } = item;
    title = (fault.took ? "Fault " : "Fault without effect: ") + fault.kind + " " + fault.target;
    row("effect", fault.effect); row("cause", fault.cause); row("began", moment(fault.from)); row("ended", fault.to === null ? "never" : moment(fault.to) + ", after " + span(fault.to - fault.from));
  } else if (item.kind === "state") {
    title = data.partitions[item.partition] + ": " + (item.leader < 0 ? "no leader" : ofId(item.leader) + " leads");
    row("epoch", item.epoch + " (partition epoch " + item.partitionEpoch + ")" + (item.unclean ? ", by an unclean election" : ""));
    row("ISR", "[" + item.isr + "]"); row("ELR", item.elr.length ? "[" + item.elr + "]" : ""); row("from", moment(item.at)); row("for", span(item.to - item.at));
    const marks = watermarks.get(item.partition);
    if (marks) { const last = d3.bisectRight(marks.time, item.to) - 1; row("high watermark", last >= 0 ? number(marks.offset[last]) + " at its end" : ""); }
  } else if (item.kind === "quorum") {
    title = nameOf(item.machine) + " leads the quorum"; row("epoch", item.epoch); row("from", moment(item.at)); row("for", span(item.to - item.at));
  } else if (item.kind === "life") {
    title = nameOf(item.machine) + ", start " + item.incarnation; row("from", moment(item.at)); row("to", item.to >= end ? "the end of the run" : moment(item.to));
  } else if (item.kind === "op") {
    const ops = columns.ops, i = item.i;
    title = nameOf(ops.client[i]) + ": " + ops.kinds[ops.kind[i]] + (ops.part[i] >= 0 ? " " + partitionName(ops.part[i]) : "");
    row("outcome", outcomes[ops.outcome[i]] + (ops.errors[ops.error[i]] && ops.errors[ops.error[i]] !== "NONE" ? ", " + ops.errors[ops.error[i]] : ""));
    row("invoked", moment(ops.at[i], 6)); row("took", ops.took[i] < 0 ? "no end" : ops.took[i] ? span(ops.took[i]) : "");
    row("offset", ops.offset[i] >= 0 ? number(ops.offset[i]) : ""); row("record", ops.record[i] >= 0 ? recordId(ops.record[i]) : "");
  } else if (item.kind === "message") {
    const messages = columns.messages, i = item.i;
    title = api(i); row("way", nameOf(messages.from[i]) + " → " + nameOf(messages.to[i])); row("sent", moment(messages.at[i], 6));
    row("took", messages.took[i] < 0 ? ["", "dropped: its connection ended first", "on the way when the run ended"][messages.fate[i]] : span(messages.took[i]));
    row("size", bytes(messages.size[i])); row("correlation", messages.call[i]);
  } else if (item.kind === "violation") {
    const { violation } = item;
    title = violation.checker + " is violated in " + violation.subject; row("said", violation.message); row("invariant", violation.invariant); row("at", moment(violation.at)); row("record", violation.record);
  } else if (item.kind === "event") {
    const events = columns.events, i = item.i;
    title = events.names[events.name[i]]; row("of", events.subjects[events.subject[i]]); row("node", nameOf(events.node[i])); row("at", moment(events.at[i], 6)); row("detail", events.details[events.detail[i]]);
  } else {
    title = item.what + ": " + item.of; row("said", item.said); row("at", moment(item.at));
  }
  return { title, rows };
}

// All that is known of a record: what its producer was told, who read it, where it is in the end.
function recordStory(record) {
  const ops = columns.ops;
  const list = element("ul.steps");
  for (let i = 0; i < ops.at.length; ++i) {
    if (ops.record[i] !== record) continue;
    const send = ops.kinds[ops.kind[i]] === "send";
    const line = (at, text) => list.append(element("li", jump(at), element("span.quiet", nameOf(ops.client[i])), element("span", text)));
    if (send) line(ops.at[i], "sent");
    const error = ops.errors[ops.error[i]];
    if (send && ops.took[i] >= 0) line(ops.at[i] + ops.took[i], "was told " + outcomes[ops.outcome[i]] + (error && error !== "NONE" ? " " + error : "") + (ops.offset[i] >= 0 ? " at offset " + ops.offset[i] : ""));
    if (!send) line(ops.at[i], "read at offset " + ops.offset[i]);
  }
  const committed = data.records.committed[record], held = data.records.holder_sets[data.records.holders[record]];
  const lost = data.records.lost[record];
  return element("div", element("h3", "Record " + recordId(record) + (data.records.part[record] >= 0 ? " in " + partitionName(data.records.part[record]) : "")),
    element("p.small", held ? "When it was acknowledged the disks of " + held + " held it. " : "", committed >= 0 ? "In the end it is committed at offset " + committed + "." : "In the end it is not in the committed log.",
      lost ? (lost === 1 ? " Its loss is permitted." : " Its loss is a violation.") : ""), list);
}

function jump(at) {
  const button = element("button", moment(at));
  button.type = "button";
  button.title = "Show this moment in the diagram";
  button.addEventListener("click", () => { showAround(at, Math.min(end, 2e6)); byId("diagram").scrollIntoView({ block: "start" }); });
  return button;
}

function choose(item) {
  plot.chosen = item;
  const { title, rows } = describe(item);
  const list = element("dl");
  for (const [name, text] of rows) {
    const said = element("dd", text);
    const record = name === "record" ? findRecord(text) : -1;
    if (record >= 0) {
      const button = element("button", "Follow");
      button.type = "button";
      button.addEventListener("click", () => chooseRecord(record));
      said.append(" ", button);
    }
    list.append(element("dt", name), said);
  }
  fill(byId("details"), element("h3", title), list, filter.record >= 0 ? recordStory(filter.record) : null);
}
function showDetails() {
  if (plot.chosen) choose(plot.chosen);
  else if (filter.record >= 0) fill(byId("details"), recordStory(filter.record));
  else fill(byId("details"), element("p.quiet.small", "Choose something in the diagram or the table, or type a record's id, to see all of it here."));
}

// ---- the table below the diagram ----

function wantedTurn(one) {
  if (filter.partition >= 0 && one.partition >= 0 && one.partition !== filter.partition) return false;
  if (filter.machine >= 0 && one.machine !== filter.machine && !(one.machines ?? []).includes(filter.machine) && (one.machine >= 0 || one.machines)) return false;
  return !filter.word || (one.what + " " + one.of + " " + one.said).toLowerCase().includes(filter.word);
}

const kMostRows = 250;
function listed(kind) {
  const [from, to] = plot.scale.domain();
  const rows = [];
  let all = 0;
  const add = (item, at, what, mood, of, said) => { if (++all <= kMostRows) rows.push({ item, at, what, mood, of, said }); };
  const has = (...texts) => !filter.word || texts.join(" ").toLowerCase().includes(filter.word);
  if (kind === "turns") {
    for (const one of turns) if (one.at >= from && one.at <= to && wantedTurn(one)) add(one, one.at, one.what, one.mood, one.of, one.said);
  } else if (kind === "events") {
    const events = columns.events;
    for (let i = d3.bisectLeft(events.at, from); i < events.at.length && events.at[i] <= to; ++i) {
      const name = events.names[events.name[i]], subject = events.subjects[events.subject[i]], detail = events.details[events.detail[i]];
      if (filter.machine >= 0 && events.node[i] !== filter.machine || filter.partition >= 0 && subject !== data.partitions[filter.partition] || !has(name, subject, detail)) continue;
      add({ kind: "event", i, at: events.at[i] }, events.at[i], name, "plain", nameOf(events.node[i]) + (subject ? " · " + subject : ""), detail);
    }
  } else if (kind === "ops") {
    const ops = columns.ops;
    for (let i = d3.bisectLeft(ops.at, from); i < ops.at.length && ops.at[i] <= to; ++i) {
      const error = ops.errors[ops.error[i]], name = ops.kinds[ops.kind[i]];
      if (!wantedOp(i) || filter.record >= 0 && ops.record[i] !== filter.record || !has(name, error, outcomes[ops.outcome[i]])) continue;
      add({ kind: "op", i, at: ops.at[i] }, ops.at[i], name, ["good", "bad", "warn", "warn"][ops.outcome[i]], nameOf(ops.client[i]) + (ops.part[i] >= 0 ? " · " + partitionName(ops.part[i]) : ""),
        [outcomes[ops.outcome[i]], error === "NONE" ? "" : error, ops.took[i] > 0 ? "after " + span(ops.took[i]) : "", ops.offset[i] >= 0 ? "offset " + ops.offset[i] : "", ops.record[i] >= 0 ? recordId(ops.record[i]) : ""].filter(Boolean).join(", "));
    }
  } else {
    for (const i of messagesInWindow()) {
      const messages = columns.messages;
      add({ kind: "message", i, at: messages.at[i] }, messages.at[i], api(i), messages.took[i] < 0 ? "bad" : "plain", nameOf(messages.from[i]) + " → " + nameOf(messages.to[i]), (messages.took[i] < 0 ? "never arrived" : "took " + span(messages.took[i])) + ", " + bytes(messages.size[i]));
    }
  }
  return { rows, all };
}

let listSoon = 0;
function showList() {
  clearTimeout(listSoon);
  listSoon = setTimeout(() => {
    const kind = byId("list-kind").value;
    const { rows, all } = listed(kind);
    fill(byId("list").tBodies[0], ...rows.map((one, place) => {
      const line = element("tr.jump", element("td.at", moment(one.at)), element("td", badge(one.what, one.mood)), element("td", one.of), element("td", one.said));
      line.tabIndex = place === 0 ? 0 : -1;  // one stop for the Tab key, arrows go on from it
      const go = () => {
        for (const other of byId("list").querySelectorAll("tr.chosen")) other.classList.remove("chosen");
        line.classList.add("chosen");
        plot.cursor = one.at;
        choose(one.item);
        draw();
      };
      line.addEventListener("click", go);
      line.addEventListener("keydown", (event) => {
        const next = event.key === "ArrowDown" ? line.nextSibling : event.key === "ArrowUp" ? line.previousSibling : null;
        if (event.key === "Enter") go();
        if (!next) return;
        event.preventDefault();
        line.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      });
      return line;
    }));
    const every = kind === "messages" ? data.left_out.messages.fetches_every : kind === "events" ? data.left_out.events.every : kind === "ops" ? data.left_out.reads.every : 1;
    const part = every > 1 ? " (one of " + every + (kind === "messages" ? " fetches" : kind === "events" ? " appends and high watermarks" : " reads") + " is in this file)" : "";
    byId("list-said").textContent = (all > rows.length ? "the first " + rows.length + " of " + number(all) + ": zoom in for the rest" : plural(all, "row")) + part;
  }, 60);
}

// ---- sections ----

function showHead() {
  const { run } = data;
  document.title = run.scenario + ", seed " + run.seed + " · ksim";
  byId("title").textContent = run.scenario + ", seed " + run.seed;
  fill(byId("verdict"), run.verdict === "holds" ? badge("all checks held", "good") : run.verdict === "unchecked" ? badge("not checked", "warn") : badge(plural(data.violations.length, "violation"), "bad"));
  const facts = [["virtual time", moment(end)], ["digest", run.digest], ["ksim", run.version], ["recorded in", run.file]];
  fill(byId("facts"), ...facts.map(([name, text]) => element("div", element("dt", name), element("dd.mono", text))));
  const ops = columns.ops;
  const count = { ok: 0, failed: 0, unknown: 0, pending: 0, read: 0 };
  for (let i = 0; i < ops.at.length; ++i) {
    const kind = ops.kinds[ops.kind[i]];
    if (kind === "send") ++count[outcomes[ops.outcome[i]]];
  }
  const lost = data.records.lost;
  const away = data.availability.rows.filter((row) => row.client < 0).map((row) => d3.sum(row.unavailable, ([from, to]) => to - from));
  fill(byId("tiles"), tile("records sent", number(data.records.send.length)), tile("acknowledged", number(count.ok)),
    tile("failed, definitely", number(count.failed)), tile("outcome unknown", number(count.unknown + count.pending)),
    tile("lost against the contract", number(lost.filter((one) => one === 2).length), lost.includes(2) ? "bad" : ""),
    tile("lost as permitted", number(lost.filter((one) => one === 1).length)),
    tile("records read", number(data.left_out.reads.all)),
    tile("faults that took effect", number(data.faults.filter((fault) => fault.took).length)),
    tile("elections of leaders", number(turns.filter((one) => one.what === "leader" || one.what === "unclean").length)),
    tile("of these unclean", number(turns.filter((one) => one.what === "unclean").length), turns.some((one) => one.what === "unclean") ? "warn" : ""),
    tile("changes of an ISR", number(turns.filter((one) => one.what === "ISR").length)),
    tile("truncations", number(turns.filter((one) => one.what === "truncation").length)),
    tile("longest outage of a partition", away.length ? span(d3.max(away)) : "0 ms"));
}

function violationBox(violation) {
  const record = violation.record ? findRecord(violation.record) : -1;
  const buttons = element("p", jump(violation.at));
  buttons.firstChild.style.color = "var(--accent)";
  if (record >= 0) {
    const follow = element("button", "Follow record " + violation.record);
    follow.type = "button";
    follow.addEventListener("click", () => {
      chooseRecord(record);
      const ops = columns.ops;
      const times = ops.at.flatMap((at, i) => (ops.record[i] === record ? [at, at + Math.max(ops.took[i], 0)] : []));
      const room = Math.max((d3.max(times) - d3.min(times)) * 0.15, 2e5);
      show(Math.max(d3.min(times) - room, 0), Math.min(d3.max(times) + room, end));
      byId("diagram").scrollIntoView({ block: "start" });
    });
    buttons.append(" ", follow);
  }
  return element("div.violation", element("h3", violation.checker + " in " + violation.subject), element("p", violation.message),
    element("p.quiet", violation.invariant ? "What does not hold: " + violation.invariant : ""), buttons, violation.story ? element("pre.story", violation.story) : null);
}

// A row a node, since a copy that was taken away may come again.
function copiesChart(copies, width) {
  const row = 22, nodes = [...new Set(copies.map((copy) => copy.node))];
  const from = d3.min(copies, (copy) => copy.from_ns) / 1e3, to = d3.max(copies, (copy) => copy.until_ns ?? end * 1e3) / 1e3;
  const at = d3.scaleLinear([from, Math.max(to, from + 1)], [80, width - 14]);
  const svg = d3.create("svg").attr("width", width).attr("height", nodes.length * row + 22).attr("role", "img").attr("aria-label", "Copies of the record by node");
  nodes.forEach((node, i) => svg.append("text").attr("x", 0).attr("y", i * row + 14).text(ofId(node)));
  for (const copy of copies) {
    const until = (copy.until_ns ?? end * 1e3) / 1e3, y = nodes.indexOf(copy.node) * row;
    const shade = nodeOfId.has(copy.node) ? `var(--c${nodeOfId.get(copy.node) % 8})` : "var(--ink-3)";
    const bar = svg.append("rect").attr("x", at(copy.from_ns / 1e3)).attr("y", y + 4).attr("height", 13).attr("width", Math.max(at(until) - at(copy.from_ns / 1e3), 2)).attr("fill", shade).attr("opacity", 0.35);
    bar.append("title").text("from " + moment(copy.from_ns / 1e3) + " to " + moment(until) + (copy.gone_by ? ": " + copy.gone_by : ""));
    if (copy.synced_ns !== null && copy.synced_ns !== undefined) svg.append("rect").attr("x", at(copy.synced_ns / 1e3)).attr("y", y + 4).attr("height", 13).attr("width", Math.max(at(until) - at(copy.synced_ns / 1e3), 1)).attr("fill", shade);
    if (copy.gone_by) svg.append("text").attr("x", Math.min(at(until) + 2, width - 10)).attr("y", y + 15).attr("style", "fill: var(--bad); font-weight: 700").text("×").append("title").text(copy.gone_by);
  }
  svg.append("g").attr("transform", `translate(0,${nodes.length * row})`).call(d3.axisBottom(d3.scaleLinear(at.domain().map((t) => t / 1e6), at.range())).ticks(Math.max(width / 110, 2)).tickSize(3).tickFormat((t) => t + " s"));
  return svg.node();
}

// "What did it, at 2.762 s", which leads there.
function headAt(title, at_ns) {
  const button = jump(at_ns / 1e3);
  button.className = "link";
  return element("h3", title + ", at ", button);
}

function remediesTable(remedies) {
  const inForce = remedies.filter((one) => one.outcome === "in force").map((one) => one.setting);
  const rows = remedies.filter((one) => one.outcome !== "in force").map((one) => element("tr", element("td.mono", breakable(one.setting)),
    element("td", one.outcome ? badge(one.outcome, /^(saved|sooner)$/.test(one.outcome) ? "good" : "plain") : ""), element("td", one.text)));
  const already = element("p.small", "In force already: ");
  inForce.forEach((setting, i) => already.append(i ? ", " : "", element("code", breakable(setting))));
  return element("div", element("table.remedies", element("tbody", ...rows)), inForce.length ? already : null);
}

function showExplanation(told, width) {
  // As ksim explain marks them.
  const isCulprit = (step, { at_ns, kind, node, text }) => step.at_ns === at_ns && (step.text === text ||
    (kind === "acknowledgement" ? step.kind === "told" : step.node === node && !/^(fault|.*fenced)$/.test(step.kind ?? "") &&
      (step.kind === "back") === /^(unclean_restart|lone_member)$/.test(kind)));
  const steps = element("ol.steps", ...(told.steps ?? []).map((step) => {
    const line = element("li", jump(step.at_ns / 1e3), element("span.quiet", step.kind ?? ""), element("span", step.text));
    if (told.culprit && isCulprit(step, told.culprit)) line.classList.add("culprit");
    else if (step.at_ns === told.last_chance?.at_ns) line.classList.add("chance");
    return line;
  }));
  const side = element("div");
  if (told.culprit) side.append(headAt("What did it", told.culprit.at_ns), element("p", told.culprit.text));
  if (told.last_chance) side.append(headAt("The last chance", told.last_chance.at_ns), element("p", told.last_chance.text));
  if (told.rule) side.append(element("h3", "The rule: " + told.rule.name), element("p", told.rule.text));
  if (told.copies?.length) side.append(element("h3", "Copies of it on disks (full colour: synced, ×: taken away)"), copiesChart(told.copies, width));
  if (told.remedies?.length) side.append(element("h3", "The same run again, with one thing changed"), remediesTable(told.remedies));
  if (told.untried) side.append(element("h3", "The same run again: not tried"), element("p", told.untried));
  return element("div", element("p", element("b", [told.subject, told.headline].filter((text) => text).join(": "))), element("div.two", steps, side));
}

function showWhy() {
  const body = byId("why-body");
  const told = data.explanation;
  const boxes = data.violations.map(violationBox);
  if (told) {
    const room = body.clientWidth;
    fill(body, showExplanation(told, Math.max(room > 660 ? room / 2 - 10 : room, 260)));
    byId("why-note").textContent = body.querySelector("li.culprit") ? "Marked: what did it" : body.querySelector("li.chance") ? "Marked: the last chance" : "";
  }
  const missing = data.left_out.explanation ? element("p", element("b", "No explanation"), ": " + data.left_out.explanation) : null;
  if (boxes.length && told) body.append(element("details", element("summary", "The stories that the checks tell"), ...boxes));
  else if (boxes.length) fill(body, missing, ...boxes);
  else if (missing) fill(body, missing);
  else if (!told) {
    const took = data.faults.filter((fault) => fault.took);
    fill(body, element("p", (data.run.verdict === "unchecked" ? "Nothing to explain: checks were off (--no-checkers)" : "Nothing to explain: every check held") + (took.length ? ", under " + plural(took.length, "fault") + "." : ". No fault took effect.")),
      ...took.slice(0, 12).map((fault) => element("p.small", element("b", fault.kind + " " + fault.target), " at " + moment(fault.from) + ". " + fault.effect)),
      took.length > 12 ? element("p.small.quiet", "and " + plural(took.length - 12, "fault") + " more") : null);
  }
}

function showChecks() {
  const failed = data.checkers.filter((checker) => !checker.held);
  byId("checks-note").textContent = data.run.verdict === "unchecked" ? "off (--no-checkers)" : plural(data.checkers.length - failed.length, "check") + " held" + (failed.length ? ", " + failed.length + " violated" : "");
  const list = element("div.checks");
  for (const checker of [...failed, ...data.checkers.filter((one) => one.held)])
    list.append(element("div", element("b", checker.code), badge(checker.held ? "held" : "violated", checker.held ? "good" : "bad"), element("span.small", checker.text)));
  fill(byId("checks-body"), list, ...data.violations.map((violation) => element("details", element("summary", violation.checker + " in " + violation.subject + " at " + moment(violation.at)), violationBox(violation))));
}

function showRepeat() {
  const save = element("button", "Save plan.toml");
  save.type = "button";
  save.addEventListener("click", () => {
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([data.run.plan], { type: "text/plain" }));
    link.download = "plan.toml";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const told = (data.explanation?.repeat ?? []).map((command) => copyable(command));
  fill(byId("repeat-body"), ...data.commands.flatMap(({ what, command }) => [element("span.small.quiet", what), copyable(command)]),
    told.length ? element("span.small.quiet", "Of the explanation") : null, ...told, element("p", save), element("details", element("summary", "The plan"), element("pre.story", data.run.plan)));
}

function showSettings() {
  const settings = element("table", element("thead", element("tr", element("th", "Of"), element("th", "Setting"), element("th", "Value"))),
    element("tbody", ...data.config.map(([scope, name, value]) => element("tr", element("td", scope), element("td.mono", name), element("td.mono", value)))));
  const producers = element("table", element("thead", element("tr", ...["Session", "Producer", "acks", "idempotence", "in flight"].map((name) => element("th", name)))),
    element("tbody", ...data.sessions.map(([session, client, acks, idempotent, flight]) => element("tr", element("td", String(session)), element("td", client), element("td", acks < 0 ? "all" : String(acks)), element("td", idempotent ? "on" : "off"), element("td", String(flight))))));
  const marks = bars(data.marks.map(([name, reached]) => [name, reached]), d3.max(data.marks, (mark) => mark[1]) ?? 1);
  const part = (title, content) => element("details", element("summary", title), content);
  fill(byId("setting-body"), part(plural(data.config.length, "setting") + " of nodes, topics and clients", element("div.scroll", settings)),
    part(plural(data.sessions.length, "producer session"), element("div.scroll", producers)), part(plural(data.marks.length, "mark") + " of core reached", marks));
  fill(byId("footer"), "Made by ksim " + data.run.version + ". Drawn with D3, whose licence stands in this file.");
}

// A run that failed is shown first where that came about, unless this is most of it; All shows all.
function showWhereItFailed() {
  const steps = data.explanation?.steps ?? [];
  if (!data.violations.length || !steps.length) return;
  const [from, to] = d3.extent([...steps.map((step) => step.at_ns / 1e3), data.violations[0].at]);
  const room = Math.max((to - from) * 0.15, 1e5);
  if (to - from + 2 * room < end * 0.7) show(Math.max(from - room, 0), Math.min(to + room, end));
}

setUpFilter();
setUpDiagram(showWhereItFailed);
showHead();
showWhy();
showChecks();
showAvailability();
showRepeat();
showSettings();
showDetails();
filter.listeners.push(showAvailability, showDetails, showList);
byId("list-kind").addEventListener("change", showList);
let widthBefore = innerWidth;
addEventListener("resize", () => { if (innerWidth !== widthBefore) { widthBefore = innerWidth; showAvailability(); } });
filterChanged();
