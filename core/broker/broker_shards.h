#pragma once
// Requests that reach over the shards of a broker, as the shard of their connection sees them: it takes a
// request apart by the shards of its partitions, lets each do its part and puts the answers together in the
// order of the request. Lives on one shard; there is one for each.

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "core/broker/replica_manager.h"
#include "core/broker/shard_executor.h"

namespace ksim::broker {

// The replica managers of a broker by shard. Each is only touched on its own shard.
using ReplicaManagers = std::vector<ReplicaManager*>;

struct FetchRequestParts {
  std::vector<ReadItem> items;  // in the order in which they are answered; index is their place here
  ReadParams params;
  uint64_t max_bytes = 0;  // of the whole answer
  uint64_t min_bytes = 1;
  Duration max_wait;
};

class BrokerShards {
 public:
  BrokerShards(const Env& env, ShardExecutor& executor, const ReplicaManagers& managers)
      : env_(env), executor_(executor), managers_(managers), home_(executor.self()) {}

  ShardExecutor& executor() { return executor_; }
  size_t shard_of(const PartitionKey& key) const { return broker::shard_of(key, executor_.count()); }
  // Of this shard: its image is the one a request here works with.
  ReplicaManager& local() { return *managers_[executor_.self()]; }

  // Runs fn(ReplicaManager&) on the shard of `key`; waits for its value.
  template <class F>
  auto on_partition(const PartitionKey& key, F fn) {
    const size_t shard = shard_of(key);
    ReplicaManager* manager = managers_[shard];
    return executor_.call(shard, [manager, fn = std::move(fn)]() mutable { return fn(*manager); });
  }

  // Runs fn(const ReplicaManager&) on every shard at the same time; waits for the values, by shard.
  template <class F>
  auto on_every_shard(F fn) {
    using R = decltype(fn(std::as_const(local())));
    std::vector<ShardCall<R>> calls;
    for (size_t k = managers_.size(); k-- > 0;) {
      const ReplicaManager* manager = managers_[k];
      calls.push_back(executor_.start_call(k, [manager, fn] { return fn(*manager); }));
    }
    std::vector<R> values;
    for (auto& call : calls) values.push_back(call.wait());
    std::reverse(values.begin(), values.end());
    return values;
  }

  // Returns when all items are in their logs or refused: the next request of the connection may start.
  // `done` runs on this shard, with the results in the order of the items: now, or perhaps later unless
  // acks=0.
  void produce(std::vector<AppendItem> items, int16_t acks, Duration timeout, storage::AppendOrigin origin,
               std::function<void(AppendResults)> done);

  struct DeleteItem {
    PartitionKey key;
    int64_t offset = 0;
  };
  // As produce(): `done` gets the low watermarks or errors in the order of the items (rule D59).
  void delete_records(const std::vector<DeleteItem>& items, Duration timeout,
                      std::function<void(std::vector<Result<int64_t>>)> done);

  // Reads; waits for more as asked (rule D30). Results in the order of the items.
  std::vector<ReadResult> fetch(FetchRequestParts request);

 private:
  // The answers of one produce as they come in from its shards.
  struct ProduceGather {
    AppendResults results;
    size_t missing = 0;
    std::function<void(AppendResults)> done;
  };
  void gathered(uint64_t produce, const std::vector<size_t>& places, AppendResults part);

  struct DeleteGather {
    std::vector<Result<int64_t>> results;
    size_t missing = 0;
    std::function<void(std::vector<Result<int64_t>>)> done;
  };
  void deleted(uint64_t gather, size_t place, Result<int64_t> result);

  struct FetchVisits;
  class FetchEnd;
  using SharedItems = std::shared_ptr<const std::vector<ReadItem>>;  // those of one shard
  std::vector<SharedItems> by_shard(const FetchRequestParts& request) const;
  std::function<void()> on_ready(size_t shard, const SharedItems& items,
                                 const std::shared_ptr<FetchVisits>& visits);
  void brought_back(size_t shard, FetchVisits& visits, FetchVisit visit);
  void unwatch(size_t shard, uint64_t watch);
  void visit_all(const std::vector<SharedItems>& parts, const ReadParams& params, bool patient,
                 const std::shared_ptr<FetchVisits>& visits, std::vector<ReadResult>& results);
  void take_visit(size_t shard, FetchVisit visit, FetchVisits& visits, std::vector<ReadResult>& results);
  ReadResult read_again(const FetchRequestParts& request, const ReadItem& item, uint64_t max_bytes,
                        bool min_one_batch);
  void apply_limits(const FetchRequestParts& request, std::vector<ReadResult>& results);

  const Env& env_;
  ShardExecutor& executor_;
  const ReplicaManagers& managers_;
  const size_t home_;  // this shard, for what runs on others
  std::map<uint64_t, ProduceGather> gathers_;
  std::map<uint64_t, DeleteGather> delete_gathers_;
  uint64_t last_gather_ = 0;
};

}  // namespace ksim::broker
