// R3: in one (partition, leader epoch) at most one broker appends as leader.

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
      leading_[{note.node, e->topic_id, e->partition}] = e->leader_epoch;
    } else if (const auto* f = std::get_if<BecameFollower>(note.event)) {
      leading_.erase({note.node, f->topic_id, f->partition});
    } else if (const auto* a = std::get_if<LogAppended>(note.event)) {
      const auto it = leading_.find({note.node, a->topic_id, a->partition});
      if (it == leading_.end()) return;
      if (a->leader_epoch != it->second) {
        cry(note.at, a->log,
            fmt::format("broker {} leads in epoch {} and appended at {} a batch of epoch {}", note.node,
                        it->second, a->base_offset, a->leader_epoch));
      }
    }
  }
  void on_node(int32_t node, NodeFault, Instant) override {
    std::erase_if(leading_, [node](const auto& entry) { return std::get<0>(entry.first) == node; });
  }

 private:
  void claim(Uuid topic, int32_t partition, int32_t epoch, const NodeEvent& note,
             const std::string& subject) {
    const auto [it, fresh] = leader_of_.try_emplace({topic, partition, epoch}, note.node);
    if (!fresh && it->second != note.node) {
      cry(note.at, subject,
          fmt::format("brokers {} and {} both led in epoch {}", it->second, note.node, epoch));
    }
  }

  std::map<std::tuple<Uuid, int32_t, int32_t>, int32_t> leader_of_;
  std::map<std::tuple<int32_t, Uuid, int32_t>, int32_t> leading_;
};

}  // namespace

std::unique_ptr<Checker> make_one_appender(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<OneAppender>(view, verdicts);
}

}  // namespace ksim::sim
