// K2: the leader epoch that a client believes for a (topic id, partition) never decreases.

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class EpochNeverBack final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "K2"; }
  std::string_view text() const override { return "the leader epoch that a client believes never decreases"; }

  void on_belief(const LeaderBelief& belief) override {
    int32_t& known = epoch_.try_emplace({belief.client, belief.partition}, -1).first->second;
    if (belief.leader_epoch < known) {
      cry(belief.at, to_string(view_.names().name(belief.partition)),
          fmt::format("client {} believed epoch {} and went back to {}", belief.client, known,
                      belief.leader_epoch));
    }
    known = belief.leader_epoch;
  }

 private:
  std::map<std::pair<uint32_t, PartitionId>, int32_t> epoch_;
};

}  // namespace

std::unique_ptr<Checker> make_epoch_never_back(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<EpochNeverBack>(view, verdicts);
}

}  // namespace ksim::sim
