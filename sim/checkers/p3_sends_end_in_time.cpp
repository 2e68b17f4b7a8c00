// P3: a producer tells what became of a send within max.block.ms and delivery.timeout.ms (KIP-91), however
// many attempts it makes.

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

constexpr Duration kToTell = seconds(1);

class SendsEndInTime final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "P3"; }
  std::string_view text() const override {
    return "a send ends within max.block.ms and delivery.timeout.ms, whatever it ends with";
  }

  void on_session(const ProducerSession& session) override { patience_[session.session] = session.patience; }

  void on_send_completed(const SendOp& op) override {
    const auto patience = patience_.find(op.session);
    if (!view_.clients_keep_time || patience == patience_.end() || patience->second.ns == 0) return;
    const Duration took = op.completed - op.invoked;
    if (took <= patience->second + kToTell) return;
    cry(op.completed, to_string(view_.names().name(op.partition)),
        fmt::format(
            "record {:016x} was sent at {} ms and had its answer {} ms later, though its producer waits for "
            "{} ms at most",
            op.record, op.invoked.ms(), took.ms(), patience->second.ms()),
        op.record);
  }

 private:
  std::map<uint32_t, Duration> patience_;  // by session
};

}  // namespace

std::unique_ptr<Checker> make_sends_end_in_time(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<SendsEndInTime>(view, verdicts);
}

}  // namespace ksim::sim
