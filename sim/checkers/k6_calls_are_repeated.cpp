// K6: an administrator is told of what may pass (a leader that moves, a controller that is replaced) only
// when the time that it gave the call is over: until then its client asks again (rule G76). A reader is told
// by a poll of what its application can do something about, and of nothing else.

#include <array>

#include <fmt/format.h>

#include "core/base/contains.h"
#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

constexpr auto kPassing = std::to_array<ErrorCode>(
    {ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::LEADER_NOT_AVAILABLE, ErrorCode::REPLICA_NOT_AVAILABLE,
     ErrorCode::NOT_CONTROLLER, ErrorCode::FENCED_LEADER_EPOCH, ErrorCode::UNKNOWN_LEADER_EPOCH,
     ErrorCode::OFFSET_NOT_AVAILABLE, ErrorCode::KAFKA_STORAGE_ERROR, ErrorCode::NETWORK_EXCEPTION,
     ErrorCode::NOT_ENOUGH_REPLICAS});

class CallsAreRepeated final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "K6"; }
  std::string_view text() const override {
    return "who calls is told of what may pass only when the time of the call is over";
  }

  void on_reader_call(const ReaderCall& call) override {
    if (!call.completed || call.what != "poll" || call.code != ErrorCode::UNKNOWN_SERVER_ERROR) return;
    cry(*call.completed, fmt::format("consumer {}", call.consumer),
        fmt::format("a poll ended with what its application can do nothing about: {}", call.error));
  }

  void on_admin_call(const AdminCall& call) override {
    const Duration took = call.completed - call.invoked;
    // Its clock may be fast.
    if (!contains(kPassing, call.error) || took * 2 >= call.patience) return;
    cry(call.completed, call.subject,
        fmt::format("{} of {} ended with {} after {} ms, and had {} ms", call.what, call.client,
                    to_string(call.error), took.ms(), call.patience.ms()));
  }
};

}  // namespace

std::unique_ptr<Checker> make_calls_are_repeated(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<CallsAreRepeated>(view, verdicts);
}

}  // namespace ksim::sim
