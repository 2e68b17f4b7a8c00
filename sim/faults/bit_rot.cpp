// bit_rot: bits flip at rest, in the records of batches that were durable, in the page cache as on the disk.
// Whoever checks a batch's CRC sees it: a consumer, a follower that fetches, recovery after an unclean stop.
// A leader does not look, and goes on to serve what it has.

#include <fmt/format.h>

#include "core/base/hash.h"
#include "sim/faults/all.h"
#include "sim/faults/damaged_batches.h"

namespace ksim::sim {
namespace {

constexpr uint64_t kMostBits = 8;
constexpr uint64_t kWithin = 32;  // bytes

Began begin_bit_rot(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                    uint64_t key) {
  const std::string part = parameter(plan, "path", std::string(".log"));
  const uint64_t batches = parameter(plan, "batches", uint64_t{1});
  auto damaged = std::make_unique<Damaged>(stage);
  std::string effect;
  for (SimNode* node : targets) {
    std::vector<DurableRecords> found = durable_records(node->device().image(), part);
    for (uint64_t n = 0; n < batches && !found.empty(); ++n) {
      const uint64_t bits = mix64(key, node->key(), n);
      const auto chosen = found.begin() + static_cast<ptrdiff_t>(bits % found.size());
      const DurableRecords& where = *chosen;
      const uint64_t from = where.from + mix64(bits, 1) % (where.to - where.from);
      ByteBuffer bytes(std::min(kWithin, where.to - from));
      where.file->content.read(from, bytes);
      // No bit twice: it would be as it was.
      const uint64_t flips = 1 + mix64(bits, 2) % std::min<uint64_t>(kMostBits, bytes.size());
      for (uint64_t i = 0; i < flips; ++i)
        bytes[i * bytes.size() / flips] ^= static_cast<uint8_t>(1U << (bits >> i) % 8);
      effect += fmt::format("{}{} bits flipped in {}", effect.empty() ? "" : "; ", flips,
                            damaged->damage(*node, where, from, bytes));
      found.erase(chosen);
    }
  }
  if (damaged->count() == 0)
    return no_effect(fmt::format("{}: no batch in a durable file with \"{}\"", join_names(targets), part));
  return {std::move(damaged), std::move(effect)};
}

}  // namespace

FaultKind bit_rot_fault() {
  return {
      "bit_rot",
      "bits flip in the records of `batches` (1) durable batches in logs of partitions whose path contains "
      "`path`; mended at the end",
      {"path", "batches"},
      begin_bit_rot,
      true};
}

}  // namespace ksim::sim
