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

int traced_run(const Plan& plan, const host::ScenarioCommand& command, bool scrambled,
               const std::function<std::string(RunSummary&)>& words, host::Outlet& outlet) {
  if (scrambled) host::scramble_allocations();
  RunMemory memory(scrambled ? kStackPattern : 0);
  TraceWriter writer([&](Bytes bytes) { outlet.write(bytes); });
  const RunRequest request{!command.no_faults, !command.no_checkers, false, &writer};
  RunSummary summary = run_guarded(plan, request, memory);
  writer.end(summary.digest, words(summary));
  return exit_code(summary);
}

}  // namespace

Verified verify(const Plan& plan, const host::ScenarioCommand& command,
                const std::function<std::string(RunSummary&)>& words) {
  host::Child first([&](host::Outlet& outlet) { return traced_run(plan, command, false, words, outlet); });
  host::Child second([&](host::Outlet& outlet) { return traced_run(plan, command, true, words, outlet); });
  host::Child* children[] = {&first, &second};
  TraceComparison comparison;
  while (const auto side = comparison.wants()) {
    const Bytes bytes = children[*side]->read();
    if (bytes.empty()) {
      return {kSimulatorFault,
              fmt::format("the {} run of --verify ended in the middle (code {})",
                          *side == 0 ? "first" : "second", children[*side]->wait()),
              {}};
    }
    comparison.side(*side).feed(bytes);
  }
  if (!comparison.difference().empty()) {
    std::string what = "not deterministic: " + comparison.difference();
    while (what.ends_with('\n')) what.pop_back();
    return {kSimulatorFault, std::move(what), {}};
  }
  const int code = first.wait();
  if (second.wait() != code)
    return {kSimulatorFault, "the two runs of --verify came to different verdicts", {}};
  return {code, {}, comparison.side(0).outcome()};
}

int run_verify(const Plan& plan, const Lineage& lineage, const Source& source,
               const host::ScenarioCommand& command) {
  const Verified verified = verify(plan, command, [&](RunSummary& summary) {
    summary.repeat = repeat_command(command, source, lineage);
    report_fault(summary);
    summary.verified = true;  // it is shown only if that is so
    return show(summary, command);
  });
  if (!verified.difference.empty()) {
    host::write_error(fmt::format("ksim: seed {}: {}\n", to_string(lineage), verified.difference));
    return verified.code;
  }
  host::write_out(verified.outcome);
  return verified.code;
}

}  // namespace ksim::sim
