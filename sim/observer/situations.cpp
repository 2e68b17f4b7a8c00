#include "sim/observer/situations.h"

#include <algorithm>
#include <iterator>

#include "core/base/hash.h"

namespace ksim::sim {
namespace {

// The seldom ones first; what holds all the time or for most appends tells nothing.
constexpr Predicate kTelling[] = {
    Predicate::two_controllers, Predicate::two_leaders,   Predicate::no_controller, Predicate::offline,
    Predicate::elr_not_empty,   Predicate::under_min_isr, Predicate::isr_of_one,    Predicate::voter_late,
    Predicate::watermark_late,  Predicate::leader_down,   Predicate::out_of_isr};

uint64_t most_telling(const Predicates& predicates) {
  const auto* found = std::find_if(std::begin(kTelling), std::end(kTelling),
                                   [&](Predicate p) { return predicates.holds(p); });
  return static_cast<uint64_t>(found - std::begin(kTelling));
}

}  // namespace

void Situations::on_mark(Mark mark, int32_t node, uint64_t faults, const Predicates& predicates) {
  Trail& trail = trails_.try_emplace(node, Trail{mark, mark}).first->second;
  if (mark != trail.last) {
    trail.before = trail.last;
    trail.last = mark;
  }
  const uint64_t around = std::min<uint64_t>(faults, 2) * 16 + most_telling(predicates);
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
