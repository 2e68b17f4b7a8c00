#pragma once
// A consumer without its connections: what is asked of which broker, what answers mean, what a poll returns
// (rules G39-G51). Pure.

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/client/completed_fetch.h"
#include "core/client/fetch_session.h"
#include "core/client/subscription_state.h"
#include "core/io/random.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/list_offsets.h"
#include "core/wire/messages/offset_for_leader_epoch.h"

namespace ksim::client {

// What a poll fails with; the position stays where it is.
enum class ConsumerFault : uint8_t {
  no_offset,            // NoOffsetForPartition: no position, and no policy to find one
  offset_out_of_range,  // and no policy
  log_truncation,       // records that were read are gone, and no policy
  corrupt_record,       // until the leader has it whole, or a seek leads past it
  unauthorized,
  wakeup,
  closed,
  unexpected,  // an answer that makes no sense
};
std::string_view to_string(ConsumerFault fault);

struct ConsumerError {
  ConsumerFault fault = ConsumerFault::unexpected;
  TopicPartition partition;
  std::string message;
  std::optional<int64_t> offset;  // the position; for a truncation the divergent offset, if known
};

class ConsumerCore {
 public:
  // All must outlive the core.
  ConsumerCore(const ConsumerConfig& config, MetadataCache& metadata, Random& random, uint64_t entity);

  SubscriptionState& subscriptions() { return subscriptions_; }
  const SubscriptionState& subscriptions() const { return subscriptions_; }
  void assign(const std::vector<TopicPartition>& partitions, Instant now);
  // False: not assigned.
  bool seek(const TopicPartition& partition, int64_t offset, std::optional<int32_t> epoch);

  // ---- a round ----
  // Follows changed leaders, gives new partitions a position by policy. `can_validate` tells of a node
  // whether it knows OffsetForLeaderEpoch well enough.
  template <class CanValidate>
  void begin_round(CanValidate can_validate) {
    // A position that comes in between takes the leader that is known then.
    if (!assigned_anew_ && metadata_seen_ == metadata_.version()) {
      metadata_wish_ = metadata_wish_ || leaderless_;
      return;
    }
    assigned_anew_ = leaderless_ = false;
    metadata_seen_ = metadata_.version();
    for (SubscriptionState::Entry* const entry : subscriptions_.order()) {
      auto& [partition, position] = *entry;
      const LeaderAndEpoch leader = metadata_.leader(partition);
      if (!leader.has_leader()) metadata_wish_ = leaderless_ = true;
      position.leader_is(leader, !leader.has_leader() || can_validate(leader.leader_id));
      if (position.state() == FetchState::initializing) subscriptions_.reset_by_policy(position);
    }
  }
  bool take_metadata_wish() { return std::exchange(metadata_wish_, false); }

  // Asked of each node before a request to it is built; one that has no connection is passed over.
  using CanSend = std::function<bool(int32_t)>;
  struct Fetch {
    int32_t node = kNoNode;
    FetchSession::Request request;
  };
  // For every node with something to ask, nothing under way and nothing of it still to be handed out; the
  // nodes count as asked.
  std::vector<Fetch> fetches(const CanSend& can_send, Instant now);
  struct OffsetQuery {
    struct Entry {
      TopicPartition partition;
      AutoOffsetReset to;
      LeaderAndEpoch leader;
      uint64_t lookup;  // its number
      Uuid topic_id;    // of the topic that is asked about
    };
    int32_t node = kNoNode;
    std::vector<Entry> entries;
  };
  std::vector<OffsetQuery> resets(const CanSend& can_send, Instant now);
  struct EpochQuery {
    struct Entry {
      TopicPartition partition;
      FetchPosition position;
    };
    int32_t node = kNoNode;
    std::vector<Entry> entries;
  };
  std::vector<EpochQuery> validations(const CanSend& can_send, Instant now);
  // When the next of them is due without anything else happening.
  Instant next_due(Instant now) const;

  // ---- answers ----
  void fetch_answered(int32_t node, const wire::FetchResponse& response, std::shared_ptr<const void> frame,
                      Instant now);
  void fetch_failed(int32_t node);
  void reset_answered(const OffsetQuery& query, const wire::ListOffsetsResponse& response, Instant now);
  void reset_failed(const OffsetQuery& query, Instant now);
  void validation_answered(const EpochQuery& query, const wire::OffsetForLeaderEpochResponse& response,
                           Instant now);
  void validation_failed(const EpochQuery& query, Instant now);

  // ---- the application's side ----
  bool has_buffered() const { return next_ != nullptr || !buffer_.empty(); }
  // Moves at most `most` records into `out`, in order, and the positions with them. True: a position has
  // advanced, perhaps without records. Fails only if there is nothing to return before the failure.
  Result<bool, ConsumerError> collect(ConsumerRecords& out, int32_t most, Instant now);

  // Positions that turned out to be behind the end of the new leader's log (rule G42), so far.
  uint64_t truncations() const { return truncations_; }

  FetchSession& session(int32_t node) { return sessions_[node]; }
  std::vector<int32_t> session_nodes() const;

 private:
  using Completed = std::unique_ptr<CompletedFetch>;

  std::vector<TopicPartition> buffered() const;  // in order
  std::set<int32_t> nodes_of_buffered(const std::vector<TopicPartition>& waiting, Instant now);
  int32_t fetch_node(const TopicPartition& partition, PartitionPosition& position, Instant now);
  void take_partition(int32_t node, const TopicPartition& partition, const Uuid& of,
                      const wire::FetchResponse& response, const wire::FetchResponsePartitionData& data,
                      const std::shared_ptr<const void>& frame);
  // Whether the fetch may be given out (rules G44-G46).
  Result<bool, ConsumerError> check(CompletedFetch& fetch, Instant now);
  Result<void, ConsumerError> fetch_error(const CompletedFetch& fetch, PartitionPosition& position,
                                          Instant now);
  void back_off(PartitionPosition& position, Instant now);
  // None: the reset for which this was looked up is over.
  PartitionPosition* awaiting(const OffsetQuery::Entry& entry);
  Result<bool, ConsumerError> give(ConsumerRecords& out, int32_t most);

  const ConsumerConfig& config_;
  MetadataCache& metadata_;
  SubscriptionState subscriptions_;
  Dice jitter_dice_;
  std::map<int32_t, FetchSession> sessions_;
  std::set<int32_t> asked_nodes_;
  std::map<int32_t, Instant> node_not_before_;
  std::deque<Completed> buffer_;
  Completed next_;  // being given out
  std::optional<ConsumerError> pending_error_;
  uint64_t truncations_ = 0;
  uint64_t lookups_ = 0;
  bool metadata_wish_ = false;
  // Of the last look at all leaders.
  bool assigned_anew_ = false;
  bool leaderless_ = false;
  uint64_t metadata_seen_ = 0;
};

}  // namespace ksim::client
