// What requests do with the partitions of a shard.

#include <algorithm>

#include "core/broker/replica_manager.h"

namespace ksim::broker {

// ---- produce ----

class ReplicaManager::DelayedProduce final : public DelayedOperation {
 public:
  DelayedProduce(const ReplicaManager& manager, AppendResults results, int16_t acks,
                 std::function<void(AppendResults)> done)
      : manager_(manager), results_(std::move(results)), acks_(acks), done_(std::move(done)) {
    for (const AppendResult& result : results_) {
      const bool waits = acks == -1 || (acks == 1 && result.flush_to >= 0);
      waiting_.push_back(waits && result.error == ErrorCode::NONE);
    }
  }
  std::vector<PartitionKey> keys() const {
    std::vector<PartitionKey> keys;
    for (size_t i = 0; i < results_.size(); ++i) {
      if (waiting_[i]) keys.push_back(results_[i].key);
    }
    return keys;
  }

 private:
  bool satisfied() override {
    bool all = true;
    for (size_t i = 0; i < results_.size(); ++i) {
      if (!waiting_[i]) continue;
      AppendResult& result = results_[i];
      const auto partition = manager_.find(result.key);
      const std::optional<ErrorCode> answer =
          partition.ok() ? acknowledged(**partition, result) : std::optional(partition.error());
      if (!answer) {
        all = false;
        continue;
      }
      waiting_[i] = false;
      result.error = *answer;
      if (*answer == ErrorCode::NOT_LEADER_OR_FOLLOWER) result.leader = manager_.hint(result.key);
    }
    return all;
  }
  std::optional<ErrorCode> acknowledged(const Partition& partition, const AppendResult& result) const {
    if (acks_ == 1) return partition.flushed(result.flush_to, result.appended_epoch);
    const auto copied = partition.acknowledged(result.required_offset, result.appended_epoch);
    if (copied != ErrorCode::NONE || result.flush_to < 0) return copied;
    return partition.flushed(result.flush_to, result.appended_epoch);
  }
  void on_complete(End end) override {
    if (end == End::dropped) return;
    for (size_t i = 0; i < results_.size(); ++i) {
      if (waiting_[i]) results_[i].error = ErrorCode::REQUEST_TIMED_OUT;
    }
    done_(std::move(results_));
  }

