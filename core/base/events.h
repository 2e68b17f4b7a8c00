#pragma once
// Typed events: one plain struct for each state transition, in Kafka's words. Production makes log lines and
// metrics of them, the simulator history, triggers and explanations. An event is a view: what it points to
// lives only during emit(). To add one: a struct here with kName and fields(), and its place in Event.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <variant>

#include "core/base/uuid.h"

namespace ksim {

using Replicas = std::span<const int32_t>;
class LogKnowledge;
struct MetadataImage;  // core/metadata/image.h

struct LogLine {  // what has no event of its own; level: 0 debug, 1 info, 2 warn, 3 error
  static constexpr std::string_view kName = "log.line";
  int32_t level = 1;
  std::string_view module;
  std::string_view text;
  void fields(auto&& v) const { v("level", level), v("module", module), v("text", text); }
};

// ---- one replica's log (storage); log is "orders-3" or "__cluster_metadata-0" ----
struct LogAppended {
  static constexpr std::string_view kName = "log.appended";
  std::string_view log;
  Uuid topic_id;
  int32_t partition = 0;
  int64_t base_offset = 0;
  int64_t end_offset = 0;  // log end offset after the append
  int32_t leader_epoch = -1;
  int32_t fetched_epoch = -1;  // of the leader that it was fetched from; -1: this node appends as leader
  void fields(auto&& v) const {
    v("log", log), v("topic_id", topic_id), v("partition", partition), v("base_offset", base_offset);
    v("end_offset", end_offset), v("leader_epoch", leader_epoch), v("fetched_epoch", fetched_epoch);
  }
};
struct LogTruncated {
  static constexpr std::string_view kName = "log.truncated";
  std::string_view log;
  Uuid topic_id;
  int32_t partition = 0;
  int64_t from_offset = 0;  // log end offset before
  int64_t to_offset = 0;    // and after
  const LogKnowledge* knowledge = nullptr;
  void fields(auto&& v) const {
    v("log", log), v("topic_id", topic_id), v("partition", partition), v("from_offset", from_offset);
    v("to_offset", to_offset);
  }
};
struct EpochEndTold {  // as leader: the largest epoch in the log that is not above the asked one, and where
                       // it ends
  static constexpr std::string_view kName = "log.epoch_end_told";
  std::string_view log;
  Uuid topic_id;
  int32_t partition = 0;
  int32_t asked_epoch = -1;
  int32_t epoch = -1;
  int64_t end_offset = -1;
  void fields(auto&& v) const {
    v("log", log), v("topic_id", topic_id), v("partition", partition), v("asked_epoch", asked_epoch);
    v("epoch", epoch), v("end_offset", end_offset);
  }
};
struct DivergenceCut {  // as follower: what differed was cut off; the leader had told it that epoch and its
                        // end
  static constexpr std::string_view kName = "log.divergence_cut";
  std::string_view log;
  Uuid topic_id;
  int32_t partition = 0;
  int32_t epoch = -1;
  int64_t end_offset = -1;
  void fields(auto&& v) const {
    v("log", log), v("topic_id", topic_id), v("partition", partition), v("epoch", epoch);
    v("end_offset", end_offset);
  }
};
struct LogStartMoved {
  static constexpr std::string_view kName = "log.start_moved";
  std::string_view log;
  Uuid topic_id;
  int32_t partition = 0;
  int64_t start_offset = 0;
  std::string_view reason;
  void fields(auto&& v) const {
    v("log", log), v("topic_id", topic_id), v("partition", partition), v("start_offset", start_offset);
    v("reason", reason);
  }
};
struct SegmentRolled {
  static constexpr std::string_view kName = "log.rolled";
  std::string_view log;
  Uuid topic_id;
  int32_t partition = 0;
  int64_t base_offset = 0;
  void fields(auto&& v) const {
    v("log", log), v("topic_id", topic_id), v("partition", partition), v("base_offset", base_offset);
  }
};
struct LogLoaded {
  static constexpr std::string_view kName = "log.loaded";
  std::string_view log;
  Uuid topic_id;
  int32_t partition = 0;
  bool clean = false;
  int64_t start_offset = 0;
  int64_t end_offset = 0;
  int64_t bytes_cut = 0;  // torn tail removed by recovery
  const LogKnowledge* knowledge = nullptr;
  void fields(auto&& v) const {
    v("log", log), v("topic_id", topic_id), v("partition", partition), v("clean", clean);
    v("start_offset", start_offset), v("end_offset", end_offset), v("bytes_cut", bytes_cut);
  }
};
struct LogDirFailed {
  static constexpr std::string_view kName = "log_dir.failed";
  std::string_view directory;
  std::string_view reason;
  void fields(auto&& v) const { v("directory", directory), v("reason", reason); }
};

struct CheckpointWritten {  // what the file says counts as durable from now on
  static constexpr std::string_view kName = "log_dir.checkpoint";
  std::string_view directory;
  std::string_view file;  // "recovery-point-offset-checkpoint"
  void fields(auto&& v) const { v("directory", directory), v("file", file); }
};

// ---- the metadata quorum ----
struct RaftStateChanged {
  static constexpr std::string_view kName = "raft.state_changed";
  std::string_view state;  // unattached, prospective, candidate, leader, resigned, follower
  int32_t epoch = 0;
  int32_t leader_id = -1;
  int32_t voted_id = -1;
  void fields(auto&& v) const {
    v("state", state), v("epoch", epoch), v("leader_id", leader_id), v("voted_id", voted_id);
  }
};
struct RaftVoteGranted {  // the answer is about to leave: the vote must be durable
  static constexpr std::string_view kName = "raft.vote_granted";
  int32_t epoch = 0;
  void fields(auto&& v) const { v("epoch", epoch); }
};
struct RaftHighWatermarkAdvanced {
  static constexpr std::string_view kName = "raft.high_watermark";
  int32_t epoch = 0;
  int64_t high_watermark = 0;
  void fields(auto&& v) const { v("epoch", epoch), v("high_watermark", high_watermark); }
};
struct RaftSnapshotWritten {
  static constexpr std::string_view kName = "raft.snapshot";
  int64_t end_offset = 0;
  int32_t epoch = 0;
  bool fetched = false;  // installed from the leader, not generated here
  void fields(auto&& v) const { v("end_offset", end_offset), v("epoch", epoch), v("fetched", fetched); }
};

struct MetadataPublished {  // this node's metadata at an offset of the metadata log, as all of the node will
                            // see it
  static constexpr std::string_view kName = "metadata.published";
  int64_t offset = -1;  // of the last record in it
  int32_t epoch = -1;
  bool snapshot = false;  // built from a snapshot, not from the last image
  const std::shared_ptr<const MetadataImage>* image = nullptr;  // who keeps it sees it unchanged
  void fields(auto&& v) const { v("offset", offset), v("epoch", epoch), v("snapshot", snapshot); }
};

// ---- the controller ----
struct ControllerReplayed {  // the metadata at an offset, as this node's controller will decide by it; active
                             // or not
  static constexpr std::string_view kName = "controller.replayed";
  int64_t offset = -1;  // of the last record in it
  int32_t epoch = -1;
  bool snapshot = false;                                        // built from a snapshot
  const std::shared_ptr<const MetadataImage>* image = nullptr;  // who keeps it sees it unchanged
  void fields(auto&& v) const { v("offset", offset), v("epoch", epoch), v("snapshot", snapshot); }
};
struct ControllerActivated {
  static constexpr std::string_view kName = "controller.activated";
  int32_t epoch = 0;
  void fields(auto&& v) const { v("epoch", epoch); }
};
struct ControllerDeactivated {
  static constexpr std::string_view kName = "controller.deactivated";
  int32_t epoch = 0;
  void fields(auto&& v) const { v("epoch", epoch); }
};
struct ControllerAnswered {  // what this node has decided as the active controller is told to who asked
  static constexpr std::string_view kName = "controller.answered";
  std::string_view api;
  int32_t epoch = 0;    // in which it was decided
  int64_t offset = -1;  // of the last record that the answer rests on
  void fields(auto&& v) const { v("api", api), v("epoch", epoch), v("offset", offset); }
};
struct BrokerRegistered {
  static constexpr std::string_view kName = "broker.registered";
  int32_t broker_id = 0;
  int64_t broker_epoch = 0;
  bool clean = false;
  void fields(auto&& v) const {
    v("broker_id", broker_id), v("broker_epoch", broker_epoch), v("clean", clean);
  }
};
struct BrokerFenced {
  static constexpr std::string_view kName = "broker.fenced";
  int32_t broker_id = 0;
  int64_t broker_epoch = 0;
  std::string_view reason;
  void fields(auto&& v) const {
    v("broker_id", broker_id), v("broker_epoch", broker_epoch), v("reason", reason);
  }
};
struct BrokerUnfenced {
  static constexpr std::string_view kName = "broker.unfenced";
  int32_t broker_id = 0;
  int64_t broker_epoch = 0;
  void fields(auto&& v) const { v("broker_id", broker_id), v("broker_epoch", broker_epoch); }
};
struct BrokerHeard {  // the active controller has heard from it: its session begins anew
  static constexpr std::string_view kName = "broker.heard";
  int32_t broker_id = 0;
  int64_t broker_epoch = 0;
  bool wants_fence = true;       // or to be gone
  int64_t metadata_offset = -1;  // up to which it knows the metadata
  void fields(auto&& v) const {
    v("broker_id", broker_id), v("broker_epoch", broker_epoch), v("wants_fence", wants_fence);
    v("metadata_offset", metadata_offset);
  }
};
struct PartitionChanged {  // the active controller has committed a new partition state
  static constexpr std::string_view kName = "partition.changed";
  std::string_view topic;
  Uuid topic_id;
  int32_t partition = 0;
  int32_t leader = -1;
  int32_t leader_epoch = 0;
  int32_t partition_epoch = 0;
  Replicas isr;
  Replicas elr;
  bool unclean = false;
  void fields(auto&& v) const {
    v("topic", topic), v("topic_id", topic_id), v("partition", partition), v("leader", leader);
    v("leader_epoch", leader_epoch), v("partition_epoch", partition_epoch), v("isr", isr), v("elr", elr);
    v("unclean", unclean);
  }
};

// ---- the broker ----
struct BrokerStateChanged {
  static constexpr std::string_view kName = "broker.state_changed";
  std::string_view state;  // STARTING, RECOVERY, RUNNING, PENDING_CONTROLLED_SHUTDOWN, SHUTTING_DOWN
  void fields(auto&& v) const { v("state", state); }
};
struct BrokerEpochAssigned {  // a controller has answered this broker's registration
  static constexpr std::string_view kName = "broker.epoch_assigned";
  int64_t broker_epoch = -1;
  void fields(auto&& v) const { v("broker_epoch", broker_epoch); }
};
struct ProducerIdsAssigned {  // a controller has given this broker a block of producer ids
  static constexpr std::string_view kName = "broker.producer_ids";
  int64_t first = 0;
  int32_t count = 0;
  void fields(auto&& v) const { v("first", first), v("count", count); }
};
struct BecameLeader {
  static constexpr std::string_view kName = "replica.became_leader";
  std::string_view topic;
  Uuid topic_id;
  int32_t partition = 0;
  int32_t leader_epoch = 0;
  int64_t epoch_start_offset = 0;
  int64_t high_watermark = 0;
  Replicas isr;
  void fields(auto&& v) const {
    v("topic", topic), v("topic_id", topic_id), v("partition", partition), v("leader_epoch", leader_epoch);
    v("epoch_start_offset", epoch_start_offset), v("high_watermark", high_watermark), v("isr", isr);
  }
};
struct BecameFollower {
  static constexpr std::string_view kName = "replica.became_follower";
  std::string_view topic;
  Uuid topic_id;
  int32_t partition = 0;
  int32_t leader = -1;
  int32_t leader_epoch = 0;
  int64_t end_offset = 0;
  void fields(auto&& v) const {
    v("topic", topic), v("topic_id", topic_id), v("partition", partition), v("leader", leader);
    v("leader_epoch", leader_epoch), v("end_offset", end_offset);
  }
};
struct IsrProposed {
  static constexpr std::string_view kName = "isr.proposed";
  std::string_view topic;
  Uuid topic_id;
  int32_t partition = 0;
  int32_t leader_epoch = 0;
  int32_t partition_epoch = 0;  // of the state that it is to change
  Replicas isr;
  std::span<const int64_t> broker_epochs;  // of these, as the leader knows them; -1: it does not
  void fields(auto&& v) const {
    v("topic", topic), v("topic_id", topic_id), v("partition", partition), v("leader_epoch", leader_epoch);
    v("partition_epoch", partition_epoch), v("isr", isr);
  }
};
struct IsrChanged {  // the leader took over a committed ISR
  static constexpr std::string_view kName = "isr.changed";
  std::string_view topic;
  Uuid topic_id;
  int32_t partition = 0;
  int32_t leader_epoch = 0;
  int32_t partition_epoch = 0;
  Replicas isr;
  void fields(auto&& v) const {
    v("topic", topic), v("topic_id", topic_id), v("partition", partition), v("leader_epoch", leader_epoch);
    v("partition_epoch", partition_epoch), v("isr", isr);
  }
};
struct HighWatermarkChanged {
  static constexpr std::string_view kName = "replica.high_watermark";
  std::string_view topic;
  Uuid topic_id;
  int32_t partition = 0;
  int32_t leader_epoch = 0;
  int64_t high_watermark = 0;
  bool leader = false;
  void fields(auto&& v) const {
    v("topic", topic), v("topic_id", topic_id), v("partition", partition), v("leader_epoch", leader_epoch);
    v("high_watermark", high_watermark), v("leader", leader);
  }
};

using Event = std::variant<LogLine, LogAppended, LogTruncated, EpochEndTold, DivergenceCut, LogStartMoved,
                           SegmentRolled, LogLoaded, LogDirFailed, CheckpointWritten, RaftStateChanged,
                           RaftVoteGranted, RaftHighWatermarkAdvanced, RaftSnapshotWritten, MetadataPublished,
                           ControllerReplayed, ControllerActivated, ControllerDeactivated, ControllerAnswered,
                           BrokerRegistered, BrokerFenced, BrokerUnfenced, BrokerHeard, PartitionChanged,
                           BrokerStateChanged, BrokerEpochAssigned, ProducerIdsAssigned, BecameLeader,
                           BecameFollower, IsrProposed, IsrChanged, HighWatermarkChanged>;

class Events {
 public:
  virtual ~Events() = default;
  virtual void emit(const Event& event) = 0;
};

inline std::string_view event_name(const Event& event) {
  return std::visit([](const auto& e) { return std::remove_cvref_t<decltype(e)>::kName; }, event);
}

}  // namespace ksim
