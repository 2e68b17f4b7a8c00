// latent_sector: one sector of a file that holds data cannot be read any more (EIO), which nobody knows until
// it is. A disk gives it up for good only when it is replaced; here the operator has it mended at the end.

#include <algorithm>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "sim/faults/all.h"
#include "sim/faults/disk_trouble.h"

namespace ksim::sim {
namespace {

struct Sector {
  std::string path;
  uint64_t offset = 0;
};

// Any sector is as likely as any other.
std::optional<Sector> draw_sector(const Image& image, const std::string& part, uint64_t key) {
  const DiskCopy copy = image.copy_durable();
  uint64_t sectors = 0;
  const auto count = [&](const auto& file) {
    return file.first.find(part) == std::string::npos
               ? 0
               : (file.second.size() + Image::kSectorBytes - 1) / Image::kSectorBytes;
  };
  for (const auto& file : copy.files) sectors += count(file);
  if (sectors == 0) return std::nullopt;
  uint64_t drawn = mix64(key, hash_text("latent sector")) % sectors;
  for (const auto& file : copy.files) {
    const uint64_t own = count(file);
    if (drawn < own) return Sector{file.first, drawn * Image::kSectorBytes};
    drawn -= own;
  }
  return std::nullopt;
}

Began begin_latent_sector(FaultStage&, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                          uint64_t key) {
  const std::string part = parameter(plan, "path", std::string(".log"));
  std::string effect;
  std::vector<SimNode*> nodes;
  std::vector<DiskTrouble> troubles;
  for (SimNode* node : targets) {
    const auto sector = draw_sector(node->device().image(), part, mix64(key, node->key()));
    if (!sector) continue;
    DiskTrouble trouble;
    trouble.failing.push_back(
        {sector->path, true, false, false, sector->offset, sector->offset + Image::kSectorBytes});
    effect += fmt::format("{}{} cannot read {} at {}", effect.empty() ? "" : "; ", node->name(), sector->path,
                          sector->offset);
    nodes.push_back(node);
    troubles.push_back(std::move(trouble));
  }
  if (nodes.empty())
    return no_effect(fmt::format("{}: nothing durable in files with \"{}\"", join_names(targets), part));
  const auto trouble_of = [&](SimNode& node) {
    const auto at = std::find(nodes.begin(), nodes.end(), &node);
    return troubles[static_cast<size_t>(at - nodes.begin())];
  };
  return {std::make_unique<DiskTroubled>(nodes, trouble_of), std::move(effect)};
}

}  // namespace

FaultKind latent_sector_fault() {
  return {"latent_sector",
          "a sector of a file whose path contains `path` (default \".log\") cannot be read until the end",
          {"path"},
          begin_latent_sector};
}

}  // namespace ksim::sim
