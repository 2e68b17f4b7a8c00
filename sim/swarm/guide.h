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
#include <utility>
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
  size_t kept() const;

  // ---- from session to session ----
  // By mark, how often in one run, as a number of bits.
  const std::vector<uint8_t>& marks() const { return marks_; }
  std::vector<uint16_t> situations() const;
  // How often each kept plan was mutated, by scenario and lineage.
  std::map<std::pair<size_t, Lineage>, uint64_t> mutated() const;
  void know_mark(size_t mark, uint8_t bits);
  void know_pair(const std::string& kind, size_t mark) { pairs_.emplace(kind, mark); }
  void know_situation(uint16_t situation) { situations_[situation] = true; }
  void keep(size_t scenario, const Lineage& lineage, uint64_t mutated = 0);

 private:
  struct Kept {
    Lineage lineage;
    uint64_t children = 0;
  };
  bool brings_news(const SeedResult& result);

  std::map<size_t, std::vector<Kept>> corpus_;  // by scenario
  std::vector<uint8_t> marks_;                  // by mark: how often in one run, as a number of bits
  std::set<std::pair<std::string, size_t>> pairs_;
  std::vector<bool> situations_ = std::vector<bool>(size_t{1} << 16);
};

}  // namespace ksim::sim
