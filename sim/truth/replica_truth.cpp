#include "sim/truth/replica_truth.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/crc32c.h"
#include "core/base/hash.h"
#include "core/record/batch.h"
#include "core/record/control.h"

namespace ksim::sim {
namespace {

constexpr std::string_view kLogSuffix = ".log";
constexpr size_t kBaseDigits = 20;
constexpr size_t kWindowBytes = 4096;

std::optional<int64_t> segment_base(std::string_view name) {
  if (name.size() != kBaseDigits + kLogSuffix.size() || !name.ends_with(kLogSuffix)) return std::nullopt;
  int64_t base = 0;
  for (char c : name.substr(0, kBaseDigits)) {
    if (c < '0' || c > '9') return std::nullopt;
    base = base * 10 + (c - '0');
  }
  return base;
}

TruthProducer producer_of(const BatchView& batch) {
  TruthProducer producer;
  if (!batch.has_producer_id() || !batch.crc_matches()) return producer;
  producer = {batch.producer_id(),    batch.max_timestamp_ms(), batch.last_sequence(),
              batch.producer_epoch(), batch.is_transactional(), false};
  if (!batch.is_control()) return producer;
  const Result<ControlType> type = control_type_of(batch);
  producer.ends_transaction = type.ok() && (*type == ControlType::commit || *type == ControlType::abort);
  return producer;
}

}  // namespace

std::string to_string(const TruthBatch& batch) {
  return fmt::format("[{}..{} epoch {} crc {:08x}{}]", batch.base_offset, batch.last_offset,
                     batch.leader_epoch, batch.crc, batch.valid ? "" : " corrupt");
}

uint64_t content_hash(std::optional<Bytes> key, std::optional<Bytes> value) {
  const uint64_t k = key ? mix64(crc32c(*key), key->size() + 1) : 0;
  const uint64_t v = value ? mix64(crc32c(*value), value->size() + 1) : 0;
  return mix64(k, v);
}

uint64_t add_header(uint64_t content, std::string_view key, std::optional<Bytes> value) {
  const uint64_t v = value ? mix64(crc32c(*value), value->size() + 1) : 0;
  return mix64(content, mix64(mix64(crc32c(as_bytes(key)), key.size()), v));
}

const std::vector<TruthRecord>& BatchContents::records(const TruthBatch& batch, Bytes frame) {
  const auto [it, fresh] = contents_.try_emplace(Key{batch.base_offset, batch.leader_epoch, batch.crc});
  if (!fresh || batch.control || !batch.valid) return it->second;
  RecordCursor cursor{BatchView(frame)};
  RecordView record;
  for (;;) {
    const Result<bool> more = cursor.next(record);
    if (!more.ok() || !*more) break;
    RecordId id = 0;
    if (record.value && record.value->size() >= sizeof(RecordId))
      id = load_be<uint64_t>(record.value->data());
    it->second.push_back(
        {record.offset, id, content_hash(record.key, record.value, record.headers), record.timestamp_ms});
  }
  return it->second;
}

const std::vector<TruthRecord>* BatchContents::find(const TruthBatch& batch) const {
  const auto it = contents_.find(Key{batch.base_offset, batch.leader_epoch, batch.crc});
  return it == contents_.end() ? nullptr : &it->second;
}

const TruthRecord* BatchContents::record(const TruthBatch& batch, int64_t offset) const {
  const std::vector<TruthRecord>* records = find(batch);
  if (records == nullptr) return nullptr;
  for (const TruthRecord& record : *records) {
    if (record.offset == offset) return &record;
  }
  return nullptr;
}

std::vector<int64_t> ReplicaTruth::segments_on_disk(DiskPeek::Layer layer) const {
  std::vector<int64_t> bases;
  for (const std::string& name : peek_.list(node_, directory_, layer)) {
    if (const auto base = segment_base(name)) bases.push_back(*base);
  }
  std::sort(bases.begin(), bases.end());
  return bases;
}

void ReplicaTruth::reload(DiskPeek::Layer layer) {
  batches_.clear();
  disorder_.clear();  // what recovery has cut off is not the log's any more
  segments_.clear();
  segment_ = -1;
  position_ = 0;
  segments_ = segments_on_disk(layer);
  if (segments_.empty()) return;
  segment_ = segments_.front();
  read_on(layer);
}

void ReplicaTruth::rolled(int64_t base) {
  if (segments_.empty()) return reload();
  if (base > segments_.back()) segments_.push_back(base);
  read_on(DiskPeek::Layer::cached);
}

void ReplicaTruth::appended() {
  if (segments_.empty()) return reload();
  read_on(DiskPeek::Layer::cached);
}

void ReplicaTruth::truncated(int64_t to_offset) {
  // A truncation below the first segment starts the log anew under another name; so does one past its end, of
  // a follower that fell behind its leader's log start, or after a snapshot.
  if (batches_.empty() || to_offset <= batches_.front().base_offset || to_offset > end_offset())
    return reload();
  while (!batches_.empty() && batches_.back().last_offset >= to_offset) batches_.pop_back();
  while (!segments_.empty() && segments_.back() > to_offset) segments_.pop_back();
  if (batches_.empty() || segments_on_disk(DiskPeek::Layer::cached) != segments_) return reload();
  segment_ = batches_.back().segment;
  position_ = batches_.back().position + batches_.back().size_bytes;
  read_on(DiskPeek::Layer::cached);
}

// Takes the batch at the start of `frame`. The bytes it took; 0: no whole, sound batch stands there.
size_t ReplicaTruth::take_batch(Bytes frame) {
  const BatchView view(frame);
  const TruthBatch batch{view.base_offset(),
                         view.last_offset(),
                         view.leader_epoch(),
                         view.stored_crc(),
                         view.is_control(),
                         view.crc_matches(),
                         producer_of(view),
                         view.max_timestamp_ms(),
                         segment_,
                         position_,
                         static_cast<uint32_t>(frame.size())};
  if (!batch.valid) return 0;  // a torn tail: recovery will cut it
  if (!batches_.empty() && batch.base_offset <= batches_.back().last_offset) {
    disorder_ = fmt::format("{} follows {}", to_string(batch), to_string(batches_.back()));
  }
  static_cast<void>(contents_.records(batch, frame));
  batches_.push_back(batch);
  position_ += frame.size();
  return frame.size();
}

// Reads on in one segment until its whole batches end. Mostly that is one batch: it is there with the first
// look at the file.
void ReplicaTruth::read_segment(DiskPeek::Layer layer) {
  if (path_segment_ != segment_) {
    path_ = fmt::format("{}/{:020}.log", directory_, segment_);
    path_segment_ = segment_;
  }
  if (window_.empty()) window_.resize(kWindowBytes);
  for (;;) {
    const size_t filled = peek_.read(node_, path_, position_, window_, layer);
    Bytes left = Bytes(window_).first(filled);
    while (left.size() >= kBatchHeaderBytes) {
      const Result<size_t> total = peek_batch_size(left);
      if (!total.ok() || *total < kBatchHeaderBytes) return;
      if (*total > left.size()) break;
      const size_t taken = take_batch(left.first(*total));
      if (taken == 0) return;
      left = left.subspan(taken);
    }
    if (filled < window_.size()) return;
    if (left.size() < window_.size()) continue;
    const Result<size_t> total = peek_batch_size(left);  // larger than the window
    if (peek_.size(node_, path_, layer).value_or(0) < position_ + *total) return;
    frame_.resize(*total);
    if (peek_.read(node_, path_, position_, frame_, layer) < *total || take_batch(frame_) == 0) return;
  }
}

void ReplicaTruth::read_on(DiskPeek::Layer layer) {
  for (;;) {
    read_segment(layer);
    const auto next = std::upper_bound(segments_.begin(), segments_.end(), segment_);
    if (next == segments_.end()) return;
    segment_ = *next;
    position_ = 0;
  }
}

bool ReplicaTruth::is_durable(const TruthBatch& batch) const {
  const std::string path = fmt::format("{}/{:020}.log", directory_, batch.segment);
  if (!peek_.size(node_, path, DiskPeek::Layer::cached))
    return true;  // it is being deleted, which comes to an end yet
  ByteBuffer now(batch.size_bytes);
  ByteBuffer left(batch.size_bytes);
  return peek_.read(node_, path, batch.position, left, DiskPeek::Layer::durable) == left.size() &&
         peek_.read(node_, path, batch.position, now, DiskPeek::Layer::cached) == now.size() && left == now;
}

bool ReplicaTruth::was_damaged(const TruthBatch& batch) const {
  return peek_.was_damaged(node_, fmt::format("{}/{:020}.log", directory_, batch.segment), batch.position,
                           batch.size_bytes);
}

size_t ReplicaTruth::find(int64_t offset) const {
  const auto at = std::partition_point(batches_.begin(), batches_.end(),
                                       [offset](const TruthBatch& b) { return b.last_offset < offset; });
  return static_cast<size_t>(at - batches_.begin());
}

}  // namespace ksim::sim
