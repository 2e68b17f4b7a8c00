#include "sim/runner/disk_peek.h"

#include <algorithm>

namespace ksim::sim {
namespace {

// What a power loss now certainly leaves of the file: everything before the first change that is not durable.
uint64_t durable_size(const FileNode& file) {
  uint64_t size = file.content.size();
  for (const FileStep& step : file.steps) {
    if (step.fate == FileStep::Fate::durable) continue;
    size = std::min(size, step.kind == FileStep::Kind::write && !step.append
                              ? std::min(step.offset, step.size_before)
                              : std::min(step.size_before, step.offset));
  }
  return size;
}

}  // namespace

const FileNode* WorldPeek::file(int32_t node, std::string_view path) const {
  const auto it = nodes_.find(node);
  if (it == nodes_.end()) return nullptr;
  const IoResult<InodeRef> found = it->second->device().image().find(path);
  if (!found.ok() || (*found)->directory) return nullptr;
  return static_cast<const FileNode*>(found->get());
}

std::vector<std::string> WorldPeek::list(int32_t node, std::string_view directory, Layer) const {
  std::vector<std::string> names;
  const auto it = nodes_.find(node);
  if (it == nodes_.end()) return names;
  const IoResult<InodeRef> found = it->second->device().image().find(directory);
  if (!found.ok() || !(*found)->directory) return names;
  for (const auto& [name, inode] : static_cast<const DirNode&>(**found).entries) names.push_back(name);
  return names;
}

std::optional<uint64_t> WorldPeek::size(int32_t node, std::string_view path, Layer layer) const {
  const FileNode* found = file(node, path);
  if (found == nullptr) return std::nullopt;
  return layer == Layer::durable ? durable_size(*found) : found->content.size();
}

size_t WorldPeek::read(int32_t node, std::string_view path, uint64_t offset, MutableBytes into, Layer) const {
  const FileNode* found = file(node, path);
  return found == nullptr ? 0 : found->content.read(offset, into);
}

}  // namespace ksim::sim
