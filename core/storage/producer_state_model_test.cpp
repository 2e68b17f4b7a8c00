// Producer state against the list of all batches that were ever appended: every question is answered by going
// through all of it.

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <rapidcheck/state.h>

#include "core/storage/producer_state.h"
#include "core/storage/test_log.h"

namespace ksim::storage::producer_model {
namespace {

constexpr int32_t kMostSequence = std::numeric_limits<int32_t>::max();
constexpr int64_t kExpirationMs = 1000;

// One batch, or a marker (of no records that count).
struct Batch {
  int64_t producer = 0;
  int16_t epoch = 0;
  int32_t first = 0;  // sequence
  int32_t records = 1;
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  bool transactional = false;
  bool marker = false;
  bool commits = false;

  int32_t last() const {
    return static_cast<int32_t>((int64_t{first} + records - 1) % (int64_t{kMostSequence} + 1));
  }
  int64_t next_offset() const { return offset + (marker ? 1 : records); }
  ByteBuffer bytes() const {
    if (marker) {
      ByteBuffer bytes = make_marker(producer, epoch, commits, timestamp_ms);
      BatchEditor(bytes).set_base_offset(offset);
      return bytes;
    }
    TestBatch spec;
    spec.records = records;
    spec.timestamp_ms = timestamp_ms - records + 1;
    spec.producer_id = producer;
    spec.producer_epoch = epoch;
    spec.base_sequence = first;
    spec.transactional = transactional;
    spec.base_offset = offset;
    return make_batch(spec);
  }
};

struct ProducerModel {
  std::vector<Batch> log;
  std::map<int64_t, size_t> known_from;  // what was before in the log is forgotten of this producer
  int64_t now_ms = 5000;
  int64_t high_watermark = 0;
  int64_t decided_known_from = 0;  // markers before it were decided before a reload: nobody waits for them

  int64_t end() const { return log.empty() ? 0 : log.back().next_offset(); }
  std::vector<Batch> of(int64_t producer) const {
    std::vector<Batch> found;
    const auto from = known_from.find(producer);
    for (size_t i = from == known_from.end() ? 0 : from->second; i < log.size(); ++i) {
      if (log[i].producer == producer) found.push_back(log[i]);
    }
    return found;
  }
  // Of the producer's current epoch, the last five.
  std::vector<Batch> remembered(int64_t producer) const {
    std::vector<Batch> found;
    for (const Batch& batch : of(producer)) {
      if (!found.empty() && found.back().epoch != batch.epoch) found.clear();
      if (!batch.marker) found.push_back(batch);
    }
    // A marker may have raised it.
    const std::vector<Batch> all = of(producer);
    if (!all.empty() && !found.empty() && found.back().epoch != all.back().epoch) found.clear();
    if (found.size() > 5) found.erase(found.begin(), found.end() - 5);
    return found;
  }
  // The first batch of its transaction, if one is open.
  std::optional<int64_t> open_since(int64_t producer) const {
    std::optional<int64_t> since;
    for (const Batch& batch : of(producer)) {
      if (batch.marker) since.reset();
      if (!batch.marker && batch.transactional && !since) since = batch.offset;
    }
    return since;
  }
  struct Verdict {
    ErrorCode error = ErrorCode::NONE;
    std::optional<Batch> original;
  };
  Verdict check(const Batch& batch) const {
    const std::vector<Batch> known = of(batch.producer);
    if (known.empty()) return {};
    const int16_t epoch = known.back().epoch;
    const std::vector<Batch> last_five = remembered(batch.producer);
    for (const Batch& before : last_five) {
      if (before.epoch == batch.epoch && before.first == batch.first && before.last() == batch.last())
        return {ErrorCode::NONE, before};
    }
    if (batch.epoch < epoch) return {ErrorCode::INVALID_PRODUCER_EPOCH, {}};
    const int32_t last = last_five.empty() ? -1 : last_five.back().last();
    const int32_t next = batch.epoch > epoch || last == kMostSequence ? 0 : last + 1;
    if (batch.first != next) return {ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, {}};
    if (open_since(batch.producer) && !batch.transactional) return {ErrorCode::INVALID_TXN_STATE, {}};
    return {};
  }
  // The first offset of a transaction that is open, or whose marker is not below the high watermark.
  std::optional<int64_t> first_unstable() const {
    std::optional<int64_t> first;
    const auto see = [&](int64_t offset) { first = std::min(first.value_or(offset), offset); };
    std::map<int64_t, int64_t> open;
    for (const Batch& batch : log) {
      if (!batch.marker && batch.transactional) open.try_emplace(batch.producer, batch.offset);
      const auto found = open.find(batch.producer);
      if (!batch.marker || found == open.end()) continue;
      if (batch.offset >= high_watermark && batch.offset >= decided_known_from) see(found->second);
      open.erase(found);
    }
    for (const auto& [producer, offset] : open) see(offset);
    return first;
  }
};

struct System {
  ProducerState state;
};
using Command = rc::state::Command<ProducerModel, System>;

void compare(const ProducerModel& model, const ProducerState& state) {
  for (int64_t producer = 1; producer <= 3; ++producer) {
    const std::vector<Batch> known = model.of(producer);
    const ProducerEntry* const entry = state.find(producer);
    RC_ASSERT((entry != nullptr) == !known.empty());
    if (entry == nullptr) continue;
    RC_ASSERT(entry->epoch == known.back().epoch);
    RC_ASSERT(entry->last_timestamp_ms == known.back().timestamp_ms);
    RC_ASSERT(entry->txn_first_offset == model.open_since(producer).value_or(-1));
    const std::vector<Batch> last_five = model.remembered(producer);
    RC_ASSERT(entry->last_sequence() == (last_five.empty() ? kNoSequence : last_five.back().last()));
    if (entry->whole) RC_ASSERT(entry->batch_count == last_five.size());
  }
  const LogOffsetMetadata* const unstable = state.first_unstable();
  RC_ASSERT((unstable == nullptr ? std::optional<int64_t>() : unstable->offset) == model.first_unstable());
}

// What a log does with a batch that it is given.
struct Append : Command {
  Batch batch;

