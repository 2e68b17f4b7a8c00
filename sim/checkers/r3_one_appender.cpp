// R3: in one (partition, leader epoch) at most one broker appends as leader, and who follows takes nothing of
// an epoch that it does not know of, since its leader may have been written over when it read that
// (KAFKA-18723), and nothing that it had asked another leader for.

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class OneAppender final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "R3"; }
  std::string_view text() const override { return "in one (partition, leader epoch) one broker appends"; }

  void on_event(const NodeEvent& note) override {
    if (const auto* e = std::get_if<BecameLeader>(note.event)) {
      claim(e->topic_id, e->partition, e->leader_epoch, note, fmt::format("{}-{}", e->topic, e->partition));
      roles_[{note.node, e->topic_id, e->partition}] = {true, e->leader_epoch};
    } else if (const auto* f = std::get_if<BecameFollower>(note.event)) {
      roles_[{note.node, f->topic_id, f->partition}] = {false, f->leader_epoch};
    } else if (const auto* a = std::get_if<LogAppended>(note.event)) {
      const auto it = roles_.find({note.node, a->topic_id, a->partition});
      if (it == roles_.end()) return;
      const Role& role = it->second;
      if (role.leads ? a->fetched_epoch >= 0 : a->fetched_epoch != role.epoch) return late(*a, role, note);
      if (role.leads ? a->leader_epoch != role.epoch : a->leader_epoch > role.epoch) {
        cry(note.at, a->log,
            fmt::format("broker {} {} in epoch {} and appended at {} a batch of epoch {}", note.node,
                        role.leads ? "leads" : "follows", role.epoch, a->base_offset, a->leader_epoch));
      }
    }
  }
  void on_node(int32_t node, NodeFault, Instant) override {
    std::erase_if(roles_, [node](const auto& entry) { return std::get<0>(entry.first) == node; });
  }

 private:
  struct Role {
    bool leads = false;
    int32_t epoch = -1;
  };
  // Rule D51: an answer of a leader of before is thrown away.
  void late(const LogAppended& a, const Role& role, const NodeEvent& note) {
    cry(note.at, a.log,
        fmt::format(
            "broker {} {} in epoch {} and appended at {} what it {}", note.node,
            role.leads ? "leads" : "follows", role.epoch, a.base_offset,
            a.fetched_epoch < 0 ? "took as leader" : fmt::format("fetched in epoch {}", a.fetched_epoch)));
  }
  void claim(Uuid topic, int32_t partition, int32_t epoch, const NodeEvent& note,
             const std::string& subject) {
    const auto [it, fresh] = leader_of_.try_emplace({topic, partition, epoch}, note.node);
    if (!fresh && it->second != note.node) {
      cry(note.at, subject,
          fmt::format("brokers {} and {} both led in epoch {}", it->second, note.node, epoch));
    }
  }

  std::map<std::tuple<Uuid, int32_t, int32_t>, int32_t> leader_of_;
  std::map<std::tuple<int32_t, Uuid, int32_t>, Role> roles_;
};

}  // namespace

std::unique_ptr<Checker> make_one_appender(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<OneAppender>(view, verdicts);
}

}  // namespace ksim::sim
