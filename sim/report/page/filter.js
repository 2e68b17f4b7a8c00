// What the reader looks for: a record, a partition, a machine, a word. All parts of the page ask it.
const filter = { record: -1, partition: -1, machine: -1, word: "", listeners: [] };

const recordId = (i) => data.records.session[i].toString(16).padStart(6, "0") + data.records.send[i].toString(16).padStart(10, "0");

function findRecord(text) {
  if (!/^(0x)?[0-9a-f]{3,16}$/i.test(text)) return -1;
  const wanted = text.toLowerCase().replace(/^0x/, "");
  let found = -1;
  for (let i = 0; i < data.records.session.length; ++i) {
    const id = recordId(i);
    if (id === wanted || id === wanted.padStart(16, "0")) return i;
    if (id.endsWith(wanted)) found = found === -1 ? i : -2;
  }
  return found < 0 ? -1 : found;
}

// Reads the search box: each word is what it names, or else a word to look for.
function readSearch(text) {
  filter.record = -1;
  const words = [];
  for (const word of text.trim().split(/\s+/).filter(Boolean)) {
    const partition = data.partitions.indexOf(word);
    const machine = data.machines.findIndex((one) => one.name === word);
    const record = findRecord(word);
    if (partition >= 0) filter.partition = partition;
    else if (machine >= 0) filter.machine = machine;
    else if (record >= 0) filter.record = record;
    else words.push(word.toLowerCase());
  }
  filter.word = words.join(" ");
}

function sayFilter() {
  const said = [];
  if (filter.record >= 0) said.push("record " + recordId(filter.record));
  if (filter.partition >= 0) said.push("partition " + data.partitions[filter.partition]);
  if (filter.machine >= 0) said.push(data.machines[filter.machine].name);
  if (filter.word) said.push("“" + filter.word + "”");
  byId("filter-said").textContent = said.length ? "Showing " + said.join(", ") : "";
  byId("partition").value = String(filter.partition);
  byId("machine").value = String(filter.machine);
  const parts = [];
  if (filter.record >= 0) parts.push("r=" + recordId(filter.record));
  if (filter.partition >= 0) parts.push("p=" + encodeURIComponent(data.partitions[filter.partition]));
  if (filter.machine >= 0) parts.push("n=" + encodeURIComponent(data.machines[filter.machine].name));
  if (filter.word) parts.push("q=" + encodeURIComponent(filter.word));
  const hash = parts.length ? "#" + parts.join("&") : location.hash.includes("=") ? "#" : location.hash;
  if (hash !== location.hash && (parts.length || location.hash)) history.replaceState(null, "", hash || "#");
}

function filterChanged() {
  sayFilter();
  for (const listener of filter.listeners) listener();
}
function chooseRecord(record) {
  filter.record = record;
  if (record >= 0 && data.records.part[record] >= 0) filter.partition = data.records.part[record];
  byId("search").value = record >= 0 ? recordId(record) : "";
  filterChanged();
}

function setUpFilter() {
  const options = (select, all, names) => {
    select.append(new Option(all, "-1"));
    names.forEach((name, i) => select.append(new Option(name, String(i))));
  };
  options(byId("partition"), "All partitions", data.partitions);
  options(byId("machine"), "All nodes and clients", data.machines.map((one) => one.name));
  for (const name of [...data.partitions, ...data.machines.map((one) => one.name)]) byId("known").append(new Option(name));
  data.records.lost.forEach((lost, i) => {
    if (lost && byId("known").children.length < 200) byId("known").append(new Option(recordId(i) + " "));
  });
  let soon = 0;
  byId("search").addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(() => {
      readSearch(byId("search").value);
      if (filter.record >= 0) filter.partition = data.records.part[filter.record];
      filterChanged();
    }, 150);
  });
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("filter").addEventListener("reset", () => {
    Object.assign(filter, { record: -1, partition: -1, machine: -1, word: "" });
    setTimeout(filterChanged);
  });
  for (const what of ["partition", "machine"]) {
    byId(what).addEventListener("change", (event) => {
      filter[what] = Number(event.target.value);
      filterChanged();
    });
  }
  // A link may bring a filter along: #p=orders-0&r=000001000000002a.
  for (const part of location.hash.slice(1).split("&")) {
    const [key, value] = [part.slice(0, 1), decodeURIComponent(part.slice(2))];
    if (part[1] !== "=") continue;
    if (key === "p") filter.partition = data.partitions.indexOf(value);
    if (key === "n") filter.machine = data.machines.findIndex((one) => one.name === value);
    if (key === "q") filter.word = value;
    if (key === "r") filter.record = findRecord(value);
  }
}
