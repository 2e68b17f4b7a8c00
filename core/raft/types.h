#pragma once
// The nouns of KRaft (KIP-595): replicas, voters, positions in the metadata log, timers.

#include <algorithm>
#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/units.h"
#include "core/base/uuid.h"

namespace ksim::raft {

constexpr int32_t kNoNode = -1;

// Rule B2: who a replica is. A zero directory means "not told", as in voter sets of kraft.version 0.
struct ReplicaKey {
  int32_t id = kNoNode;
  Uuid directory;

  constexpr auto operator<=>(const ReplicaKey&) const = default;
  // Whether `this`, an entry of a voter set or a recorded vote, means `other`: same id, and the same
  // directory if this one names any.
  constexpr bool means(const ReplicaKey& other) const {
    return id == other.id && (directory.is_zero() || directory == other.directory);
  }
};

// A log position: `offset` is exclusive (a log end, or the end a snapshot covers), `epoch` that of the
// record before it. Compared as elections do: epoch first (rule B14).
struct OffsetAndEpoch {
  int64_t offset = 0;
  int32_t epoch = 0;

  constexpr bool operator==(const OffsetAndEpoch& other) const {
    return offset == other.offset && epoch == other.epoch;
  }
  constexpr std::strong_ordering operator<=>(const OffsetAndEpoch& other) const {
    return epoch != other.epoch ? epoch <=> other.epoch : offset <=> other.offset;
  }
};
// The snapshot that `kafka-storage format` leaves for a first start; never served to others (rule B47).
constexpr OffsetAndEpoch kBootstrapSnapshot{0, 0};

// The static voter set of kraft.version 0 (rule B53), ordered by id.
class VoterSet {
 public:
  VoterSet() = default;
  explicit VoterSet(std::vector<ReplicaKey> voters) : voters_(std::move(voters)) {
    std::sort(voters_.begin(), voters_.end());
  }

  const std::vector<ReplicaKey>& all() const { return voters_; }
  size_t size() const { return voters_.size(); }
  size_t majority() const { return voters_.size() / 2 + 1; }  // rule B19
  bool has_id(int32_t id) const {
    return std::any_of(voters_.begin(), voters_.end(), [&](const ReplicaKey& v) { return v.id == id; });
  }
  bool contains(const ReplicaKey& key) const {
    return std::any_of(voters_.begin(), voters_.end(), [&](const ReplicaKey& v) { return v.means(key); });
  }
  bool is_only(const ReplicaKey& key) const { return voters_.size() == 1 && voters_[0].means(key); }

 private:
  std::vector<ReplicaKey> voters_;
};

// controller.quorum.* (rule B8) and the fixed sizes of Kafka's raft client.
struct Timers {
  Duration election_timeout = milliseconds(1000);
  Duration fetch_timeout = milliseconds(2000);
  Duration election_backoff_max = milliseconds(1000);
  Duration request_timeout = milliseconds(2000);
  Duration retry_backoff = milliseconds(20);
  Duration append_linger = milliseconds(25);
  Duration fetch_max_wait = milliseconds(500);
  Duration observer_session = seconds(300);  // after which a silent observer is forgotten
};

struct NodeConfig {
  ReplicaKey local;
  VoterSet voters;
  Timers timers;
  int32_t max_batch_bytes = 8 << 20;
  int32_t max_fetch_bytes = 8 << 20;  // of records, and of one chunk of a snapshot
  // Rule B25: a node that may become a voter flushes before each Fetch even while it is none.
  bool may_become_voter = false;

  bool is_voter() const { return voters.contains(local); }
};

// What quorum-state holds (rules B1, A50).
struct ElectionRecord {
  int32_t epoch = 0;
  int32_t leader_id = kNoNode;
  std::optional<ReplicaKey> voted;

  bool operator==(const ElectionRecord& other) const {
    return epoch == other.epoch && leader_id == other.leader_id && voted == other.voted;
  }
};

// One record batch in a fetched buffer: what the consensus core needs to know of it.
struct BatchInfo {
  int64_t base_offset = 0;
  int64_t last_offset = 0;
  int32_t leader_epoch = 0;
  uint32_t size_bytes = 0;
};

}  // namespace ksim::raft
