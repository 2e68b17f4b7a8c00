// Fetches over the shards of a broker (rules D29, D30).

#include <algorithm>

#include "core/broker/broker_shards.h"

namespace ksim::broker {

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

// A fetch under way. Counted: a shard may still hold it when it has been answered or given up. What is const
// here is read on every shard, the rest belongs to the shard of the connection.
struct BrokerShards::FetchVisits {
  FetchVisits(Scheduler& scheduler, const FetchPatience& how_long, const ReadParams& how)
      : patience(how_long), params(how), heard(scheduler) {}

  const FetchPatience patience;
  const ReadParams params;  // of the visits after the first
  struct News {
    size_t shard;
    std::optional<FetchVisit> visit;  // none: of the own shard, to be made
  };
  std::vector<News> news;
  std::vector<uint64_t> watches;  // by shard; 0: none
  Condition heard;
  bool over = false;
};

// What is called on `shard` once it has something to read. There it is read at once, on a fiber that may
// wait, so that the answer is one message.
std::function<void()> BrokerShards::on_ready(size_t shard, const SharedItems& items,
                                             const std::shared_ptr<FetchVisits>& visits) {
  if (shard == home_) {
    return [shard, visits] {
      visits->news.push_back({shard, std::nullopt});
      visits->heard.notify_all();
    };
  }
  return [this, shard, items, visits] {
    executor_.peer(shard)->run_on_worker(Task([this, shard, items, visits] {
      FetchVisit visit =
          managers_[shard]->visit(*items, visits->params, visits->patience, on_ready(shard, items, visits));
      executor_.peer(shard)->post(home_, Task([this, shard, visits, visit = std::move(visit)]() mutable {
                                    brought_back(shard, *visits, std::move(visit));
                                  }));
    }));
  };
}

void BrokerShards::brought_back(size_t shard, FetchVisits& visits, FetchVisit visit) {
  if (visits.over) return unwatch(shard, visit.watch);
  visits.news.push_back({shard, std::move(visit)});
  visits.heard.notify_all();
}

void BrokerShards::unwatch(size_t shard, uint64_t watch) {
  if (watch == 0) return;
  executor_.post(shard, Task([manager = managers_[shard], watch] { manager->unwatch(watch); }));
}

// Nothing is watched any more when a fetch ends, however it ends.
class BrokerShards::FetchEnd {
 public:
  FetchEnd(BrokerShards& shards, FetchVisits& visits) : shards_(shards), visits_(visits) {}
  FetchEnd(const FetchEnd&) = delete;
  FetchEnd& operator=(const FetchEnd&) = delete;
  ~FetchEnd() {
    visits_.over = true;
    for (size_t shard = 0; shard < visits_.watches.size(); ++shard)
      shards_.unwatch(shard, visits_.watches[shard]);
  }

 private:
  BrokerShards& shards_;
  FetchVisits& visits_;
};

std::vector<BrokerShards::SharedItems> BrokerShards::by_shard(const FetchRequestParts& request) const {
  std::vector<std::vector<ReadItem>> parts(executor_.count());
  for (size_t i = 0; i < request.items.size(); ++i) {
    ReadItem& item = parts[shard_of(request.items[i].key)].emplace_back(request.items[i]);
    item.index = i;
    item.ask.max_bytes = std::min(item.ask.max_bytes, request.max_bytes);
  }
  std::vector<SharedItems> shared(parts.size());
  for (size_t shard = 0; shard < parts.size(); ++shard) {
    if (!parts[shard].empty())
      shared[shard] = std::make_shared<const std::vector<ReadItem>>(std::move(parts[shard]));
  }
  return shared;
}

// Visits all shards at the same time. With `patient` each watches what it cannot answer yet.
void BrokerShards::visit_all(const std::vector<SharedItems>& parts, const ReadParams& params, bool patient,
                             const std::shared_ptr<FetchVisits>& visits, std::vector<ReadResult>& results) {
  std::vector<std::pair<size_t, ShardCall<FetchVisit>>> calls;
  for (size_t shard = 0; shard < parts.size(); ++shard) {
    if (parts[shard] == nullptr) continue;
    auto ready = patient ? on_ready(shard, parts[shard], visits) : std::function<void()>();
    calls.emplace_back(
        shard, executor_.start_call(shard, [manager = managers_[shard], items = parts[shard], params,
                                            patience = visits->patience, ready = std::move(ready)]() mutable {
          return manager->visit(*items, params, patience, std::move(ready));
        }));
  }
  for (auto& [shard, call] : calls) take_visit(shard, call.wait(), *visits, results);
}

void BrokerShards::take_visit(size_t shard, FetchVisit visit, FetchVisits& visits,
                              std::vector<ReadResult>& results) {
  visits.watches[shard] = visit.watch;
  for (ReadResult& result : visit.results) {
    const size_t place = result.index;
    results[place] = std::move(result);
  }
}

std::vector<ReadResult> BrokerShards::fetch(FetchRequestParts request) {
  std::vector<ReadResult> results(request.items.size());
  const std::vector<SharedItems> parts = by_shard(request);
  ReadParams params = request.params;
  params.update_follower = false;
  FetchPatience patience;
  patience.enough_bytes = request.min_bytes;
  patience.deadline = env_.after(request.max_wait);
  // If all shards together have min_bytes, one of them has its share of it.
  const auto involved = std::count_if(parts.begin(), parts.end(), [](const auto& part) { return part; });
  patience.share_bytes =
      std::max<uint64_t>(1, request.min_bytes / std::max<uint64_t>(1, static_cast<uint64_t>(involved)));
  const auto visits = std::make_shared<FetchVisits>(env_.scheduler, patience, params);
  visits->watches.resize(parts.size());
  const FetchEnd end(*this, *visits);

  params.update_follower = true;
  const bool patient = request.max_wait > Duration{} && !request.items.empty();
  visit_all(parts, params, patient, visits, results);
  while (patient && !must_answer(results, request.min_bytes)) {
    while (visits->news.empty() && visits->heard.wait(patience.deadline, "fetch")) {
    }
    if (visits->news.empty()) {  // the time is up: what is there now is the answer
      visit_all(parts, visits->params, false, visits, results);
      break;
    }
    for (FetchVisits::News& news : std::exchange(visits->news, {})) {
      const size_t shard = news.shard;
      FetchVisit visit = news.visit ? std::move(*news.visit)
                                    : managers_[shard]->visit(*parts[shard], visits->params, patience,
                                                              on_ready(shard, parts[shard], visits));
      take_visit(shard, std::move(visit), *visits, results);
    }
  }
  apply_limits(request, results);
  return results;
}

}  // namespace ksim::broker
