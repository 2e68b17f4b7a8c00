#include "sim/replay/follow.h"

#include <algorithm>
#include <array>
#include <concepts>

#include <fmt/format.h>

#include "core/base/nearest.h"

namespace ksim::sim {
namespace {

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 5> kSubjects{"topic", "topic_id", "partition", "log", "directory"};
// Parts of a node and of a client that tell something, and what a replay tells itself.
constexpr std::array<std::string_view, 16> kComponents{
    "broker",   "checker", "client",    "config",   "controller", "fault",   "mark", "message",
    "metadata", "node",    "predicate", "producer", "raft",       "replica", "rpc",  "storage"};

struct Fields {
  std::string& out;
  void operator()(std::string_view name, std::string_view value) { put(name, value); }
  void operator()(std::string_view name, bool value) { put(name, value ? "true" : "false"); }
  void operator()(std::string_view name, std::integral auto value) { put(name, std::to_string(value)); }
  void operator()(std::string_view name, const Uuid& value) { put(name, value.to_string()); }
  void operator()(std::string_view name, Replicas ids) {
    put(name, fmt::format("[{}]", fmt::join(ids, ",")));
  }
  void put(std::string_view name, std::string_view value) {
    if (std::find(kSubjects.begin(), kSubjects.end(), name) != kSubjects.end()) return;
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, value);
  }
};

Failure<Error> no_follow(std::string what) { return fail(ErrorCode::INVALID_REQUEST, std::move(what)); }

}  // namespace

std::string_view level_name(LogLevel level) { return kLevels[static_cast<size_t>(level)]; }

std::string fields_of(const Event& event) {
  if (const auto* line = std::get_if<LogLine>(&event)) return std::string(line->text);
  std::string text;
  std::visit([&](const auto& e) { e.fields(Fields{text}); }, event);
  return text;
}

Result<Follow> parse_follow(std::string_view text, const std::vector<std::string>& machines) {
  Follow follow;
  if (const size_t equals = text.rfind('='); equals != std::string_view::npos) {
    const std::string_view level = text.substr(equals + 1);
    const auto found = std::find(kLevels.begin(), kLevels.end(), level);
    if (found == kLevels.end())
      return no_follow(fmt::format("level \"{}\": there are debug, info, warn and error", level));
    follow.level = static_cast<LogLevel>(found - kLevels.begin());
    text = text.substr(0, equals);
  }
  const size_t colon = text.find(':');
  follow.machine = text.substr(0, colon);
  if (colon != std::string_view::npos) follow.component = text.substr(colon + 1);
  const std::vector<std::string> named(kComponents.begin(), kComponents.end());
  if (colon != std::string_view::npos &&
      std::find(named.begin(), named.end(), follow.component) == named.end()) {
    return no_follow(fmt::format("no component \"{}\": there are {}{}", follow.component,
                                 fmt::join(named, ", "), did_you_mean(follow.component, named)));
  }
  std::vector<std::string> known = machines;
  known.emplace_back("all");
  if (std::find(known.begin(), known.end(), follow.machine) == known.end())
    return no_follow(fmt::format("no machine \"{}\"{}", follow.machine, did_you_mean(follow.machine, known)));
  return follow;
}

}  // namespace ksim::sim
