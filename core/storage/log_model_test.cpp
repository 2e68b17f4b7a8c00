// A log against a model that keeps a plain list of batches and answers every question by looking at all of
// them.

#include <algorithm>
#include <set>
#include <tuple>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/storage/test_log.h"

namespace ksim::storage {
namespace {

struct ModelBatch {
  ByteBuffer bytes;
  BatchView view() const { return BatchView(bytes); }
};

class LogModel {
 public:
  std::vector<ModelBatch> batches;  // what is on disk, also below the log start
  std::vector<ModelBatch> deleted;  // by retention, before those: a transaction may have begun there
  int64_t start = 0;
  int64_t end = 0;
  int64_t high_watermark = 0;

  void append(const ByteBuffer& bytes) {
    batches.push_back({bytes});
    end = batches.back().view().next_offset();
  }
  void truncate(int64_t offset) {
    if (batches.empty() && offset < end) deleted.clear();  // below the first segment: everything goes
    while (!batches.empty() && batches.back().view().last_offset() >= offset) batches.pop_back();
    end = offset;
    start = std::min(start, end);
    high_watermark = std::min(high_watermark, end);
  }
  void drop_below(int64_t first_base) {
    while (!batches.empty() && batches.front().view().base_offset() < first_base) {
      deleted.push_back(std::move(batches.front()));
      batches.erase(batches.begin());
    }
  }

  const ModelBatch* find(int64_t offset) const {
    for (const ModelBatch& batch : batches) {
      if (batch.view().last_offset() >= offset) return &batch;
    }
    return nullptr;
  }
  EpochEndOffset end_offset_for(int32_t epoch) const {
    // Epochs of the records at or above the log start.
    std::map<int32_t, int64_t> starts;
    for (const ModelBatch& batch : batches) {
      if (batch.view().last_offset() < start) continue;
      starts.try_emplace(batch.view().leader_epoch(), std::max(batch.view().base_offset(), start));
    }
    if (starts.empty() || epoch < 0) return {};
    if (starts.rbegin()->first == epoch) return {epoch, end};
    const auto above = starts.upper_bound(epoch);
    if (above == starts.end()) return {};
    if (above == starts.begin()) return {epoch, above->second};
    return {std::prev(above)->first, above->second};
  }
  std::optional<int64_t> offset_for_timestamp(int64_t timestamp_ms) const {
    for (const ModelBatch& batch : batches) {
      RecordCursor records(batch.view());
      RecordView record;
      while (*records.next(record)) {
        if (record.timestamp_ms >= timestamp_ms && record.offset >= start) return record.offset;
      }
    }
    return std::nullopt;
  }
  struct Transaction {
    int64_t producer_id, first, marker;
    bool aborted;
  };
  std::vector<Transaction> transactions() const {  // open ones have no marker: -1
    std::vector<Transaction> done;
    std::map<int64_t, int64_t> open;
    for (const auto* part : {&deleted, &batches}) {
      for (const ModelBatch& batch : *part) {
        const BatchView view = batch.view();
        if (!view.is_transactional()) continue;
        if (!view.is_control()) {
          open.try_emplace(view.producer_id(), view.base_offset());
        } else if (const auto at = open.find(view.producer_id()); at != open.end()) {
          done.push_back(
              {at->first, at->second, view.base_offset(), *control_type_of(view) == ControlType::abort});
          open.erase(at);
        }
      }
    }
    for (const auto& [id, first] : open) done.push_back({id, first, -1, false});
    return done;
  }
  int64_t last_stable_offset() const {
    int64_t stable = high_watermark;
    for (const Transaction& txn : transactions()) {
      if (txn.marker < 0 || txn.marker >= high_watermark)
        stable = std::min(stable, std::max(txn.first, start));
    }
    return stable;
  }
  // The last five batches of a producer, oldest first.
  std::vector<const ModelBatch*> last_batches(int64_t producer_id) const {
    std::vector<const ModelBatch*> found;
    for (const ModelBatch& batch : batches) {
      if (batch.view().producer_id() == producer_id && !batch.view().is_control()) found.push_back(&batch);
    }
    if (found.size() > kBatchesKept)
      found.erase(found.begin(), found.end() - static_cast<ptrdiff_t>(kBatchesKept));
    return found;
  }
};

using Command = std::tuple<uint8_t, uint16_t, uint16_t>;

class LogAgainstModel {
 public:
  explicit LogAgainstModel(Env& env) : env_(env) {
    RC_ASSERT(env.disk.make_dir("d").ok());
    open(false);
  }

