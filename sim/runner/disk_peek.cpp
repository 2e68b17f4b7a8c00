#include "sim/runner/disk_peek.h"

#include <algorithm>

namespace ksim::sim {

InodeRef WorldPeek::find(int32_t node, std::string_view path, Layer layer) const {
  const auto it = nodes_.find(node);
  if (it == nodes_.end()) return nullptr;
  const Image& image = it->second->device().image();
  if (layer == Layer::durable) return image.find_durable(path);
  const IoResult<InodeRef> found = image.find(path);
  return found.ok() ? *found : nullptr;
}

std::vector<std::string> WorldPeek::list(int32_t node, std::string_view directory, Layer layer) const {
  std::vector<std::string> names;
  const InodeRef found = find(node, directory, layer);
  if (found == nullptr || !found->directory) return names;
  const auto& there = static_cast<const DirNode&>(*found);
  if (layer == Layer::durable) return nodes_.at(node)->device().image().list_durable(there);
  for (const auto& [name, inode] : there.entries) names.push_back(name);
  return names;
}

std::optional<uint64_t> WorldPeek::size(int32_t node, std::string_view path, Layer layer) const {
  const InodeRef found = find(node, path, layer);
  if (found == nullptr || found->directory) return std::nullopt;
  const auto& file = static_cast<const FileNode&>(*found);
  return layer == Layer::durable ? nodes_.at(node)->device().image().durable_size(file) : file.content.size();
}

size_t WorldPeek::read(int32_t node, std::string_view path, uint64_t offset, MutableBytes into,
                       Layer layer) const {
  const InodeRef found = find(node, path, layer);
  if (found == nullptr || found->directory) return 0;
  const auto& file = static_cast<const FileNode&>(*found);
  const Image& image = nodes_.at(node)->device().image();
  const bool durable = layer == Layer::durable;
  const size_t count = durable ? image.read_durable(file, offset, into) : file.content.read(offset, into);
  image.as_written(file, offset, into.first(count), durable);
  return count;
}

bool WorldPeek::was_damaged(int32_t node, std::string_view path, uint64_t offset, uint64_t size_bytes) const {
  const InodeRef found = find(node, path, Layer::cached);
  if (found == nullptr || found->directory) return false;
  return nodes_.at(node)->device().image().was_damaged(static_cast<const FileNode&>(*found), offset,
                                                       size_bytes);
}

}  // namespace ksim::sim
