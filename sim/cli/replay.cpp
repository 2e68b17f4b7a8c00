// ksim replay: a run played once more, to look at it.

#include "sim/replay/replay.h"

#include <fmt/format.h>

#include "sim/cli/trials.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"
#include "sim/ping/ping_run.h"
#include "sim/plan/words.h"
#include "sim/replay/split.h"
#include "sim/verify/trace.h"

namespace ksim::sim {
namespace {

std::map<int32_t, std::string> node_names(const Plan& plan) {
  std::map<int32_t, std::string> names;
  for (const NodePlan& node : plan.cluster.nodes) names[node.id] = machine_name(node);
  return names;
}

// Brokers, controllers, and clients of every kind.
std::vector<std::string> machines_of(const Plan& plan) {
  std::vector<std::string> names{"admin"};
  for (const auto& [id, name] : node_names(plan)) names.push_back(name);
  const auto all = [&](const auto& clients) {
    for (const auto& client : clients) names.push_back(client.name);
  };
  all(plan.producers);
  all(plan.consumers);
  all(plan.raw_drivers);
  all(plan.admins);
  all(plan.workloads);
  return names;
}

std::vector<std::string> partitions_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const TopicPlan& topic : plan.topics) {
    for (int32_t p = 0; p < topic.partitions; ++p) names.push_back(fmt::format("{}-{}", topic.name, p));
  }
  return names;
}

Result<ReplayOptions> options_of(const host::ReplayCommand& command, const Plan& plan) {
  const auto bad = [](const std::string& option, const std::string& why) {
    return fail(ErrorCode::INVALID_REQUEST, option + ": " + why);
  };
  ReplayOptions options;
  options.json = command.json;
  options.print = host::write_out;
  if (command.until) {
    const std::optional<Duration> until = parse_duration(*command.until);
    if (!until)
      return bad("--until " + *command.until, "expected a moment of the run, such as 12.4s or 900ms");
    options.until = Instant{} + *until;
  }
  if (command.broken) {
    auto condition = parse_condition(*command.broken, partitions_of(plan));
    if (!condition.ok()) return bad("--break", condition.error().message);
    options.stop_at = *condition;
  }
  for (const std::string& text : command.logs) {
    auto follow = parse_follow(text, machines_of(plan));
    if (!follow.ok()) return bad("--log " + text, follow.error().message);
    options.follow.push_back(*follow);
  }
  options.state = command.print.empty();
  for (const std::string& what : command.print) {
    if (what == "log" && command.logs.empty()) options.follow.push_back({"all", "", LogLevel::info});
    if (what == "messages") options.messages = true;
    if (what == "state") options.state = true;
  }
  return options;
}

// What the nodes of a run tell, line by line, and what its simulator did.
struct Told {
  std::vector<std::string> lines;
  ByteBuffer trace;
  RunSummary summary;
};

Told told_by(const Plan& plan, RunMemory& memory) {
  Told told;
  ReplayOptions options;
  options.follow.push_back({"all", "", LogLevel::debug});
  options.messages = true;
  options.state = false;
  options.last = 0;
  options.print = [&](std::string_view text) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    std::string& line = told.lines.emplace_back();
    for (const char c : text) {  // of columns there are two already
      if (c != ' ' || (!line.empty() && line.back() != ' ')) line.push_back(c);
    }
  };
  Replay replay(std::move(options), node_names(plan));
  TraceWriter writer([&](Bytes bytes) { told.trace.insert(told.trace.end(), bytes.begin(), bytes.end()); });
  RunRequest request;
  request.trace = &writer;
  request.watcher = &replay;
  told.summary = run_guarded(plan, request, memory);
  writer.end(told.summary.digest, "");
  while (!told.lines.empty() && told.lines.back().starts_with("digest")) told.lines.pop_back();
  return told;
}

int compare(const Plan& first, const host::ReplayCommand& command) {
  host::RunChoice other;
  other.plan_file = command.diff;
  const Result<Plan> second = chosen_plan(other);
  if (!second.ok()) return refuse("--diff " + second.error().message);
  RunMemory memory;
  const Told a = told_by(first, memory), b = told_by(*second, memory);
  for (const Told* one : {&a, &b}) {
    report_fault(one->summary);
    if (!one->summary.simulator_fault.empty()) return kSimulatorFault;
  }
  TraceComparison traces;
  traces.side(0).feed(a.trace);
  traces.side(1).feed(b.trace);
  traces.wants();
  const Split split = split_of(a.lines, b.lines);
  if (command.json) {
    const nlohmann::ordered_json out{{"differs", split.differs || !traces.difference().empty()},
                                     {"same_lines", split.at},
                                     {"before", split.before},
                                     {"first", split.first},
                                     {"second", split.second},
                                     {"simulator", traces.difference()}};
    host::write_out(out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    return kHolds;
  }
  if (!split.differs && traces.difference().empty()) {
    host::write_out(fmt::format("the same, event for event: digest {:016x}\n", a.summary.digest));
    return kHolds;
  }
  if (split.differs) {
    host::write_out(fmt::format("{} things that nodes, clients and messages did are the same, then\n{}\n",
                                split.at, side_by_side(split, host::columns(1))));
  }
  host::write_out("In the simulator " + traces.difference());
  return kHolds;
}

}  // namespace

int run_replay(const host::ReplayCommand& command) {
  const Result<Plan> plan = chosen_plan(command.run);
  if (!plan.ok()) return refuse(plan.error().message);
  if (plan->scenario == kPingScenario) return refuse("ping has no cluster to look at");
  host::keep_memory();
  if (command.diff) return compare(*plan, command);
  Result<ReplayOptions> options = options_of(command, *plan);
  if (!options.ok()) return refuse(options.error().message);
  const bool cut = options->until || options->stop_at;
  Replay replay(std::move(*options), node_names(*plan));
  RunRequest request;
  request.watcher = &replay;
  RunMemory memory;
  const RunSummary summary = run_guarded(*plan, request, memory);
  report_fault(summary);
  if (!summary.simulator_fault.empty()) return kSimulatorFault;
  if (command.broken && !replay.stopped()) {
    return refuse(fmt::format("--break '{}' did not happen: {} times until the end at {:.3f} s",
                              *command.broken, replay.seen(), static_cast<double>(summary.ended.ns) / 1e9));
  }
  return cut ? kHolds : exit_code(summary);
}

}  // namespace ksim::sim
