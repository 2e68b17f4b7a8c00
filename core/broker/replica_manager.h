#pragma once
// The replicas of one shard: which partitions this broker leads or follows there, and the operations on them.
// Everything here runs on that shard; other shards come through ShardExecutor calls (broker_shards.h).
//
// Requests that wait: the part of a produce or fetch that concerns this shard waits here, under its
// partitions, in a purgatory of this shard. Its end is told to the shard of the request's connection by a
// callback that the caller gives and that posts there. So nobody ever watches another shard's state, and a
// change of a partition costs one look at what waits for it.

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "core/broker/partition.h"
#include "core/broker/purgatory.h"
#include "core/broker/purgatory_duty.h"
#include "core/broker/replica_changes.h"
#include "core/broker/replica_logs.h"
#include "core/io/scope.h"
#include "core/io/sync.h"

namespace ksim {
class ServerConfig;
}

namespace ksim::broker {

// Sends a leader's ISR change to the controller and brings the answer to ReplicaManager::proposal_answered.
class IsrProposals {
 public:
  virtual ~IsrProposals() = default;
  virtual void submit(const PartitionKey& key, const IsrProposal& proposal) = 0;  // does not wait
};

// Fetches from the leaders of the partitions this shard follows.
class FollowerFetching {
 public:
  virtual ~FollowerFetching() = default;
  // None waits. follow() replaces what was there.
  virtual void follow(const std::shared_ptr<Partition>& partition, const BrokerRegistration& leader) = 0;
  virtual void unfollow(const PartitionKey& key) = 0;
  // After all changes of a metadata image: whom nothing is followed from any more is asked nothing either.
  virtual void end_idle() = 0;
};

// ---- produce ----
struct AppendItem {
  PartitionKey key;
  Buffer frame;  // holds the records
  size_t offset = 0;
  size_t size_bytes = 0;
  uint64_t guard = 0;
};
struct LeaderHint {
  int32_t leader_id = -1;
  int32_t leader_epoch = -1;
};
struct AppendResult {
  PartitionKey key;
  ErrorCode error = ErrorCode::NONE;
  std::string message;
  std::vector<RecordError> record_errors;
  int64_t base_offset = -1;
  int64_t log_append_time_ms = -1;
  int64_t log_start_offset = -1;
  int64_t required_offset = -1;  // what the high watermark must reach for acks=-1
  int32_t appended_epoch = -1;
  int64_t flush_to = -1;  // what must be flushed first, unless acks=0; -1: nothing
  LeaderHint leader;      // of NOT_LEADER_OR_FOLLOWER
};
using AppendResults = std::vector<AppendResult>;

// ---- fetch ----
struct ReadItem {
  size_t index = 0;  // the caller's own
  PartitionKey key;
  ReadAsk ask;
  bool min_one_batch = false;
};
struct ReadResult {
  size_t index = 0;
  ReadOutcome outcome;
  LeaderHint leader;  // of NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH
};
struct WatchItem {
  PartitionKey key;
  ReadWait wait;
};
// How long a fetch waits, and for what.
struct FetchPatience {
  uint64_t enough_bytes = 1;  // in the whole answer
  uint64_t share_bytes = 1;   // of one shard: less is no news
  Deadline deadline;
};
struct FetchVisit {
  std::vector<ReadResult> results;
  uint64_t watch = 0;  // what was left behind on the shard; 0: nothing
};
// Rule D30: an error, a divergence, a batch too large for its limit, or enough bytes.
bool must_answer(const std::vector<ReadResult>& results, uint64_t enough_bytes);

struct CheckpointEntry {
  std::shared_ptr<storage::Log> log;
  int64_t high_watermark = 0;
};

class ReplicaManager final : public PartitionHost {
 public:
  struct Options {
    int32_t own_id = -1;
    Duration replica_lag_time_max = seconds(30);
  };
  ReplicaManager(const Env& env, Options options, const ServerConfig& server, ReplicaLogs& logs,
                 IsrProposals& proposals, FollowerFetching& fetching);
  ~ReplicaManager() override;

  void start();  // the shrink check and the timeouts
  void stop();   // waits; what waits in the purgatories is dropped

  // ---- metadata (rules C51, W17) ----
  const MetadataImageRef& image() const { return image_; }
  // Visible to requests before partitions have switched.
  void set_image(MetadataImageRef image);
  // Those that the image lets this broker lead, on any shard, and that have not switched; null: all have.
  void set_coming_leaderships(std::shared_ptr<const PartitionKeys> keys);
  // Waits, a second at most, while the partition is among them: who has heard of its leader by this image
  // would be refused by it otherwise.
  void await_leadership(const PartitionKey& key);
  void set_broker_epoch(int64_t epoch) { broker_epoch_ = epoch; }
  // Stops, then leads, then follows. Waits. A directory that fails takes its partitions offline.
  void apply(const ReplicaChanges& changes);
  // Only the stops: a topic that is made again under its name in the same changes may come to another shard,
  // which finds its directories' names free once all shards have done this.
  void stop_removed(const ReplicaChanges& changes);
  // W13: partitions without a leader, or whose ISR this broker has left, are not fetched any more.
  void begin_controlled_shutdown();