  explicit Append(const ProducerModel& model) {
    batch.producer = *rc::gen::inRange<int64_t>(1, 4);
    batch.records = *rc::gen::inRange(1, 4);
    batch.timestamp_ms = model.now_ms;
    const std::vector<Batch> known = model.of(batch.producer);
    const std::vector<Batch> last_five = model.remembered(batch.producer);
    batch.epoch = known.empty() ? int16_t{0} : known.back().epoch;
    batch.transactional = batch.producer == 3 || model.open_since(batch.producer).has_value();
    const int kind = *rc::gen::inRange(0, 12);
    batch.first = last_five.empty()                          ? 0
                  : last_five.back().last() == kMostSequence ? 0
                                                             : last_five.back().last() + 1;
    if (kind == 0 && known.empty()) batch.first = kMostSequence - 3;  // it wraps soon
    if (kind == 1 && batch.first < 1000) batch.first += *rc::gen::inRange(1, 4);
    if (kind == 2) ++batch.epoch, batch.first = 0;
    if (kind == 3) batch.epoch = static_cast<int16_t>(std::max(batch.epoch - 1, 0));
    if (kind == 4) batch.transactional = !batch.transactional;
    std::vector<Batch> old = known;
    std::erase_if(old, [](const Batch& one) { return one.marker; });
    if (kind >= 9 && !old.empty()) {  // again, or much of it
      const size_t back = *rc::gen::inRange<size_t>(0, std::min<size_t>(old.size(), 8));
      const Batch& again = old[old.size() - 1 - back];
      const int64_t now = batch.timestamp_ms;
      batch = again;
      batch.timestamp_ms = now;
      if (kind == 11) ++batch.records;
    }
  }
  ProducerModel::Verdict verdict(const ProducerModel& model) const { return model.check(batch); }
  void apply(ProducerModel& model) const override {
    const auto [error, original] = verdict(model);
    if (error != ErrorCode::NONE || original) return;
    Batch appended = batch;
    appended.offset = model.end();
    model.log.push_back(appended);
  }
  void run(const ProducerModel& before, System& system) const override {
    Batch appended = batch;
    appended.offset = before.end();
    const ByteBuffer bytes = appended.bytes();
    const BatchView view(bytes);
    if (system.state.needs_older_batches(view)) {
      std::vector<BatchMetadata> older;
      for (const Batch& one : before.remembered(batch.producer))
        older.push_back({one.next_offset() - 1, one.timestamp_ms, one.last(), one.records - 1});
      system.state.set_batches(batch.producer, older);
    }
    const auto [error, original] = verdict(before);
    const Result<ProducerCheck> checked = system.state.check(view, AppendOrigin::client, 0, false);
    RC_ASSERT((checked.ok() ? ErrorCode::NONE : checked.error().code) == error);
    if (!checked.ok()) return;
    RC_ASSERT(checked->duplicate == original.has_value());
    if (original) {
      RC_ASSERT(checked->original.first_offset() == original->offset);
      RC_ASSERT(checked->original.last_offset == original->next_offset() - 1);
      return;
    }
    RC_ASSERT(!system.state.apply(view, 0, 0)->has_value());
    compare(nextState(before), system.state);
  }
  void show(std::ostream& out) const override {
    out << "append producer " << batch.producer << " epoch " << batch.epoch << " sequences " << batch.first
        << " to " << batch.last() << (batch.transactional ? " in a transaction" : "");
  }
};

struct EndTransaction : Command {
  Batch marker;
  explicit EndTransaction(const ProducerModel& model) {
    marker.producer = *rc::gen::inRange<int64_t>(1, 4);
    const std::vector<Batch> known = model.of(marker.producer);
    marker.epoch = static_cast<int16_t>((known.empty() ? 0 : known.back().epoch) + *rc::gen::inRange(0, 2));
    marker.marker = true;
    marker.commits = *rc::gen::arbitrary<bool>();
    marker.timestamp_ms = model.now_ms;
  }
  void checkPreconditions(const ProducerModel& model) const override {
    const std::vector<Batch> known = model.of(marker.producer);
    RC_PRE(!known.empty());
    RC_PRE(known.back().epoch <= marker.epoch);
  }
  void apply(ProducerModel& model) const override {
    Batch appended = marker;
    appended.offset = model.end();
    model.log.push_back(appended);
  }
  void run(const ProducerModel& before, System& system) const override {
    Batch appended = marker;
    appended.offset = before.end();
    const ByteBuffer bytes = appended.bytes();
    RC_ASSERT(system.state.check(BatchView(bytes), AppendOrigin::coordinator, 0, false).ok());
    const auto completed = system.state.apply(BatchView(bytes), 0, 0);
    RC_ASSERT(completed.ok());
    const std::optional<int64_t> since = before.open_since(marker.producer);
    RC_ASSERT(completed->has_value() == since.has_value());
    if (since) {
      RC_ASSERT((*completed)->first_offset == *since);
      RC_ASSERT((*completed)->last_offset == appended.offset);
      RC_ASSERT((*completed)->aborted == !marker.commits);
      system.state.complete(**completed);
    }
    compare(nextState(before), system.state);
  }
  void show(std::ostream& out) const override {
    out << "marker of producer " << marker.producer << " epoch " << marker.epoch;
  }
};

struct MoveHighWatermark : Command {
  int64_t to;
  explicit MoveHighWatermark(const ProducerModel& model)
      : to(*rc::gen::inRange<int64_t>(model.high_watermark, model.end() + 1)) {}
  void checkPreconditions(const ProducerModel& model) const override {
    RC_PRE(to >= model.high_watermark && to <= model.end());
  }
  void apply(ProducerModel& model) const override { model.high_watermark = to; }
  void run(const ProducerModel& before, System& system) const override {
    system.state.high_watermark_moved(to);
    compare(nextState(before), system.state);
  }
  void show(std::ostream& out) const override { out << "high watermark " << to; }
};

void forget_expired(ProducerModel& model) {
  for (int64_t producer = 1; producer <= 3; ++producer) {
    const std::vector<Batch> known = model.of(producer);
    if (known.empty() || model.open_since(producer)) continue;
    if (model.now_ms - known.back().timestamp_ms >= kExpirationMs)
      model.known_from[producer] = model.log.size();
  }
}

struct Expire : Command {
  int64_t later_ms = *rc::gen::inRange<int64_t>(0, 800);
  void apply(ProducerModel& model) const override {
    model.now_ms += later_ms;
    forget_expired(model);
  }
  void run(const ProducerModel& before, System& system) const override {
    system.state.remove_expired(before.now_ms + later_ms, kExpirationMs);
    compare(nextState(before), system.state);
  }
  void show(std::ostream& out) const override { out << later_ms << " ms later, expire"; }
};

// Written as a snapshot and read again, some time later.
struct Restart : Command {
  int64_t later_ms = *rc::gen::inRange<int64_t>(0, 600);
  void apply(ProducerModel& model) const override {
    model.now_ms += later_ms;
    model.decided_known_from = model.end();
    forget_expired(model);
  }
  void run(const ProducerModel& before, System& system) const override {
    const ByteBuffer snapshot = system.state.encode_snapshot();
    system.state = {};
    RC_ASSERT(
        system.state.load_snapshot(snapshot, before.end(), before.now_ms + later_ms, kExpirationMs).ok());
    RC_ASSERT(system.state.end_offset() == before.end());
    compare(nextState(before), system.state);
  }
  void show(std::ostream& out) const override { out << later_ms << " ms later, from a snapshot"; }
};

RC_GTEST_PROP(ProducerStateModel, AgreesAfterEveryCommand, ()) {
  System system;
  rc::state::check(ProducerModel(), system,
                   rc::state::gen::execOneOfWithArgs<Append, Append, Append, Append, Append, EndTransaction,
                                                     MoveHighWatermark, Expire, Restart>());
}

}  // namespace
}  // namespace ksim::storage::producer_model
