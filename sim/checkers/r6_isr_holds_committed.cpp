// R6: every member of the ISR or ELR that the controller has recorded holds all committed records. Who joins
// an ISR is active (KIP-841), and has come to the start of the leader's epoch (KAFKA-7128).

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/contains.h"
#include "core/metadata/image.h"
#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

constexpr std::string_view kRecorded = "the controller recorded it";

class IsrHoldsCommitted final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "R6"; }
  std::string_view text() const override {
    return "every recorded member of the ISR and the ELR holds all committed records, and leaders come from "
           "them";
  }

  void on_event(const NodeEvent& note) override {
    if (const auto* e = std::get_if<PartitionChanged>(note.event)) {
      const auto id = view_.names().find(e->topic, e->partition);
      if (!id) return;
      check_election(*id, note.at);
      // The leader may have heard of a later change by then, and committed by that.
      const auto heard = heard_.find({e->leader, e->topic_id, e->partition});
      const auto told = std::make_pair(e->leader_epoch, e->partition_epoch);
      if (heard == heard_.end() || heard->second.first != told.first || heard->second <= told)
        check(*id, note.at, kRecorded);
    } else if (const auto* h = std::get_if<HighWatermarkChanged>(note.event)) {
      const auto id = h->leader ? view_.names().find(h->topic, h->partition) : std::nullopt;
      const PartitionTruth* truth = id ? view_.partition(*id) : nullptr;
      // Of a leader whose election the controller has not told yet: it will be looked at then.
      if (truth != nullptr && h->leader_epoch <= truth->claim.leader_epoch)
        check(*id, note.at, "the high watermark moved");
    } else if (const auto* l = std::get_if<BecameLeader>(note.event)) {
      leading_[{note.node, l->topic_id, l->partition}] = {
          l->leader_epoch, l->epoch_start_offset, {l->isr.begin(), l->isr.end()}};
      epochs_[{note.node, l->topic_id, l->partition}] = l->leader_epoch;
    } else if (const auto* f = std::get_if<BecameFollower>(note.event)) {
      epochs_[{note.node, f->topic_id, f->partition}] = f->leader_epoch;
    } else if (const auto* i = std::get_if<IsrChanged>(note.event)) {
      heard_[{note.node, i->topic_id, i->partition}] = {i->leader_epoch, i->partition_epoch};
      const auto it = leading_.find({note.node, i->topic_id, i->partition});
      if (it != leading_.end()) it->second.isr.assign(i->isr.begin(), i->isr.end());
    } else if (const auto* p = std::get_if<IsrProposed>(note.event)) {
      check_proposed(note, *p);
    } else if (const auto* m = std::get_if<MetadataPublished>(note.event)) {
      if (note.node == view_.active_controller()) check_joined(note, *m);
    } else if (std::holds_alternative<LogTruncated>(*note.event) ||
               std::holds_alternative<LogLoaded>(*note.event)) {
      if (const auto id = view_.partition_of(*note.event)) seen_.erase({note.node, *id});
    }
  }
  void on_node(int32_t node, NodeFault, Instant) override {
    std::erase_if(seen_, [node](const auto& entry) { return entry.first.first == node; });
    std::erase_if(leading_, [node](const auto& entry) { return std::get<0>(entry.first) == node; });
  }

 private:
  // Rule D43. Before the start of its epoch a leader may not know what the one before it has committed.
  void check_proposed(const NodeEvent& note, const IsrProposed& proposal) {
    const auto it = leading_.find({note.node, proposal.topic_id, proposal.partition});
    const auto id = view_.names().find(proposal.topic, proposal.partition);
    const PartitionTruth* truth = id ? view_.partition(*id) : nullptr;
    if (it == leading_.end() || truth == nullptr || truth->topic_id != proposal.topic_id) return;
    const Leading& leader = it->second;
    if (leader.epoch != proposal.leader_epoch) return;
    for (size_t i = 0; i < proposal.isr.size(); ++i) {
      const int32_t member = proposal.isr[i];
      if (contains(leader.isr, member) || !view_.has_node(member)) continue;
      // One that was started again since it was seen; the controller refuses it.
      const bool the_same =
          i < proposal.broker_epochs.size() && proposal.broker_epochs[i] == view_.node(member).broker_epoch;
      if (!the_same || !view_.node(member).up || view_.node(member).suspect) continue;
      // One that has heard of the next leader, and cut its log for that.
      const auto role = epochs_.find({member, proposal.topic_id, proposal.partition});
      if (role != epochs_.end() && role->second > leader.epoch) continue;
      const auto found = truth->replicas.find(member);
      const int64_t end = found == truth->replicas.end() || !found->second ? 0 : found->second->end_offset();
      if (end >= leader.start_offset) continue;
      cry(note.at, to_string(view_.names().name(*id)),
          fmt::format("leader {} proposes broker {}, whose log ends at {}, before its epoch {} began at {}",
                      note.node, member, end, leader.epoch, leader.start_offset));
    }
  }

  // One that is fenced or in controlled shutdown leaves every ISR that has another member, and comes into
  // none until it is active again.
  void check_joined(const NodeEvent& note, const MetadataPublished& published) {
    const MetadataImageRef image = *published.image;
    const MetadataImageRef before = std::exchange(published_, image);
    if (std::exchange(publisher_, {note.node, note.incarnation}) != std::pair(note.node, note.incarnation))
      return;
    using Topics = PersistentMap<Uuid, TopicRef>;
    using Partitions = PersistentMap<int32_t, PartitionRef>;
    Topics::differences(
        before->topics.by_id, image->topics.by_id, [&](const Uuid&, const TopicRef* was, const TopicRef* is) {
          if (was == nullptr || is == nullptr) return;
          Partitions::differences(
              (*was)->partitions, (*is)->partitions,
              [&](int32_t index, const PartitionRef* old, const PartitionRef* now) {
                if (old == nullptr || now == nullptr || (*now)->isr.size() < 2) return;
                for (const int32_t member : (*now)->isr) {
                  if (contains((*old)->isr, member) || image->broker_active(member)) continue;
                  cry(note.at, to_string({(*is)->name, index}),
                      fmt::format("broker {} is taken into the ISR, and is fenced or shutting down", member));
                }
              });
        });
  }

  void check_election(PartitionId id, Instant at) {
    const PartitionTruth* truth = view_.partition(id);
    if (truth == nullptr || !truth->forbidden) return;
    cry(at, to_string(view_.names().name(id)),
        fmt::format("broker {} was elected for epoch {} from outside ISR and ELR, which neither the "
                    "configuration allows nor rule C26",
                    truth->forbidden->leader, truth->forbidden->leader_epoch));
  }

  void check(PartitionId id, Instant at, std::string_view when) {
    const PartitionTruth* truth = view_.partition(id);
    if (truth == nullptr || truth->committed.empty()) return;
    for (int32_t member : truth->claim.isr) check_member(id, *truth, member, at, when);
    // Where min.insync.replicas is altered, a leader may go by a lower one, which ends the ELR (rule C30),
    // before the controller has told of that.
    if (when != kRecorded && view_.minimum_altered(id, truth->claim.at, at)) return;
    for (int32_t member : truth->claim.elr) check_member(id, *truth, member, at, when);
  }

  void check_member(PartitionId id, const PartitionTruth& truth, int32_t member, Instant at_time,
                    std::string_view when) {
    // A node whose disk lost data is named until it registers again; only then the controller can know.
    if (!view_.has_node(member) || view_.node(member).suspect) return;
    const auto it = truth.replicas.find(member);
    const ReplicaTruth* log = it == truth.replicas.end() ? nullptr : it->second.get();
    const std::vector<TruthBatch> none;
    const std::vector<TruthBatch>& held = log == nullptr ? none : log->batches();
    Seen& seen = seen_[{member, id}];
    if (!still_committed(truth, seen)) seen = {};
    const bool flushes = view_.promise_of(id).flush_each;
    const int64_t told_end = truth.told_end();
    size_t at = log == nullptr ? 0 : log->find(seen.upto);
    for (size_t i = truth.find_committed(seen.upto); i < truth.committed.size(); ++i) {
      const TruthBatch& batch = truth.committed[i];
      // A new controller tells of what was before its time one after the other: of the leader who committed
      // this batch it will tell yet, with the ISR that counts.
      if (batch.leader_epoch > truth.claim.leader_epoch || batch.base_offset >= told_end) break;
      while (at < held.size() && held[at].last_offset < batch.base_offset) ++at;
      const bool holds = at < held.size() && held[at].same(batch);
      if (!holds && batch.last_offset >= truth.first_kept() && !deleted_there(truth, member, batch) &&
          !view_.loss_permitted(id, batch)) {
        return cry(
            at_time, to_string(view_.names().name(id)),
            fmt::format("{}: broker {} is in the ISR or ELR [{}], but its log ends at {} and lacks the "
                        "committed {}",
                        when, member, fmt::join(truth.claim.isr, ","), log == nullptr ? 0 : log->end_offset(),
                        to_string(batch)),
            0, batch.base_offset);
      }
      // The leader flushes before it acknowledges, the others before they ask for more.
      if (holds && flushes && member != truth.claim.leader && !log->is_durable(held[at])) {
        return cry(
            at_time, to_string(view_.names().name(id)),
            fmt::format("{}: flush.messages is 1, and broker {} of the ISR or ELR [{}] has not synced the "
                        "committed {}",
                        when, member, fmt::join(truth.claim.isr, ","), to_string(batch)),
            0, batch.base_offset);
      }
      seen = {batch.last_offset + 1, batch};
    }
  }

  // A member keeps to a deletion of which the leader, with an old copy of its disk, knows nothing any more.
  static bool deleted_there(const PartitionTruth& truth, int32_t member, const TruthBatch& batch) {
    const auto start = truth.start.find(member);
    if (start == truth.start.end() || start->second <= batch.last_offset) return false;
    return std::any_of(truth.undone_deletions.begin(), truth.undone_deletions.end(),
                       [&](const UndoneDeletion& undone) { return batch.last_offset < undone.below; });
  }

  struct Leading {
    int32_t epoch = -1;
    int64_t start_offset = 0;
    std::vector<int32_t> isr;
  };
  std::map<std::tuple<int32_t, Uuid, int32_t>, Leading> leading_;  // by node and partition
  std::map<std::tuple<int32_t, Uuid, int32_t>, int32_t> epochs_;   // that each has heard of

  // What of a member's log has been found to hold what is committed; so each batch is looked at once.
  struct Seen {
    int64_t upto = 0;
    TruthBatch last;
  };
  static bool still_committed(const PartitionTruth& truth, const Seen& seen) {
    if (seen.upto == 0) return true;
    const size_t i = truth.find_committed(seen.last.base_offset);
    return i < truth.committed.size() && truth.committed[i].same(seen.last);
  }
  std::map<std::pair<int32_t, PartitionId>, Seen> seen_;  // by node
  // The leader and partition epochs of the ISR by which a leader goes, by node and partition.
  std::map<std::tuple<int32_t, Uuid, int32_t>, std::pair<int32_t, int32_t>> heard_;
  std::pair<int32_t, uint32_t> publisher_{-1, 0};  // the active controller and its incarnation
  MetadataImageRef published_ = empty_image();     // by it
};

}  // namespace

std::unique_ptr<Checker> make_isr_holds_committed(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<IsrHoldsCommitted>(view, verdicts);
}

}  // namespace ksim::sim
