#pragma once
// A broker or controller of the real code as the process of a simulated machine.

#include <memory>
#include <string>
#include <vector>

#include "core/base/limits.h"
#include "sim/world.h"

namespace ksim::sim {

std::unique_ptr<Process> make_kafka_process(const std::string& properties, const Limits& limits,
                                            const std::vector<Env*>& shards);

}  // namespace ksim::sim
