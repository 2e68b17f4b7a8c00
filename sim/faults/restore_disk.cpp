// restore_disk: when the fault ends the machine's disk is put back to what was durable when it began, as an
// operator does with a snapshot of a volume. Then it is started.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

class Restored final : public ActiveFault {
 public:
  explicit Restored(const std::vector<SimNode*>& nodes) {
    for (SimNode* node : nodes) copies_.emplace_back(node, node->device().image().copy_durable());
  }
  std::string effect() const {
    std::string text;
    for (const auto& [node, copy] : copies_) {
      text += fmt::format("{}a snapshot of the disk of {}: {} bytes in {} files", text.empty() ? "" : "; ",
                          node->name(), copy.bytes, copy.files.size());
    }
    return text;
  }
  std::string end(FaultStage& stage) override {
    std::string text;
    for (const auto& [node, copy] : copies_) {
      const uint64_t before = node->device().image().used_bytes();
      stage.replace_disk(*node, copy);
      stage.start(*node);
      text += fmt::format("{}{} has its snapshot of {} bytes in place of a disk with {}",
                          text.empty() ? "" : "; ", node->name(), copy.bytes, before);
    }
    return text;
  }

 private:
  std::vector<std::pair<SimNode*, DiskCopy>> copies_;
};

Began begin_restore_disk(FaultStage&, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  auto restored = std::make_unique<Restored>(targets);
  std::string effect = restored->effect();
  return {std::move(restored), std::move(effect)};
}

}  // namespace

FaultKind restore_disk_fault() {
  return {
      "restore_disk",
      "at its end the machine's disk is put back to what was durable at its begin, and the machine started",
      {},
      begin_restore_disk,
      true};
}

}  // namespace ksim::sim
