#pragma once
// What a recorded run says of one partition, read once.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace ksim::sim {

class Database;

using Nodes = std::vector<int32_t>;

// How a partition's topic is configured, its own settings over the cluster's; and what of the cluster decides
// who may lead it.
struct InForce {
  int32_t replication = 0;  // 0: not known
  int32_t min_insync = 1;
  bool unclean_election = false;
  bool flush_each = false;  // flush.messages=1
  // Of the cluster.
  bool elr = true;  // eligible leader replicas are kept
  int64_t replica_lag_ms = 30'000;
  int64_t session_timeout_ms = 9'000;
};

struct SentRecord {
  std::string id;
  std::string client;
  std::string partition;
  int32_t acks = -1;
  int64_t sent_ns = 0;
  std::optional<int64_t> told_ns;
  std::string outcome;
  std::string error;
  std::optional<int64_t> offset;  // where it was acknowledged
  bool lost = false;
  bool permitted = false;
  struct Read {
    std::string client;
    int64_t at_ns = 0;
  };
  std::vector<Read> reads;  // the first one of each reader
};

struct PastCopy {
  int32_t node = -1;
  int64_t from_ns = 0;
  std::optional<int64_t> synced_ns;
  std::optional<int64_t> until_ns;
  std::string gone_by;
};

struct PastBatch {
  int64_t id = 0;
  int64_t base_offset = 0;
  int64_t last_offset = 0;
  int32_t leader_epoch = 0;
  std::vector<PastCopy> copies;  // by time

  bool holds(int32_t node, int64_t at_ns) const;
  // It had it once, up to then.
  bool had(int32_t node, int64_t at_ns) const;
  Nodes holders(int64_t at_ns) const;
};

// What the active controller had committed.
struct PastState {
  int64_t at_ns = 0;
  int32_t leader = -1;
  int32_t leader_epoch = -1;
  Nodes isr;
  Nodes elr;
  bool unclean = false;
  int32_t partition_epoch = -1;

  bool names(int32_t node) const;  // in ISR or ELR
};

// Of a replica of the partition.
struct PastEvent {
  int64_t id = 0;
  int64_t at_ns = 0;
  int32_t node = -1;
  std::string name;
  int32_t leader = -1;
  int32_t leader_epoch = -1;
  int64_t from_offset = -1;
  int64_t to_offset = -1;  // of log.loaded: its end
  int64_t high_watermark = -1;
  bool flag = false;  // replica.high_watermark: the leader's; log.loaded: clean
  Nodes isr;
};

// What happened to a node: started, crashed, power_lost, wiped, stopped; registered, registered uncleanly,
// fenced, unfenced, as the controller saw it.
struct PastNode {
  int64_t at_ns = 0;
  int32_t node = -1;
  std::string what;
  std::string detail;
};

struct PastFault {
  std::string kind;
  std::string target;
  int64_t began_ns = 0;
  std::optional<int64_t> ended_ns;
  std::string cause;
  std::string effect;

  bool strikes(int32_t node) const;
};

struct PastCall {  // of an administrator
  std::string client;
  std::string kind;
  int64_t invoked_ns = 0;
  std::optional<int64_t> completed_ns;
  std::string outcome;
};

struct Past {
  std::string partition;
  InForce in_force;
  int64_t ended_ns = 0;
  std::vector<PastState> states;
  std::vector<PastEvent> events;
  std::vector<PastNode> nodes;
  std::vector<PastFault> faults;
  std::vector<PastCall> elections;  // that an administrator asked for

  const PastState* state_at(int64_t at_ns) const;      // the last one up to then; null: none yet
  const PastState* state_before(int64_t at_ns) const;  // the last one before it
  // The ISR as the leader `node` knew it when it told this event.
  Nodes isr_of_leader(const PastEvent& event) const;
  // Since when a node was not running; nothing if it was.
  const PastNode* down_at(int32_t node, int64_t at_ns) const;
  // Whom `node` followed then, by its own word: -1 nobody, or it led.
  int32_t followed(int32_t node, int64_t at_ns) const;
  // "broker 3", or "node 101" of one that holds no replicas.
  std::string name_of(int32_t node) const;
  const PastFault* fault_of(int32_t node, int64_t at_ns) const;  // that struck it at that very moment
};

// Errors: INVALID_REQUEST where the database is no recorded run.
Result<Past> read_past(Database& database, const std::string& partition);
Result<std::optional<SentRecord>> read_record(Database& database, const std::string& id);
// All batches that had the record, or (`record` empty) that had this offset.
Result<std::vector<PastBatch>> read_batches(Database& database, const std::string& partition,
                                            const std::string& record, int64_t offset);

// "1,2,3" and "[1,2,3]"; what is too long to be an id is none.
Nodes parse_nodes(const std::string& text);
bool contains(const Nodes& nodes, int32_t node);
// "'it''s'", as SQL takes it.
std::string sql_text(const std::string& text);

}  // namespace ksim::sim
