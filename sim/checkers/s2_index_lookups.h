#pragma once
// Whether lookups through a segment's sparse indexes find what a scan of its batches finds. Which batches
// have an entry is the log's own affair (rule A28); where an entry leads is not.

#include <string>

#include "core/base/log_knowledge.h"
#include "sim/truth/replica_truth.h"

namespace ksim::sim {

// Indexes that are not in memory are read from the node's disk. Empty: every
// lookup is right; else which one is not.
std::string lookups_differ(const LogFacts::Indexes& indexes, const ReplicaTruth& log, const DiskPeek& disks);

}  // namespace ksim::sim
