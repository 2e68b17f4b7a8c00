#pragma once
// A swarm in words, and what it has met.

#include <string>

#include "sim/swarm/swarm.h"

namespace ksim::sim {

// What this process added to the swarm.
struct SwarmSession {
  std::string file;
  int64_t real_ns = 0;
  uint64_t runs = 0;
};

std::string render_swarm(const Swarm& swarm, const SwarmSession& session, bool colour);
std::string render_swarm_json(const Swarm& swarm, const SwarmSession& session);

// "[#####     ] ", of so many parts of so many.
std::string progress_bar(double done, double all);
// A line of so many columns at most.
std::string cut_line(const std::string& line, size_t columns);

}  // namespace ksim::sim
