#include "sim/truth/cluster_view.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "sim/clock/node_clock.h"
#include "sim/truth/checkpoint_text.h"

namespace ksim::sim {
namespace {

// The first of the batches that does not end before `offset`.
size_t first_from(const std::vector<TruthBatch>& batches, int64_t offset) {
  const auto at = std::partition_point(batches.begin(), batches.end(),
                                       [offset](const TruthBatch& b) { return b.last_offset < offset; });
  return static_cast<size_t>(at - batches.begin());
}

}  // namespace

size_t PartitionTruth::find_committed(int64_t offset) const { return first_from(committed, offset); }

int64_t PartitionTruth::end_of_epoch(int32_t epoch) const {
  for (const TruthBatch& batch : committed) {
    if (epoch >= 0 && batch.leader_epoch > epoch) return std::max(batch.base_offset, first_kept());
  }
  return committed_end();
}

bool PartitionTruth::lost_any_of(uint32_t session) const {
  return std::any_of(lost.begin(), lost.end(), [&](const LostBatch& gone) {
    const std::vector<TruthRecord>* records = contents.find(gone.batch);
    return records == nullptr ||
           std::any_of(records->begin(), records->end(),
                       [&](const TruthRecord& record) { return session_of(record.id) == session; });
  });
}

bool PartitionTruth::was_lost(int64_t offset, RecordId record) const {
  for (const LostBatch& gone : lost) {
    if (gone.batch.base_offset > offset || gone.batch.last_offset < offset) continue;
    const std::vector<TruthRecord>* records = contents.find(gone.batch);
    if (records == nullptr) continue;
    for (const TruthRecord& there : *records) {
      if (there.offset == offset && there.id == record) return true;
    }
  }
  return false;
}

const TruthRecord* PartitionTruth::committed_record(int64_t offset) const {
  const size_t at = find_committed(offset);
  return at == committed.size() ? nullptr : contents.record(committed[at], offset);
}

void ClusterView::add_node(int32_t node, std::vector<std::string> log_dirs) {
  nodes_[node].log_dirs = std::move(log_dirs);
}

const PartitionTruth* ClusterView::partition(PartitionId id) const {
  const auto it = partitions_.find(id);
  return it == partitions_.end() ? nullptr : it->second.get();
}

std::vector<PartitionId> ClusterView::partitions() const {
  std::vector<PartitionId> ids;
  for (const auto& [id, truth] : partitions_) {
    if (is_deleted(id)) continue;
    if (!contested_topics_.contains(names_.name(id).topic)) ids.push_back(id);
  }
  return ids;
}

bool ClusterView::is_deleted(PartitionId id) const {
  const PartitionTruth* truth = partition(id);
  return truth != nullptr && deleted_topics_.contains(truth->topic_id);
}

void ClusterView::deleting_topic(const std::string& topic) {
  for (const auto& [id, truth] : partitions_) {
    if (names_.name(id).topic == topic && !truth->topic_id.is_zero()) deleted_topics_.insert(truth->topic_id);
  }
}

std::vector<int32_t> ClusterView::nodes() const {
  std::vector<int32_t> ids;
  for (const auto& [id, node] : nodes_) ids.push_back(id);
  return ids;
}

int64_t ClusterView::wall_clock_ms(int32_t node, Instant at) const {
  return wall_ms ? wall_ms(node) : kWallEpochNs / 1'000'000 + at.ms();
}

int64_t ClusterView::earliest_wall_clock_ms(int32_t node, Instant at) const {
  const Duration lowest = lowest_wall_offset ? lowest_wall_offset(node) : Duration{};
  return std::min(wall_clock_ms(node, at), kWallEpochNs / 1'000'000 + at.ms() + lowest.ns / 1'000'000);
}

TopicPromise ClusterView::promise_of(PartitionId id) const { return promise_of(names_.name(id).topic); }

TopicPromise ClusterView::promise_of(const std::string& topic) const {
  const auto it = promises_.find(topic);
  return it == promises_.end() ? TopicPromise{} : it->second;
}

std::optional<int32_t> ClusterView::replication_of(const std::string& topic) const {
  const auto it = promises_.find(topic);
  if (it == promises_.end() || contested_topics_.contains(topic)) return std::nullopt;
  return it->second.replication;
}

PartitionTruth& ClusterView::partition_at(std::string_view topic, int32_t index) {
  auto& slot = partitions_[names_.id(topic, index)];
  if (slot == nullptr) slot = std::make_unique<PartitionTruth>();
  return *slot;
}

const ReplicaTruth* ClusterView::metadata_log(int32_t node) const {
  const auto it = nodes_.find(node);
  return it == nodes_.end() ? nullptr : it->second.metadata_log.get();
}

namespace {

void end_reigns(PartitionTruth& truth, int32_t node, Instant at) {
  for (Reign& reign : truth.reigns) {
    if (reign.leader == node && !reign.until) reign.until = at;
  }
}

}  // namespace

bool ClusterView::may_elect_unclean(const PartitionTruth& truth, const TopicPromise& promise,
                                    int32_t leader) const {
  if (promise.unclean_election || !truth.unclean_asked.empty()) return true;
  if (leader != truth.last_leader && !truth.unheard_leader) return false;
  const PartitionClaim& before = truth.claim;
  // Who registers after an unclean stop leaves ISR and ELR (rule C11) in the same change that elects.
  const auto left = [&](int32_t member) {
    if (!has_node(member)) return false;
    // A new controller does not tell of registrations before its time.
    const NodeState& state = node(member);
    return (state.unclean_since && *state.unclean_since >= before.at) ||
           (state.owes_registration && controller_since_ >= before.at);
  };
  return std::all_of(before.isr.begin(), before.isr.end(), left) &&
         (!before.elr_known || std::all_of(before.elr.begin(), before.elr.end(), left));
}

namespace {

bool contains(const std::vector<int32_t>& nodes, int32_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

// Who leads now was in neither set before. Where the state before is not known whole, the controller is
// believed.
bool is_unclean(const PartitionClaim& before, const PartitionChanged& now) {
  if (now.leader < 0 || before.leader_epoch < 0 || now.leader_epoch <= before.leader_epoch) return false;
  if (!before.elr_known || now.partition_epoch != before.partition_epoch + 1) return now.unclean;
  return !contains(before.isr, now.leader) && !contains(before.elr, now.leader);
}

}  // namespace

// Whether `id` is the topic that has this name now; who speaks of another one first says that it is in its
// place. Its leader may do so, and commit records, long before the controller does.
bool ClusterView::is_present(PartitionTruth& truth, const Uuid& id) {
  if (id == truth.topic_id) return true;
  // A new controller tells again what was before its time, also of topics that are gone; and a broker may
  // not have heard that they are.
  if (truth.former_ids.contains(id)) return false;
  if (!truth.topic_id.is_zero()) {
    truth.former_ids.insert(truth.topic_id);
    truth.committed.clear();
    truth.committed_start = 0;
    truth.early_from.clear();
    truth.counts_since = -1;
    truth.lost.clear();
    truth.deleted_below = 0;
    truth.undone_deletions.clear();
    truth.deletion_asked = 0;
    truth.start.clear();
    truth.high_watermark.clear();
    truth.epochs.clear();
    truth.replicas.clear();
    truth.destroyed.clear();
    truth.unclean.clear();
    truth.claim = {};
    truth.last_leader = -1;
    truth.unheard_leader = false;
  }
  truth.topic_id = id;
  return true;
}

void ClusterView::on_partition_changed(const PartitionChanged& e, Instant at) {
  PartitionTruth& truth = partition_at(e.topic, e.partition);
  truth.forbidden.reset();
  if (!is_present(truth, e.topic_id)) return;
  if (e.partition_epoch < truth.claim.partition_epoch) return;  // an older controller's late word
  if (is_unclean(truth.claim, e)) {
    const UncleanElection election{e.leader, e.leader_epoch, at};
    if (may_elect_unclean(truth, promise_of(names_.id(e.topic, e.partition)), e.leader)) {
      truth.unclean.push_back(election);
    } else {
      truth.forbidden = election;
    }
  }
  if (truth.elected.empty() || truth.elected.back().leader != e.leader) {
    if (!truth.elected.empty()) truth.elected.back().until = at;
    truth.elected.push_back({e.leader, e.leader_epoch, at, std::nullopt});
  }
  // Each leader begins an epoch, and so does its end.
  truth.unheard_leader =
      e.leader < 0 && (truth.unheard_leader || e.leader_epoch > truth.claim.leader_epoch + 1);
  if (e.leader >= 0) truth.last_leader = e.leader;
  const bool nobody_left = e.leader < 0 && e.isr.empty() && e.elr.empty();
  // Also who led last is known no more, with whom a partition goes on that has lost the others (rule C26).
  const bool nobody_before = truth.claim.leader < 0 && truth.claim.isr.empty();
  if (!nobody_left) {
    truth.eligible_forgotten.reset();
  } else if (!truth.eligible_forgotten && (!truth.claim.elr.empty() || nobody_before)) {
    truth.eligible_forgotten = truth.claim.at;
  }
  truth.claim = {e.leader,
                 e.leader_epoch,
                 e.partition_epoch,
                 {e.isr.begin(), e.isr.end()},
                 {e.elr.begin(), e.elr.end()},
                 true,
                 at};
  truth.early_from.erase(truth.early_from.begin(), truth.early_from.upper_bound(e.leader_epoch));
  // Who leads already, before the controller's own word of it: only now it is known what that word permits.
  const bool leads = std::any_of(truth.reigns.begin(), truth.reigns.end(), [&](const Reign& reign) {
    return reign.leader == e.leader && !reign.until;
  });
  const auto log = truth.replicas.find(e.leader);
  if (leads && !truth.unclean.empty() && truth.unclean.back().leader_epoch == e.leader_epoch &&
      log != truth.replicas.end() && log->second != nullptr)
    begins_to_lead(truth, names_.id(e.topic, e.partition), *log->second, e.leader_epoch, at);
}

void ClusterView::on_event(const NodeEvent& note) {
  const Event& event = *note.event;
  const size_t steps = metadata_.steps().size();
  metadata_.on_event(*this, note);
  if (metadata_.steps().size() > steps) note_altered_minima(steps, note.at);
  if (const LogEvent of = log_event(event); !of.log.empty()) {
    on_log_event(note, of);
  } else if (const auto* e = std::get_if<PartitionChanged>(&event)) {
    on_partition_changed(*e, note.at);
  } else if (const auto* e = std::get_if<BecameLeader>(&event)) {
    PartitionTruth& truth = partition_at(e->topic, e->partition);
    end_reigns(truth, note.node, note.at);
    if (!is_present(truth, e->topic_id)) return;
    truth.reigns.push_back({note.node, e->leader_epoch, note.at, std::nullopt});
    truth.epochs[note.node] = e->leader_epoch;
    truth.high_watermark[note.node] = e->high_watermark;
    const auto log = truth.replicas.find(note.node);
    if (e->leader_epoch >= truth.claim.leader_epoch && log != truth.replicas.end() && log->second != nullptr)
      begins_to_lead(truth, names_.id(e->topic, e->partition), *log->second, e->leader_epoch, note.at);
  } else if (const auto* e = std::get_if<BecameFollower>(&event)) {
    PartitionTruth& truth = partition_at(e->topic, e->partition);
    end_reigns(truth, note.node, note.at);
    if (e->topic_id == truth.topic_id) truth.epochs[note.node] = e->leader_epoch;
  } else if (const auto* e = std::get_if<IsrChanged>(&event)) {
    // A leader may learn from its metadata that an ISR is committed before the controller that wrote it does.
    // Of its own election only the controller says whether it was one from the ISR.
    PartitionTruth& truth = partition_at(e->topic, e->partition);
    if (e->topic_id == truth.topic_id && e->leader_epoch == truth.claim.leader_epoch &&
        e->partition_epoch > truth.claim.partition_epoch) {
      truth.claim.partition_epoch = e->partition_epoch;
      truth.claim.elr_known = false;
      truth.claim.isr.assign(e->isr.begin(), e->isr.end());
      // It is not told of the ELR, which is empty once the ISR is large enough (rule C29).
      const TopicPromise promise = promise_of(names_.id(e->topic, e->partition));
      const auto enough = static_cast<size_t>(
          std::max(std::min(promise.min_insync, promise.replication), promise.raised_min_insync));
      if (e->isr.size() >= enough) truth.claim.elr.clear();
      std::erase_if(truth.claim.elr, [&](int32_t node) {
        return std::find(e->isr.begin(), e->isr.end(), node) != e->isr.end();
      });
    }
  } else if (const auto* e = std::get_if<HighWatermarkChanged>(&event)) {
    PartitionTruth& truth = partition_at(e->topic, e->partition);
    if (truth.former_ids.contains(e->topic_id)) return;
    truth.high_watermark[note.node] = e->high_watermark;
    const auto it = truth.replicas.find(note.node);
    if (e->leader && it != truth.replicas.end() && it->second != nullptr) {
      committed_up_to(truth, names_.id(e->topic, e->partition), *it->second, e->leader_epoch,
                      e->high_watermark, note.at);
    }
  } else if (const auto* e = std::get_if<BrokerRegistered>(&event)) {
    on_registered(*e, note.at);
  } else if (const auto* e = std::get_if<ControllerActivated>(&event)) {
    // Who slept through its whole reign comes to this when its successor is active already.
    if (active_controller_ >= 0 && e->epoch < active_epoch_) return;
    active_controller_ = note.node;
    active_epoch_ = e->epoch;
    controller_since_ = note.at;
  } else if (std::holds_alternative<ControllerDeactivated>(event)) {
    if (active_controller_ == note.node) active_controller_ = -1;
  }
}

void ClusterView::note_altered_minima(size_t steps_before, Instant at) {
  const auto minimum = [](const ConfigMapRef* of) -> std::string_view {
    if (of == nullptr) return {};
    const auto found = (*of)->find("min.insync.replicas");
    return found == (*of)->end() ? std::string_view() : std::string_view(found->second);
  };
  for (size_t i = steps_before; i < metadata_.steps().size(); ++i) {
    const MetadataImageRef before = i == 0 ? empty_image() : metadata_.steps()[i - 1].image;
    PersistentMap<ConfigResource, ConfigMapRef>::differences(
        before->configs.by_resource, metadata_.steps()[i].image->configs.by_resource,
        [&](const ConfigResource& resource, const ConfigMapRef* was, const ConfigMapRef* is) {
          if (minimum(was) == minimum(is)) return;
          if (resource == ConfigResource::cluster_default()) on_minimum_altered("", at);
          if (resource == ConfigResource::topic(resource.name)) on_minimum_altered(resource.name, at);
        });
  }
}

void ClusterView::on_registered(const BrokerRegistered& event, Instant at) {
  const auto it = nodes_.find(event.broker_id);
  if (it == nodes_.end()) return;
  NodeState& state = it->second.state;
  state.suspect = state.owes_registration = false;
  state.broker_epoch = event.broker_epoch;
  if (event.clean) return;
  state.unclean_since = at;
  if (!elr_off_) return;
  // Rule C11: the last member of an ISR stays in it, whatever its disk has lost.
  for (auto& [id, truth] : partitions_) {
    if (truth->claim.isr != std::vector<int32_t>{event.broker_id}) continue;
    for (Destroyed& copy : truth->destroyed) copy.lone = copy.lone || copy.node == event.broker_id;
  }
}

namespace {

// What stood in front of a log may have been in it, but none of a later epoch than it goes on in.
bool may_have_had(const ReplicaTruth& log, const TruthBatch& batch) {
  return batch.last_offset < log.first_offset() &&
         (log.empty() || batch.leader_epoch <= log.batches().front().leader_epoch);
}

// What a log has deleted it had if it goes on right behind it.
bool has_or_had(const ReplicaTruth& log, const TruthBatch& batch) {
  if (batch.last_offset < log.first_offset())
    return batch.last_offset + 1 == log.first_offset() && may_have_had(log, batch);
  const size_t there = log.find(batch.base_offset);
  return there < log.batches().size() && log.batches()[there].same(batch);
}

// Also where it was deleted, whoever did that.
bool goes_on_from(const PartitionTruth& truth, const ReplicaTruth& log, const TruthBatch& batch) {
  return has_or_had(log, batch) || (batch.last_offset < truth.deleted_below && may_have_had(log, batch));
}

}  // namespace

void ClusterView::committed_up_to(PartitionTruth& truth, PartitionId id, const ReplicaTruth& leader,
                                  int32_t leader_epoch, int64_t high_watermark, Instant at) {
  // A leader that does not know yet that another one was elected uncleanly commits nothing any more. If it
  // was itself that was elected, its log is what counts.
  if (!truth.unclean.empty() && truth.unclean.back().leader_epoch > leader_epoch) {
    if (truth.unclean.back().leader != leader.node()) return;
    leader_epoch = truth.unclean.back().leader_epoch;
  }
  rebase(truth, id, leader, leader_epoch, at);
  // A log that does not go on from what is committed waits for the controller's word of that election; that
  // of a leader which was replaced, and has not heard of it, adds nothing to another log.
  const bool doubtful = leader_epoch > truth.claim.leader_epoch || leader_epoch < truth.counts_since;
  if (doubtful && !truth.committed.empty() && !goes_on_from(truth, leader, truth.committed.back())) return;
  if (truth.committed.empty()) truth.committed_start = leader.first_offset();
  if (leader_epoch > truth.claim.leader_epoch)
    truth.early_from.try_emplace(leader_epoch, truth.committed_end());
  // What was deleted in another log may end in the middle of a batch of this one: that is committed whole.
  const int64_t taken =
      truth.committed.empty() ? truth.committed_start : truth.committed.back().last_offset + 1;
  for (size_t i = leader.find(truth.committed_end()); i < leader.batches().size(); ++i) {
    const TruthBatch& batch = leader.batches()[i];
    if (batch.last_offset >= high_watermark) break;
    if (batch.base_offset < taken) continue;
    truth.committed.push_back(batch);
  }
}

// Its high watermark may be where it was, and then it says no more: after an unclean election it may bring
// back what was lost, up to there.
void ClusterView::begins_to_lead(PartitionTruth& truth, PartitionId id, const ReplicaTruth& leader,
                                 int32_t leader_epoch, Instant at) {
  // It may have been elected once more before it heard of the unclean election.
  const int32_t unclean = truth.unclean.empty() ? -1 : truth.unclean.back().leader_epoch;
  const bool comes_back =
      unclean >= 0 && (unclean == leader_epoch || (unclean < leader_epoch && truth.counts_since < unclean));
  rebase(truth, id, leader, leader_epoch, at);
  // What it has deleted in the log that comes back with it is deleted now, whoever kept it meanwhile.
  const auto start = truth.start.find(leader.node());
  if (comes_back && start != truth.start.end())
    truth.deleted_below = std::max(truth.deleted_below, std::min(start->second, leader.end_offset()));
  const auto claim = truth.high_watermark.find(leader.node());
  // Whether it was elected uncleanly, the controller may have to say yet.
  if (leader_epoch > truth.claim.leader_epoch || claim == truth.high_watermark.end()) return;
  if (claim->second > truth.committed_end())
    committed_up_to(truth, id, leader, leader_epoch, claim->second, at);
}

// After a permitted loss this leader's log is what is committed from now on. One that was replaced, and has
// not heard of it, takes nothing away: what it lacks was committed without it.
void ClusterView::rebase(PartitionTruth& truth, PartitionId id, const ReplicaTruth& leader,
                         int32_t leader_epoch, Instant at) {
  if (leader_epoch < truth.counts_since) return;
  truth.counts_since = leader_epoch;
  const int64_t end = truth.committed_end();
  while (!truth.committed.empty() && !(truth.unclean.empty() && truth.destroyed.empty())) {
    const TruthBatch& last = truth.committed.back();
    if (goes_on_from(truth, leader, last)) break;
    // What was deleted on purpose nobody need hold, nor bring back; but where all is deleted, they go on
    // behind the last of it.
    const bool needed = last.last_offset >= truth.deleted_below || last.last_offset + 1 == end;
    if (needed && !loss_permitted(id, last)) break;
    truth.lost.push_back({last, at, leader_epoch});
    truth.committed.pop_back();
  }
  const auto start = truth.start.find(leader.node());
  // Whom an unclean election brings back begins where its own log does, above all that is left.
  const bool all_gone = truth.committed.empty() || truth.committed.back().last_offset < truth.deleted_below;
  if (!truth.unclean.empty() && all_gone && start != truth.start.end())
    truth.deleted_below = std::max(truth.deleted_below, std::min(start->second, leader.end_offset()));
  // Whoever begins anew on an empty disk knows nothing of what was deleted before.
  if (!(truth.unclean.empty() && truth.destroyed.empty()) && leader.end_offset() < truth.deleted_below &&
      start != truth.start.end() && start->second < truth.deleted_below) {
    truth.undone_deletions.push_back({truth.deleted_below, at, leader_epoch});
    truth.deleted_below = start->second;
  }
}

void ClusterView::on_node(int32_t id, NodeFault fault, Instant at) {
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return;
  if (fault != NodeFault::started && active_controller_ == id) active_controller_ = -1;
  NodeState& state = it->second.state;
  if (fault != NodeFault::started && fault != NodeFault::stopped) state.owes_registration = true;
  switch (fault) {
    case NodeFault::started:
      state.up = true;
      ++state.incarnation;
      return;
    case NodeFault::stopped:
    case NodeFault::crashed:
      state.up = false;
      state.suspect = state.suspect || state.damaged;  // recovery may cut a log off
      break;
    case NodeFault::power_lost:
    case NodeFault::wiped:
      state.up = false;
      state.suspect = true;
      on_disk_changed(id, fault == NodeFault::wiped, at);
      break;
  }
  for (auto& [partition, truth] : partitions_) {
    truth->high_watermark.erase(id);
    end_reigns(*truth, id, at);
  }
}

void ClusterView::on_disk_changed(int32_t node, bool wiped, Instant at) {
  if (auto& metadata = nodes_.at(node).metadata_log; metadata != nullptr) metadata->reload();
  for (auto& [id, truth] : partitions_) {
    const auto it = truth->replicas.find(node);
    if (it == truth->replicas.end() || it->second == nullptr) continue;
    const std::vector<TruthBatch> before = it->second->batches();
    it->second->reload();
    const std::vector<TruthBatch>& after = it->second->batches();
    // What was deleted is no copy any more: its files may be gone, or come back.
    const auto start = truth->start.find(node);
    const int64_t kept = start == truth->start.end() ? 0 : start->second;
    size_t same = first_from(before, kept), left = first_from(after, kept);
    while (same < before.size() && left < after.size() && before[same].same(after[left]) && after[left].valid)
      ++same, ++left;
    std::map<int64_t, TruthBatch> gone;
    for (; same < before.size(); ++same) gone.emplace(before[same].base_offset, before[same]);
    // Where all that was committed is deleted there, the start of the log says where it goes on. A power loss
    // leaves that; with a wiped disk it goes, as if the last batch stood there still.
    if (wiped && !truth->committed.empty() && truth->committed.back().last_offset < kept)
      gone.emplace(truth->committed.back().base_offset, truth->committed.back());
    if (!gone.empty()) {
      const int64_t end = gone.rbegin()->second.last_offset + 1;
      truth->destroyed.push_back({node, gone.begin()->first, at, end, std::move(gone), wiped});
    }
    if (!it->second->has_files()) truth->replicas.erase(it);
  }
}

}  // namespace ksim::sim
