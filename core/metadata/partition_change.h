#pragma once
// The one way in which the controller changes a partition: from a registration and what is wanted of it to a
// PartitionChangeRecord (rules C22 to C29, C34, C35).

#include <optional>
#include <vector>

#include "core/metadata/election.h"
#include "core/metadata/image.h"
#include "core/wire/messages/metadata_records.h"

namespace ksim {

// A PartitionChangeRecord that owns its arrays. Null and kUnchanged: stays as it is.
struct PartitionChange {
  static constexpr int32_t kUnchanged = -2;

  Uuid topic_id;
  int32_t partition = -1;
  std::optional<std::vector<int32_t>> isr;
  int32_t leader = kUnchanged;
  std::optional<std::vector<int32_t>> replicas;
  std::optional<std::vector<int32_t>> removing_replicas;
  std::optional<std::vector<int32_t>> adding_replicas;
  std::optional<LeaderRecovery> recovery;
  std::optional<std::vector<Uuid>> directories;
  std::optional<std::vector<int32_t>> elr;
  std::optional<std::vector<int32_t>> last_known_elr;
  bool unclean = false;  // the leader was elected without knowing that it has all committed records

  bool empty() const;
  // A view of this change, which must outlive it.
  wire::PartitionChangeRecord record();
};

// What the cluster looks like to the partition.
struct PartitionContext {
  int16_t metadata_version = 0;
  bool elr_enabled = false;
  int32_t min_insync_replicas = 1;                 // as configured; rule C29 bounds it by the replica count
  LeaderCheck acceptable;                          // for this partition, directories included
  std::function<Uuid(int32_t)> default_directory;  // of a new replica on that broker
};

class PartitionChangeBuilder {
 public:
  PartitionChangeBuilder(const PartitionRegistration& partition, const Uuid& topic_id, int32_t index,
                         const PartitionContext& context);

  PartitionChangeBuilder& election(Election election);
  PartitionChangeBuilder& target_isr(std::vector<int32_t> isr);
  PartitionChangeBuilder& target_replicas(std::vector<int32_t> replicas);
  PartitionChangeBuilder& target_removing(std::vector<int32_t> removing);
  PartitionChangeBuilder& target_adding(std::vector<int32_t> adding);
  PartitionChangeBuilder& target_recovery(LeaderRecovery recovery);
  PartitionChangeBuilder& directory(int32_t broker, const Uuid& directory);
  // It stopped without having its log on disk, so it leaves ISR and ELR alike (rule C11).
  PartitionChangeBuilder& unclean_shutdown_of(int32_t broker);

  // Nothing if the partition stays as it is.
  std::optional<PartitionChange> build();

 private:
  void complete_reassignment();
  void compute_elr();
  ElectionResult hold_election(PartitionChange& change);
  void set_isr_and_elr(PartitionChange& change, const ElectionResult& elected);
  void bump_leader_epoch(PartitionChange& change) const;
  void set_last_known_leader(PartitionChange& change) const;
  void set_assignment(PartitionChange& change) const;

  const PartitionRegistration& partition_;
  const PartitionContext& context_;
  Uuid topic_id_;
  int32_t index_;
  Election election_ = Election::online;
  std::vector<int32_t> isr_;
  std::vector<int32_t> replicas_;
  std::vector<int32_t> removing_;
  std::vector<int32_t> adding_;
  std::vector<int32_t> elr_;
  LeaderRecovery recovery_;
  std::optional<int32_t> unclean_shutdown_;
  std::vector<std::pair<int32_t, Uuid>> directories_;
};

// ---- reassignment (rule C34) ----
struct Reassignment {
  std::vector<int32_t> replicas;
  std::vector<int32_t> removing;
  std::vector<int32_t> adding;
};
// Adding is what the partition did not have before any reassignment began, so that a second one that
// overtakes the first can still be taken back as a whole.
Reassignment start_reassignment(const PartitionRegistration& partition, const std::vector<int32_t>& target);

struct ReassignmentRevert {
  std::vector<int32_t> replicas;
  std::vector<int32_t> isr;
  bool unclean = false;  // no member of the ISR remains, so the first replica is taken for one
};
ReassignmentRevert revert_reassignment(const PartitionRegistration& partition);

}  // namespace ksim
