// clock_step: the wall clock jumps by `by`, forward or ("-10s") back, and is put right again when the fault
// ends. Nothing that waits notices: waiting goes by the monotonic clock.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/plan/words.h"

namespace ksim::sim {
namespace {

class Stepped final : public ActiveFault {
 public:
  Stepped(std::vector<SimNode*> nodes, Duration by) : nodes_(std::move(nodes)), by_(by) { step(by_); }
  std::string end(FaultStage&) override {
    step({-by_.ns});
    return "put right";
  }

 private:
  void step(Duration by) {
    for (SimNode* node : nodes_) node->clock().step_wall(by);
  }
  std::vector<SimNode*> nodes_;
  Duration by_;
};

Began begin_clock_step(FaultStage&, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  const std::string text = parameter(plan, "by", std::string("1h"));
  const bool back = text.starts_with("-");
  const Duration by = parse_duration(back ? text.substr(1) : text).value_or(seconds(3600));
  return {std::make_unique<Stepped>(targets, Duration{back ? -by.ns : by.ns}),
          fmt::format("wall clock of {} jumped {} by {}", join_names(targets), back ? "back" : "forward",
                      format_duration(by))};
}

}  // namespace

FaultKind clock_step_fault() {
  return {"clock_step", "the wall clock jumps by `by` (\"1h\", \"-10s\") and is put right at the end",
          {"by"},       begin_clock_step,
          false,        true};
}

}  // namespace ksim::sim
