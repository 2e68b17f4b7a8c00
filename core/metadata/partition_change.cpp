#include "core/metadata/partition_change.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/contains.h"
#include "core/metadata/config.h"
#include "core/metadata/features.h"

namespace ksim {
namespace {

using Ids = std::vector<int32_t>;

bool contains_all(const Ids& ids, const Ids& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](int32_t id) { return contains(ids, id); });
}

Ids without(const Ids& ids, const Ids& removed) {
  Ids rest;
  for (const int32_t id : ids) {
    if (!contains(removed, id)) rest.push_back(id);
  }
  return rest;
}

template <class T>
std::optional<std::span<T>> view(std::optional<std::vector<T>>& items) {
  if (!items) return std::nullopt;
  return std::span<T>(*items);
}

}  // namespace

bool PartitionChange::empty() const {
  return !isr && leader == kUnchanged && !replicas && !removing_replicas && !adding_replicas && !recovery &&
         !directories && !elr && !last_known_elr;
}

wire::PartitionChangeRecord PartitionChange::record() {
  wire::PartitionChangeRecord record;
  record.partition_id = partition;
  record.topic_id = topic_id;
  record.isr = view(isr);
  record.leader = leader;
  record.replicas = view(replicas);
  record.removing_replicas = view(removing_replicas);
  record.adding_replicas = view(adding_replicas);
  record.leader_recovery_state = recovery ? static_cast<int8_t>(*recovery) : int8_t{-1};
  record.directories = view(directories);
  record.eligible_leader_replicas = view(elr);
  record.last_known_elr = view(last_known_elr);
  return record;
}

PartitionChangeBuilder::PartitionChangeBuilder(const PartitionRegistration& partition, const Uuid& topic_id,
                                               int32_t index, const PartitionContext& context)
    : partition_(partition),
      context_(context),
      topic_id_(topic_id),
      index_(index),
      isr_(partition.isr),
      replicas_(partition.replicas),
      removing_(partition.removing_replicas),
      adding_(partition.adding_replicas),
      elr_(partition.elr),
      recovery_(partition.recovery) {}

