#pragma once
// What clients of a run saw, as the checkers judge it. Workloads write these facts outside the clients: an
// operation is noted when it is invoked and again when it completed.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/units.h"
#include "core/base/uuid.h"

namespace ksim::sim {

// Instants in this header are the run's virtual time, the same on all nodes.

// A partition of a run as a small number, in the order in which the run first met it.
using PartitionId = uint32_t;
struct PartitionName {
  std::string topic;
  int32_t index = 0;
};
std::string to_string(const PartitionName& name);

class PartitionNames {
 public:
  PartitionId id(std::string_view topic, int32_t index);
  // The id, if the partition was met before.
  std::optional<PartitionId> find(std::string_view topic, int32_t index) const;
  const PartitionName& name(PartitionId id) const { return names_.at(id); }
  size_t size() const { return names_.size(); }

 private:
  std::map<std::pair<std::string, int32_t>, PartitionId> ids_;
  std::vector<PartitionName> names_;
};

// Every record that a workload sends carries an id of its own as the first 8 bytes of its value, big-endian:
// the producer session in the upper 24 bits, its n-th send in the lower 40. 0 is no record.
using RecordId = uint64_t;
constexpr RecordId make_record_id(uint32_t session, uint64_t n) { return uint64_t{session} << 40 | n; }
constexpr uint32_t session_of(RecordId id) { return static_cast<uint32_t>(id >> 40); }
constexpr uint64_t number_of(RecordId id) { return id & 0xff'ffff'ffffULL; }

enum class Outcome : uint8_t {
  pending,
  ok,
  failed,   // definite: no attempt has written it, none ever will
  unknown,  // may be, or may become, written
};
std::string_view to_string(Outcome outcome);

// What a producer session was configured to ask for.
struct ProducerSession {
  uint32_t session = 0;  // from 1, unique in the run
  std::string client;
  int32_t acks = -1;
  bool idempotent = true;
  uint32_t max_in_flight = 5;
  Duration patience{0};  // max.block.ms and delivery.timeout.ms together; 0: nobody knows
};

struct SendOp {
  uint32_t session = 0;
  PartitionId partition = 0;
  RecordId record = 0;
  Instant invoked;
  Instant completed;
  Outcome outcome = Outcome::pending;
  ErrorCode error = ErrorCode::NONE;
  int64_t offset = -1;  // where it was acknowledged; -1 unknown
  // What was sent, where the workload knows: 0 and -1 where it does not, or where the broker sets the time.
  uint64_t content_hash = 0;
  int64_t timestamp_ms = -1;
};

// One record handed to an application.
struct Consumed {
  uint32_t consumer = 0;
  PartitionId partition = 0;
  int64_t offset = 0;
  int32_t leader_epoch = -1;
  RecordId record = 0;
  uint64_t content_hash = 0;  // of key, value and headers, see content_hash()
  Instant at;
  int64_t timestamp_ms = -1;  // -1: not told
};

// A reader was given a partition, which it will read from its first record on, or from what comes next.
struct ReaderAssigned {
  uint32_t consumer = 0;
  std::string name;
  PartitionId partition = 0;
  bool from_end = false;  // auto.offset.reset=latest
  Instant at;
};

// A call of a reader, noted when it is invoked and again when it completed.
struct ReaderCall {
  uint32_t consumer = 0;
  std::string_view what;  // "poll", "list_offsets"
  Instant invoked;
  std::optional<Instant> completed;
  std::string error;  // empty: it succeeded
  size_t handed = 0;  // records
  size_t most = 0;    // max.poll.records; 0: nobody knows
  ErrorCode code = ErrorCode::NONE;
};

// Its application has paused a partition, or is not assigned it any more; or goes on with it.
struct ReaderRest {
  uint32_t consumer = 0;
  PartitionId partition = 0;
  bool rests = true;
};

// A call of an administrator that has ended.
struct AdminCall {
  std::string_view client;
  std::string_view what;
  std::string subject;
  Instant invoked;
  Instant completed;
  Duration patience;  // how long it may take
  ErrorCode error = ErrorCode::NONE;
};

// A request goes out, whatever becomes of it. The names of nodes and clients.
struct RequestSeen {
  std::string_view sender;
  std::string_view receiver;
  int16_t api = 0;
  Instant at;
};

// A voter's fetch of the metadata log has reached the node that it believes to lead the quorum.
struct QuorumFetchArrived {
  int32_t voter = -1;
  int32_t leader = -1;
  Instant at;
};

enum class SeekTo : uint8_t { place, beginning, end };

// Its application asks a consumer to go on elsewhere. An end is looked up by later polls.
struct SeekAsked {
  uint32_t consumer = 0;
  PartitionId partition = 0;
  SeekTo to = SeekTo::place;
  int64_t offset = -1;  // of a place
  Instant at;
};

// A consumer's position was set, not advanced: a seek, a reset by policy, a truncation found by validation.
struct PositionSet {
  uint32_t consumer = 0;
  PartitionId partition = 0;
  int64_t offset = 0;
  std::string_view reason;  // "seek", "reset", "truncated", "assigned"
  Instant at;
  // Of a seek to an end, which a broker tells: when it was asked for. Of another seek nothing.
  std::optional<Instant> sought = std::nullopt;
  uint64_t jumps = 1;  // since it was noted last; of several this is the last
};

// ListOffsets(latest) was asked and answered.
struct LatestOffset {
  uint32_t client = 0;
  PartitionId partition = 0;
  int64_t offset = 0;
  Instant invoked;
  Instant completed;
};

// The first offset whose record is not older than `target_ms` was asked for; noted when it is invoked and
// again when it was answered.
struct TimeLookup {
  uint32_t client = 0;
  PartitionId partition = 0;
  int64_t target_ms = 0;
  Instant invoked;
  std::optional<Instant> completed;
  int64_t offset = -1;  // -1: there is none
  int64_t timestamp_ms = -1;
};

// A request that no good client sends, what the rules let a server answer, and what it did answer (Q1).
struct ForgedRequest {
  uint32_t client = 0;
  std::string subject;  // "orders-3 at broker 2"
  std::string request;  // what was forged in it
  std::string_view rule;
  std::vector<ErrorCode> permitted;  // empty: the connection must end without an answer
  std::optional<ErrorCode> answer;   // empty: the connection ended
  // What must come with an answer of NONE: an offset; -1 stands for none.
  std::optional<int64_t> permitted_offset;
  int64_t offset = -1;
  Instant at;
  int32_t broker = -1;
  int64_t newest_ms = 0;  // no record in it states a later time, if that is not what was forged
};

// An administrator asks that records be deleted, noted when it is invoked and again when it completed.
struct DeletionCall {
  uint64_t number = 0;  // of the call, unique in the run
  PartitionId partition = 0;
  int64_t before = -1;  // -1: all that is committed
  Instant invoked;
  Instant completed;
  Outcome outcome = Outcome::pending;
};

// What a broker's metadata says of a topic.
struct TopicSeen {
  std::string name;
  Uuid id;                 // zero: it knows no topic of that name
  int32_t partitions = 0;  // that it has
};

// One attempt of an administrator to change a topic, or to see some, noted when it is invoked and again when
// it completed. `unknown`: nobody can tell whether the change was made, or will be.
struct TopicCall {
  enum class Kind : uint8_t { create, remove, grow, configure, look };
  Kind kind = Kind::look;
  uint64_t number = 0;  // of the call, unique in the run
  std::string client;
  int32_t broker = -1;  // that was asked; -1: whichever a client asked that tries again until it knows
  uint64_t link = 0;    // the connection, unique in the run: on one, metadata never goes back
  std::string topic;
  Uuid id;                 // that the answer names, of the topic created or removed; zero: it names none
  int32_t partitions = 0;  // create and grow: how many there shall be in all
  std::string key;         // configure; create: empty if it has no configuration
  std::optional<std::string> value;  // none: the key's default again
  std::vector<TopicSeen> seen;       // look
  bool may_happen_again = false;     // an attempt before was never answered
  Instant invoked;
  Instant completed;
  Outcome outcome = Outcome::pending;
  ErrorCode error = ErrorCode::NONE;
};
std::string_view to_string(TopicCall::Kind kind);

// The leader that a client believes in, after a change of its metadata.
struct LeaderBelief {
  uint32_t client = 0;
  PartitionId partition = 0;
  int32_t leader_epoch = -1;
  Instant at;
};

}  // namespace ksim::sim
