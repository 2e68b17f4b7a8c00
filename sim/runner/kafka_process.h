#pragma once
// A broker or controller of the real code as the process of a simulated machine.

#include <memory>
#include <string>
#include <vector>

#include "sim/world.h"

namespace ksim::sim {

std::unique_ptr<Process> make_kafka_process(const std::string& properties, const std::string& limits,
                                            const std::vector<Env*>& shards);

}  // namespace ksim::sim
