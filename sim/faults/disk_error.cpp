// disk_error: every read, write or sync fails with EIO, or all of them. A failed sync has dropped the dirty
// pages of its file: they still show in the page cache and never reach the disk.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/disk_trouble.h"

namespace ksim::sim {
namespace {

Began begin_disk_error(FaultStage&, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  const std::string what = parameter(plan, "what", std::string("sync"));
  const std::string path = parameter(plan, "path", std::string());
  DiskTrouble trouble;
  const bool all = what == "all";
  trouble.failing.push_back({path, all || what == "read", all || what == "write", all || what == "sync"});
  return {std::make_unique<DiskTroubled>(targets, [&](SimNode&) { return trouble; }),
          fmt::format("disk of {} fails at every {}{}", join_names(targets), all ? "access" : what,
                      path.empty() ? "" : fmt::format(" of paths with \"{}\"", path))};
}

}  // namespace

FaultKind disk_error_fault() {
  return {"disk_error",
          "the disk fails with EIO: what = \"read\", \"write\", \"sync\" (dirty pages are dropped) or "
          "\"all\", at paths that contain `path`",
          {"what", "path"},
          begin_disk_error};
}

}  // namespace ksim::sim
