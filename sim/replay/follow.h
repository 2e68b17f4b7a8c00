#pragma once
// Whose log lines and events a replay shows.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/events.h"
#include "core/base/result.h"

namespace ksim::sim {

enum class Level : uint8_t { debug, info, warn, error };
std::string_view level_name(Level level);

// As a node in production has them in its log: what every batch causes is of level debug.
Level level_of(const Event& event);
std::string_view component_of(const Event& event);
// "epoch=3 leader_id=1": the fields of an event, those of `subject` left out (sim/history/recorder.h).
std::string fields_of(const Event& event);

// "broker-2:replica=debug": of this machine and component, from this level on.
struct Follow {
  std::string machine;    // "all": of each
  std::string component;  // empty: of each
  Level level = Level::info;

  bool wants(std::string_view of_machine, std::string_view of_component, Level at_level) const {
    return (machine == "all" || machine == of_machine) && (component.empty() || component == of_component) &&
           at_level >= level;
  }
};
// `machines`: those of the plan. Errors: INVALID_REQUEST.
Result<Follow> parse_follow(std::string_view text, const std::vector<std::string>& machines);

}  // namespace ksim::sim
