#pragma once
// What shells need to complete kctl's command line.

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace ksim::kctl {

// One command: "topic create", its options ("--partitions", "-p") and the commands under it.
struct CompletedCommand {
  std::string path;
  std::string about;
  std::vector<std::string> options;
  std::vector<std::string> commands;
  bool takes_topics = false;
};
std::vector<CompletedCommand> completed_commands(const CLI::App& kctl);

// A script for "bash", "zsh" or "fish".
std::string completion_script(std::string_view shell, const std::vector<CompletedCommand>& commands);

}  // namespace ksim::kctl
