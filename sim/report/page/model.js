// What there is to draw: tables of the data, bands of partitions and of the quorum, turns of events.

const end = data.run.end;
const nodeOfId = new Map(data.machines.map((one, i) => [one.id, i]).filter(([id]) => id !== undefined));
const isNode = (machine) => machine >= 0 && data.machines[machine].roles !== "client";
const nameOf = (machine) => (machine < 0 ? "?" : data.machines[machine].name);
const ofId = (id) => (id < 0 ? "nobody" : nameOf(nodeOfId.get(id) ?? -1));
const partitionName = (partition) => (partition < 0 ? "" : data.partitions[partition]);
const columns = { events: data.events, ops: data.ops, messages: data.messages };
for (const table of Object.values(columns)) table.at = summed(table.time);
const outcomes = ["ok", "failed", "unknown", "pending"];
const api = (i) => data.messages.apis[data.messages.api[i] >> 1] + (data.messages.api[i] & 1 ? " answer" : "");

// Bands of a partition: from one committed state to the next.
const bands = data.partitions.map(() => []);
for (const [at, partition, leader, epoch, partitionEpoch, isr, elr, unclean] of data.states) {
  if (partition < 0) continue;
  const list = bands[partition];
  const before = list[list.length - 1];
  if (before && partitionEpoch <= before.partitionEpoch && epoch <= before.epoch) continue;  // told once more
  if (before) before.to = at;
  list.push({ kind: "state", at, to: end, partition, leader, epoch, partitionEpoch, isr, elr, unclean, elected: !before || before.epoch < epoch, first: !before });
}
const watermarks = new Map(data.watermarks.map((one) => [one.part, one]));
const quorum = [];
for (const [at, machine, state, epoch] of data.raft) {
  const last = quorum[quorum.length - 1];
  if (last && last.to === end && (last.machine === machine && state !== "leader" || state === "leader" && last.epoch < epoch)) last.to = at;
  if (state === "leader") quorum.push({ kind: "quorum", at, to: end, machine, epoch });
}
for (const [machine, , , to] of data.lives) {
  for (const one of quorum) if (one.machine === machine && to > one.at && to < one.to) one.to = to;
}
const faults = data.faults.map((fault) => ({ kind: "fault", at: fault.from, to: fault.to === null ? end : fault.to, fault }));
const violations = data.violations.map((violation) => ({ kind: "violation", at: violation.at, to: violation.at, violation }));

// Turns of events: what a reader goes through one by one.
const turns = [];
function turn(at, what, mood, of, said, more) { turns.push({ kind: "turn", at, what, mood, of, said, machine: -1, partition: -1, record: -1, ...more }); }
for (const { fault } of faults) {
  turn(fault.from, fault.took ? "fault" : "no fault", fault.took ? "bad" : "plain", fault.kind + " " + fault.target, (fault.effect || "") + " (" + fault.cause + ")", { machines: fault.machines });
  if (fault.took && fault.to !== null && fault.to > fault.from) turn(fault.to, "fault ends", "plain", fault.kind + " " + fault.target, "", { machines: fault.machines });
}
for (const list of bands) {
  list.forEach((band, i) => {
    const what = band.unclean ? "unclean" : band.first ? "created" : band.elected ? "leader" : "ISR";
    const said = (band.leader < 0 ? "no leader" : ofId(band.leader) + " leads") + ", epoch " + band.epoch + ", ISR [" + band.isr + "]" + (band.elr.length ? ", ELR [" + band.elr + "]" : "");
    const mood = band.unclean || band.leader < 0 ? "bad" : what === "ISR" && band.isr.length < (list[i - 1]?.isr.length ?? 0) || what === "leader" ? "warn" : "plain";
    turn(band.at, what, mood, data.partitions[band.partition], said, { partition: band.partition, machine: nodeOfId.get(band.leader) ?? -1 });
  });
}
for (const band of quorum) turn(band.at, "quorum", "warn", nameOf(band.machine), "leads the quorum, epoch " + band.epoch, { machine: band.machine });
for (let i = 0; i < columns.events.at.length; ++i) {
  const events = columns.events;
  const name = events.names[events.name[i]];
  const detail = events.details[events.detail[i]];
  const subject = events.subjects[events.subject[i]];
  if (name === "broker.fenced") turn(events.at[i], "fenced", "warn", subject, detail, { machine: data.machines.findIndex((one) => one.name === subject) });
  if (name === "broker.unfenced") turn(events.at[i], "unfenced", "plain", subject, detail, { machine: data.machines.findIndex((one) => one.name === subject) });
  const cut = name === "log.truncated" && /from_offset=(\d+) to_offset=(\d+)/.exec(detail);
  if (cut && Number(cut[2]) < Number(cut[1])) turn(events.at[i], "truncation", "warn", subject, nameOf(events.node[i]) + " cut " + cut[1] + " to " + cut[2], { machine: events.node[i], partition: data.partitions.indexOf(subject) });
}
for (const { violation } of violations) {
  turn(violation.at, "violation", "bad", violation.subject, violation.checker + ": " + violation.message,
    { partition: data.partitions.indexOf(violation.subject), record: violation.record ? findRecord(violation.record) : -1 });
}
turns.sort((a, b) => a.at - b.at);

