// --verify: the same plan in two processes, the second with an allocator that scrambles and stacks full of a
// pattern, compared event by event.

#include <fmt/format.h>

#include "sim/cli/commands.h"
#include "sim/host/children.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"
#include "sim/verify/trace.h"

namespace ksim::sim {
namespace {

constexpr uint8_t kStackPattern = 0xa5;

int traced_run(const Plan& plan, const host::ScenarioCommand& command, bool scrambled, host::Outlet& outlet) {
  if (scrambled) host::scramble_allocations();
  RunMemory memory(scrambled ? kStackPattern : 0);
  TraceWriter writer([&](Bytes bytes) { outlet.write(bytes); });
  const RunRequest request{!command.no_faults, !command.no_checkers, {}, &writer};
  RunSummary summary = run_guarded(plan, request, memory);
  summary.repeat = repeat_command(command);
  if (command.plan_file.empty()) summary.repeat += fmt::format(" --seed {}", plan.seed);
  writer.end(summary.digest, show(summary, command));
  return exit_code(summary);
}

}  // namespace

int run_verify(const Plan& plan, const host::ScenarioCommand& command) {
  host::Child first([&](host::Outlet& outlet) { return traced_run(plan, command, false, outlet); });
  host::Child second([&](host::Outlet& outlet) { return traced_run(plan, command, true, outlet); });
  host::Child* children[] = {&first, &second};
  TraceComparison comparison;
  while (const auto side = comparison.wants()) {
    const Bytes bytes = children[*side]->read();
    if (bytes.empty()) {
      host::write_error(fmt::format("ksim: the {} run of --verify ended in the middle (code {})\n",
                                    *side == 0 ? "first" : "second", children[*side]->wait()));
      return kSimulatorFault;
    }
    comparison.side(*side).feed(bytes);
  }
  if (!comparison.difference().empty()) {
    host::write_error("ksim: seed " + std::to_string(plan.seed) +
                      " is not deterministic: " + comparison.difference());
    return kSimulatorFault;
  }
  host::write_out(comparison.side(0).outcome());
  if (!command.json) host::write_out("verified: two processes did the same\n");
  const int code = first.wait();
  return second.wait() == code ? code : kSimulatorFault;
}

}  // namespace ksim::sim