PartitionChangeBuilder& PartitionChangeBuilder::election(Election election) {
  election_ = election;
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::target_isr(Ids isr) {
  isr_ = std::move(isr);
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::target_replicas(Ids replicas) {
  replicas_ = std::move(replicas);
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::target_removing(Ids removing) {
  removing_ = std::move(removing);
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::target_adding(Ids adding) {
  adding_ = std::move(adding);
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::target_recovery(LeaderRecovery recovery) {
  recovery_ = recovery;
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::directory(int32_t broker, const Uuid& directory) {
  directories_.emplace_back(broker, directory);
  return *this;
}
PartitionChangeBuilder& PartitionChangeBuilder::unclean_shutdown_of(int32_t broker) {
  unclean_shutdown_ = broker;
  return *this;
}

std::optional<PartitionChange> PartitionChangeBuilder::build() {
  PartitionChange change;
  change.topic_id = topic_id_;
  change.partition = index_;
  complete_reassignment();
  compute_elr();
  const ElectionResult elected = hold_election(change);
  set_isr_and_elr(change, elected);
  bump_leader_epoch(change);
  set_last_known_leader(change);
  set_assignment(change);
  if (elected.unclean && elected.leader != partition_.leader) {
    if (partition_.recovery != LeaderRecovery::recovering) change.recovery = LeaderRecovery::recovering;
  } else if (recovery_ != partition_.recovery) {
    change.recovery = recovery_;
  }
  if (change.empty()) return std::nullopt;
  return change;
}

// Rules C34, C35: as soon as the ISR without those that leave has all target replicas. Were nobody to remain,
// the change waits.
void PartitionChangeBuilder::complete_reassignment() {
  if (removing_.empty() && adding_.empty()) return;
  Ids isr = without(isr_, removing_);
  Ids replicas = without(replicas_, removing_);
  if (isr.empty() || replicas.empty() || !contains_all(isr, replicas)) return;
  isr_ = std::move(isr);
  replicas_ = std::move(replicas);
  removing_.clear();
  adding_.clear();
}

// Rule C29. Who leaves the ISR while it is below the minimum keeps all committed records, because the high
// watermark does not move meanwhile. Kafka takes the minimum from the topic's first partition and keeps
// members that are no replicas any more; here it is this partition's own, and only replicas are eligible.
void PartitionChangeBuilder::compute_elr() {
  if (!context_.elr_enabled) {
    // Left from before the feature was switched off: while the ISR is empty they are all there is.
    elr_ = isr_.empty() && partition_.isr.empty() ? without(elr_, {unclean_shutdown_.value_or(kNoLeader)})
                                                  : Ids();
    return;
  }
  const int32_t min_isr = effective_min_isr(context_.min_insync_replicas, replicas_.size());
  if (static_cast<int32_t>(isr_.size()) >= min_isr) {
    elr_.clear();
    return;
  }
  Ids candidates = elr_;
  for (const int32_t member : partition_.isr) {
    if (!contains(candidates, member)) candidates.push_back(member);
  }
  elr_.clear();
  for (const int32_t candidate : candidates) {
    if (contains(isr_, candidate) || !contains(replicas_, candidate) || candidate == unclean_shutdown_)
      continue;
    elr_.push_back(candidate);
  }
}

ElectionResult PartitionChangeBuilder::hold_election(PartitionChange& change) {
  ElectionInput input;
  input.replicas = replicas_;
  input.isr = isr_;
  input.elr = elr_;
  input.last_known_elr = partition_.last_known_elr;
  input.leader = partition_.leader;
  input.elr_enabled = context_.elr_enabled;
  input.election = election_;
  const ElectionResult elected = elect_leader(input, context_.acceptable);
  if (elected.leader == partition_.leader) return elected;
  change.leader = elected.leader;
  change.unclean = elected.unclean;
  return elected;
}

void PartitionChangeBuilder::set_isr_and_elr(PartitionChange& change, const ElectionResult& elected) {
  if (change.leader != PartitionChange::kUnchanged && elected.leader != kNoLeader) {
    // Rule C27.
    if (elected.unclean) {
      isr_ = {elected.leader};
      elr_.clear();
    } else if (contains(elr_, elected.leader)) {
      isr_ = {elected.leader};
      elr_ = without(elr_, isr_);
    }
  }
  if (elr_ != partition_.elr) change.elr = elr_;
  // Rule C28: without eligible replicas to fall back on, the last member stays.
  if (isr_ != partition_.isr && (!isr_.empty() || context_.elr_enabled)) change.isr = isr_;
}

void PartitionChangeBuilder::bump_leader_epoch(PartitionChange& change) const {
  if (change.leader != PartitionChange::kUnchanged) return;
  const bool drops_replica = !contains_all(replicas_, partition_.replicas);
  // Before 3.6 brokers needed a new epoch to notice that their ISR had shrunk (KAFKA-15021).
  const bool shrinks_for_old = context_.metadata_version < kMetadataVersion36Iv0 && change.isr &&
                               !contains_all(*change.isr, partition_.isr);
  if (drops_replica || shrinks_for_old) change.leader = partition_.leader;
}

// The last known leader is remembered when a partition loses its last in-sync replica, and forgotten as soon
// as it has a leader again.
void PartitionChangeBuilder::set_last_known_leader(PartitionChange& change) const {
  if (!context_.elr_enabled) return;
  const int32_t leader = change.leader == PartitionChange::kUnchanged ? partition_.leader : change.leader;
  if (change.isr && change.isr->empty()) {
    const Ids last{partition_.leader};
    if (partition_.has_leader() && partition_.last_known_elr != last) change.last_known_elr = last;
  } else if (leader != kNoLeader && !partition_.last_known_elr.empty()) {
    change.last_known_elr = Ids();
  }
}

void PartitionChangeBuilder::set_assignment(PartitionChange& change) const {
  if (replicas_ != partition_.replicas) change.replicas = replicas_;
  if (removing_ != partition_.removing_replicas) change.removing_replicas = removing_;
  if (adding_ != partition_.adding_replicas) change.adding_replicas = adding_;
  if (context_.metadata_version < kMetadataVersion37Iv2) return;
  std::vector<Uuid> directories;
  for (const int32_t replica : replicas_) {
    const auto given = std::find_if(directories_.rbegin(), directories_.rend(),
                                    [&](const auto& entry) { return entry.first == replica; });
    if (given != directories_.rend()) {
      directories.push_back(given->second);
    } else if (partition_.is_replica(replica)) {
      directories.push_back(partition_.directory_of(replica));
    } else {
      directories.push_back(context_.default_directory(replica));
    }
  }
  if (directories != partition_.directories) change.directories = std::move(directories);
}

Reassignment start_reassignment(const PartitionRegistration& partition, const Ids& target) {
  Reassignment result;
  result.removing = without(partition.replicas, target);
  result.adding = without(target, without(partition.replicas, partition.adding_replicas));
  std::sort(result.removing.begin(), result.removing.end());
  std::sort(result.adding.begin(), result.adding.end());
  result.replicas = target;
  result.replicas.insert(result.replicas.end(), result.removing.begin(), result.removing.end());
  return result;
}

ReassignmentRevert revert_reassignment(const PartitionRegistration& partition) {
  ReassignmentRevert revert;
  revert.replicas = without(partition.replicas, partition.adding_replicas);
  revert.isr = without(partition.isr, partition.adding_replicas);
  if (revert.isr.empty() && !revert.replicas.empty()) {
    revert.isr.push_back(revert.replicas.front());
    revert.unclean = true;
  }
  return revert;
}

}  // namespace ksim
