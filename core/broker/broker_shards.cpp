#include "core/broker/broker_shards.h"

#include <algorithm>

namespace ksim::broker {

// ---- produce ----

void BrokerShards::gathered(uint64_t produce, const std::vector<size_t>& places, AppendResults part) {
  const auto found = gathers_.find(produce);
  ENSURE(found != gathers_.end());
  ProduceGather& gather = found->second;
  for (size_t i = 0; i < places.size(); ++i) gather.results[places[i]] = std::move(part[i]);
  gather.missing -= places.size();
  if (gather.missing > 0) return;
  ProduceGather whole = std::move(gather);
  gathers_.erase(found);
  whole.done(std::move(whole.results));
}

void BrokerShards::produce(std::vector<AppendItem> items, int16_t acks, Duration timeout,
                           storage::AppendOrigin origin, std::function<void(AppendResults)> done) {
  if (items.empty()) return done({});
  const uint64_t id = ++last_gather_;
  ProduceGather& gather = gathers_[id];
  gather.results.resize(items.size());
  gather.missing = items.size();
  gather.done = std::move(done);
  std::vector<std::vector<size_t>> places(executor_.count());
  std::vector<std::vector<AppendItem>> parts(executor_.count());
  for (size_t i = 0; i < items.size(); ++i) {
    const size_t shard = shard_of(items[i].key);
    places[shard].push_back(i);
    parts[shard].push_back(std::move(items[i]));
  }
  const Deadline deadline = env_.after(timeout);
  std::vector<ShardCall<bool>> calls;
  for (size_t shard = 0; shard < parts.size(); ++shard) {
    if (parts[shard].empty()) continue;
    ReplicaManager* manager = managers_[shard];
    ShardExecutor* there = executor_.peer(shard);
    calls.push_back(executor_.start_call(
        shard, [manager, there, home = this, home_shard = executor_.self(), id, acks, origin, deadline,
                where = std::move(places[shard]), part = std::move(parts[shard])]() mutable {
          auto bring_back = [there, home, home_shard, id, where = std::move(where)](AppendResults results) {
            there->post(home_shard, Task([home, id, where, results = std::move(results)]() mutable {
                          home->gathered(id, where, std::move(results));
                        }));
          };
          AppendResults appended = manager->append(std::move(part), acks, origin);
          manager->await_acks(std::move(appended), acks, deadline, std::move(bring_back));
          return true;
        }));
  }
  for (auto& call : calls) static_cast<void>(call.wait());
}

// ---- delete records ----

void BrokerShards::deleted(uint64_t gather, size_t place, Result<int64_t> result) {
  const auto found = delete_gathers_.find(gather);
  ENSURE(found != delete_gathers_.end());
  found->second.results[place] = std::move(result);
  if (--found->second.missing > 0) return;
  DeleteGather whole = std::move(found->second);
  delete_gathers_.erase(found);
  whole.done(std::move(whole.results));
}

void BrokerShards::delete_records(const std::vector<DeleteItem>& items, Duration timeout,
                                  std::function<void(std::vector<Result<int64_t>>)> done) {
  if (items.empty()) return done({});
  const uint64_t id = ++last_gather_;
  DeleteGather& gather = delete_gathers_[id];
  gather.results.assign(items.size(), Result<int64_t>(int64_t{-1}));
  gather.missing = items.size();
  gather.done = std::move(done);
  const Deadline deadline = env_.after(timeout);
  std::vector<ShardCall<bool>> calls;
  for (size_t place = 0; place < items.size(); ++place) {
    const DeleteItem& item = items[place];
    const size_t shard = shard_of(item.key);
    ReplicaManager* manager = managers_[shard];
    ShardExecutor* there = executor_.peer(shard);
    calls.push_back(executor_.start_call(
        shard, [manager, there, home = this, home_shard = executor_.self(), id, place, item, deadline] {
          auto bring_back = [there, home, home_shard, id, place](Result<int64_t> result) {
            there->post(home_shard, Task([home, id, place, result = std::move(result)]() mutable {
                          home->deleted(id, place, std::move(result));
                        }));
          };
          const Result<int64_t> target = manager->delete_records(item.key, item.offset);
          if (target.ok()) {
            manager->await_low_watermark(item.key, *target, deadline, std::move(bring_back));
          } else {
            bring_back(target);
          }
          return true;
        }));
  }
  for (auto& call : calls) static_cast<void>(call.wait());
}

}  // namespace ksim::broker
