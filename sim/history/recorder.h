#pragma once
// The history of one run: kept as rows in memory while it runs, written as one sqlite file after it
// (schema.sql). Recording observes only: the run is the same with and without it.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "sim/history/facts.h"
#include "sim/history/node_notes.h"

namespace ksim::sim {

struct RunHeader {
  std::string scenario;
  uint64_t seed = 0;
  std::string plan;
  uint64_t digest = 0;
  Instant ended;
  bool holds = true;
  std::string version;
  bool checked = true;  // by any checker
};

struct OpRow {
  std::string client;
  std::optional<uint32_t> session;
  std::string_view kind;
  std::string partition;
  RecordId record = 0;
  std::optional<int32_t> acks;
  Instant invoked;
  std::optional<Instant> completed;
  Outcome outcome = Outcome::pending;
  ErrorCode error = ErrorCode::NONE;
  int64_t offset = -1;
};

struct RecordRow {
  RecordId id = 0;
  uint32_t session = 0;
  std::string partition;
  int64_t sent_op = 0;
  std::optional<Instant> acknowledged;
  int64_t acknowledged_offset = -1;
  int64_t committed_offset = -1;
  std::string holders;
  bool lost = false;
  bool permitted = false;
};

struct FaultRow {
  std::string kind;
  std::string target;
  Instant began;
  std::optional<Instant> ended;
  std::string cause;
  std::string effect;
  bool took_effect = true;  // if not, `effect` says why, and it began and ended when that was found out
};

// A frame of Kafka's protocol on its way. The texts must live as long as the recorder.
struct MessageRow {
  Instant sent;
  std::optional<Instant> received;  // its last byte
  std::string_view sender;
  std::string_view receiver;
  uint64_t connection = 0;
  std::string_view api;
  int32_t correlation = 0;
  uint32_t size_bytes = 0;
  int16_t version = -1;
  bool response = false;
  bool dropped = false;  // the connection ended before it arrived
};

struct ViolationRow {
  std::string checker;
  Instant at;
  std::string subject;
  std::string message;
  std::string invariant{};  // what does not hold, in words
  RecordId record = 0;      // 0: not about one record
  int64_t offset = -1;
  std::vector<std::string> story{};  // how it came to it, line by line
};

// A batch as it stood in some log of a partition: the same bytes in two logs are one row.
struct BatchRow {
  std::string partition;
  int64_t base_offset = 0;
  int64_t last_offset = 0;
  int32_t leader_epoch = 0;
  uint32_t crc = 0;
  std::vector<std::pair<int64_t, RecordId>> records{};  // offsets and the workloads' records there
};

// A spell in which a node's disk held a batch.
struct CopyRow {
  int64_t batch = 0;
  int32_t node = 0;
  Instant from;
  std::optional<Instant> synced;  // when it was seen that a power loss would leave it
  std::optional<Instant> until;
  std::string_view gone_by;  // as schema.sql says
};

struct MarkRow {
  std::string name;
  uint64_t reached = 0;
  std::optional<Instant> first;
};

class Recorder {
 public:
  void config(std::string scope, std::string name, std::string value);
  void session(ProducerSession session) { sessions_.push_back(std::move(session)); }
  // Returns the row's id, for complete() and for records.
  int64_t op(OpRow row);
  OpRow& op_row(int64_t id) { return ops_.at(static_cast<size_t>(id - 1)); }
  void record(RecordRow row) { records_.push_back(std::move(row)); }
  void event(const NodeEvent& note);
  int64_t fault(FaultRow row);
  FaultRow& fault_row(int64_t id) { return faults_.at(static_cast<size_t>(id - 1)); }
  int64_t message(MessageRow row);
  MessageRow& message_row(int64_t id) { return messages_.at(static_cast<size_t>(id - 1)); }
  void violation(ViolationRow row) { violations_.push_back(std::move(row)); }
  void node(int32_t node, NodeFault what, Instant at) { nodes_.push_back({at, node, what}); }
  int64_t batch(BatchRow row);
  int64_t copy(CopyRow row);
  CopyRow& copy_row(int64_t id) { return copies_.at(static_cast<size_t>(id - 1)); }
  void mark(MarkRow row) { marks_.push_back(std::move(row)); }

  // The bytes of an sqlite file with everything in it.
  Result<std::string> image(const RunHeader& header) const;

 private:
  struct EventRow {
    Instant at;
    int32_t node;
    uint32_t incarnation;
    std::string_view name;
    std::string subject;
    std::string detail;
  };
  struct PartitionRow {
    Instant at;
    std::string partition;
    int32_t leader, leader_epoch, partition_epoch;
    std::string isr, elr;
    bool unclean;
  };
  struct RaftRow {
    Instant at;
    int32_t node;
    std::string state;
    int32_t epoch, leader, voted;
  };
  struct NodeRow {
    Instant at;
    int32_t node;
    NodeFault what;
  };
  struct ConfigRow {
    std::string scope, name, value;
  };

  std::vector<ConfigRow> config_;
  std::vector<ProducerSession> sessions_;
  std::vector<OpRow> ops_;
  std::vector<RecordRow> records_;
  std::vector<EventRow> events_;
  std::vector<FaultRow> faults_;
  std::vector<PartitionRow> partitions_;
  std::vector<RaftRow> raft_;
  std::vector<MessageRow> messages_;
  std::vector<ViolationRow> violations_;
  std::vector<NodeRow> nodes_;
  std::vector<BatchRow> batches_;
  std::vector<CopyRow> copies_;
  std::vector<MarkRow> marks_;
};

// {"topic":"orders","partition":3,...}: the fields of an event.
std::string event_json(const Event& event);
// "orders-3" where the event, which node `node` told, is about a partition or log; "broker-2" where it is
// about a broker; the metadata log where it is about the quorum or the controller; else empty.
std::string event_subject(const Event& event, int32_t node);
// "1,2,3"
std::string join_ids(std::span<const int32_t> ids);

}  // namespace ksim::sim
