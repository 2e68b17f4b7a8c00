#pragma once
// Whose log lines and events a replay shows.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/event_level.h"
#include "core/base/result.h"

namespace ksim::sim {

std::string_view level_name(LogLevel level);
// "epoch=3 leader_id=1": the fields of an event, those of `subject` left out (sim/history/recorder.h).
std::string fields_of(const Event& event);

// "broker-2:replica=debug": of this machine and component, from this level on.
struct Follow {
  std::string machine;    // "all": of each
  std::string component;  // empty: of each
  LogLevel level = LogLevel::info;

  bool wants(std::string_view of_machine, std::string_view of_component, LogLevel at_level) const {
    return (machine == "all" || machine == of_machine) && (component.empty() || component == of_component) &&
           at_level >= level;
  }
};
// `machines`: those of the plan. Errors: INVALID_REQUEST.
Result<Follow> parse_follow(std::string_view text, const std::vector<std::string>& machines);

}  // namespace ksim::sim
