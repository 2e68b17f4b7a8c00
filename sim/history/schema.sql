-- One file is one run. Times are virtual nanoseconds since its start. Views at the end answer the usual
-- questions.

-- The run itself, one row: what it was drawn from, its plan, and how it ended.
CREATE TABLE run (
  scenario TEXT NOT NULL,
  seed TEXT NOT NULL,          -- unsigned 64 bit, decimal
  plan TEXT NOT NULL,          -- TOML: `ksim scenario --plan FILE` repeats the run
  digest TEXT NOT NULL,        -- 16 hex digits
  virtual_ns INTEGER NOT NULL,
  verdict TEXT NOT NULL,       -- "holds", "violated", or "unchecked": without checkers
  version TEXT NOT NULL
);
-- What nodes, topics and clients were configured with.
CREATE TABLE config (scope TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL);  -- "broker-1", "topic orders", "in force for orders"

-- What the producers were configured to ask for.
CREATE TABLE producer_session (
  session INTEGER PRIMARY KEY,
  client TEXT NOT NULL,
  acks INTEGER NOT NULL,
  idempotent INTEGER NOT NULL,
  max_in_flight INTEGER NOT NULL
);

-- Every call of a client, invoked, and completed unless completed_ns is null: send, poll, list_offsets and the admin
-- client's, create_topics, delete_records, ... Every record that a poll handed out: read. And every position that was
-- set, not advanced: assign, the first one of a reader in a partition; seek; reset, which the reader's client did itself.
CREATE TABLE op (
  id INTEGER PRIMARY KEY,
  client TEXT NOT NULL,
  session INTEGER,             -- producer session or consumer number
  kind TEXT NOT NULL,
  partition TEXT,              -- "orders-3", or what else it is about: a topic, a broker
  record TEXT,                 -- id of the record, hex
  acks INTEGER,
  invoked_ns INTEGER NOT NULL,
  completed_ns INTEGER,
  outcome TEXT NOT NULL,       -- ok, failed (definitely not written), unknown, pending
  error TEXT,
  offset INTEGER
);
-- Every record that was sent, and where it is committed at the end.
CREATE TABLE record (
  id TEXT PRIMARY KEY,
  session INTEGER NOT NULL,
  partition TEXT NOT NULL,
  sent_op INTEGER NOT NULL REFERENCES op(id),
  acknowledged_ns INTEGER,     -- null: never acknowledged
  acknowledged_offset INTEGER,
  committed_offset INTEGER,    -- null: not in the committed log at the end
  holders TEXT,                -- nodes whose disks held it when it was acknowledged, "1,2,3"
  lost INTEGER NOT NULL DEFAULT 0,       -- acknowledged, and neither committed at the end nor held by who led last
  permitted INTEGER NOT NULL DEFAULT 0   -- the contract permits its loss
);
-- What brokers and controllers tell of themselves: every change of state, of a log, a replica, the quorum, the ISR.
CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  at_ns INTEGER NOT NULL,
  node INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  name TEXT NOT NULL,          -- "replica.became_leader"
  subject TEXT,                -- partition or log, "broker-2", the metadata log for the quorum and the controller
  detail TEXT NOT NULL         -- JSON
);
-- The plan's faults: when each began and ended, whom it struck and what it really did.
CREATE TABLE fault (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  began_ns INTEGER NOT NULL,
  ended_ns INTEGER,
  cause TEXT NOT NULL,         -- "at 12s", "on isr.shrunk #1"
  effect TEXT NOT NULL,        -- what it really did; "no effect: " and why
  took_effect INTEGER NOT NULL -- 0: it began and ended when it was found that it had come to nothing
);
-- Leader, epochs, ISR and ELR of each partition, from one change to the next.
CREATE TABLE partition_state (  -- as the active controller committed it
  at_ns INTEGER NOT NULL,
  partition TEXT NOT NULL,
  leader INTEGER NOT NULL,
  leader_epoch INTEGER NOT NULL,
  partition_epoch INTEGER NOT NULL,
  isr TEXT NOT NULL,
  elr TEXT NOT NULL,
  unclean INTEGER NOT NULL
);
-- Role, epoch and vote of each member of the metadata quorum, from one change to the next.
CREATE TABLE raft_state (
  at_ns INTEGER NOT NULL,
  node INTEGER NOT NULL,
  state TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  leader INTEGER NOT NULL,
  voted INTEGER NOT NULL
);
-- Every frame of Kafka's protocol between nodes and clients.
CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  sent_ns INTEGER NOT NULL,    -- its first byte was handed to the sender's kernel
  received_ns INTEGER,         -- its last byte reached the receiver's kernel; null: never
  sender TEXT NOT NULL,
  receiver TEXT NOT NULL,
  connection TEXT NOT NULL,
  direction TEXT NOT NULL,     -- request, response
  api TEXT NOT NULL,
  version INTEGER,
  correlation INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL, -- with its 4 bytes of length
  fate TEXT NOT NULL           -- delivered, dropped (its connection ended first), on the way (when the run ended)
);
-- What a checker found that must not be, with its story. None in a run that holds.
CREATE TABLE violation (
  id INTEGER PRIMARY KEY,
  checker TEXT NOT NULL,
  at_ns INTEGER NOT NULL,
  subject TEXT NOT NULL,
  message TEXT NOT NULL,
  invariant TEXT NOT NULL,     -- what does not hold, in words
  record TEXT,                 -- id of the record, hex, where it is about one
  offset INTEGER,
  story TEXT NOT NULL          -- how it came to it, one line a step
);
-- The life of the nodes' processes and machines.
CREATE TABLE node_event (
  at_ns INTEGER NOT NULL,
  node INTEGER NOT NULL,
  what TEXT NOT NULL           -- started, crashed (the page cache stays), power_lost, wiped (an empty or older disk), stopped
);
-- What the simulated disks held, read from their bytes: every batch that ever stood in a partition's log.
CREATE TABLE batch (
  id INTEGER PRIMARY KEY,
  partition TEXT NOT NULL,
  base_offset INTEGER NOT NULL,
  last_offset INTEGER NOT NULL,
  leader_epoch INTEGER NOT NULL,
  crc INTEGER NOT NULL
);
-- The records in each batch.
CREATE TABLE batch_record (
  batch INTEGER NOT NULL REFERENCES batch(id),
  offset INTEGER NOT NULL,
  record TEXT NOT NULL         -- id of the record, hex
);
-- Which node's disk had a batch from when until when, since when it was synced, and what took it.
CREATE TABLE copy (
  batch INTEGER NOT NULL REFERENCES batch(id),
  node INTEGER NOT NULL,
  from_ns INTEGER NOT NULL,
  synced_ns INTEGER,           -- when a power loss would leave it, seen at most 20 ms late while the cluster is busy
  until_ns INTEGER,            -- null: it is there at the end
  gone_by TEXT                 -- truncation, recovery, damage, power loss, replaced disk, deletion
);
-- Marks of core (ksim list marks): how often each was reached, and when first.
CREATE TABLE mark (name TEXT PRIMARY KEY, reached INTEGER NOT NULL, first_ns INTEGER);