  const ReplicaManager& manager_;
  AppendResults results_;
  int16_t acks_;
  std::vector<bool> waiting_;
  std::function<void(AppendResults)> done_;
};

static bool is_first_of_producer(Bytes records) {
  if (records.size() < kBatchHeaderBytes) return false;
  const BatchView first(records);
  return first.has_producer_id() && first.base_sequence() == 0;
}

// Apache Kafka tells the log start with a refusal, but for these.
static bool tells_log_start(ErrorCode refusal) {
  switch (refusal) {
    case ErrorCode::CORRUPT_MESSAGE:
    case ErrorCode::MESSAGE_TOO_LARGE:
    case ErrorCode::RECORD_LIST_TOO_LARGE:
    case ErrorCode::KAFKA_STORAGE_ERROR:
    case ErrorCode::NOT_LEADER_OR_FOLLOWER:
      return false;
    default:
      return true;
  }
}

AppendResult ReplicaManager::append_one(AppendItem& item, int16_t acks, storage::AppendOrigin origin) {
  AppendResult result;
  result.key = item.key;
  const auto found = find(item.key);
  if (!found.ok()) {
    result.error = found.error();
    if (result.error == ErrorCode::NOT_LEADER_OR_FOLLOWER) result.leader = hint(item.key);
    return result;
  }
  Partition& partition = **found;
  const MutableBytes records = item.frame.writable().subspan(item.offset, item.size_bytes);
  if (origin == storage::AppendOrigin::client && partition.is_leader() &&
      (env_.buggify(Site::produce_refused, 40) ||
       (is_first_of_producer(records) && env_.buggify(Site::produce_first_refused, 200)))) {
    result.error = acks == -1 ? ErrorCode::NOT_ENOUGH_REPLICAS : ErrorCode::KAFKA_STORAGE_ERROR;
    return result;
  }
  auto appended = partition.append(records, acks, origin, item.guard);
  if (!appended.ok()) {
    ProduceFailure failure = std::move(appended).error();
    result.error = failure.code;
    result.message = std::move(failure.message);
    result.record_errors = std::move(failure.record_errors);
    if (tells_log_start(result.error)) result.log_start_offset = partition.log()->log_start_offset();
    if (result.error == ErrorCode::NOT_LEADER_OR_FOLLOWER) result.leader = hint(item.key);
    return result;
  }
  result.base_offset = appended->info.first_offset;
  result.log_append_time_ms = appended->log_append_time_ms;
  result.log_start_offset = appended->info.log_start_offset;
  result.required_offset = appended->info.last_offset + 1;
  result.appended_epoch = appended->leader_epoch;
  result.flush_to = appended->info.flush_to;
  return result;
}

AppendResults ReplicaManager::append(std::vector<AppendItem> items, int16_t acks,
                                     storage::AppendOrigin origin) {
  AppendResults results;
  results.reserve(items.size());
  for (AppendItem& item : items) results.push_back(append_one(item, acks, origin));
  run_actions();
  return results;
}

void ReplicaManager::await_acks(AppendResults appended, int16_t acks, Deadline deadline,
                                std::function<void(AppendResults)> done) {
  const auto flushes = [](const AppendResult& result) { return result.flush_to >= 0; };
  if (acks == 0 || (acks == 1 && std::none_of(appended.begin(), appended.end(), flushes)))
    return done(std::move(appended));
  if (env_.buggify(Site::produce_timed_out, 20)) deadline = env_.now();
  auto operation = std::make_shared<DelayedProduce>(*this, std::move(appended), acks, std::move(done));
  const std::vector<PartitionKey> keys = operation->keys();
  if (!produces_.try_complete_else_watch(operation, keys, deadline)) duty_.watch(deadline);
}

// ---- fetch ----

std::vector<ReadResult> ReplicaManager::read(const std::vector<ReadItem>& items, const ReadParams& params) {
  std::vector<ReadResult> results;
  results.reserve(items.size());
  for (const ReadItem& item : items) {
    ReadResult& result = results.emplace_back();
    result.index = item.index;
    const auto found = find(item.key);
    if (found.ok()) {
      const std::shared_ptr<Partition> partition = *found;  // survives its removal while the disk is read
      result.outcome = partition->read(item.ask, params, item.min_one_batch);
    } else {
      result.outcome.error = found.error();
    }
    if (result.outcome.error == ErrorCode::NOT_LEADER_OR_FOLLOWER ||
        result.outcome.error == ErrorCode::FENCED_LEADER_EPOCH)
      result.leader = hint(item.key);
  }
  run_actions();
  return results;
}

bool must_answer(const std::vector<ReadResult>& results, uint64_t enough_bytes) {
  uint64_t bytes = 0;
  for (const ReadResult& result : results) {
    const ReadOutcome& outcome = result.outcome;
    if (outcome.error != ErrorCode::NONE || outcome.diverging || outcome.answer_now) return true;
    if (outcome.data.first_batch_cut) return true;
    bytes += outcome.data.size_bytes;
  }
  return bytes >= enough_bytes;
}

FetchVisit ReplicaManager::visit(const std::vector<ReadItem>& items, const ReadParams& params,
                                 const FetchPatience& patience, std::function<void()> ready) {
  FetchVisit visit;
  visit.results = read(items, params);
  if (!ready || env_.now() >= patience.deadline || must_answer(visit.results, patience.enough_bytes))
    return visit;
  std::vector<WatchItem> watched;
  watched.reserve(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    const ReadOutcome& outcome = visit.results[i].outcome;
    watched.push_back({items[i].key, {items[i].ask, outcome.data.start, outcome.readable_end}});
  }
  visit.watch = watch(std::move(watched), params, patience.share_bytes, patience.deadline, std::move(ready));
  return visit;
}

class ReplicaManager::DelayedFetch final : public DelayedOperation {
 public:
  DelayedFetch(ReplicaManager& manager, uint64_t id, std::vector<WatchItem> items, const ReadParams& params,
               uint64_t min_bytes, std::function<void()> ready)
      : manager_(manager),
        id_(id),
        items_(std::move(items)),
        params_(params),
        min_bytes_(min_bytes),
        ready_(std::move(ready)) {}

