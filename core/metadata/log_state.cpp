#include "core/metadata/log_state.h"

#include "core/metadata/delta.h"

namespace ksim {
namespace {

Failure<Error> wrong(std::string_view what, int64_t offset) {
  return fail(ErrorCode::UNKNOWN_SERVER_ERROR, std::string(what) + " at offset " + std::to_string(offset));
}

// Gathers the records of a batch between marks of transactions.
class Replay {
 public:
  Replay(LogState& state, const MetadataBatch& batch)
      : state_(state), batch_(batch), delta_(std::make_unique<MetadataDelta>(state.image)) {}

  Result<void> apply(int64_t offset, Bytes value) {
    arena_.reset();
    TRY_ASSIGN(const MetadataRecord record, decode_metadata_record(value, arena_));
    if (std::holds_alternative<wire::BeginTransactionRecord>(record)) return begin(offset);
    if (std::holds_alternative<wire::EndTransactionRecord>(record)) return end(offset);
    if (std::holds_alternative<wire::AbortTransactionRecord>(record)) return abort(offset);
    return delta_->apply(record);
  }
  void finish(int64_t offset) {
    state_.image = delta_->finish({offset, batch_.epoch, batch_.append_time_ms});
    state_.offset = offset;
    for (const auto& [id, change] : delta_->changed_topics())
      changed_[id].insert(change.partitions.begin(), change.partitions.end());
  }
  const ChangedPartitions& changed() const { return changed_; }

 private:
  Result<void> begin(int64_t offset) {
    if (state_.transaction_start) return wrong("a transaction begins within another", offset);
    finish(offset - 1);
    state_.before_transaction = state_.image;
    state_.transaction_start = offset;
    delta_ = std::make_unique<MetadataDelta>(state_.image);
    return {};
  }
  Result<void> end(int64_t offset) {
    if (!state_.transaction_start) return wrong("a transaction ends that never began", offset);
    state_.transaction_start.reset();
    state_.before_transaction.reset();
    return {};
  }
  Result<void> abort(int64_t offset) {
    if (!state_.transaction_start) return wrong("a transaction is aborted that never began", offset);
    delta_ = std::make_unique<MetadataDelta>(state_.before_transaction);
    state_.transaction_start.reset();
    state_.before_transaction.reset();
    return {};
  }

  LogState& state_;
  const MetadataBatch& batch_;
  std::unique_ptr<MetadataDelta> delta_;
  ChangedPartitions changed_;
  wire::Arena arena_;
};

}  // namespace

Result<void> apply_batch(LogState& state, const MetadataBatch& batch, ChangedPartitions* changed) {
  LogState next = state;
  Replay replay(next, batch);
  for (size_t i = 0; i < batch.records.size(); ++i) {
    TRY(replay.apply(batch.base_offset + static_cast<int64_t>(i), batch.records[i]));
  }
  replay.finish(batch.last_offset);
  if (changed != nullptr) *changed = replay.changed();
  state = std::move(next);
  return {};
}

SnapshotLoad::SnapshotLoad() : delta_(std::make_unique<MetadataDelta>(empty_image())) {}
SnapshotLoad::~SnapshotLoad() = default;

Result<void> SnapshotLoad::add(std::span<const Bytes> records) {
  for (const Bytes value : records) {
    arena_.reset();
    TRY_ASSIGN(const MetadataRecord record, decode_metadata_record(value, arena_));
    if (std::holds_alternative<wire::BeginTransactionRecord>(record) ||
        std::holds_alternative<wire::EndTransactionRecord>(record) ||
        std::holds_alternative<wire::AbortTransactionRecord>(record)) {
      return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "a metadata transaction in a snapshot");
    }
    TRY(delta_->apply(record));
  }
  return {};
}

LogState SnapshotLoad::finish(const MetadataProvenance& provenance) {
  LogState state;
  state.image = delta_->finish(provenance);
  state.offset = provenance.last_offset;
  return state;
}

Result<LogState> load_snapshot(const MetadataProvenance& provenance, std::span<const Bytes> records) {
  SnapshotLoad load;
  TRY(load.add(records));
  return load.finish(provenance);
}

}  // namespace ksim
