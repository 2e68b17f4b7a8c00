#pragma once
// What a guided swarm tries next: a fresh seed, or a mutation of a plan that brought something new.
//
// New is a mark reached (and reached twice as often as ever before), a pair of a fault kind and a mark in one
// run, or a situation of the cluster (sim/observer/situations.h) that no run of this swarm had. Plans that
// brought something new are kept, by scenario; those that were mutated least are taken first.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/campaign/campaign.h"
#include "sim/plan/lineage.h"

namespace ksim::sim {

class Guide {
 public:
  // What run `number` is to be, of a scenario by its place; `seed` is the fresh one.
  Lineage next(size_t scenario, uint64_t number, uint64_t seed);
  // What came of it; true if it is kept.
  bool learn(size_t scenario, const Lineage& lineage, const SeedResult& result);
  // A plan kept by an earlier session.
  void keep(size_t scenario, const Lineage& lineage);
  size_t kept() const;

 private:
  struct Kept {
    Lineage lineage;
    uint64_t children = 0;
  };
  bool brings_news(const SeedResult& result);

  std::map<size_t, std::vector<Kept>> corpus_;  // by scenario
  std::vector<uint8_t> marks_;                  // by mark: how often in one run, as a number of bits
  std::set<std::pair<std::string, size_t>> pairs_;
  std::vector<bool> situations_;
};

}  // namespace ksim::sim
