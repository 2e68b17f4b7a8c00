// Availability: what clients asked for and how it ended, over time.

function availabilityChart(row, width, most) {
  const { bucket } = data.availability;
  const height = 44;
  const at = d3.scaleLinear([0, end], [0, width]);
  const y = d3.scaleSqrt([0, most], [0, height - 4]);
  const svg = d3.create("svg").attr("width", width).attr("height", height).attr("viewBox", `0 0 ${width} ${height}`).attr("role", "img");
  for (const [from, to] of row.unavailable) {
    svg.append("rect").attr("class", "away").attr("x", at(from)).attr("width", Math.max(at(to) - at(from), 2)).attr("y", 0).attr("height", height).attr("fill", "var(--shade)");
    svg.append("rect").attr("x", at(from)).attr("width", Math.max(at(to) - at(from), 2)).attr("y", height - 3).attr("height", 3).attr("fill", "var(--bad)")
      .append("title").text("unavailable from " + moment(from) + " for " + span(to - from));
  }
  row.ok.forEach((ok, i) => {
    let top = height - 3;
    const parts = [[ok, "good", "ok"], [row.unknown[i], "warn", "unknown"], [row.failed[i], "bad", "failed"]];
    const sum = d3.sum(parts, (part) => part[0]);
    if (!sum) return;
    const tall = y(sum);
    const bar = svg.append("g");
    bar.append("title").text(moment(i * bucket, 1) + ": " + parts.filter((part) => part[0]).map((part) => part[0] + " " + part[2]).join(", "));
    for (const [count, shade] of parts) {
      if (!count) continue;
      const part = Math.max(tall * count / sum, 1.5);
      bar.append("rect").attr("x", at(i * bucket)).attr("width", Math.max(at(bucket) - 0.6, 0.8)).attr("y", top - part).attr("height", part).attr("fill", `var(--${shade})`);
      top -= part;
    }
  });
  return svg.node();
}

function availabilityAxis(width) {
  const svg = d3.create("svg").attr("width", width).attr("height", 20);
  svg.append("g").call(d3.axisBottom(d3.scaleLinear([0, end / 1e6], [0, width])).ticks(Math.max(width / 120, 2)).tickSize(3).tickFormat((t) => t + " s"));
  return svg.node();
}

function showAvailability() {
  const all = data.availability.rows;
  // Of one partition its clients, of one client its partitions; else each of both.
  const { partition, machine } = filter;
  const client = machine >= 0 && !isNode(machine) ? machine : -1;
  let rows = all.filter((row) => (row.part < 0) !== (row.client < 0));
  if (partition >= 0 && client >= 0) rows = all.filter((row) => row.part === partition && row.client === client);
  else if (partition >= 0) rows = all.filter((row) => row.part === partition);
  else if (client >= 0) rows = all.filter((row) => row.client === client);
  const body = byId("availability-body");
  fill(body);
  const grid = element("div.avail");
  body.append(grid);
  const narrow = body.clientWidth <= 620;
  const width = Math.max(body.clientWidth - (narrow ? 0 : 200), 120);
  const most = Math.max(1, d3.max(rows, (row) => d3.max(row.ok, (ok, i) => ok + row.failed[i] + row.unknown[i])));
  let kind = null;
  for (const row of rows) {
    const isClient = row.part < 0;
    if (kind !== isClient && rows.length > 1) {
      const head = element("h3", isClient ? "Clients" : "Partitions");
      head.style.cssText = "grid-column: 1 / -1; margin: 10px 0 2px";
      grid.append(head);
      kind = isClient;
    }
    const sums = [d3.sum(row.ok), d3.sum(row.failed), d3.sum(row.unknown)];
    const away = d3.sum(row.unavailable, ([from, to]) => to - from);
    const name = row.part < 0 ? nameOf(row.client) : partitionName(row.part) + (row.client < 0 ? "" : " · " + nameOf(row.client));
    const who = element("div.who", element("b", name),
      element("span", number(sums[0]) + " ok" + (sums[1] ? ", " + number(sums[1]) + " failed" : "") + (sums[2] ? ", " + number(sums[2]) + " unknown" : "")),
      away ? element("span", "unavailable " + span(away) + (row.unavailable.length > 1 ? ", " + row.unavailable.length + " times" : "")) : null);
    if (away) who.lastChild.style.color = "var(--bad)";
    grid.append(who, element("div", availabilityChart(row, width, most)));
  }
  grid.append(element("div"), element("div", availabilityAxis(width)));
  byId("availability-note").textContent = "Calls by when they ended, " + span(data.availability.bucket) + " a bar, height as the square root of their number; unavailable: sends waited over 1 s while none was acknowledged";
  if (!rows.length) fill(body, element("p.quiet", "No client asked for anything here."));
}