-- What happened to this record?  SELECT * FROM record_story WHERE record = '000001000000002a';
CREATE VIEW record_story AS
  SELECT r.id AS record, o.invoked_ns AS at_ns, o.client || ' sent it to ' || r.partition AS what
    FROM record r JOIN op o ON o.id = r.sent_op
  UNION ALL
  SELECT r.id, o.completed_ns, o.client || ' was told ' || o.outcome || coalesce(' ' || nullif(o.error, 'NONE'), '')
         || coalesce(' at offset ' || o.offset, '') || coalesce('; disks of ' || r.holders || ' held it', '')
    FROM record r JOIN op o ON o.id = r.sent_op WHERE o.completed_ns IS NOT NULL
  UNION ALL
  SELECT p.record, p.completed_ns, p.client || ' read it at offset ' || p.offset
    FROM op p WHERE p.kind = 'read' AND p.record IS NOT NULL
  UNION ALL
  SELECT r.id, s.at_ns, 'leader ' || s.leader || ' in epoch ' || s.leader_epoch || ', ISR ' || s.isr
         || CASE s.unclean WHEN 1 THEN ' by unclean election' ELSE '' END
    FROM record r JOIN op o ON o.id = r.sent_op
    JOIN partition_state s ON s.partition = r.partition AND s.at_ns >= o.invoked_ns
  ORDER BY at_ns;

