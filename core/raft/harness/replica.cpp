#include "core/raft/harness/replica.h"

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/raft/harness/print.h"

namespace ksim::raft {

namespace {

constexpr size_t kBatchHeader = 24;

void put(std::string& out, int64_t value) {
  uint8_t bytes[8];
  store_be(bytes, value);
  out.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

}  // namespace

std::string encode(const StoredBatch& batch) {
  std::string out;
  put(out, batch.base_offset);
  put(out, batch.last_offset);
  put(out, static_cast<int64_t>(static_cast<uint64_t>(batch.epoch) << 32 | batch.text.size()));
  return out + batch.text;
}

std::vector<StoredBatch> decode_batches(Bytes bytes, uint64_t previous) {
  std::vector<StoredBatch> batches;
  while (bytes.size() >= kBatchHeader) {
    StoredBatch batch;
    batch.base_offset = load_be<int64_t>(bytes.data());
    batch.last_offset = load_be<int64_t>(bytes.data() + 8);
    const uint64_t word = load_be<uint64_t>(bytes.data() + 16);
    batch.epoch = static_cast<int32_t>(word >> 32);
    const size_t size = word & 0xffff'ffff;
    ENSURE(bytes.size() >= kBatchHeader + size);
    batch.text = std::string(as_text(bytes.subspan(kBatchHeader, size)));
    previous = batch.chain = chain_after(previous, batch);
    bytes = bytes.subspan(kBatchHeader + size);
    batches.push_back(std::move(batch));
  }
  ENSURE(bytes.empty());
  return batches;
}

uint64_t chain_after(uint64_t previous, const StoredBatch& batch) {
  return hash_text(encode(batch), previous);
}

std::string encode(const StoredSnapshot& snapshot) {
  std::string out;
  put(out, static_cast<int64_t>(snapshot.chain));
  return out + "snapshot";
}

std::optional<uint64_t> DiskImage::chain_at(int64_t offset) const {
  if (offset == log_start) return chain_at_start;
  for (const StoredBatch& batch : log) {
    if (batch.last_offset + 1 == offset) return batch.chain;
  }
  return std::nullopt;
}

LogView DiskImage::view() const {
  std::vector<EpochStart> epochs;
  for (const StoredBatch& batch : log) {
    if (epochs.empty() || epochs.back().epoch < batch.epoch)
      epochs.push_back({batch.epoch, batch.base_offset});
  }
  std::vector<SnapshotInfo> infos;
  for (const auto& [id, snapshot] : snapshots) {
    infos.push_back({{id.first, id.second}, static_cast<int64_t>(encode(snapshot).size())});
  }
  return LogView(log_start, log_end(), std::move(epochs), std::move(infos));
}

// What opening a metadata log does (rule A58).
void Replica::recover() {
  if (!written_.snapshots.empty()) {
    const auto& [id, snapshot] = *written_.snapshots.rbegin();
    const int32_t last_epoch = written_.log.empty() ? -1 : written_.log.back().epoch;
    if (id.second > last_epoch || (id.second == last_epoch && id.first > written_.log_end())) {
      written_.log.clear();
      written_.log_start = id.first;
      written_.chain_at_start = snapshot.chain;
    }
  }
  std::erase_if(written_.snapshots,
                [&](const auto& entry) { return entry.first.first < written_.log_start; });
  part_.clear();
  durable_ = written_;
}

void Replica::start(uint64_t draw) {
  ENSURE(!running());
  recover();
  node_ = std::make_unique<Node>(config_, written_.view());
  gate_ = PersistGate();
  gate_.add(node_->start(written_.quorum_state, now, draw));
}

void Replica::step(Input input, uint64_t draw) { gate_.add(node_->step(std::move(input), now, draw)); }

std::string Replica::perform_disk_op() {
  const std::optional<DiskOp> op = gate_.begin_disk_op();
  if (!op) return {};
  ++performed_[op->action.index()];
  std::visit([&](const auto& action) { apply(action); }, op->action);
  return describe(op->action);
}

void Replica::acknowledge_disk_op(uint64_t draw) {
  const PersistNumber number = gate_.finish_disk_op();
  step(DiskDone{number}, draw);
}

void Replica::crash() {
  node_.reset();
  gate_ = PersistGate();
}

size_t Replica::unsynced_batches() const {
  size_t same = 0;
  while (same < written_.log.size() && same < durable_.log.size() &&
         written_.log[same].chain == durable_.log[same].chain) {
    ++same;
  }
  return written_.log.size() - same;
}

void Replica::lose_power(size_t keep) {
  const size_t unsynced = unsynced_batches();
  crash();
  DiskImage left = durable_;
  if (keep > 0 && durable_.log_start == written_.log_start) {
    left.log = written_.log;
    left.log.resize(written_.log.size() - unsynced + std::min(keep, unsynced));
  }
  written_ = durable_ = left;
}

void Replica::wipe() {
  crash();
  written_ = durable_ = DiskImage();
}

RecordBytes Replica::read(const ReadRange& range) const {
  std::string text;
  RecordBytes records;
  for (const StoredBatch& batch : written_.log) {
    if (batch.last_offset < range.from || batch.base_offset >= range.to) continue;
    const std::string bytes = encode(batch);
    // At least one batch, however small the limit.
    if (!text.empty() && text.size() + bytes.size() > static_cast<size_t>(range.max_bytes)) break;
    records.batches.push_back(
        {batch.base_offset, batch.last_offset, batch.epoch, static_cast<uint32_t>(bytes.size())});
    text += bytes;
  }
  records.owner = Buffer::copy_of(as_bytes(text));
  records.bytes = records.owner.view();
  return records;
}

std::string Replica::read_snapshot(const SnapshotRange& range) const {
  const auto it = written_.snapshots.find({range.id.offset, range.id.epoch});
  if (it == written_.snapshots.end()) return {};
  constexpr size_t kChunk = 10;  // two chunks a snapshot
  return encode(it->second).substr(static_cast<size_t>(range.position), kChunk);
}

int64_t Replica::write_snapshot(OffsetAndEpoch id) {
  const auto chain = written_.chain_at(id.offset);
  ENSURE(chain.has_value(), "a snapshot inside a batch");
  const StoredSnapshot snapshot{*chain};
  written_.snapshots[{id.offset, id.epoch}] = durable_.snapshots[{id.offset, id.epoch}] = snapshot;
  return static_cast<int64_t>(encode(snapshot).size());
}

void Replica::apply(const PersistQuorumState& action) {
  written_.quorum_state = durable_.quorum_state = action.record;
}

void Replica::apply(const AppendAsLeader& action) {
  for (const AppendEntry& entry : action.entries) {
    StoredBatch batch;
    batch.base_offset = entry.base_offset;
    batch.last_offset = entry.base_offset + entry.record_count - 1;
    batch.epoch = action.epoch;
    if (const auto* change = std::get_if<LeaderChange>(&entry.payload)) {
      batch.text = fmt::format("L{}", change->leader_id);
    } else {
      batch.text = std::string(as_text(std::get<Buffer>(entry.payload).view()));
    }
    ENSURE(batch.base_offset == written_.log_end());
    batch.chain =
        chain_after(written_.log.empty() ? written_.chain_at_start : written_.log.back().chain, batch);
    written_.log.push_back(std::move(batch));
  }
}

void Replica::apply(const AppendAsFollower& action) {
  const uint64_t previous = written_.log.empty() ? written_.chain_at_start : written_.log.back().chain;
  for (StoredBatch& batch : decode_batches(action.records.bytes, previous)) {
    ENSURE(batch.base_offset == written_.log_end());
    written_.log.push_back(std::move(batch));
  }
}

void Replica::apply(const TruncateLog& action) {
  while (!written_.log.empty() && written_.log.back().last_offset >= action.offset) written_.log.pop_back();
  ENSURE(written_.log_end() == action.offset, "a cut inside a batch");
}

void Replica::apply(const FlushLog&) {
  durable_.log = written_.log;
  durable_.log_start = written_.log_start;
  durable_.chain_at_start = written_.chain_at_start;
}

void Replica::apply(const StoreSnapshotChunk& action) {
  if (action.position == 0) part_.clear();
  ENSURE(part_.size() == static_cast<size_t>(action.position));
  part_ += as_text(action.bytes);
}

void Replica::apply(const InstallSnapshot& action) {
  ENSURE(part_.size() >= 8);
  const StoredSnapshot snapshot{load_be<uint64_t>(as_bytes(part_).data())};
  ENSURE(encode(snapshot) == part_, "a snapshot arrived damaged");
  part_.clear();
  written_.snapshots.clear();
  written_.snapshots[{action.id.offset, action.id.epoch}] = snapshot;
  durable_.snapshots[{action.id.offset, action.id.epoch}] = snapshot;
  written_.log.clear();
  written_.log_start = action.id.offset;
  written_.chain_at_start = snapshot.chain;
}

void Replica::apply(const TrimLog& action) {
  const auto chain = written_.chain_at(action.start_offset);
  ENSURE(chain.has_value());
  std::erase_if(written_.log,
                [&](const StoredBatch& batch) { return batch.last_offset < action.start_offset; });
  std::erase_if(written_.snapshots,
                [&](const auto& entry) { return entry.first.first < action.start_offset; });
  written_.log_start = action.start_offset;
  written_.chain_at_start = *chain;
}

}  // namespace ksim::raft
