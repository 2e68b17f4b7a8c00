#include "core/raft/driver/listener_feed.h"

namespace ksim::raft {

namespace {

constexpr int64_t kReadBytes = 8 << 20;
constexpr Duration kSlowLoad = milliseconds(900);  // where raft.snapshot_loaded_slowly is active

}  // namespace

Result<void> ListenerFeed::run() {
  for (;;) {
    if (fire_leader_change()) continue;
    if (wants_snapshot()) {
      TRY(load_snapshot());
    } else if (state_.high_watermark > next_offset_) {
      TRY(deliver());
    } else if (nudged_ != state_.nudges) {
      nudged_ = state_.nudges;
      TRY(listener_.handle_nudge());
    } else {
      static_cast<void>(state_.changed.wait(Instant::never(), "raft listener"));
    }
  }
}

// Rule B56. True if the listener was called, and may have waited.
bool ListenerFeed::fire_leader_change() {
  const LeaderAndEpoch now = state_.leader;
  if (now == fired_) return false;
  const bool leads = now.leader_id == state_.local_id;
  if (leads && next_offset_ <= state_.epoch_start_offset) return false;
  fired_ = now;
  listener_.handle_leader_change(now);
  return true;
}

bool ListenerFeed::wants_snapshot() const {
  if (next_offset_ < log_.start_offset()) return true;
  return !begun_ && log_.latest_snapshot().has_value();
}

Result<void> ListenerFeed::load_snapshot() {
  const auto latest = log_.latest_snapshot();
  ENSURE(latest.has_value(), "the log begins above what a listener has, and there is no snapshot");
  auto opened = log_.open_snapshot(*latest);
  if (!opened.ok()) {
    // It may have been replaced by a later one meanwhile.
    if (log_.latest_snapshot() != latest) return {};
    return fail(opened.error());
  }
  begun_ = true;
  // Meanwhile later ones may be written, or fetched.
  env_.dawdle(Site::raft_snapshot_loaded_slowly, 600, kSlowLoad);
  TRY(listener_.handle_load_snapshot(**opened));
  next_offset_ = latest->offset;
  return {};
}

Result<void> ListenerFeed::deliver() {
  auto chunk = log_.read_committed(next_offset_, kReadBytes);
  // The log may have been replaced by a snapshot during the read.
  if (next_offset_ < log_.start_offset()) return {};
  if (!chunk.ok()) return fail(chunk.error());
  struct Span {
    size_t first;
    size_t count;
  };
  std::vector<CommittedBatch> batches;
  std::vector<Span> spans;
  std::vector<Bytes> values;
  BatchCursor cursor(chunk->bytes);
  BatchView view;
  for (;;) {
    TRY_ASSIGN(const bool more, cursor.next(view));
    if (!more || view.last_offset() >= state_.high_watermark) break;
    if (view.last_offset() < next_offset_) continue;
    TRY(view.check());
    CommittedBatch batch;
    batch.base_offset = view.base_offset();
    batch.last_offset = view.last_offset();
    batch.epoch = view.leader_epoch();
    batch.append_time_ms = view.max_timestamp_ms();
    batch.size_bytes = view.size_bytes();
    const size_t first = values.size();
    RecordCursor records(view);
    RecordView record;
    while (!view.is_control()) {
      TRY_ASSIGN(const bool another, records.next(record));
      if (!another) break;
      if (!record.value) return fail(ErrorCode::CORRUPT_MESSAGE, "a metadata record without a value");
      values.push_back(*record.value);
    }
    spans.push_back({first, values.size() - first});
    batches.push_back(batch);
  }
  if (batches.empty()) return fail(ErrorCode::CORRUPT_MESSAGE, "committed records cannot be read");
  for (size_t i = 0; i < batches.size(); ++i) {
    batches[i].records = std::span(values).subspan(spans[i].first, spans[i].count);
  }
  const int64_t next = batches.back().last_offset + 1;
  begun_ = true;
  TRY(listener_.handle_commit(batches));
  next_offset_ = next;
  return {};
}

}  // namespace ksim::raft
