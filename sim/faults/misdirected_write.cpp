// misdirected_write: while the fault lasts, one write of the machine goes to another place of its disk, and
// is told as done. Some sectors of a batch that has just become durable keep what stood there before (the
// file was new there: zeros), and stand in the middle of another, older batch, of the same log or of another
// one. It hits only whole sectors within the records of a batch, at both places, and shows as soon as it has
// happened: nobody reads the good bytes from a cache.

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "sim/faults/all.h"
#include "sim/faults/damaged_batches.h"

namespace ksim::sim {
namespace {

constexpr Duration kLook = milliseconds(100);
constexpr uint64_t kSector = Image::kSectorBytes;
constexpr uint64_t kMostSectors = 4;

// Whole sectors within the records.
struct Sectors {
  uint64_t from = 0;
  uint64_t count = 0;
};
Sectors sectors_in(const DurableRecords& records) {
  const uint64_t from = (records.from + kSector - 1) / kSector * kSector;
  return {from, records.to > from ? (records.to - from) / kSector : 0};
}

class Misdirected final : public ActiveFault {
 public:
  Misdirected(FaultStage& stage, SimNode& node, std::string part, uint64_t key)
      : stage_(stage), node_(node), part_(std::move(part)), key_(key), damaged_(stage) {
    for (const DurableRecords& records : look()) ends_[records.file->key] = records.to;
  }
  // The machine may die and start again meanwhile: its disk is the same.
  static void watch(const std::shared_ptr<Misdirected*>& self, Duration delay) {
    World& world = (*self)->stage_.world();
    world.at(world.now() + delay, mix64((*self)->key_, (*self)->looks_++), [self] {
      if (*self != nullptr && !(*self)->strike()) watch(self, kLook);
    });
  }
  void keep(std::shared_ptr<Misdirected*> self) { self_ = std::move(self); }

  std::string end(FaultStage& stage) override {
    *self_ = nullptr;
    if (what_.empty()) return "no write of whole sectors came by";
    return what_ + "; " + damaged_.end(stage);
  }

 private:
  std::vector<DurableRecords> look() const { return durable_records(node_.device().image(), part_); }

  // True if a write has been struck.
  bool strike() {
    const std::vector<DurableRecords> all = look();
    std::vector<const DurableRecords*> fresh;
    std::vector<const DurableRecords*> others;
    for (const DurableRecords& records : all) {
      if (sectors_in(records).count == 0) continue;
      const auto known = ends_.find(records.file->key);
      (known == ends_.end() || records.from >= known->second ? fresh : others).push_back(&records);
    }
    if (fresh.empty() || others.empty()) return false;
    const DurableRecords& meant = *fresh[mix64(key_, 1) % fresh.size()];
    const DurableRecords& hit = *others[mix64(key_, 2) % others.size()];
    const Sectors from = sectors_in(meant);
    const Sectors to = sectors_in(hit);
    const uint64_t count = 1 + mix64(key_, 3) % std::min({from.count, to.count, kMostSectors});
    const uint64_t at = from.from + mix64(key_, 4) % (from.count - count + 1) * kSector;
    const uint64_t there = to.from + mix64(key_, 5) % (to.count - count + 1) * kSector;
    ByteBuffer bytes(count * kSector);
    meant.file->content.read(at, bytes);
    what_ = fmt::format("a write went astray: {}", damaged_.damage(node_, hit, there, bytes));
    what_ += fmt::format(" are those of {}", damaged_.damage(node_, meant, at, ByteBuffer(bytes.size(), 0)));
    return true;
  }

  FaultStage& stage_;
  SimNode& node_;
  std::string part_;
  uint64_t key_;
  Damaged damaged_;
  std::map<uint64_t, uint64_t> ends_;  // of what was durable when the fault began, by file
  uint64_t looks_ = 0;
  std::string what_;
  std::shared_ptr<Misdirected*> self_;
};

Began begin_misdirected_write(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                              uint64_t key) {
  SimNode& node = *targets[mix64(key, 0) % targets.size()];
  auto fault = std::make_unique<Misdirected>(stage, node, parameter(plan, "path", std::string(".log")), key);
  auto self = std::make_shared<Misdirected*>(fault.get());
  fault->keep(self);
  Misdirected::watch(self, kLook);
  return {std::move(fault), fmt::format("{} will misdirect a write", node.name())};
}

}  // namespace

FaultKind misdirected_write_fault() {
  return {
      "misdirected_write",
      "sectors of a log of a partition (`path`) are written into another batch of the disk; mended at the "
      "end",
      {"path"},
      begin_misdirected_write,
      true};
}

}  // namespace ksim::sim
