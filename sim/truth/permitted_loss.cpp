// What the contract permits of a partition: which records may be missing, and who may have been told what.

#include <algorithm>
#include <set>

#include "sim/truth/cluster_view.h"

namespace ksim::sim {

uint64_t ClusterView::on_unclean_asked(PartitionId id) {
  const PartitionName& name = names_.name(id);
  partition_at(name.topic, name.index).unclean_asked.emplace(++unclean_calls_, forwarded_again_);
  return unclean_calls_;
}

void ClusterView::on_unclean_answered(PartitionId id, uint64_t call) {
  const PartitionName& name = names_.name(id);
  auto& asked = partition_at(name.topic, name.index).unclean_asked;
  const auto found = asked.find(call);
  // What a broker has sent twice is answered once, and may be done twice.
  if (found != asked.end() && found->second == forwarded_again_) asked.erase(found);
}

std::set<int32_t> ClusterView::leaders_since(const PartitionTruth& truth, Instant since) {
  std::set<int32_t> leaders;
  for (const std::vector<Reign>* reigns : {&truth.reigns, &truth.elected}) {
    for (const Reign& reign : *reigns) {
      if (reign.leader >= 0 && (!reign.until || *reign.until >= since)) leaders.insert(reign.leader);
    }
  }
  // Who believes to lead, and does not know of a later epoch, was replaced also by one that leads no more.
  for (const Reign& reign : truth.reigns) {
    const bool replaced = reign.leader_epoch < truth.claim.leader_epoch && truth.last_leader >= 0;
    if (replaced && (!reign.until || *reign.until >= since)) leaders.insert(truth.last_leader);
  }
  return leaders;
}

int32_t ClusterView::budget(PartitionId id) const {
  const TopicPromise promise = promise_of(id);
  return std::min(promise.min_insync, promise.replication);
}

bool ClusterView::too_few_copies(const PartitionTruth& truth, PartitionId id, const TruthBatch& batch) const {
  std::set<int32_t> nodes;  // without a copy
  bool lone = false;
  const bool flush_each = promise_of(id).flush_each;
  for (const Destroyed& copy : truth.destroyed) {
    if (flush_each && !copy.wiped && !copy.damaged) continue;
    const auto gone = copy.batches.find(batch.base_offset);
    if (gone == copy.batches.end() || !gone->second.same(batch)) continue;
    nodes.insert(copy.node);
    lone = lone || copy.lone;
  }
  return lone || static_cast<int32_t>(nodes.size()) >= budget(id);
}

bool ClusterView::loss_permitted(PartitionId id, const TruthBatch& batch) const {
  const PartitionTruth* truth = partition(id);
  if (truth == nullptr) return false;
  for (const UncleanElection& unclean : truth->unclean) {
    if (unclean.leader_epoch > batch.leader_epoch) return true;
  }
  return too_few_copies(*truth, id, batch);
}

bool ClusterView::loss_permitted(PartitionId id, int64_t offset, int32_t acks, Instant since) const {
  const PartitionTruth* truth = partition(id);
  if (acks == 0) return true;
  if (truth == nullptr) return false;
  for (const UncleanElection& unclean : truth->unclean) {
    if (unclean.at >= since) return true;
    // Who was deposed by it and does not know it yet goes on for nothing; so does who hears of its own
    // election only then.
    for (const Reign& reign : truth->reigns) {
      const bool elected_since =
          std::any_of(truth->elected.begin(), truth->elected.end(), [&](const Reign& elected) {
            return elected.leader == reign.leader && elected.from > unclean.at && elected.from <= reign.from;
          });
      if (reign.leader != unclean.leader && (reign.from <= unclean.at || !elected_since) &&
          (!reign.until || *reign.until >= since))
        return true;
    }
  }
  std::set<int32_t> destroyed;
  bool lone = false;
  const bool flush_each = promise_of(id).flush_each;
  for (const Destroyed& copy : truth->destroyed) {
    if (flush_each && !copy.wiped && !copy.damaged) continue;
    if (copy.from_offset > offset || offset >= copy.end_offset || copy.at < since) continue;
    destroyed.insert(copy.node);
    lone = lone || copy.lone;
  }
  if (lone) return true;
  if (acks == 1) {
    // Which leader acknowledged it is not known if there were several, but then one of them was deposed.
    const std::set<int32_t> leaders = leaders_since(*truth, since);
    return leaders.size() > 1 || (leaders.size() == 1 && destroyed.contains(*leaders.begin()));
  }
  return static_cast<int32_t>(destroyed.size()) >= budget(id);
}

const TruthRecord* ClusterView::held_by_leader(PartitionId id, int64_t offset, Instant since) const {
  const PartitionTruth* truth = partition(id);
  if (truth == nullptr || truth->claim.leader >= 0) return nullptr;
  const std::set<int32_t> leaders = leaders_since(*truth, since);
  if (leaders.size() != 1) return nullptr;
  const auto replica = truth->replicas.find(*leaders.begin());
  if (replica == truth->replicas.end() || replica->second == nullptr) return nullptr;
  const ReplicaTruth& log = *replica->second;
  const size_t at = log.find(offset);
  return at == log.batches().size() ? nullptr : truth->contents.record(log.batches()[at], offset);
}

bool ClusterView::may_begin_at(PartitionId id, int64_t offset, Instant asked, Instant at) const {
  const PartitionTruth* truth = partition(id);
  if (truth == nullptr || offset <= truth->first_kept_since(asked)) return true;
  // What was deleted in the log that counted when it was told.
  return may_be_gone(id, truth->first_kept(), offset, asked, oldest_epoch(id, asked, at));
}

bool ClusterView::may_end_at(PartitionId id, int64_t offset, int64_t committed, Instant asked,
                             Instant at) const {
  return offset >= committed || replaced_may_tell(id, asked, at) ||
         may_be_gone(id, offset, committed, asked, -1);
}

bool ClusterView::replaced_may_tell(PartitionId id, Instant from, Instant to) const {
  const PartitionTruth* truth = partition(id);
  if (truth == nullptr) return false;
  if (leaders_since(*truth, from).size() > 1) return true;
  for (const Reign& reign : truth->reigns) {
    if (reign.from > to || (reign.until && *reign.until < from)) continue;
    for (const Reign& elected : truth->elected) {
      // Metadata that is late may even let it begin when another one has long led.
      if (elected.leader >= 0 && elected.leader != reign.leader &&
          elected.leader_epoch > reign.leader_epoch && elected.from <= to)
        return true;
    }
  }
  return false;
}

bool ClusterView::may_be_gone(PartitionId id, int64_t from, int64_t to, Instant since, int32_t epoch) const {
  const PartitionTruth* truth = partition(id);
  if (truth == nullptr) return false;
  for (const UncleanElection& unclean : truth->unclean) {
    if (epoch >= 0 ? unclean.leader_epoch > epoch : unclean.at >= since) return true;
  }
  for (const LostBatch& gone : truth->lost) {
    const bool later = epoch >= 0 ? gone.leader_epoch > epoch : gone.at >= since;
    if (later && gone.batch.base_offset < to && gone.batch.last_offset >= from) return true;
  }
  for (size_t i = truth->find_committed(from); i < truth->committed.size(); ++i) {
    const TruthBatch& batch = truth->committed[i];
    if (batch.base_offset >= to) break;
    // Which unclean elections count was said above.
    if (epoch >= 0 ? too_few_copies(*truth, id, batch) : loss_permitted(id, batch)) return true;
  }
  return false;
}

int32_t ClusterView::oldest_epoch(PartitionId id, Instant from, Instant to) const {
  const PartitionTruth* truth = partition(id);
  int32_t oldest = -1;
  if (truth == nullptr) return oldest;
  for (const Reign& reign : truth->reigns) {
    if (reign.from > to || (reign.until && *reign.until < from)) continue;
    if (oldest < 0 || reign.leader_epoch < oldest) oldest = reign.leader_epoch;
  }
  return oldest;
}

const TruthBatch* ClusterView::first_lacking(PartitionId id, int32_t node, bool permitted_too) const {
  const PartitionTruth* truth = partition(id);
  if (truth == nullptr || truth->committed.empty()) return nullptr;
  const auto replica = truth->replicas.find(node);
  const std::vector<TruthBatch> none;
  const std::vector<TruthBatch>& held =
      replica == truth->replicas.end() || replica->second == nullptr ? none : replica->second->batches();
  const int64_t from = truth->first_kept();
  size_t at = 0;
  for (size_t i = truth->find_committed(from); i < truth->committed.size(); ++i) {
    const TruthBatch& batch = truth->committed[i];
    while (at < held.size() && held[at].last_offset < batch.base_offset) ++at;
    if (at < held.size() && held[at].same(batch)) continue;
    if (permitted_too || !loss_permitted(id, batch)) return &batch;
  }
  return nullptr;
}

bool ClusterView::minimum_altered(PartitionId id, Instant from, Instant to) const {
  const auto then = [&](Instant at) { return from <= at && at <= to; };
  for (const std::string_view of : {std::string_view(names_.name(id).topic), std::string_view()}) {
    const auto altered = minimum_altered_.find(of);
    if (altered != minimum_altered_.end() &&
        std::any_of(altered->second.begin(), altered->second.end(), then))
      return true;
  }
  return false;
}

bool ClusterView::offline_permitted(PartitionId id) const {
  const PartitionTruth* truth = partition(id);
  if (truth == nullptr || truth->claim.leader >= 0) return false;
  if (truth->eligible_forgotten && minimum_altered(id, *truth->eligible_forgotten, truth->claim.at))
    return true;
  if (truth->committed.empty() || !loss_permitted(id, truth->committed.back())) return false;
  // Somebody who may lead has it all.
  const auto complete = [&](int32_t member) {
    const auto node = nodes_.find(member);
    const auto log = truth->replicas.find(member);
    return node != nodes_.end() && node->second.state.up && log != truth->replicas.end() &&
           log->second != nullptr && first_lacking(id, member, true) == nullptr;
  };
  return std::none_of(truth->claim.isr.begin(), truth->claim.isr.end(), complete) &&
         std::none_of(truth->claim.elr.begin(), truth->claim.elr.end(), complete);
}

}  // namespace ksim::sim
