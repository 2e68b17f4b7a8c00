#include "core/metadata/driver/loader.h"

#include <utility>

#include "core/metadata/image_writer.h"

namespace ksim {
namespace {

constexpr Duration kLate = milliseconds(1200);  // where metadata.published_late is active

}  // namespace

MetadataLoader::MetadataLoader(const Env& env, raft::RaftClient& raft, MetadataLoaderOptions options)
    : env_(env),
      raft_(raft),
      options_(options),
      snapshot_due_(env.scheduler),
      first_published_(env.scheduler),
      scope_(env) {}

void MetadataLoader::add_publisher(MetadataPublisher& publisher) {
  publishers_.push_back({&publisher, false});
  raft_.nudge();
}

void MetadataLoader::start() {
  last_snapshot_at_ = env_.now();
  scope_.spawn("metadata snapshots", [this] { run_snapshots(); });
  raft_.add_listener(*this);
}

void MetadataLoader::stop() { scope_.close(); }

bool MetadataLoader::wait_published(Deadline deadline) {
  while (!has_published_) {
    if (!first_published_.wait(deadline, "first metadata image")) return has_published_;
  }
  return true;
}

Result<void> MetadataLoader::handle_commit(std::span<const raft::CommittedBatch> batches) {
  for (const raft::CommittedBatch& in : batches) {
    MetadataBatch batch;
    batch.base_offset = in.base_offset;
    batch.last_offset = in.last_offset;
    batch.epoch = in.epoch;
    batch.append_time_ms = in.append_time_ms;
    batch.records = in.records;
    batch.size_bytes = in.size_bytes;
    TRY(apply_batch(state_, batch));
    seen_record_ = seen_record_ || !in.records.empty();
    bytes_since_snapshot_ += static_cast<int64_t>(in.size_bytes);
  }
  return publish();
}

Result<void> MetadataLoader::handle_load_snapshot(raft::SnapshotReader& snapshot) {
  SnapshotLoad load;
  std::vector<Bytes> values;
  for (;;) {
    TRY_ASSIGN(const bool more, snapshot.next(values));
    if (!more) break;
    seen_record_ = seen_record_ || !values.empty();
    TRY(load.add(values));
  }
  // An id names the offset after the last record (rule A51).
  state_ =
      load.finish({snapshot.id().offset - 1, snapshot.id().epoch, snapshot.last_contained_timestamp_ms()});
  from_snapshot_ = true;
  snapshot_offset_ = state_.offset;
  bytes_since_snapshot_ = 0;
  last_snapshot_at_ = env_.now();
  return publish();
}

void MetadataLoader::handle_leader_change(const raft::LeaderAndEpoch&) {}

Result<void> MetadataLoader::handle_nudge() { return has_published_ ? greet_publishers() : Result<void>{}; }

bool MetadataLoader::caught_up() const {
  const int64_t high_watermark = raft_.high_watermark();
  return high_watermark >= 0 && state_.stable_offset() >= high_watermark - 1 && seen_record_;
}

// While a transaction is open the state before it is what is published; once it ends, all of it at once. An
// aborted one leaves the image as it was, so its delta is empty.
Result<void> MetadataLoader::publish() {
  env_.dawdle(Site::metadata_published_late, 30, kLate);
  if (!has_published_ && !caught_up()) return {};
  MetadataImageRef next = state_.stable_image();
  if (state_.transaction_start && next->provenance.last_offset <= published_->provenance.last_offset)
    return {};
  const MetadataDelta delta = MetadataDelta::between(published_, next);
  published_ = next;
  env_.emit(MetadataPublished{next->provenance.last_offset, next->provenance.last_epoch,
                              std::exchange(from_snapshot_, false), &published_});
  for (size_t i = 0; i < publishers_.size(); ++i) {
    if (publishers_[i].initialized) TRY(publishers_[i].publisher->publish(delta, next));
  }
  TRY(greet_publishers());
  if (!has_published_) {
    has_published_ = true;
    first_published_.notify_all();
  }
  want_snapshot_if_due();
  return {};
}

// The first publication of those who have had none.
Result<void> MetadataLoader::greet_publishers() {
  for (size_t i = 0; i < publishers_.size(); ++i) {  // may become more meanwhile
    if (publishers_[i].initialized) continue;
    publishers_[i].initialized = true;
    TRY(publishers_[i].publisher->publish(MetadataDelta::between(empty_image(), published_), published_));
  }
  return {};
}

// ---- snapshots ----

void MetadataLoader::want_snapshot_if_due() {
  if (state_.transaction_start || snapshot_wanted_ != nullptr) return;
  if (published_->provenance.last_offset <= snapshot_offset_) return;
  const bool by_size = bytes_since_snapshot_ >= options_.snapshot_every_bytes;
  const bool by_time =
      options_.snapshot_interval.ns > 0 && env_.now() - last_snapshot_at_ >= options_.snapshot_interval;
  if (!by_size && !by_time) return;
  snapshot_wanted_ = published_;
  bytes_since_snapshot_ = 0;
  last_snapshot_at_ = env_.now();
  snapshot_due_.notify_one();
}

void MetadataLoader::run_snapshots() {
  for (;;) {
    while (snapshot_wanted_ == nullptr) {
      static_cast<void>(snapshot_due_.wait(Instant::never(), "metadata snapshot due"));
    }
    const MetadataImageRef image = snapshot_wanted_;
    const Result<void> written = write_snapshot(*image);
    if (written.ok()) {
      snapshot_offset_ = std::max(snapshot_offset_, image->provenance.last_offset);
    } else {
      // The log still has everything; the next one is tried when it is due.
      const std::string text = "no metadata snapshot: " + written.error().message;
      env_.emit(LogLine{2, "metadata", text});
    }
    snapshot_wanted_.reset();
  }
}

Result<void> MetadataLoader::write_snapshot(const MetadataImage& image) {
  const raft::OffsetAndEpoch id{image.provenance.last_offset + 1, image.provenance.last_epoch};
  TRY_ASSIGN(std::unique_ptr<raft::SnapshotWriter> writer,
             raft_.create_snapshot(id, image.provenance.last_append_time_ms));
  if (writer == nullptr) return {};
  const RecordList records = image_records(image);
  const std::vector<Bytes> values = records.values();
  if (!values.empty()) TRY(writer->append(values));
  return raft_.complete_snapshot(std::move(writer));
}

}  // namespace ksim
