// S6: DeleteRecords that was acknowledged is done (rule D59): the leader's log begins where it was asked to,
// or behind, and so does every replica's that was in the ISR all the while, by the leader's word and by the
// controller's, and that no metadata of the leader's had as fenced. From there no log start goes back (S1).

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/base/contains.h"
#include "core/metadata/image.h"
#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class DeletionIsDone final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "S6"; }
  std::string_view text() const override {
    return "records whose deletion was acknowledged are deleted by the leader and its whole ISR";
  }

  void on_deletion(const DeletionCall& call) override {
    if (call.outcome == Outcome::pending) return begin(call);
    const auto open = open_.find(call.number);
    if (open == open_.end()) return;
    if (call.outcome == Outcome::ok) judge(open->second, call);
    open_.erase(open);
  }

  void on_event(const NodeEvent& note) override {
    if (const auto* l = std::get_if<BecameLeader>(note.event)) {
      isr_[{note.node, l->topic_id, l->partition}] = {l->isr.begin(), l->isr.end()};
    } else if (const auto* c = std::get_if<IsrChanged>(note.event)) {
      std::set<int32_t>& isr = isr_[{note.node, c->topic_id, c->partition}];
      isr = {c->isr.begin(), c->isr.end()};
      for (auto& [number, open] : open_) {
        if (open.leader == note.node && open.topic_id == c->topic_id && open.index == c->partition)
          stay(open);
      }
    } else if (const auto* p = std::get_if<PartitionChanged>(note.event)) {
      for (auto& [number, open] : open_) {
        if (open.topic_id == p->topic_id && open.index == p->partition) stay(open);
      }
    } else if (const auto* i = std::get_if<MetadataPublished>(note.event)) {
      Images& images = images_[note.node];
      images = {std::move(images.now), *i->image};
      for (auto& [number, open] : open_) {
        if (open.leader == note.node) stay(open);
      }
    } else if (const auto* m = std::get_if<LogStartMoved>(note.event)) {
      begins_at(*note.event, m->start_offset);
    } else if (const auto* o = std::get_if<LogLoaded>(note.event)) {
      begins_at(*note.event, o->start_offset);  // its process may have ended before it told of it
    } else if (std::holds_alternative<LogTruncated>(*note.event)) {
      if (open_.empty()) return;
      const auto id = view_.partition_of(*note.event);
      for (auto& [number, open] : open_) {
        if (id && open.partition == *id) open.members.erase(note.node);
      }
    }
  }
  void on_node(int32_t node, NodeFault, Instant) override {
    std::erase_if(isr_, [node](const auto& entry) { return std::get<0>(entry.first) == node; });
    images_.erase(node);
    for (auto& [number, open] : open_) {
      open.members.erase(node);
      if (open.leader == node) open.leader = -1;
    }
  }

 private:
  struct Open {
    PartitionId partition = 0;
    Uuid topic_id;
    int32_t index = 0;
    int64_t furthest = 0;  // that any log has begun at
    int32_t leader = -1;   // the only one, when it was asked; -1: there are several, or it is gone
    int32_t leader_epoch = -1;
    int64_t committed = -1;     // as that leader knew when it was asked
    std::set<int32_t> members;  // of the ISR, all the while; and itself
  };
  // What a node has published. Its shards are told one after the other, and have all heard of one before the
  // next one is published: they go by either of these.
  struct Images {
    MetadataImageRef before;
    MetadataImageRef now;
    bool fenced(int32_t broker) const {
      return (before && !before->broker_alive(broker)) || (now && !now->broker_alive(broker));
    }
  };

  // The broker that leads, as it says itself, if it is one.
  static const Reign* only_leader(const PartitionTruth& truth) {
    const Reign* only = nullptr;
    for (const Reign& reign : truth.reigns) {
      if (reign.until) continue;
      if (only != nullptr) return nullptr;
      only = &reign;
    }
    return only;
  }

  // Whom the leader has to wait for yet. It waits for nobody whom its metadata has as fenced. That may be
  // old, and so may the ISR that it goes by: it has the metadata before its partitions are told of their new
  // ISR, and meanwhile the controller may have unfenced who left it so.
  void stay(Open& open) {
    const PartitionTruth* truth = view_.partition(open.partition);
    const std::set<int32_t>& isr = isr_[{open.leader, open.topic_id, open.index}];
    const Images& images = images_[open.leader];
    std::erase_if(open.members, [&](int32_t member) {
      if (member == open.leader) return false;
      return !isr.contains(member) || images.fenced(member) ||
             (truth != nullptr && truth->topic_id == open.topic_id && !contains(truth->claim.isr, member));
    });
  }

  void begins_at(const Event& event, int64_t start) {
    if (open_.empty()) return;
    const auto id = view_.partition_of(event);
    for (auto& [number, open] : open_) {
      if (id && open.partition == *id) open.furthest = std::max(open.furthest, start);
    }
  }

  void begin(const DeletionCall& call) {
    const PartitionTruth* truth = view_.partition(call.partition);
    if (truth == nullptr) return;
    Open open;
    open.partition = call.partition;
    open.topic_id = truth->topic_id;
    open.index = view_.names().name(call.partition).index;
    for (const auto& [node, start] : truth->start) open.furthest = std::max(open.furthest, start);
    if (const Reign* reign = only_leader(*truth); reign != nullptr) {
      open.leader = reign->leader;
      open.leader_epoch = reign->leader_epoch;
      const auto mark = truth->high_watermark.find(reign->leader);
      if (mark != truth->high_watermark.end()) open.committed = mark->second;
      const auto isr = isr_.find({reign->leader, truth->topic_id, open.index});
      if (isr != isr_.end()) open.members = isr->second;
      open.members.insert(reign->leader);
      stay(open);
    }
    open_[call.number] = std::move(open);
  }

  void judge(const Open& open, const DeletionCall& call) {
    const PartitionTruth* truth = view_.partition(open.partition);
    if (truth == nullptr || truth->topic_id != open.topic_id) return;
    const std::string subject = to_string(view_.names().name(open.partition));
    if (call.before > open.furthest) {
      cry(call.completed, subject,
          fmt::format("the deletion of all before {} was acknowledged, and no log begins behind {}",
                      call.before, open.furthest));
    }
    // Who led before and after, and nobody else meanwhile, is the one that has acknowledged it.
    const auto led = std::count_if(truth->reigns.begin(), truth->reigns.end(), [&](const Reign& reign) {
      return !reign.until || *reign.until >= call.invoked;
    });
    const Reign* reign = only_leader(*truth);
    if (led != 1 || reign == nullptr || open.leader != reign->leader ||
        open.leader_epoch != reign->leader_epoch)
      return;
    const int64_t target = call.before >= 0 ? call.before : open.committed;
    for (const int32_t member : open.members) {
      const auto start = truth->start.find(member);
      if (start == truth->start.end() || start->second >= target) continue;
      cry(call.completed, subject,
          fmt::format(
              "the deletion of all before {} was acknowledged by leader {}, and the log of {} begins at {}",
              target, open.leader, member == open.leader ? "itself" : fmt::format("replica {}", member),
              start->second));
    }
  }

  std::map<int32_t, Images> images_;
  std::map<uint64_t, Open> open_;
  std::map<std::tuple<int32_t, Uuid, int32_t>, std::set<int32_t>> isr_;  // as the leader knows it
};

}  // namespace

std::unique_ptr<Checker> make_deletion_is_done(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<DeletionIsDone>(view, verdicts);
}

}  // namespace ksim::sim
