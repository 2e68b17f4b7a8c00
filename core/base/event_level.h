#pragma once
// How an event stands in a log: what every batch causes is of level debug; the module is the part of a node
// that tells it.

#include <cstdint>
#include <string_view>

#include "core/base/events.h"

namespace ksim {

enum class LogLevel : int8_t { debug = 0, info = 1, warn = 2, error = 3 };

LogLevel event_level(const Event& event);
std::string_view event_module(const Event& event);

}  // namespace ksim