-- Who led this partition when?  SELECT * FROM leadership WHERE partition = 'orders-3';
CREATE VIEW leadership AS
  SELECT partition, leader, leader_epoch, at_ns AS from_ns,
         lead(at_ns) OVER (PARTITION BY partition ORDER BY at_ns, partition_epoch) AS until_ns, isr, elr, unclean
    FROM partition_state;

-- What was acknowledged but is not readable at the end?
CREATE VIEW acknowledged_but_lost AS
  SELECT r.id AS record, r.partition, r.acknowledged_offset, r.acknowledged_ns, r.holders,
         CASE r.permitted WHEN 1 THEN 'permitted' ELSE 'violation' END AS judgement
    FROM record r WHERE r.lost = 1;

-- Everything in order of time: faults, elections, violations.
CREATE VIEW timeline AS
  SELECT began_ns AS at_ns, 'fault' AS what, kind || ' of ' || target AS subject, effect AS detail FROM fault
    WHERE took_effect
  UNION ALL SELECT ended_ns, 'fault ends', kind || ' of ' || target, '' FROM fault
    WHERE ended_ns IS NOT NULL AND took_effect
  UNION ALL SELECT at_ns, 'leader', partition,
    'broker ' || leader || ', epoch ' || leader_epoch || ', ISR ' || isr FROM partition_state
  UNION ALL SELECT at_ns, 'quorum', 'node ' || node, state || ' in epoch ' || epoch FROM raft_state
  UNION ALL SELECT at_ns, 'truncation', subject, 'node ' || node || ' cut ' || json_extract(detail, '$.from_offset')
    || ' to ' || json_extract(detail, '$.to_offset') FROM event WHERE name = 'log.truncated'
     AND json_extract(detail, '$.to_offset') < json_extract(detail, '$.from_offset')
  UNION ALL SELECT at_ns, 'violation', subject, checker || ': ' || message FROM violation
  ORDER BY at_ns;

-- Every request with its answer.  SELECT * FROM call WHERE fate <> 'answered' ORDER BY asked_ns;
CREATE VIEW call AS
  SELECT q.connection, q.correlation, q.sender AS client, q.receiver AS server, q.api, q.version,
         q.sent_ns AS asked_ns, q.received_ns AS arrived_ns, r.sent_ns AS answered_ns, r.received_ns AS done_ns,
         (r.received_ns - q.sent_ns) / 1000000.0 AS took_ms, q.size_bytes AS request_bytes,
         r.size_bytes AS response_bytes,
         CASE WHEN r.received_ns IS NOT NULL THEN 'answered' WHEN r.id IS NOT NULL THEN 'response ' || r.fate
              WHEN q.received_ns IS NULL THEN 'request ' || q.fate ELSE 'not answered' END AS fate
    FROM message q LEFT JOIN message r
      ON r.connection = q.connection AND r.correlation = q.correlation AND r.direction = 'response'
   WHERE q.direction = 'request';

-- Who talks how much to whom?
CREATE VIEW traffic AS
  SELECT sender, receiver, api, direction, count(*) AS messages, sum(size_bytes) AS bytes,
         sum(fate = 'dropped') AS dropped
    FROM message GROUP BY sender, receiver, api, direction;

-- The life of a replica: what it held, cut and lost.  SELECT * FROM replica_story WHERE partition = 'orders-3';
CREATE VIEW replica_story AS
  SELECT subject AS partition, node, at_ns, name, detail FROM event
   WHERE name IN ('log.truncated', 'log.loaded', 'log.start_moved', 'replica.became_leader',
                  'replica.became_follower', 'isr.proposed', 'isr.changed')
   ORDER BY at_ns, id;
