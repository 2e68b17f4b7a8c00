#include <algorithm>

#include <fmt/format.h>

#include "core/base/crc32c.h"
#include "core/base/hash.h"
#include "sim/cli/commands.h"
#include "sim/faults/all.h"
#include "sim/host/files.h"
#include "sim/ping/ping_run.h"
#include "sim/plan/mutate.h"
#include "sim/plan/words.h"
#include "sim/runner/check_plan.h"
#include "sim/workloads/all.h"

namespace ksim::sim {

Result<Plan> Source::plan(const Lineage& lineage) const {
  const Vocabulary words = plan_vocabulary();
  const auto draw = [&](uint64_t seed) { return draw_plan(text, name, seed, settings, words); };
  const auto why_not = [&](const Plan& plan) {
    return what_is_wrong(plan, name, plan.scenario != kPingScenario);
  };
  TRY_ASSIGN(Plan plan, is_plan ? parse_plan(text, name, settings, words) : draw(lineage.seed));
  if (const auto wrong = why_not(plan)) return fail(ErrorCode::INVALID_REQUEST, *wrong);
  for (const uint32_t mutation : lineage.mutations) {
    Plan mutated = plan;
    TRY_ASSIGN(const Plan donor, draw(mix64(lineage.seed, mutation)));
    mutate(mutated, donor, mutation, words);
    if (!why_not(mutated)) plan = std::move(mutated);
  }
  return plan;
}

std::vector<std::string> scenario_names() {
  std::vector<std::string> names = host::list_files(KSIM_SCENARIO_DIR, ".toml");
  for (std::string& name : names) name.resize(name.size() - 5);
  return names;
}

std::vector<std::string> matrix_scenario_names() {
  std::vector<std::string> names = host::list_files(KSIM_SCENARIO_DIR "/matrix", ".toml");
  for (std::string& name : names) name = "matrix/" + name.substr(0, name.size() - 5);
  return names;
}

std::string build_of_program() {
  const Result<std::string> text = host::read_text("/proc/self/exe");
  return text.ok() ? fmt::format("{:08x}", crc32c(as_bytes(*text))) : std::string("unknown");
}

std::string scenario_path(const std::string& name) {
  return fmt::format("{}/{}.toml", KSIM_SCENARIO_DIR, name);
}

Result<Lineage> typed_lineage(const std::optional<std::string>& seed) {
  if (!seed) return Lineage{};
  if (auto lineage = parse_lineage(*seed)) return std::move(*lineage);
  return fail(ErrorCode::INVALID_REQUEST,
              "--seed " + *seed +
                  ": a seed is a number from 0 to 18446744073709551615, mutations behind it are +HEX");
}

Result<Source> load_source(const host::ScenarioCommand& command) {
  Source source;
  for (const auto& [key, value] : command.settings) source.settings.push_back({key, value});
  const std::string& wanted = command.scenario;
  std::string path;
  if (command.plan_file) {
    source.is_plan = true;
    path = source.name = *command.plan_file;
  } else if (wanted.ends_with(".toml") ||
             (wanted.find('/') != std::string::npos && !wanted.starts_with("matrix/"))) {
    path = source.name = wanted;
  } else {
    std::vector<std::string> names = scenario_names();
    for (std::string& name : matrix_scenario_names()) names.push_back(std::move(name));
    if (std::find(names.begin(), names.end(), wanted) == names.end()) {
      const std::string meant = did_you_mean(wanted, names);
      return fail(
          ErrorCode::INVALID_REQUEST,
          fmt::format("no scenario \"{}\"{}", wanted, meant.empty() ? "; see ksim list scenarios" : meant));
    }
    path = scenario_path(wanted);
    source.name = wanted;
  }
  TRY_ASSIGN(source.text, host::read_text(path));
  if (!source.is_plan && names_its_seed(source.text)) {
    if (command.seed || command.seeds)
      return fail(ErrorCode::INVALID_REQUEST, source.name + ": names its own seed: it goes without --seed");
    source.is_plan = true;
  }
  return source;
}

std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,%@";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = "'";
  for (char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word.push_back(c);
    }
  }
  return word + "'";
}

std::string repeat_command(const host::ScenarioCommand& command, const Source& source,
                           const std::optional<Lineage>& seed) {
  std::string text = "scripts/ksim scenario ";
  text += command.plan_file ? "--plan " + shell_word(*command.plan_file) : shell_word(command.scenario);
  for (const auto& [key, value] : command.settings) text += " --set " + shell_word(key + "=" + value);
  if (command.no_faults) text += " --no-faults";
  if (command.no_checkers) text += " --no-checkers";
  if (seed && !source.is_plan) text += " --seed " + to_string(*seed);
  return text;
}

}  // namespace ksim::sim
