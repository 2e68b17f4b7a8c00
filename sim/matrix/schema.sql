-- What `ksim matrix` has run so far: which settings lose data, under which faults. It goes on from such a file.

-- What it was asked for: dimensions (one a line), seeds (of each cell, from 1), build, real_ms (how long it has
-- taken, all sessions together).
CREATE TABLE matrix (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- A cell: settings and one fault. Its sums are of its runs.
CREATE TABLE cell (
  cell INTEGER PRIMARY KEY,
  fault TEXT NOT NULL,
  acks TEXT NOT NULL,
  min_insync INTEGER NOT NULL,
  replication INTEGER NOT NULL,
  unclean TEXT NOT NULL,       -- on, off
  flush TEXT NOT NULL,         -- none, each
  idempotence TEXT NOT NULL,   -- on, off, default
  promise TEXT NOT NULL,       -- by the contract: safe, permitted, rejected
  why TEXT NOT NULL,
  verdict TEXT NOT NULL,       -- never, permitted, within (lost though it must not be), unavailable, rejected
  runs INTEGER NOT NULL,
  struck_runs INTEGER NOT NULL,  -- in which the fault took effect
  lossy_runs INTEGER NOT NULL, -- in which records were lost
  loss_rate REAL,              -- of the struck runs, and the ends of its confidence interval (Wilson, 95%)
  loss_rate_from REAL,
  loss_rate_to REAL,
  acknowledged INTEGER NOT NULL,
  lost INTEGER NOT NULL,       -- of the acknowledged, permitted or not
  permitted_lost INTEGER NOT NULL,  -- of the lost, where the contract permits it
  duplicated INTEGER NOT NULL,
  reordered INTEGER NOT NULL,
  unavailable_ms INTEGER NOT NULL,  -- virtual, of all partitions and runs: sends waited for more than a second
  contradiction TEXT,          -- what the contract page does not allow
  witness TEXT,                -- the command that repeats the worst run
  story TEXT                   -- what happened in it
);

-- Every run of a cell, and what it came to.
CREATE TABLE run (
  cell INTEGER NOT NULL REFERENCES cell(cell),
  seed INTEGER NOT NULL,
  outcome TEXT NOT NULL,       -- held, violated, simulator_fault
  digest TEXT NOT NULL,        -- 16 hex digits
  struck INTEGER NOT NULL,     -- 1: the fault took effect
  acknowledged INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  permitted_lost INTEGER NOT NULL,
  duplicated INTEGER NOT NULL,
  reordered INTEGER NOT NULL,
  unavailable_ms INTEGER NOT NULL,
  complaint TEXT,              -- the first violation
  PRIMARY KEY (cell, seed)
);
