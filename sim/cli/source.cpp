#include <algorithm>

#include <fmt/format.h>

#include "sim/cli/commands.h"
#include "sim/faults/all.h"
#include "sim/host/files.h"
#include "sim/plan/words.h"

namespace ksim::sim {

Result<Plan> Source::plan(uint64_t seed) const {
  const Vocabulary words = fault_vocabulary();
  return is_plan ? parse_plan(text, name, settings, words) : draw_plan(text, name, seed, settings, words);
}

std::vector<std::string> scenario_names() {
  std::vector<std::string> names = host::list_files(KSIM_SCENARIO_DIR, ".toml");
  for (std::string& name : names) name.resize(name.size() - 5);
  return names;
}

std::string scenario_path(const std::string& name) {
  return fmt::format("{}/{}.toml", KSIM_SCENARIO_DIR, name);
}

Result<Source> load_source(const host::ScenarioCommand& command) {
  Source source;
  for (const auto& [key, value] : command.settings) source.settings.push_back({key, value});
  const std::string& wanted = command.scenario;
  std::string path;
  if (!command.plan_file.empty()) {
    source.is_plan = true;
    path = source.name = command.plan_file;
  } else if (wanted.find('/') != std::string::npos || wanted.ends_with(".toml")) {
    path = source.name = wanted;
  } else {
    const std::vector<std::string> names = scenario_names();
    if (std::find(names.begin(), names.end(), wanted) == names.end()) {
      const std::optional<std::string> near = nearest(wanted, names);
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("no scenario \"{}\"{}", wanted,
                                                          near ? fmt::format("; did you mean \"{}\"?", *near)
                                                               : "; see ksim list scenarios"));
    }
    path = scenario_path(wanted);
    source.name = wanted;
  }
  TRY_ASSIGN(source.text, host::read_text(path));
  return source;
}

std::string repeat_command(const host::ScenarioCommand& command) {
  std::string text = "scripts/ksim scenario ";
  text += command.plan_file.empty() ? command.scenario : "--plan " + command.plan_file;
  for (const auto& [key, value] : command.settings) {
    const std::string setting = key + "=" + value;
    const bool plain = setting.find_first_of(" \"'\\$`") == std::string::npos;
    text += " --set " + (plain ? setting : "'" + setting + "'");
  }
  if (command.no_faults) text += " --no-faults";
  if (command.no_checkers) text += " --no-checkers";
  return text;
}

}  // namespace ksim::sim