  void run(const Command& command) {
    const auto [op, a, b] = command;
    a_ = a;
    b_ = b;
    switch (op % 18) {
      case 0:
      case 1:
      case 2:
        return append(spec_of({}));
      case 3:
      case 4:
        return append(next_of(1 + a % 3, false));
      case 5:
      case 6:
        return append(next_of(11 + a % 2, true));
      case 7:
        return end_transaction();
      case 8:
        return retry();
      case 9:
        return wrong_sequence();
      case 10:
        return append_fetched();
      case 11:
        return truncate();
      case 12:
        model_.high_watermark = std::max(model_.high_watermark, model_.end - a % 5);
        RC_ASSERT(log_->update_high_watermark(model_.high_watermark) == model_.high_watermark);
        return;
      case 13:
        return raise_log_start();
      case 14:
        return retain();
      case 15:
        RC_ASSERT(log_->roll().ok());
        keeper_.run_flushes();
        return;
      case 16:
        RC_ASSERT(log_->close().ok());
        return open(true);
      default:
        log_->abandon();
        return open(false);
    }
  }

  void compare() {
    RC_ASSERT(log_->log_start_offset() == model_.start);
    RC_ASSERT(log_->log_end_offset() == model_.end);
    RC_ASSERT(log_->high_watermark() == model_.high_watermark);
    RC_ASSERT(log_->recovery_point() <= model_.end);
    for (int32_t epoch = -1; epoch <= epoch_ + 1; ++epoch) {
      if (log_->empty()) break;
      RC_ASSERT(log_->end_offset_for_epoch(epoch) == model_.end_offset_for(epoch));
    }
    // What a reload replays tells of decided transactions as far as its snapshot does not cover them.
    RC_ASSERT(log_->last_stable_offset() >= model_.last_stable_offset());
    RC_ASSERT(log_->last_stable_offset() <= model_.high_watermark);
    if (!reloaded_) RC_ASSERT(log_->last_stable_offset() == model_.last_stable_offset());
    compare_reads();
    compare_timestamps();
    compare_aborted();
  }

