#include "sim/swarm/guide.h"

#include <algorithm>
#include <bit>

#include "core/base/hash.h"

namespace ksim::sim {
namespace {

constexpr size_t kLongest = 12;   // mutations of one plan: beyond, it is its seed's no more
constexpr size_t kTried = 3;      // of so many kept plans the least mutated is taken
constexpr uint64_t kFreshOf = 3;  // one run of so many is of a fresh seed

}  // namespace

Lineage Guide::next(size_t scenario, uint64_t number, uint64_t seed) {
  std::vector<Kept>& kept = corpus_[scenario];
  uint64_t drawn = 0;
  const auto below = [&](uint64_t bound) { return mix64(number, seed, ++drawn) % bound; };
  if (kept.empty() || below(kFreshOf) == 0) return {seed, {}};
  size_t chosen = below(kept.size());
  for (size_t i = 1; i < kTried; ++i) {
    const size_t other = below(kept.size());
    if (kept[other].children < kept[chosen].children) chosen = other;
  }
  ++kept[chosen].children;
  Lineage child = kept[chosen].lineage;
  std::vector<uint32_t>& mutations = child.mutations;
  // Now and then, one of its mutations goes: it need not have been the one that mattered.
  if (!mutations.empty() && (mutations.size() >= kLongest || below(5) == 0))
    mutations.erase(mutations.begin() + static_cast<ptrdiff_t>(below(mutations.size())));
  mutations.push_back(static_cast<uint32_t>(mix64(number, seed, ++drawn)));
  return child;
}

bool Guide::brings_news(const SeedResult& result) {
  bool news = false;
  marks_.resize(std::max(marks_.size(), result.marks.size()));
  for (size_t mark = 0; mark < result.marks.size(); ++mark) {
    const auto bits = static_cast<uint8_t>(std::bit_width(result.marks[mark]));
    if (bits > marks_[mark]) {
      marks_[mark] = bits;
      news = true;
    }
    if (bits == 0) continue;
    for (const std::string& kind : result.fault_kinds) news = pairs_.insert({kind, mark}).second || news;
  }
  for (const uint16_t situation : result.situations) {
    if (situations_[situation]) continue;
    situations_[situation] = true;
    news = true;
  }
  return news;
}

bool Guide::learn(size_t scenario, const Lineage& lineage, const SeedResult& result) {
  if (!brings_news(result)) return false;
  keep(scenario, lineage);
  return true;
}

void Guide::keep(size_t scenario, const Lineage& lineage, uint64_t mutated) {
  corpus_[scenario].push_back({lineage, mutated});
}

void Guide::know_mark(size_t mark, uint8_t bits) {
  marks_.resize(std::max(marks_.size(), mark + 1));
  marks_[mark] = bits;
}

std::vector<uint16_t> Guide::situations() const {
  std::vector<uint16_t> seen;
  for (size_t situation = 0; situation < situations_.size(); ++situation) {
    if (situations_[situation]) seen.push_back(static_cast<uint16_t>(situation));
  }
  return seen;
}

std::map<std::pair<size_t, Lineage>, uint64_t> Guide::mutated() const {
  std::map<std::pair<size_t, Lineage>, uint64_t> times;
  for (const auto& [scenario, plans] : corpus_) {
    for (const Kept& plan : plans) times[{scenario, plan.lineage}] = plan.children;
  }
  return times;
}

size_t Guide::kept() const {
  size_t sum = 0;
  for (const auto& [scenario, plans] : corpus_) sum += plans.size();
  return sum;
}

}  // namespace ksim::sim
