#pragma once
// What a consumer is assigned and where it stands in each partition (rules G39-G42, G46, G49; invariant K1).
// Pure.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/topic_partition.h"
#include "core/client/config.h"
#include "core/client/metadata_cache.h"

namespace ksim::client {

// The next offset to read, the epoch of the last record read (for validation), and the leader that was known
// when the position was taken or last validated.
struct FetchPosition {
  int64_t offset = 0;
  std::optional<int32_t> epoch;
  LeaderAndEpoch leader;

  bool operator==(const FetchPosition& other) const {
    return offset == other.offset && epoch == other.epoch && leader == other.leader;
  }
};

// A position whose records the log no longer holds, found where no reset policy may hide it (rule G42).
struct LogTruncation {
  TopicPartition partition;
  FetchPosition position;
  std::optional<int64_t> divergent_offset;
};

enum class FetchState : uint8_t { initializing, fetching, await_reset, await_validation };

// One partition. A transition that is not allowed is silently ignored: the state has moved on meanwhile.
class PartitionPosition {
 public:
  FetchState state() const { return state_; }
  // Set in fetching and await_validation.
  const std::optional<FetchPosition>& position() const { return position_; }
  bool has_valid_position() const { return state_ == FetchState::fetching; }
  std::optional<AutoOffsetReset> reset_to() const { return reset_to_; }
  // The lookup whose answer ends this reset: the last one that was sent for it. 0: none.
  uint64_t lookup() const { return lookup_; }

  void request_reset(AutoOffsetReset to);
  void await_lookup(uint64_t lookup) { lookup_ = lookup; }
  void seek_validated(const FetchPosition& to);
  void seek_unvalidated(const FetchPosition& to);
  // Only forwards, after records were read: the state is fetching.
  void advance(int64_t offset, std::optional<int32_t> epoch);
  // Rule G41; `can_validate`: the leader knows OffsetForLeaderEpoch well enough.
  void leader_is(const LeaderAndEpoch& leader, bool can_validate);
  void complete_validation();

  // How often the position was set other than by reading on: by seeks, resets and truncations.
  uint64_t jumps() const { return jumps_; }
  int64_t jumped_to() const { return jumped_to_; }

  bool paused = false;
  bool pending_revocation = false;
  bool pending_callback = false;
  bool is_fetchable() const {
    return !paused && !pending_revocation && !pending_callback && has_valid_position();
  }
  // Requests for reset, validation or records wait until then.
  Instant not_before;
  std::optional<int64_t> high_watermark;
  std::optional<int64_t> last_stable_offset;
  std::optional<int64_t> log_start_offset;

  // Rule D35.
  std::optional<int32_t> preferred_replica(Instant now);
  void prefer_replica(int32_t node, Instant until);
  std::optional<int32_t> clear_preferred_replica();

 private:
  bool enter(FetchState next);
  void validate(const FetchPosition& position, bool can_validate);

  FetchState state_ = FetchState::initializing;
  uint64_t jumps_ = 0;
  int64_t jumped_to_ = -1;
  std::optional<FetchPosition> position_;
  std::optional<AutoOffsetReset> reset_to_;
  uint64_t lookup_ = 0;
  std::optional<int32_t> preferred_replica_;
  Instant preferred_until_;
};

class SubscriptionState {
 public:
  explicit SubscriptionState(AutoOffsetReset policy) : policy_(policy) {}

  // What is assigned already keeps its position.
  void assign(const std::vector<TopicPartition>& partitions);
  PartitionPosition* find(const TopicPartition& partition);
  const PartitionPosition* find(const TopicPartition& partition) const;
  // In the order in which they are asked for: those that gave something last stand behind. Valid until the
  // next assignment.
  using Entry = std::pair<const TopicPartition, PartitionPosition>;
  std::span<Entry* const> order() { return order_; }
  std::span<const Entry* const> order() const { return order_; }
  void move_to_end(const TopicPartition& partition);
  std::vector<std::string> topics() const;

  AutoOffsetReset policy() const { return policy_; }
  bool has_policy() const { return policy_ != AutoOffsetReset::none; }
  // By policy; false: there is none.
  bool reset_by_policy(PartitionPosition& partition);

  // The answer to the validation of `asked` (rule G42); empty fields for an undefined answer. Ignored if the
  // position is another one meanwhile.
  std::optional<LogTruncation> complete_validation(const TopicPartition& partition,
                                                   const FetchPosition& asked, int32_t leader_epoch,
                                                   int64_t end_offset);

 private:
  AutoOffsetReset policy_;
  std::map<TopicPartition, PartitionPosition> partitions_;
  std::vector<Entry*> order_;  // into partitions_
};

}  // namespace ksim::client