 private:
  void open(bool clean) {
    LogOpen options;
    options.path = "d";
    options.topic_partition = {"orders", 0};
    options.config = config();
    options.clean = clean;
    options.recovery_point = log_ == nullptr ? 0 : log_->recovery_point();
    options.log_start_offset = keeper_.log_start;
    options.keeper = &keeper_;
    keeper_.flushes.clear();
    const int64_t first = log_ == nullptr ? 0 : log_->segment_bases().front();
    auto opened = Log::open(env_, options);
    RC_ASSERT(opened.ok());
    log_ = *opened;
    log_->update_high_watermark(model_.high_watermark);
    if (log_->segment_bases().front() > first) model_.drop_below(log_->segment_bases().front());
    reloaded_ = true;
  }
  static LogConfig config() {
    LogConfig config;
    config.segment_bytes = 700;
    config.index_interval_bytes = 100;
    config.segment_ms = std::numeric_limits<int64_t>::max();
    config.retention_ms = -1;
    config.verify_transactions = false;
    config.producer_id_expiration_ms = std::numeric_limits<int64_t>::max();
    return config;
  }
  TestBatch spec_of(TestBatch spec) const {
    spec.records = 1 + a_ % 3;
    spec.timestamp_ms = 1000 + b_ % 50;
    spec.value = std::string(b_ % 120, 'v');
    return spec;
  }
  TestBatch next_of(int64_t producer_id, bool transactional) {
    TestBatch spec;
    spec.producer_id = producer_id;
    spec.producer_epoch = 0;
    spec.transactional = transactional;
    const ProducerEntry* known = log_->producers().find(producer_id);
    const auto last = model_.last_batches(producer_id);
    if (known != nullptr && !last.empty()) {
      RC_ASSERT(known->last_sequence() == last.back()->view().last_sequence());
    }
    spec.base_sequence = known == nullptr || known->batch_count == 0 ? 0 : known->last_sequence() + 1;
    return spec_of(spec);
  }
  void append(const TestBatch& spec) { append_bytes(make_batch(spec), AppendOrigin::client); }
  void append_bytes(ByteBuffer bytes, AppendOrigin origin) {
    const auto done = log_->append_as_leader(bytes, epoch_, origin);
    RC_ASSERT(done.ok());
    RC_ASSERT(!done->duplicate);
    RC_ASSERT(done->first_offset == model_.end);
    model_.append(bytes);
    RC_ASSERT(done->end_offset == model_.end);
  }
  void end_transaction() {
    for (const auto& [id, entry] : log_->producers().producers()) {
      if (entry.txn_first_offset < 0) continue;
      return append_bytes(make_marker(id, 0, a_ % 2 == 0, 1000 + b_ % 50), AppendOrigin::coordinator);
    }
  }
  void retry() {
    const auto last = model_.last_batches(1 + a_ % 3);
    if (last.empty()) return;
    const ModelBatch& original = *last[b_ % last.size()];
    ByteBuffer bytes = original.bytes;
    const auto done = log_->append_as_leader(bytes, epoch_);
    RC_ASSERT(done.ok());
    RC_ASSERT(done->duplicate);
    RC_ASSERT(done->first_offset == original.view().base_offset());
    RC_ASSERT(done->last_offset == original.view().last_offset());
  }
  void wrong_sequence() {
    TestBatch spec = next_of(1 + a_ % 3, false);
    if (spec.base_sequence == 0) return;
    spec.base_sequence += 1 + b_ % 4;
    ByteBuffer bytes = make_batch(spec);
    const auto done = log_->append_as_leader(bytes, epoch_);
    RC_ASSERT(!done.ok());
    RC_ASSERT(done.error().code == ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  }
  void append_fetched() {
    ByteBuffer chunk;
    int64_t at = model_.end;
    for (int i = 0; i <= a_ % 3; ++i) {
      TestBatch spec = spec_of({});
      spec.base_offset = at;
      spec.leader_epoch = epoch_;
      const ByteBuffer bytes = make_batch(spec);
      chunk.insert(chunk.end(), bytes.begin(), bytes.end());
      model_.append(bytes);
      at = model_.end;
    }
    const auto done = log_->append_as_follower(chunk, epoch_);
    RC_ASSERT(done.ok());
    RC_ASSERT(done->size_bytes == chunk.size());
  }
  void truncate() {
    int64_t offset = model_.end - a_ % 10;
    if (const ModelBatch* batch = model_.find(offset)) offset = std::min(offset, batch->view().base_offset());
    offset = std::max<int64_t>(offset, 0);
    if (offset < model_.start && a_ % 7 != 0) return;
    if (!model_.batches.empty() && offset < model_.batches.front().view().base_offset()) return;
    const auto cut = log_->truncate_to(offset);
    RC_ASSERT(cut.ok());
    RC_ASSERT(*cut == (offset < model_.end));
    model_.truncate(offset);
    reloaded_ = true;
    ++epoch_;
  }
  void raise_log_start() {
    const int64_t offset = model_.start + a_ % 6;
    const auto raised = log_->increment_log_start(offset, LogStartReason::records_deleted);
    if (offset > model_.high_watermark) {
      RC_ASSERT(!raised.ok());
      return;
    }
    RC_ASSERT(raised.ok());
    model_.start = offset;
  }
  void retain() {
    LogConfig retaining = config();
    retaining.retention_bytes = 1500 + a_ % 1000;
    log_->set_config(retaining);
    const uint64_t before = log_->size_bytes();
    const auto bases = log_->segment_bases();
    const auto deleted = log_->delete_old_segments();
    RC_ASSERT(deleted.ok());
    log_->set_config(config());
    if (*deleted == 0) return;
    const int64_t first = log_->segment_bases().front();
    RC_ASSERT(first == (*deleted < bases.size() ? bases[*deleted] : model_.end));
    RC_ASSERT(first <= model_.high_watermark);
    RC_ASSERT(log_->size_bytes() < before);
    model_.drop_below(first);
    model_.start = std::max(model_.start, first);
  }

  void compare_reads() {
    for (int64_t offset = model_.start; offset < model_.end; offset += 1 + offset % 3) {
      const auto read = log_->read(offset, 1, FetchIsolation::log_end, true);
      RC_ASSERT(read.ok());
      const ModelBatch* expected = model_.find(offset);
      RC_ASSERT(expected != nullptr);
      RC_ASSERT(bytes_of(*read) == expected->bytes);
    }
    RC_ASSERT(!log_->read(model_.end + 1, 1, FetchIsolation::log_end, true).ok());
    const auto committed = log_->read(model_.start, 1 << 20, FetchIsolation::high_watermark, false);
    RC_ASSERT(committed.ok());
    const ByteBuffer bytes = bytes_of(*committed);
    BatchCursor cursor(bytes);
    BatchView batch;
    while (*cursor.next(batch)) RC_ASSERT(batch.base_offset() < model_.high_watermark);
    RC_ASSERT(cursor.tail_bytes() == 0U);
  }
  void compare_timestamps() {
    for (int64_t timestamp = 1000; timestamp < 1056; timestamp += 5) {
      const auto found = log_->offset_for_timestamp(timestamp);
      RC_ASSERT(found.ok());
      const auto expected = model_.offset_for_timestamp(timestamp);
      RC_ASSERT(found->has_value() == expected.has_value());
      if (expected) RC_ASSERT((*found)->offset == *expected);
    }
  }
  void compare_aborted() {
    const int64_t from = model_.start + (model_.end - model_.start) / 3;
    const int64_t up_to = model_.end - (model_.end - model_.start) / 4;
    const auto found = log_->aborted_transactions(from, up_to);
    RC_ASSERT(found.ok());
    const int64_t first = log_->segment_bases().front();
    std::set<std::pair<int64_t, int64_t>> listed;
    for (const AbortedTransaction& txn : *found) listed.insert({txn.producer_id, txn.first_offset});
    for (const auto& txn : model_.transactions()) {
      if (!txn.aborted || txn.marker < from || txn.first >= up_to || first > 0) continue;
      RC_ASSERT(listed.count({txn.producer_id, txn.first}) == 1U);
      listed.erase({txn.producer_id, txn.first});
    }
    RC_ASSERT(first > 0 || listed.empty());
  }

  Env& env_;
  TestKeeper keeper_;
  std::shared_ptr<Log> log_;
  LogModel model_;
  int32_t epoch_ = 0;
  bool reloaded_ = false;
  uint16_t a_ = 0;
  uint16_t b_ = 0;
};

RC_GTEST_PROP(LogModel, AgreesAfterEveryCommand, (const std::vector<Command>& commands)) {
  sim::TestWorld world(1);
  sim::NodeSetup setup;
  setup.name = "node";
  setup.disk = sim::DiskProfile::instant();
  world.world().add_node(setup);
  std::exception_ptr failure;
  world.run("node", [&](Env& env) {
    try {
      LogAgainstModel log(env);
      for (const Command& command : commands) {
        log.run(command);
        log.compare();
      }
    } catch (const rc::detail::CaseResult&) {
      failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
  RC_ASSERT(world.failures().empty());
}

}  // namespace
}  // namespace ksim::storage
