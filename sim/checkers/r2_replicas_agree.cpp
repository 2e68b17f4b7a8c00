// R2: replicas agree on (offset, epoch, bytes) below what each of them claims to be committed; those that
// share an (offset, epoch) share its bytes and what is before it, also where nothing is committed yet; when
// everything is quiet their logs are identical.

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class ReplicasAgree final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "R2"; }
  std::string_view text() const override {
    return "replicas agree below their high watermarks, share what is before an (offset, epoch) that they "
           "share, and "
           "are identical when everything is quiet";
  }

  void on_event(const NodeEvent& note) override {
    if (const auto* e = std::get_if<HighWatermarkChanged>(note.event)) {
      const auto id = view_.names().find(e->topic, e->partition);
      if (!id) return;
      early_.erase({*id, note.node});
      if (e->leader_epoch > view_.partition(*id)->claim.leader_epoch) {
        early_[{*id, note.node}] = {e->leader_epoch, e->high_watermark};
      } else {
        check(*id, note.node, e->high_watermark, note.at);
      }
    } else if (const auto* c = std::get_if<PartitionChanged>(note.event)) {
      if (const auto id = view_.names().find(c->topic, c->partition)) heard(*id, note.at);
    } else if (const auto* a = std::get_if<LogAppended>(note.event)) {
      if (const auto id = view_.partition_of(*note.event)) match(*id, note.node, a->base_offset, note.at);
    } else if (const auto* t = std::get_if<LogTruncated>(note.event)) {
      if (const auto id = view_.partition_of(*note.event)) {
        auto& upto = verified_[{*id, note.node}];
        upto = std::min(upto, t->to_offset);
      }
    } else if (std::holds_alternative<LogLoaded>(*note.event)) {
      if (const auto id = view_.partition_of(*note.event)) {
        verified_.erase({*id, note.node});
        early_.erase({*id, note.node});
        const auto read = read_since_.find(note.node);
        if (read != read_since_.end() && read->second.insert(*id).second) match(*id, note.node, 0, note.at);
      }
    }
  }

  void on_node(int32_t node, NodeFault fault, Instant) override {
    if (fault == NodeFault::power_lost || fault == NodeFault::wiped) read_since_[node].clear();
  }

  void at_end(Instant at) override {
    for (PartitionId id : view_.partitions()) compare_quiet(id, at);
  }

 private:
  using Where = std::pair<PartitionId, int32_t>;  // on which node
  // A high watermark under a leader whose election the controller has not told of yet: what it permits is
  // not known.
  struct Early {
    int32_t leader_epoch = -1;
    int64_t high_watermark = 0;
  };

  void heard(PartitionId id, Instant at) {
    const int32_t epoch = view_.partition(id)->claim.leader_epoch;
    for (auto it = early_.lower_bound({id, std::numeric_limits<int32_t>::min()});
         it != early_.end() && it->first.first == id;) {
      const auto [where, early] = *it;
      if (early.leader_epoch > epoch) {
        ++it;
        continue;
      }
      it = early_.erase(it);
      check(id, where.second, early.high_watermark, at);
    }
  }

  void check(PartitionId id, int32_t node, int64_t high_watermark, Instant at) {
    const PartitionTruth* truth = view_.partition(id);
    const auto it = truth->replicas.find(node);
    if (it == truth->replicas.end() || it->second == nullptr) return;
    const ReplicaTruth& log = *it->second;
    int64_t& upto = verified_.try_emplace({id, node}, 0).first->second;
    for (size_t i = log.find(upto); i < log.batches().size(); ++i) {
      const TruthBatch& mine = log.batches()[i];
      if (mine.last_offset >= high_watermark || mine.last_offset >= truth->committed_end()) break;
      upto = mine.last_offset + 1;
      // What was deleted on purpose need not have been cut off: a follower whose last epoch its leader has
      // deleted is told to go back to the leader's log start, no further (KIP-279).
      if (mine.base_offset < truth->first_kept()) continue;
      const auto same =
          std::partition_point(truth->committed.begin(), truth->committed.end(),
                               [&](const TruthBatch& b) { return b.last_offset < mine.base_offset; });
      if (same != truth->committed.end() && same->same(mine)) continue;
      if (view_.loss_permitted(id, mine)) continue;
      if (same != truth->committed.end() && view_.loss_permitted(id, *same)) continue;
      cry(at, to_string(view_.names().name(id)),
          fmt::format("below its high watermark {} node {} holds {}, but committed is {}", high_watermark,
                      node, to_string(mine), same == truth->committed.end() ? "nothing" : to_string(*same)),
          0, mine.base_offset);
      return;
    }
  }

  // One broker appends in an epoch, and a follower is sent on only from where its last batch stands in its
  // leader's log too (KIP-101, KIP-279). So a batch has one past, by induction whole: the batch before it.
  void match(PartitionId id, int32_t node, int64_t from, Instant at) {
    const PartitionTruth& truth = *view_.partition(id);
    const auto mine = truth.replicas.find(node);
    if (mine == truth.replicas.end() || mine->second == nullptr) return;
    const std::vector<TruthBatch>& own = mine->second->batches();
    for (size_t i = mine->second->find(from); i < own.size(); ++i) {
      for (const auto& [other, log] : truth.replicas) {
        if (other == node || log == nullptr) continue;
        const std::vector<TruthBatch>& others = log->batches();
        const size_t k = log->find(own[i].base_offset);
        if (k >= others.size() || others[k].base_offset != own[i].base_offset ||
            others[k].leader_epoch != own[i].leader_epoch)
          continue;
        const TruthBatch* a = &own[i];
        const TruthBatch* b = &others[k];
        if (a->same(*b) && i > 0 && k > 0) {
          a = &own[i - 1];
          b = &others[k - 1];
          if (b->last_offset + 1 < others[k].base_offset && !was_read(other, id)) continue;
          // What was deleted on purpose need not have been cut off, by all or by one of them.
          if (std::min(a->base_offset, b->base_offset) < truth.first_kept()) continue;
          if (is_before_start(truth, node, *a) || is_before_start(truth, other, *b)) continue;
        }
        if (a->same(*b)) continue;
        return cry(at, to_string(view_.names().name(id)),
                   fmt::format("node {} appended {} behind {}, and on node {} {} stands there", node,
                               to_string(own[i]), to_string(*a), other, to_string(*b)),
                   0, own[i].base_offset);
      }
    }
  }

  // A power loss may take bytes from the middle of a log. What stands behind that hole is no log's until
  // recovery has read it, and then it is cut off there.
  bool was_read(int32_t node, PartitionId id) const {
    const auto since = read_since_.find(node);
    return since == read_since_.end() || since->second.contains(id);
  }

  static bool is_before_start(const PartitionTruth& truth, int32_t node, const TruthBatch& batch) {
    const auto start = truth.start.find(node);
    return start != truth.start.end() && batch.last_offset < start->second;
  }

  void compare_quiet(PartitionId id, Instant at) {
    const PartitionTruth* truth = view_.partition(id);
    const PartitionClaim& claim = truth->claim;
    const auto leader = truth->replicas.find(claim.leader);
    if (leader == truth->replicas.end() || leader->second == nullptr) return;
    for (int32_t member : claim.isr) {
      const auto it = truth->replicas.find(member);
      if (member == claim.leader) continue;
      const ReplicaTruth* other = it == truth->replicas.end() ? nullptr : it->second.get();
      const int64_t end = other == nullptr ? 0 : other->end_offset();
      if (leader->second->end_offset() != end) {
        cry(at, to_string(view_.names().name(id)),
            fmt::format("all is quiet, yet leader {} ends at {} and ISR member {} at {}", claim.leader,
                        leader->second->end_offset(), member, end));
        continue;
      }
      if (other == nullptr) continue;
      const auto& a = leader->second->batches();
      const auto& b = other->batches();
      // Retention may have cut either log further: compare from the end backwards.
      for (size_t k = 1; k <= a.size() && k <= b.size(); ++k) {
        const TruthBatch& leads = a[a.size() - k];
        const TruthBatch& follows = b[b.size() - k];
        if (leads.same(follows)) continue;
        if (leads.base_offset < truth->first_kept()) break;
        if (is_before_start(*truth, claim.leader, leads) || is_before_start(*truth, member, follows)) break;
        cry(at, to_string(view_.names().name(id)),
            fmt::format("all is quiet, yet leader {} holds {} and ISR member {} {}", claim.leader,
                        to_string(leads), member, to_string(follows)));
        break;
      }
    }
  }

  std::map<Where, int64_t> verified_;
  std::map<Where, Early> early_;
  // By node that has lost power, or has got the disk of one that did: the logs that it has loaded since.
  std::map<int32_t, std::set<PartitionId>> read_since_;
};

}  // namespace

std::unique_ptr<Checker> make_replicas_agree(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<ReplicasAgree>(view, verdicts);
}

}  // namespace ksim::sim
