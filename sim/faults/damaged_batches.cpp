#include "sim/faults/damaged_batches.h"

#include <fmt/format.h>

#include "core/record/batch.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

void add_records_of(const Image& image, const std::string& path, const std::shared_ptr<FileNode>& file,
                    std::vector<DurableRecords>& into) {
  ByteBuffer durable(image.durable_size(*file));
  image.read_durable(*file, 0, durable);
  ByteBuffer now(std::min<uint64_t>(durable.size(), file->content.size()));
  file->content.read(0, now);
  for (size_t at = 0; at + kBatchHeaderBytes <= now.size();) {
    const Result<size_t> size = peek_batch_size(Bytes(now).subspan(at));
    if (!size.ok() || *size <= kBatchHeaderBytes || at + *size > now.size()) return;
    const BatchView batch(Bytes(now).subspan(at, *size));
    const bool same =
        std::equal(now.begin() + static_cast<ptrdiff_t>(at), now.begin() + static_cast<ptrdiff_t>(at + *size),
                   durable.begin() + static_cast<ptrdiff_t>(at));
    if (same && batch.crc_matches())
      into.push_back({path, file, batch.base_offset(), at + kBatchHeaderBytes, at + *size});
    at += *size;
  }
}

void walk(const Image& image, const std::string& path, const DirNode& directory, const std::string& part,
          std::vector<DurableRecords>& into) {
  for (const auto& [name, inode] : directory.entries) {
    const std::string child = path.empty() ? name : path + "/" + name;
    if (child.find(kMetadataLog) != std::string::npos) continue;
    if (inode->directory) {
      walk(image, child, static_cast<const DirNode&>(*inode), part, into);
    } else if (child.ends_with(".log") && child.find(part) != std::string::npos) {
      if (image.find_durable(child) == inode)
        add_records_of(image, child, std::static_pointer_cast<FileNode>(inode), into);
    }
  }
}

}  // namespace

std::vector<DurableRecords> durable_records(Image& image, const std::string& part) {
  std::vector<DurableRecords> found;
  walk(image, {}, image.root(), part, found);
  return found;
}

std::string Damaged::damage(SimNode& node, const DurableRecords& where, uint64_t from, Bytes bad) {
  places_.push_back({&node, node.device().image().damage(where.file, from, bad)});
  stage_.damaged(node);
  return fmt::format("{} bytes of {} on {} at {}, in the batch at offset {}", bad.size(), where.path,
                     node.name(), from, where.base_offset);
}

std::string Damaged::end(FaultStage&) {
  size_t mended = 0;
  for (const Place& place : places_) mended += place.node->device().image().mend(place.number) ? 1 : 0;
  return fmt::format("{} of {} damaged places were put right{}", mended, places_.size(),
                     mended < places_.size() ? ", something else stands in the others" : "");
}

}  // namespace ksim::sim
