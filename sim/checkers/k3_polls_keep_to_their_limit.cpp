// K3: a poll hands out at most max.poll.records (KIP-41).

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class PollsKeepToTheirLimit final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "K3"; }
  std::string_view text() const override { return "a poll hands out at most max.poll.records"; }

  void on_reader_call(const ReaderCall& call) override {
    if (!call.completed || call.most == 0 || call.handed <= call.most) return;
    cry(*call.completed, fmt::format("consumer {}", call.consumer),
        fmt::format("a poll handed out {} records, and max.poll.records is {}", call.handed, call.most));
  }
};

}  // namespace

std::unique_ptr<Checker> make_polls_keep_to_their_limit(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<PollsKeepToTheirLimit>(view, verdicts);
}

}  // namespace ksim::sim
