#pragma once
// What the leader of one partition knows of its followers and of its in-sync replicas: a step function. Each
// step takes what happened and the state of the leader's log, and says what must follow from it; nothing here
// waits, reads a clock or sends. (Rules D37, D38, D40-D46, W19-W22; KIP-497, KIP-903.)
//
// Invariants, asserted by assert_invariants():
//  1. the committed ISR contains the leader and is a subset of the assignment or of an earlier one
//  2. at most one proposal is pending; it was made on top of the committed ISR of this partition epoch
//  3. the maximal ISR contains the committed ISR, and the added replica while an expansion is pending
//  4. neither leader epoch nor partition epoch ever decreases

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "core/base/error.h"
#include "core/base/units.h"

namespace ksim::broker {

constexpr int64_t kUnknownOffset = -1;
constexpr int64_t kUnknownBrokerEpoch = -1;
// Before every instant of any clock, and still far from overflow when subtracted.
constexpr Instant kLongAgo{std::numeric_limits<int64_t>::min() / 2};

// What the current metadata image says of one registered broker.
struct BrokerStanding {
  int64_t epoch = kUnknownBrokerEpoch;
  bool fenced = false;
  bool shutting_down = false;
};

class BrokerDirectory {
 public:
  virtual ~BrokerDirectory() = default;
  virtual std::optional<BrokerStanding> standing(int32_t broker_id) const = 0;  // none: not registered
};

// The leader's log at the moment of a step.
struct LeaderLog {
  int64_t start_offset = 0;
  int64_t end_offset = 0;
  int64_t high_watermark = 0;
  int32_t min_isr = 1;  // min.insync.replicas of the topic
  // Up to where the leader's own copy counts for the high watermark (Log::settled_end).
  int64_t settled_end = std::numeric_limits<int64_t>::max();
};

struct IsrMember {
  int32_t broker_id = -1;
  int64_t broker_epoch = kUnknownBrokerEpoch;
};

// One AlterPartition of this partition. `number` identifies it in the answer.
struct IsrProposal {
  uint64_t number = 0;
  bool expands = false;
  int32_t leader_epoch = 0;
  int32_t partition_epoch = 0;
  std::vector<IsrMember> isr;  // ascending by broker id
};

// What the controller answered for one partition, or the error of the whole request.
struct IsrAnswer {
  uint64_t number = 0;
  ErrorCode error = ErrorCode::NONE;
  int32_t leader_epoch = 0;
  int32_t partition_epoch = 0;
  std::vector<int32_t> isr;
};

struct FollowerState {
  int32_t broker_id = -1;
  int64_t log_start_offset = kUnknownOffset;
  int64_t log_end_offset = kUnknownOffset;
  int64_t leader_end_at_last_fetch = kUnknownOffset;
  Instant last_fetch = kLongAgo;
  Instant caught_up = kLongAgo;  // the last instant at which its log end offset was the leader's
  std::optional<int64_t> broker_epoch;
};

struct FollowerFetch {
  int32_t replica_id = -1;
  int64_t broker_epoch = kUnknownBrokerEpoch;  // -1: an old fetcher that does not say
  int64_t fetch_offset = 0;
  int64_t log_start_offset = kUnknownOffset;
  int64_t leader_end_at_read = 0;
  Instant at;
};

struct IsrContext {
  const BrokerDirectory& brokers;
  int64_t own_broker_epoch = kUnknownBrokerEpoch;
  LeaderLog log;
  Instant now;
};

// What follows from a step; the caller carries it out.
struct IsrEffects {
  std::optional<int64_t> high_watermark;  // raise the leader's high watermark to this
  std::optional<IsrProposal> propose;     // ask the controller, and bring its answer back
  bool committed = false;                 // committed ISR, partition epoch or leader epoch moved
};

struct PartitionAssignment {
  int32_t leader_epoch = 0;
  int32_t partition_epoch = 0;
  std::span<const int32_t> replicas;
  std::span<const int32_t> isr;
};

class PartitionIsr {
 public:
  PartitionIsr(int32_t own_id, Duration replica_lag_time_max)
      : own_id_(own_id), lag_max_(replica_lag_time_max) {}

