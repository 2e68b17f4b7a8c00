// R8: a follower that has not come to its leader's end for replica.lag.time.max.ms is proposed to leave the
// ISR (KIP-16, rule D40): until it does, it holds up everybody's acknowledgements.

#include <deque>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

// A node that has just woken up, or is slow, has not come to its timers yet.
constexpr Duration kSlowTimers = seconds(2);
constexpr Duration kToShrink = seconds(1);

class LaggardsLeave final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "R8"; }
  std::string_view text() const override {
    return "a follower that lags for replica.lag.time.max.ms is proposed to leave the ISR";
  }

  void on_event(const NodeEvent& note) override {
    if (const auto* l = std::get_if<BecameLeader>(note.event)) {
      Reign& reign = reigns_[{note.node, l->topic_id, l->partition}];
      reign = {};
      reign.began = view_.clock(note.node, note.at);
      reign.isr.assign(l->isr.begin(), l->isr.end());
    } else if (const auto* f = std::get_if<BecameFollower>(note.event)) {
      reigns_.erase({note.node, f->topic_id, f->partition});
    } else if (const auto* p = std::get_if<IsrProposed>(note.event)) {
      const auto reign = reigns_.find({note.node, p->topic_id, p->partition});
      if (reign != reigns_.end()) reign->second.proposed_on = p->partition_epoch;
    } else if (const auto* c = std::get_if<IsrChanged>(note.event)) {
      const auto reign = reigns_.find({note.node, c->topic_id, c->partition});
      if (reign != reigns_.end()) changed(reign->second, *c, view_.clock(note.node, note.at));
    } else if (const auto* a = std::get_if<LogAppended>(note.event)) {
      const auto reign = reigns_.find({note.node, a->topic_id, a->partition});
      if (reign != reigns_.end() && a->fetched_epoch < 0) appended(reign->second, *a, note);
    }
  }
  void on_node(int32_t node, NodeFault, Instant) override {
    std::erase_if(reigns_, [node](const auto& entry) { return std::get<0>(entry.first) == node; });
  }

 private:
  struct Append {
    int64_t end_offset = 0;
    Instant at;
  };
  struct Follower {
    Instant level;  // it had all that the leader had until then, or could have told so
    std::optional<Instant> seen_late;
  };
  // One that leads, as it says itself. Times are those of its clock, which stands still while it sleeps.
  struct Reign {
    Instant began;
    // Since then it may propose: the controller has decided its last proposal, or passed it over.
    Instant free;
    std::vector<int32_t> isr;
    int32_t partition_epoch = -1;
    int32_t proposed_on = -2;  // the partition epoch on top of which it has proposed last
    std::deque<Append> appends;
    std::map<int32_t, Follower> followers;
  };

  static void changed(Reign& reign, const IsrChanged& c, Instant at) {
    for (const int32_t member : c.isr) {
      if (std::find(reign.isr.begin(), reign.isr.end(), member) == reign.isr.end())
        reign.followers[member] = {at, std::nullopt};
    }
    reign.isr.assign(c.isr.begin(), c.isr.end());
    reign.partition_epoch = c.partition_epoch;
    reign.free = at;
  }

  void appended(Reign& reign, const LogAppended& a, const NodeEvent& note) {
    const auto id = view_.partition_of(*note.event);
    const PartitionTruth* truth = id ? view_.partition(*id) : nullptr;
    if (truth == nullptr) return;
    const Instant now = view_.clock(note.node, note.at);
    reign.appends.push_back({a.end_offset, now});
    for (const int32_t member : reign.isr) {
      if (member == note.node) continue;
      Follower& follower =
          reign.followers.try_emplace(member, Follower{reign.began, std::nullopt}).first->second;
      const auto replica = truth->replicas.find(member);
      const bool has_log = replica != truth->replicas.end() && replica->second != nullptr;
      follower.level =
          std::max(follower.level, left_behind(reign, has_log ? replica->second->end_offset() : 0));
      judge(reign, member, follower, a, note, now);
    }
    // What nobody can be behind any more.
    while (reign.appends.size() > 1 && now - reign.appends.front().at > due() + kToShrink)
      reign.appends.pop_front();
  }

  // When the leader first had more than that.
  static Instant left_behind(const Reign& reign, int64_t end) {
    const auto next = std::partition_point(reign.appends.begin(), reign.appends.end(),
                                           [end](const Append& append) { return append.end_offset <= end; });
    return next == reign.appends.end() ? reign.appends.back().at : next->at;
  }

  // The leader looks every half of that time.
  Duration due() const { return Duration{view_.replica_lag_time_max.ns * 3 / 2} + kSlowTimers; }

  void judge(const Reign& reign, int32_t member, Follower& follower, const LogAppended& a,
             const NodeEvent& note, Instant now) {
    const bool late = now - std::max(follower.level, reign.free) > due();
    // One change at a time: who has proposed another one waits for the controller's word.
    if (!late || reign.proposed_on >= reign.partition_epoch) {
      follower.seen_late.reset();
      return;
    }
    if (!follower.seen_late) follower.seen_late = now;
    if (now - *follower.seen_late < kToShrink) return;
    cry(note.at, a.log,
        fmt::format(
            "broker {} has had no end of leader {} since {} ms of its clock, and is in its ISR [{}] still",
            member, note.node, follower.level.ms(), fmt::join(reign.isr, ",")));
    follower.seen_late.reset();
  }

  std::map<std::tuple<int32_t, Uuid, int32_t>, Reign> reigns_;
};

}  // namespace

std::unique_ptr<Checker> make_laggards_leave(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<LaggardsLeave>(view, verdicts);
}

}  // namespace ksim::sim
