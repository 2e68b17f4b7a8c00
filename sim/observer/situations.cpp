#include "sim/observer/situations.h"

#include <algorithm>

#include "core/base/hash.h"

namespace ksim::sim {

void Situations::on_mark(Mark mark, int32_t node, uint64_t faults, bool controller) {
  Trail& trail = trails_.try_emplace(node, Trail{mark, mark}).first->second;
  if (mark != trail.last) {
    trail.before = trail.last;
    trail.last = mark;
  }
  const uint64_t around = std::min<uint64_t>(faults, 2) * 2 + (controller ? 1 : 0);
  seen_.set(mix64(static_cast<uint64_t>(mark), static_cast<uint64_t>(trail.before), around) & 0xffff);
}

std::vector<uint16_t> Situations::seen() const {
  std::vector<uint16_t> list;
  for (size_t i = 0; i < seen_.size(); ++i) {
    if (seen_.test(i)) list.push_back(static_cast<uint16_t>(i));
  }
  return list;
}

}  // namespace ksim::sim
