// M1: an epoch of the metadata quorum has at most one leader; a voter votes for at most one candidate in an
// epoch; the epoch a node has stored never decreases. Votes and epochs are read from the quorum-state files.

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class OneQuorumLeader final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "M1"; }
  std::string_view text() const override {
    return "a quorum epoch has one leader, a voter one vote in it, and stored epochs never decrease";
  }

  void on_event(const NodeEvent& note) override {
    const auto* e = std::get_if<RaftStateChanged>(note.event);
    if (e == nullptr) return;
    if (e->state == "leader") {
      const auto [it, fresh] = leader_.try_emplace(e->epoch, note.node);
      if (!fresh && it->second != note.node) {
        cry(note.at, "__cluster_metadata-0",
            fmt::format("nodes {} and {} both led the quorum in epoch {}", it->second, note.node, e->epoch));
      }
    }
    read(note.node, note.at);
  }
  void on_node(int32_t node, NodeFault fault, Instant at) override {
    if (fault == NodeFault::wiped) {
      stored_.erase(node);
      std::erase_if(votes_, [node](const auto& vote) { return vote.first.first == node; });
    } else if (fault == NodeFault::power_lost) {
      read(node, at);
    }
  }

 private:
  void read(int32_t node, Instant at) {
    if (!view_.has_node(node)) return;
    for (const std::string& directory : view_.log_dirs(node)) {
      const std::string path = directory + "/__cluster_metadata-0/quorum-state";
      const auto size = view_.disks().size(node, path, DiskPeek::Layer::cached);
      if (!size) continue;
      std::string text(*size, ' ');
      const size_t n = view_.disks().read(
          node, path, 0, {reinterpret_cast<uint8_t*>(text.data()), text.size()}, DiskPeek::Layer::cached);
      text.resize(n);
      const auto json = nlohmann::json::parse(text, nullptr, false);
      if (json.is_discarded()) continue;
      judge(node, json.value("leaderEpoch", -1), json.value("votedId", -1), at);
    }
  }
  void judge(int32_t node, int32_t epoch, int32_t voted, Instant at) {
    const std::string subject = fmt::format("node {}", node);
    int32_t& stored = stored_.try_emplace(node, -1).first->second;
    if (epoch < stored)
      cry(at, subject, fmt::format("its stored epoch went back from {} to {}", stored, epoch));
    stored = epoch;
    if (voted < 0) return;
    const auto [it, fresh] = votes_.try_emplace({node, epoch}, voted);
    if (!fresh && it->second != voted) {
      cry(at, subject, fmt::format("it voted for {} and for {} in epoch {}", it->second, voted, epoch));
    }
  }

  std::map<int32_t, int32_t> leader_;
  std::map<int32_t, int32_t> stored_;
  std::map<std::pair<int32_t, int32_t>, int32_t> votes_;
};

}  // namespace

std::unique_ptr<Checker> make_one_quorum_leader(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<OneQuorumLeader>(view, verdicts);
}

}  // namespace ksim::sim
