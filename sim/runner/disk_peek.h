#pragma once
// The disks of a simulated world as the checkers read them.

#include <map>

#include "sim/truth/replica_truth.h"
#include "sim/world.h"

namespace ksim::sim {

class WorldPeek final : public DiskPeek {
 public:
  void add(int32_t node, SimNode& machine) { nodes_[node] = &machine; }

  std::vector<std::string> list(int32_t node, std::string_view directory, Layer layer) const override;
  std::optional<uint64_t> size(int32_t node, std::string_view path, Layer layer) const override;
  size_t read(int32_t node, std::string_view path, uint64_t offset, MutableBytes into,
              Layer layer) const override;
  bool was_damaged(int32_t node, std::string_view path, uint64_t offset, uint64_t size_bytes) const override;

 private:
  InodeRef find(int32_t node, std::string_view path, Layer layer) const;  // null: nothing there
  std::map<int32_t, SimNode*> nodes_;
};

}  // namespace ksim::sim
