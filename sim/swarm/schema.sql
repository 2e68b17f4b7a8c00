-- What a swarm has run so far, and what it found. `ksim swarm` goes on from such a file; `ksim coverage` reads it.

-- What it was asked for: scenarios (one a line), texts (of each scenario, as a hash), first_seed, last_seed (missing: no
-- end), settings, build, guided (1), favoured (the scenario that has three turns of four). And real_ms, how long all its
-- sessions took.
CREATE TABLE swarm (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- Every seed that was run. `number` is its place in the swarm: scenarios take turns.
CREATE TABLE run (
  number INTEGER PRIMARY KEY,
  scenario TEXT NOT NULL,
  seed TEXT NOT NULL,          -- 0 to 2^64-1; with the mutations that were made of its plan: "17+3f2a+91bc"
  outcome TEXT NOT NULL,       -- held, violated, simulator_fault, died (its process did), hung
  digest TEXT NOT NULL,        -- 16 hex digits
  events INTEGER NOT NULL,
  virtual_ms INTEGER NOT NULL,
  acknowledged INTEGER NOT NULL,
  lost INTEGER NOT NULL,       -- of the acknowledged, permitted or not
  permitted_lost INTEGER NOT NULL,  -- of the lost, where the contract permits it; "permitted" in files of earlier builds
  faults INTEGER NOT NULL,     -- that took effect
  elections INTEGER NOT NULL,
  quorum_elections INTEGER NOT NULL,
  truncations INTEGER NOT NULL,
  isr_changes INTEGER NOT NULL,
  kept INTEGER NOT NULL        -- 1: guided, it brought something new
);

-- Runs that did not hold. Those of one cause failed in the same way.
CREATE TABLE failure (
  number INTEGER PRIMARY KEY REFERENCES run(number),
  cause INTEGER NOT NULL,
  complaint TEXT NOT NULL,
  recording TEXT               -- file of its history; null: it was not recorded
);

-- Seeds that were run a second time, in another process.
CREATE TABLE recheck (
  number INTEGER PRIMARY KEY REFERENCES run(number),
  digest TEXT NOT NULL,        -- empty: it died or hung
  difference TEXT              -- null: it did the same
);

-- Runs that died or hung, and did not when they were done once more, alone.
CREATE TABLE died_once (
  number INTEGER PRIMARY KEY REFERENCES run(number),
  how TEXT NOT NULL
);

-- In how many runs a mark of core was reached, and how often in all.
CREATE TABLE mark (
  scenario TEXT NOT NULL,
  mark TEXT NOT NULL,
  runs INTEGER NOT NULL,
  reached INTEGER NOT NULL,
  PRIMARY KEY (scenario, mark)
);

-- In how many runs a kind of fault took effect.
CREATE TABLE fault_kind (
  scenario TEXT NOT NULL,
  kind TEXT NOT NULL,
  runs INTEGER NOT NULL,
  PRIMARY KEY (scenario, kind)
);

-- In how many runs a kind of fault was planned, whether it took effect or not.
CREATE TABLE fault_plan (
  scenario TEXT NOT NULL,
  kind TEXT NOT NULL,
  runs INTEGER NOT NULL,
  PRIMARY KEY (scenario, kind)
);

-- In how many runs both were seen.
CREATE TABLE fault_mark (
  kind TEXT NOT NULL,
  mark TEXT NOT NULL,
  runs INTEGER NOT NULL,
  PRIMARY KEY (kind, mark)
);

-- How long runs took in reality: all that differs when the same campaign is run again, and so kept apart. Not of those
-- whose worker died, and not in files of earlier builds.
CREATE TABLE run_time (
  number INTEGER PRIMARY KEY REFERENCES run(number),
  real_us INTEGER NOT NULL,    -- from beginning to end, in its worker,
  cpu_us INTEGER NOT NULL,     -- which had a processor for so long of it
  ended_ms INTEGER NOT NULL    -- since the campaign began, the time between its sessions left out
);

-- Of a guided swarm: what is not new any more, beside the pairs in fault_mark. How often a mark was reached in one run, at
-- most, as a number of bits; situations (sim/observer/situations.h); how often each plan that is kept was mutated.
CREATE TABLE seen_mark (
  mark TEXT PRIMARY KEY,
  bits INTEGER NOT NULL
);
CREATE TABLE situation (
  number INTEGER PRIMARY KEY
);
CREATE TABLE mutated (
  number INTEGER PRIMARY KEY REFERENCES run(number),
  times INTEGER NOT NULL
);

-- Why runs failed, the most frequent cause first.
CREATE VIEW cause AS
  SELECT f.cause, count(*) AS runs, min(f.complaint) AS complaint
  FROM failure f GROUP BY f.cause ORDER BY runs DESC;
