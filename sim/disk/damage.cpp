// Bytes that the device has changed by itself. The image shows them to everybody as they are, and remembers
// what was written: a scrub can put it right, and who judges can tell damage from what a node wrote.

#include <algorithm>
#include <cstring>

#include "core/base/assert.h"
#include "sim/disk/image.h"

namespace ksim::sim {

uint64_t Image::damage(const std::shared_ptr<FileNode>& file, uint64_t offset, Bytes bad) {
  ENSURE(offset + bad.size() <= file->content.size(), "damage lies within its file");
  Damage damage{file, offset, ByteBuffer(bad.size()), ByteBuffer(bad.begin(), bad.end())};
  file->content.read(offset, damage.good);
  // Where the same bytes are damaged twice, what was written is still what was written first.
  as_written(*file, offset, damage.good, false);
  file->content.write(offset, bad);
  damages_.push_back(std::move(damage));
  return damages_.size() - 1;
}

bool Image::mend(uint64_t number) {
  const Damage& damage = damages_.at(number);
  if (!stands(damage, false)) return false;
  damage.file->content.write(damage.offset, damage.good);
  return true;
}

bool Image::stands(const Damage& damage, bool durable) const {
  ByteBuffer now(damage.bad.size());
  const size_t read = durable ? read_durable(*damage.file, damage.offset, now)
                              : damage.file->content.read(damage.offset, now);
  return read == now.size() && now == damage.bad;
}

void Image::as_written(const FileNode& file, uint64_t offset, MutableBytes bytes, bool durable) const {
  for (size_t i = damages_.size(); i-- > 0;) {
    const Damage& damage = damages_[i];
    const uint64_t first = std::max(damage.offset, offset);
    const uint64_t last = std::min(damage.offset + damage.good.size(), offset + bytes.size());
    if (damage.file.get() != &file || first >= last || !stands(damage, durable)) continue;
    std::memcpy(bytes.data() + (first - offset), damage.good.data() + (first - damage.offset), last - first);
  }
}

bool Image::was_damaged(const FileNode& file, uint64_t offset, uint64_t size_bytes) const {
  return std::any_of(damages_.begin(), damages_.end(), [&](const Damage& damage) {
    return damage.file.get() == &file && damage.offset < offset + size_bytes &&
           offset < damage.offset + damage.good.size();
  });
}

}  // namespace ksim::sim
