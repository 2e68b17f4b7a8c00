#pragma once
// How campaigns, --verify and the command line have a plan run.

#include <functional>
#include <string>

#include "sim/digest.h"
#include "sim/memory.h"
#include "sim/observer/summary.h"
#include "sim/plan/plan.h"

namespace ksim::sim {

class ClusterView;
class RunWatcher;

struct RunRequest {
  bool faults = true;
  bool checkers = true;
  bool record = false;           // the summary brings the history along
  DigestTrace* trace = nullptr;  // told of every folded event
  // Told of every mark that a node reaches.
  std::function<void(std::string_view mark, const std::string& node, Instant at)> on_mark{};
  RunWatcher* watcher = nullptr;  // looks at the run (sim/observer/run_watcher.h)
  // Shown what is on the disks when the run is over.
  std::function<void(const ClusterView&)> at_end{};
};
using RunFunction = std::function<RunSummary(const Plan&, const RunRequest&, RunMemory&)>;

}  // namespace ksim::sim
