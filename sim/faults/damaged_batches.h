#pragma once
// Bytes of batches that are not on the disk what was written, for as long as a fault lasts: what bit_rot and
// misdirected_write have in common. The page cache shows what the disk holds. At the end a scrub puts
// right what still is as it was damaged.

#include <memory>
#include <string>
#include <vector>

#include "sim/faults/fault.h"

namespace ksim::sim {

// The records of a batch, behind its header, all of them durable as they stand.
struct DurableRecords {
  std::string path;
  std::shared_ptr<FileNode> file;
  int64_t base_offset = 0;
  uint64_t from = 0;  // in the file
  uint64_t to = 0;
};

// Of all batches in the files whose path contains `part`, but not in those of the metadata log: a voter's own
// log is what it must not lose.
std::vector<DurableRecords> durable_records(Image& image, const std::string& part);

class Damaged final : public ActiveFault {
 public:
  explicit Damaged(FaultStage& stage) : stage_(stage) {}
  // From now on `bad` stands there. Returns the words for it: "orders-0/0.log at 1234 (batch 17)".
  std::string damage(SimNode& node, const DurableRecords& where, uint64_t from, Bytes bad);
  size_t count() const { return places_.size(); }
  std::string end(FaultStage& stage) override;

 private:
  struct Place {
    SimNode* node;
    uint64_t number;  // of the image's damage
  };
  FaultStage& stage_;
  std::vector<Place> places_;
};

}  // namespace ksim::sim
