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
          if (acks == -1) {
            manager->await_acks(std::move(appended), deadline, std::move(bring_back));
          } else {
            bring_back(std::move(appended));
          }
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

// ---- fetch ----

std::vector<std::vector<size_t>> BrokerShards::by_shard(const std::vector<ReadItem>& items) const {
  std::vector<std::vector<size_t>> places(executor_.count());
  for (size_t i = 0; i < items.size(); ++i) places[shard_of(items[i].key)].push_back(i);
  return places;
}

std::vector<ReadResult> BrokerShards::read_all(const FetchRequestParts& request, bool update_follower) {
  ReadParams params = request.params;
  params.update_follower = update_follower;
  std::vector<ShardCall<std::vector<ReadResult>>> calls;
  const auto places = by_shard(request.items);
  for (size_t shard = 0; shard < places.size(); ++shard) {
    if (places[shard].empty()) continue;
    std::vector<ReadItem> part;
    for (size_t place : places[shard]) {
      part.push_back(request.items[place]);
      part.back().index = place;
      part.back().ask.max_bytes = std::min(part.back().ask.max_bytes, request.max_bytes);
    }
    ReplicaManager* manager = managers_[shard];
    calls.push_back(executor_.start_call(
        shard, [manager, params, part = std::move(part)] { return manager->read(part, params); }));
  }
  std::vector<ReadResult> results(request.items.size());
  for (auto& call : calls) {
    for (ReadResult& result : call.wait()) {
      const size_t place = result.index;
      results[place] = std::move(result);
    }
  }
  return results;
}

ReadResult BrokerShards::read_again(const FetchRequestParts& request, const ReadItem& item,
                                    uint64_t max_bytes, bool min_one_batch) {
  ReadParams params = request.params;
  params.update_follower = false;
  std::vector<ReadItem> one{item};
  one.front().ask.max_bytes = max_bytes;
  one.front().min_one_batch = min_one_batch;
  return on_partition(item.key, [params, one = std::move(one)](ReplicaManager& manager) {
    return std::move(manager.read(one, params).front());
  });
}

// Rule D29. Partitions were read side by side as if each were alone; in the order of the request they now
// share what the answer may hold. The first that has anything gives one whole batch, however large; of the
// others a first batch that does not fit is left out. Reading again is rare: it takes a batch larger than its
// partition's limit, or an answer that is full.
void BrokerShards::apply_limits(const FetchRequestParts& request, std::vector<ReadResult>& results) {
  uint64_t left = request.max_bytes;
  bool first = true;
  for (size_t i = 0; i < results.size(); ++i) {
    storage::LogRead* data = &results[i].outcome.data;
    if (data->size_bytes == 0 && !data->first_batch_cut) continue;
    if (first ? data->first_batch_cut : (!data->first_batch_cut && data->size_bytes > left && left > 0)) {
      const uint64_t limit = std::min(left, request.items[i].ask.max_bytes);
      results[i] = read_again(request, request.items[i], limit, first);
      data = &results[i].outcome.data;
    }
    if (!first && (data->first_batch_cut || data->size_bytes > left)) {
      data->slices.clear();
      data->size_bytes = 0;
    }
    left -= std::min(left, data->size_bytes);
    if (data->size_bytes > 0) first = false;
  }
}

namespace {

bool must_answer(const std::vector<ReadResult>& results, uint64_t min_bytes) {
  uint64_t bytes = 0;
  for (const ReadResult& result : results) {
    const ReadOutcome& outcome = result.outcome;
    if (outcome.error != ErrorCode::NONE || outcome.diverging || outcome.answer_now) return true;
    if (outcome.data.first_batch_cut) return true;
    bytes += outcome.data.size_bytes;
  }
  return bytes >= min_bytes;
}

}  // namespace

// What a waiting fetch hears from other shards.
struct BrokerShards::FetchSignal {
  explicit FetchSignal(Scheduler& scheduler) : heard(scheduler) {}
  bool ready = false;
  Condition heard;
};

// The watches of one wait on all shards; gone when it ends, however it ends.
class BrokerShards::Watches {
 public:
  explicit Watches(BrokerShards& shards) : shards_(shards) {}
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;
  ~Watches() {
    for (const auto& [shard, watch] : watches_) {
      ReplicaManager* manager = shards_.managers_[shard];
      shards_.executor_.post(shard, Task([manager, watch = watch] { manager->unwatch(watch); }));
    }
  }
  void add(size_t shard, uint64_t watch) { watches_.push_back({shard, watch}); }

 private:
  BrokerShards& shards_;
  std::vector<std::pair<size_t, uint64_t>> watches_;
};

void BrokerShards::wait_for_more(const FetchRequestParts& request, const std::vector<ReadResult>& results,
                                 Deadline deadline) {
  const auto places = by_shard(request.items);
  const auto involved = static_cast<uint64_t>(
      std::count_if(places.begin(), places.end(), [](const auto& part) { return !part.empty(); }));
  // If all shards together have min_bytes, one of them has its share of it.
  const uint64_t share = std::max<uint64_t>(1, request.min_bytes / std::max<uint64_t>(1, involved));
  auto signal = std::make_shared<FetchSignal>(env_.scheduler);
  Watches watches(*this);
  std::vector<std::pair<size_t, ShardCall<uint64_t>>> calls;
  for (size_t shard = 0; shard < places.size(); ++shard) {
    if (places[shard].empty()) continue;
    std::vector<WatchItem> part;
    for (size_t place : places[shard]) {
      const ReadItem& item = request.items[place];
      const ReadOutcome& outcome = results[place].outcome;
      part.push_back({item.key, {item.ask, outcome.data.start, outcome.readable_end}});
    }
    ReplicaManager* manager = managers_[shard];
    ShardExecutor* there = executor_.peer(shard);
    auto ready = [there, home = executor_.self(), signal] {
      there->post(home, Task([signal] {
                    signal->ready = true;
                    signal->heard.notify_all();
                  }));
    };
    calls.emplace_back(shard, executor_.start_call(shard, [manager, share, deadline, params = request.params,
                                                           ready, part = std::move(part)]() mutable {
      return manager->watch(std::move(part), params, share, deadline, std::move(ready));
    }));
  }
  for (auto& [shard, call] : calls) watches.add(shard, call.wait());
  while (!signal->ready && signal->heard.wait(deadline, "fetch")) {
  }
}

std::vector<ReadResult> BrokerShards::fetch(FetchRequestParts request) {
  for (size_t i = 0; i < request.items.size(); ++i) request.items[i].index = i;
  const Deadline deadline = env_.after(request.max_wait);
  std::vector<ReadResult> results = read_all(request, true);
  if (!request.items.empty()) {
    while (env_.now() < deadline && !must_answer(results, request.min_bytes)) {
      wait_for_more(request, results, deadline);
      results = read_all(request, false);
    }
  }
  apply_limits(request, results);
  return results;
}

}  // namespace ksim::broker
