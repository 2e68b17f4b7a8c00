#pragma once
// Effects and messages as one line of text each, for transcripts.

#include <string>

#include "core/raft/effects.h"

namespace ksim::raft {

std::string describe(const DiskAction& action);
std::string describe(const Request& request);
std::string describe(const Response& response);
std::string describe(const Outward& outward);

}  // namespace ksim::raft