 private:
  bool satisfied() override {
    bool advanced = false;
    uint64_t bytes = 0;
    for (const WatchItem& item : items_) {
      const auto partition = manager_.find(item.key);
      if (!partition.ok()) return true;
      const ReadProgress progress = (*partition)->progress(item.wait, params_);
      if (progress.complete) return true;
      advanced = advanced || progress.advanced;
      bytes += progress.bytes_at_most;
    }
    return advanced && bytes >= min_bytes_;
  }
  void on_complete(End end) override {
    manager_.watches_.erase(id_);
    if (end == End::condition) ready_();
  }

  ReplicaManager& manager_;
  uint64_t id_;
  std::vector<WatchItem> items_;
  ReadParams params_;
  uint64_t min_bytes_;
  std::function<void()> ready_;
};

uint64_t ReplicaManager::watch(std::vector<WatchItem> items, const ReadParams& params, uint64_t min_bytes,
                               Deadline deadline, std::function<void()> ready) {
  std::vector<PartitionKey> keys;
  for (const WatchItem& item : items) keys.push_back(item.key);
  const uint64_t id = ++last_watch_;
  auto operation =
      std::make_shared<DelayedFetch>(*this, id, std::move(items), params, min_bytes, std::move(ready));
  watches_.emplace(id, operation);
  if (!fetches_.try_complete_else_watch(operation, keys, deadline)) duty_.watch(deadline);
  return id;
}

void ReplicaManager::unwatch(uint64_t watch) {
  const auto found = watches_.find(watch);
  if (found == watches_.end()) return;
  fetches_.withdraw(found->second);
  watches_.erase(found);
}

// ---- offsets and records ----

OffsetAnswer ReplicaManager::list_offset(const PartitionKey& key, int64_t timestamp_ms,
                                         ListIsolation isolation, std::optional<int32_t> current_leader_epoch,
                                         bool leader_only) {
  const auto found = find(key);
  if (!found.ok()) {
    OffsetAnswer answer;
    answer.error = found.error();
    return answer;
  }
  const std::shared_ptr<Partition> partition = *found;
  return partition->offset_for_timestamp(timestamp_ms, isolation, current_leader_epoch, leader_only);
}

class ReplicaManager::DelayedDelete final : public DelayedOperation {
 public:
  DelayedDelete(std::shared_ptr<Partition> partition, int64_t target,
                std::function<void(Result<int64_t>)> done)
      : partition_(std::move(partition)), target_(target), done_(std::move(done)) {}

 private:
  bool satisfied() override {
    const Result<int64_t> low = partition_->low_watermark();
    return !low.ok() || *low >= target_;
  }
  void on_complete(End end) override {
    if (end == End::dropped) return;
    if (end == End::timeout) return done_(fail(ErrorCode::REQUEST_TIMED_OUT, partition_->name()));
    done_(partition_->low_watermark());
  }

  std::shared_ptr<Partition> partition_;
  int64_t target_;
  std::function<void(Result<int64_t>)> done_;
};

Result<int64_t> ReplicaManager::delete_records(const PartitionKey& key, int64_t offset) {
  const auto found = find(key);
  if (!found.ok()) return fail(found.error());
  const std::shared_ptr<Partition> partition = *found;
  const Result<int64_t> target = partition->delete_records(offset);
  run_actions();
  return target;
}

void ReplicaManager::await_low_watermark(const PartitionKey& key, int64_t target, Deadline deadline,
                                         std::function<void(Result<int64_t>)> done) {
  const auto found = find(key);
  if (!found.ok()) return done(fail(found.error()));
  auto operation = std::make_shared<DelayedDelete>(*found, target, std::move(done));
  const PartitionKey keys[] = {key};
  if (!deletes_.try_complete_else_watch(operation, keys, deadline)) duty_.watch(deadline);
}

}  // namespace ksim::broker
