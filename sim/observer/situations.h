#pragma once
// In what situations of the cluster marks of core were reached: what a guided swarm counts as something new.
//
// A situation is a mark, the last other mark of the same node, how many faults act (none, one, more) and the
// most telling predicate that holds anywhere (sim/truth/predicates.h), all folded into 16 bits. Two that fall
// together cost a guided swarm a plan, not a run its meaning.

#include <bitset>
#include <cstdint>
#include <map>
#include <vector>

#include "core/base/hooks.h"
#include "sim/truth/predicates.h"

namespace ksim::sim {

class Situations {
 public:
  void on_mark(Mark mark, int32_t node, uint64_t faults, const Predicates& predicates);
  std::vector<uint16_t> seen() const;  // ascending

 private:
  struct Trail {
    Mark last{};
    Mark before{};
  };
  std::map<int32_t, Trail> trails_;  // by node
  std::bitset<1U << 16> seen_;
};

}  // namespace ksim::sim
