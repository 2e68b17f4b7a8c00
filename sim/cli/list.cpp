#include <fmt/format.h>

#include "core/base/hooks.h"
#include "sim/checkers/all.h"
#include "sim/cli/commands.h"
#include "sim/faults/all.h"
#include "sim/host/files.h"
#include "sim/host/terminal.h"
#include "sim/plan/words.h"
#include "sim/truth/cluster_view.h"
#include "sim/truth/predicates.h"
#include "sim/workloads/all.h"

namespace ksim::sim {
namespace {

class NoDisks final : public DiskPeek {
 public:
  std::vector<std::string> list(int32_t, std::string_view, Layer) const override { return {}; }
  std::optional<uint64_t> size(int32_t, std::string_view, Layer) const override { return std::nullopt; }
  size_t read(int32_t, std::string_view, uint64_t, MutableBytes, Layer) const override { return 0; }
};

std::string row(std::string_view name, std::string_view text) {
  return fmt::format("{:<26} {}\n", name, text);
}

std::string scenarios() {
  std::string out;
  std::vector<std::string> names = scenario_names();
  for (std::string& name : matrix_scenario_names()) names.push_back(std::move(name));
  for (const std::string& name : names) {
    std::string about;
    if (const Result<std::string> text = host::read_text(scenario_path(name)); text.ok()) {
      const Result<Plan> plan = draw_plan(*text, name, 1, {}, plan_vocabulary());
      about = plan.ok() ? plan->about : "cannot be read: " + plan.error().message;
    }
    out += row(name, about);
  }
  return out;
}

std::string faults() {
  std::string out;
  for (const FaultKind& kind : fault_kinds()) {
    std::string words(kind.text);
    if (!kind.parameters.empty()) words += fmt::format(" [{}]", fmt::join(kind.parameters, ", "));
    out += row(kind.name, words);
  }
  return out;
}

std::string workloads() {
  std::string out;
  for (const WorkloadKind& kind : workload_kinds()) {
    std::string words(kind.text);
    std::string parameters;
    for (const WorkloadParameter& parameter : kind.parameters)
      parameters += fmt::format("{}{}", parameters.empty() ? "" : ", ", parameter.name);
    if (!parameters.empty()) words += fmt::format(" [{}]", parameters);
    out += row(kind.name, words);
  }
  return out;
}

std::string checkers() {
  std::string out;
  for (const auto& [code, text] : checker_words()) out += row(code, text);
  return out;
}

std::string marks() {
  std::string out;
  for (size_t i = 0; i < kMarkCount; ++i) {
    out += row(mark_name(static_cast<Mark>(i)), mark_text(static_cast<Mark>(i)));
  }
  return out;
}

std::string predicates() {
  std::string out;
  for (size_t i = 0; i < kPredicateCount; ++i) {
    out += row(predicate_name(static_cast<Predicate>(i)), predicate_text(static_cast<Predicate>(i)));
  }
  return out;
}

std::string sites() {
  std::string out;
  for (size_t i = 0; i < kSiteCount; ++i) {
    out += row(site_name(static_cast<Site>(i)), site_text(static_cast<Site>(i)));
  }
  return out;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> checker_words() {
  const NoDisks disks;
  PartitionNames names;
  const ClusterView view(disks, names);
  Verdicts verdicts;
  std::vector<std::pair<std::string, std::string>> words;
  for (const CheckerKind& kind : checker_kinds())
    words.emplace_back(kind.code, kind.make(view, verdicts)->text());
  return words;
}

int list_things(const host::ListCommand& command) {
  struct What {
    const char* name;
    std::string (*text)();
  };
  constexpr What kWhats[] = {{"scenarios", scenarios}, {"faults", faults}, {"workloads", workloads},
                             {"checkers", checkers},   {"marks", marks},   {"predicates", predicates},
                             {"sites", sites}};
  std::vector<std::string> known;
  for (const What& what : kWhats) {
    if (command.what.empty()) {
      host::write_out(fmt::format("{}{}\n{}", known.empty() ? "" : "\n", what.name, what.text()));
    } else if (command.what == what.name) {
      host::write_out(what.text());
      return kHolds;
    }
    known.emplace_back(what.name);
  }
  if (command.what.empty()) return kHolds;
  return refuse(fmt::format("ksim list {}: there are {}{}", command.what, fmt::join(known, ", "),
                            did_you_mean(command.what, known)));
}

}  // namespace ksim::sim