  // ---- partitions; no waits ----
  // Rule D10: KAFKA_STORAGE_ERROR, NOT_LEADER_OR_FOLLOWER or UNKNOWN_TOPIC_OR_PARTITION.
  Result<std::shared_ptr<Partition>, ErrorCode> find(const PartitionKey& key) const;
  const std::map<PartitionKey, std::shared_ptr<Partition>>& partitions() const { return partitions_; }
  std::vector<CheckpointEntry> high_watermarks() const;
  void check_lag();
  // The directory of some logs has failed: what waits for their partitions is told.
  void logs_failed();
  void proposal_answered(const PartitionKey& key, const IsrAnswer& answer);
  // Looks at what waits for partitions that have changed. Whoever changes one calls it without locks held.
  void run_actions();

  // ---- requests ----
  AppendResults append(std::vector<AppendItem> items, int16_t acks, storage::AppendOrigin origin);  // waits
  // Tells `done` once all that were appended are acknowledged as `acks` asks, have failed, or at the
  // deadline: with acks=-1 by the replicas in sync, unless acks=0 once what flush.messages asks for is on
  // this disk. Does not wait; `done` may run at once.
  void await_acks(AppendResults appended, int16_t acks, Deadline deadline,
                  std::function<void(AppendResults)> done);
  std::vector<ReadResult> read(const std::vector<ReadItem>& items, const ReadParams& params);  // waits
  // Reads, and unless that must be answered as it is and with `ready`, watches for what comes after it.
  FetchVisit visit(const std::vector<ReadItem>& items, const ReadParams& params,
                   const FetchPatience& patience, std::function<void()> ready);  // waits
  // Calls `ready` once, when the items together may have `min_bytes` to read, or one of them must be
  // answered. Does not wait; `ready` may run at once. Ends with it, or with unwatch().
  uint64_t watch(std::vector<WatchItem> items, const ReadParams& params, uint64_t min_bytes,
                 Deadline deadline, std::function<void()> ready);
  void unwatch(uint64_t watch);
  OffsetAnswer list_offset(const PartitionKey& key, int64_t timestamp_ms, ListIsolation isolation,
                           std::optional<int32_t> current_leader_epoch, bool leader_only);  // waits
  // Rule D59: raises the log start; gives the low watermark to wait for. Waits for the disk only.
  Result<int64_t> delete_records(const PartitionKey& key, int64_t offset);
  // Tells `done` the low watermark once it has reached `target`, an error, or REQUEST_TIMED_OUT at the
  // deadline. Does not wait; `done` may run at once.
  void await_low_watermark(const PartitionKey& key, int64_t target, Deadline deadline,
                           std::function<void(Result<int64_t>)> done);

  // ---- counts ----
  uint64_t isr_shrinks() const { return isr_shrinks_; }
  uint64_t isr_expands() const { return isr_expands_; }
  size_t offline_count() const { return offline_.size(); }  // beside those in partitions()
  size_t waiting_produces() const { return produces_.size(); }
  size_t waiting_fetches() const { return fetches_.size(); }

  // ---- PartitionHost ----
  const BrokerDirectory& brokers() const override { return brokers_; }
  int64_t own_broker_epoch() const override { return broker_epoch_; }
  void propose(Partition& partition, const IsrProposal& proposal) override;
  void moved(const Partition& partition) override;

 private:
  class ImageBrokers final : public BrokerDirectory {
   public:
    explicit ImageBrokers(const MetadataImageRef& image) : image_(image) {}
    std::optional<BrokerStanding> standing(int32_t broker_id) const override;

   private:
    const MetadataImageRef& image_;
  };
  class DelayedProduce;
  class DelayedFetch;
  class DelayedDelete;

  void remove(const PartitionKey& key);
  void lead(const ReplicaChange& change);
  void follow(const ReplicaChange& change);
  std::shared_ptr<Partition> open(const ReplicaChange& change);
  void start_fetching(const std::shared_ptr<Partition>& partition);
  void reconfigure(const ReplicaChanges& changes);
  AppendResult append_one(AppendItem& item, int16_t acks, storage::AppendOrigin origin);
  void log_flushed(const PartitionKey& key);
  LeaderHint hint(const PartitionKey& key) const;
  void lag_loop();

  const Env& env_;
  Options options_;
  const ServerConfig& server_;
  ReplicaLogs& logs_;
  IsrProposals& proposals_;
  FollowerFetching& fetching_;
  MetadataImageRef image_;
  ImageBrokers brokers_{image_};
  std::shared_ptr<const PartitionKeys> coming_leaderships_;
  Condition leaderships_taken_;
  int64_t broker_epoch_ = kUnknownBrokerEpoch;
  bool stopping_ = false;  // controlled shutdown
  std::map<PartitionKey, std::shared_ptr<Partition>> partitions_;
  std::map<PartitionKey, ErrorCode> offline_;  // assigned, but its log could not be opened
  Purgatory<PartitionKey> produces_;
  Purgatory<PartitionKey> fetches_;
  Purgatory<PartitionKey> deletes_;
  std::map<uint64_t, std::shared_ptr<DelayedFetch>> watches_;
  uint64_t last_watch_ = 0;
  uint64_t isr_shrinks_ = 0;
  uint64_t isr_expands_ = 0;
  PurgatoryDuty duty_;
  Scope scope_;
};

}  // namespace ksim::broker
