#include "core/raft/harness/checker.h"

#include <fmt/format.h>

#include "core/base/assert.h"

namespace ksim::raft {

void Checker::stepped(const Replica& node, const Replicas& all) {
  if (!node.running()) return;
  if (node.node().is_leader()) check_leader(node);
  check_watermark(node, all);
}

void Checker::check_leader(const Replica& node) {
  const int32_t epoch = node.node().epoch();
  const auto [it, first] = leaders_.emplace(epoch, node.id());
  ENSURE_F(it->second == node.id(), "M1: epoch {} is led by {} and {}", epoch, it->second, node.id());
  if (!first) return;
  // M3, of the log as it will be once its pending operations are done.
  ENSURE_F(node.node().log().end_offset() >= committed_end_,
           "M3: leader {} of epoch {} ends at {}, committed is {}", node.id(), epoch,
           node.node().log().end_offset(), committed_end_);
}

void Checker::check_watermark(const Replica& node, const Replicas& all) {
  const int64_t watermark = node.node().high_watermark();
  if (watermark < 0) return;
  // While operations are under way the disk is behind what the node speaks of.
  const bool settled = !node.gate().has_disk_op() && !node.gate().performing();
  for (const StoredBatch& batch : node.written().log) {
    if (!settled || batch.last_offset >= watermark) break;
    const auto [it, first] = committed_.emplace(batch.last_offset + 1, batch.chain);
    ENSURE_F(it->second == batch.chain, "M3: node {} holds other records below {} than were committed",
             node.id(), batch.last_offset + 1);
  }
  if (watermark <= committed_end_) return;
  committed_end_ = watermark;
  size_t copies = 0;
  const auto chain = node.written().chain_at(watermark);
  ENSURE_F(chain.has_value(), "M3: node {} has a high watermark {} inside a batch or beyond its log",
           node.id(), watermark);
  for (const auto& [id, other] : all) {
    if (!other->config().is_voter()) continue;
    bool holds = other->durable().chain_at(watermark) == chain;
    for (const auto& [snapshot, content] : other->durable().snapshots) holds |= snapshot.first >= watermark;
    if (holds) ++copies;
  }
  ENSURE_F(copies >= node.config().voters.majority(), "M3: {} is committed with {} durable copies", watermark,
           copies);
}

void Checker::disk_changed(const Replica& node) {
  if (const auto& stored = node.durable().quorum_state) {
    int32_t& epoch = stored_epochs_[node.id()];
    ENSURE_F(stored->epoch >= epoch, "M1: node {} stored epoch {} after {}", node.id(), stored->epoch, epoch);
    epoch = stored->epoch;
    if (stored->voted) {
      const auto [it, first] = votes_.emplace(std::pair(stored->epoch, node.id()), stored->voted->id);
      ENSURE_F(it->second == stored->voted->id, "M1: node {} voted for {} and {} in epoch {}", node.id(),
               it->second, stored->voted->id, stored->epoch);
    }
  }
  for (const StoredBatch& batch : node.written().log) {
    const auto [it, first] = chains_.emplace(std::pair(batch.last_offset + 1, batch.epoch), batch.chain);
    ENSURE_F(it->second == batch.chain, "M2: node {} holds other bytes up to {} of epoch {} than another",
             node.id(), batch.last_offset, batch.epoch);
  }
}

void Checker::forget(int32_t node) {
  stored_epochs_.erase(node);
  std::erase_if(votes_, [&](const auto& entry) { return entry.first.second == node; });
}

void Checker::replied(const Replica& node, const Response& response) {
  const auto* vote = std::get_if<VoteResponse>(&response);
  if (vote == nullptr || !vote->vote_granted) return;
  // A granted vote must be on disk when its reply leaves; pre-votes promise nothing and are not told apart
  // here, but they too never leave before the epoch they speak of is stored.
  const auto& stored = node.durable().quorum_state;
  ENSURE_F(stored && stored->epoch >= vote->leader_epoch,
           "M1: node {} answered a vote of epoch {} before storing it", node.id(), vote->leader_epoch);
}

}  // namespace ksim::raft
