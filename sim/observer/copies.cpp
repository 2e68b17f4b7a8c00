#include "sim/observer/copies.h"

#include <algorithm>

namespace ksim::sim {
namespace {

constexpr Duration kBetweenLooks = milliseconds(20);

const ReplicaTruth* replica_of(const PartitionTruth* truth, int32_t node) {
  if (truth == nullptr) return nullptr;
  const auto log = truth->replicas.find(node);
  return log == truth->replicas.end() ? nullptr : log->second.get();
}

// Recovery has just found that the disk had changed bytes by itself.
bool just_damaged(const PartitionTruth* truth, int32_t node, Instant at) {
  return truth != nullptr && !truth->destroyed.empty() && truth->destroyed.back().node == node &&
         truth->destroyed.back().at == at && truth->destroyed.back().damaged;
}

}  // namespace

void Copies::on_event(const NodeEvent& note) {
  if (const auto id = view_.partition_of(*note.event)) {
    if (const auto* moved = std::get_if<LogStartMoved>(note.event)) {
      deleted_below(*id, note.node, note.at, moved->start_offset);
    } else if (std::holds_alternative<LogTruncated>(*note.event)) {
      look(*id, note.node, note.at, "truncation");
    } else if (const auto* loaded = std::get_if<LogLoaded>(note.event)) {
      const PartitionTruth* truth = view_.partition(*id);
      if (truth != nullptr)
        deleted_below(*id, note.node, note.at, std::min(loaded->start_offset, truth->deleted_below));
      look(*id, note.node, note.at, just_damaged(truth, note.node, note.at) ? "damage" : "recovery");
    } else {
      look(*id, note.node, note.at, "truncation");
    }
  }
  if (looked_.ns >= 0 && note.at - looked_ < kBetweenLooks) return;
  looked_ = note.at;
  for (auto& [key, log] : logs_) look_for_synced(key, log, note.at);
}

void Copies::on_node(int32_t node, NodeFault fault, Instant at) {
  if (fault != NodeFault::power_lost && fault != NodeFault::wiped) return;
  for (const PartitionId id : view_.partitions())
    look(id, node, at, fault == NodeFault::wiped ? "replaced disk" : "power loss");
}

Copies::Held Copies::take(PartitionId id, const PartitionTruth& truth, int32_t node, const TruthBatch& batch,
                          Instant at) {
  int64_t& row = batches_[{id, batch.base_offset, batch.leader_epoch, batch.crc}];
  if (row == 0) {
    BatchRow fresh{to_string(view_.names().name(id)), batch.base_offset, batch.last_offset,
                   batch.leader_epoch, batch.crc};
    const std::vector<TruthRecord>* records = truth.contents.find(batch);
    for (const TruthRecord& record : records == nullptr ? std::vector<TruthRecord>{} : *records) {
      if (record.id != 0) fresh.records.emplace_back(record.offset, record.id);
    }
    row = recorder_.batch(std::move(fresh));
  }
  return {batch, recorder_.copy({row, node, at, std::nullopt, std::nullopt, {}})};
}

void Copies::gone(const Held& held, Instant at, std::string_view by) {
  CopyRow& row = recorder_.copy_row(held.copy);
  if (row.until) return;
  row.until = at;
  row.gone_by = by;
}

void Copies::look(PartitionId id, int32_t node, Instant at, std::string_view gone_by) {
  const PartitionTruth* truth = view_.partition(id);
  const ReplicaTruth* replica = replica_of(truth, node);
  Log& log = logs_[{id, node}];
  const std::vector<TruthBatch> none;
  const std::vector<TruthBatch>& now = replica == nullptr ? none : replica->batches();
  const size_t before = log.held.size();
  if (before <= now.size() && (before == 0 || now[before - 1].same(log.held.back().batch))) {
    for (size_t i = before; i < now.size(); ++i) log.held.push_back(take(id, *truth, node, now[i], at));
  } else {
    std::vector<Held> left;
    size_t old = 0;
    for (const TruthBatch& batch : now) {
      while (old < before && log.held[old].batch.base_offset < batch.base_offset)
        gone(log.held[old++], at, gone_by);
      if (old < before && log.held[old].batch.same(batch)) {
        left.push_back({batch, log.held[old++].copy});
      } else {
        left.push_back(take(id, *truth, node, batch, at));
      }
    }
    while (old < before) gone(log.held[old++], at, gone_by);
    log.held = std::move(left);
    log.synced = 0;
  }
  look_for_synced({id, node}, log, at);
}

void Copies::deleted_below(PartitionId id, int32_t node, Instant at, int64_t offset) {
  for (const Held& held : logs_[{id, node}].held) {
    if (held.batch.last_offset >= offset) break;
    gone(held, at, "deletion");
  }
}

void Copies::look_for_synced(const LogKey& key, Log& log, Instant at) {
  const ReplicaTruth* replica = replica_of(view_.partition(key.first), key.second);
  if (replica == nullptr) return;
  for (; log.synced < log.held.size(); ++log.synced) {
    const Held& held = log.held[log.synced];
    CopyRow& row = recorder_.copy_row(held.copy);
    if (row.synced || row.until) continue;
    if (!replica->is_durable(held.batch)) break;
    row.synced = at;
  }
}

}  // namespace ksim::sim