  // ---- steps ----
  // The image makes this broker the leader, or tells the leader of a change. False in `accepted`: an older
  // partition epoch than the known one, nothing changed.
  struct LeadResult {
    bool accepted = false;
    bool new_leader_epoch = false;  // epoch_start_offset() is the log end offset now
    IsrEffects effects;
  };
  LeadResult lead(const PartitionAssignment& assignment, const IsrContext& context);
  struct FollowResult {
    bool accepted = false;
    bool new_leader_epoch = false;
  };
  FollowResult follow(const PartitionAssignment& assignment);
  // Before a follower's read: is it a follower at all (rule D40)?
  ErrorCode check_follower(int32_t replica_id, bool request_has_epoch) const;
  // After a valid follower's read. An error leaves everything as it was.
  ErrorCode follower_fetched(const FollowerFetch& fetch, const IsrContext& context, IsrEffects& effects);
  // After an append, or when something the high watermark depends on may have changed.
  IsrEffects advance(const IsrContext& context);
  // Periodically, every half replica.lag.time.max.ms: shrink, and a fresh look at the high watermark.
  IsrEffects check_lag(const IsrContext& context);
  IsrEffects answered(const IsrAnswer& answer, const IsrContext& context);

  // ---- state ----
  bool is_leader() const { return is_leader_; }
  int32_t leader_epoch() const { return leader_epoch_; }
  int32_t partition_epoch() const { return partition_epoch_; }
  int64_t epoch_start_offset() const { return epoch_start_offset_; }
  std::span<const int32_t> committed_isr() const { return isr_; }
  std::vector<int32_t> maximal_isr() const;
  const std::optional<IsrProposal>& pending() const { return pending_; }
  std::span<const FollowerState> followers() const { return followers_; }
  const FollowerState* follower(int32_t broker_id) const;
  std::span<const int32_t> replicas() const { return replicas_; }
  int32_t effective_min_isr(int32_t configured) const;
  bool under_min_isr(int32_t configured) const;
  // acks=-1 at `required_offset`: nothing while it must wait (rule D22).
  std::optional<ErrorCode> reached(int64_t required_offset, const LeaderLog& log) const;
  // Smallest log start offset over this and the live replicas (rule D59).
  int64_t low_watermark(const LeaderLog& log, const BrokerDirectory& brokers) const;
  void assert_invariants() const;

 private:
  bool in_isr(int32_t broker_id) const;
  bool in_maximal_isr(int32_t broker_id) const;
  bool counts(const FollowerState& follower, const IsrContext& context) const;
  bool caught_up(const FollowerState& follower, const IsrContext& context) const;
  bool eligible(const FollowerState& follower, const BrokerDirectory& brokers) const;
  FollowerState* find(int32_t broker_id);
  void update_followers(std::span<const int32_t> replicas);
  void reset_followers(std::span<const int32_t> isr, bool newly_leader, const IsrContext& context);
  void raise_high_watermark(const IsrContext& context, IsrEffects& effects) const;
  void maybe_expand(const FollowerState& follower, const IsrContext& context, IsrEffects& effects);
  void propose(std::vector<int32_t> isr, std::optional<int32_t> added, const IsrContext& context,
               IsrEffects& effects);

  int32_t own_id_;
  Duration lag_max_;
  bool is_leader_ = false;
  int32_t leader_epoch_ = -1;
  int32_t partition_epoch_ = -1;
  int64_t epoch_start_offset_ = kUnknownOffset;
  std::vector<int32_t> replicas_;         // in the controller's order
  std::vector<int32_t> isr_;              // committed, ascending
  std::vector<int32_t> left_;             // the ISR, by what answers say and metadata does not yet
  std::vector<FollowerState> followers_;  // all other replicas, ascending by id; empty unless leader
  std::optional<IsrProposal> pending_;
  std::optional<int32_t> pending_addition_;
  uint64_t proposals_ = 0;
};

}  // namespace ksim::broker
