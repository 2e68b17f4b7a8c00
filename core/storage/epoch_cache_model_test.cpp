// An epoch cache against a wall on which each leader epoch paints the offsets that are its own: from where it
// begins on, over whatever was there. The cache keeps only where the colour changes.

#include <algorithm>
#include <array>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <rapidcheck/state.h>

#include "core/storage/epoch_cache.h"

namespace ksim::storage::epoch_model {
namespace {

constexpr int64_t kOffsets = 24;  // what lies behind the last one looks like it
constexpr int32_t kEpochs = 8;
constexpr int32_t kBare = -1;

struct Wall {
  std::array<int32_t, kOffsets> epochs;
  Wall() { epochs.fill(kBare); }

  int32_t& at(int64_t offset) { return epochs[static_cast<size_t>(offset)]; }
  int32_t at(int64_t offset) const { return epochs[static_cast<size_t>(offset)]; }

  // What an epoch has lost goes on in the colour of what is before it.
  void scrape(auto is_lost) {
    int32_t before = kBare;
    for (int64_t offset = 0; offset < kOffsets; ++offset) {
      if (is_lost(offset)) at(offset) = before;
      before = at(offset);
    }
  }
  void assign(int32_t epoch, int64_t start) {
    if (at(kOffsets - 1) == epoch && at(start) == epoch) return;  // it is the latest, and had begun
    scrape([&](int64_t offset) { return offset < start && at(offset) >= epoch; });
    for (int64_t offset = start; offset < kOffsets; ++offset) at(offset) = epoch;
  }

  std::vector<EpochEntry> entries() const {
    std::vector<EpochEntry> found;
    int32_t before = kBare;
    for (int64_t offset = 0; offset < kOffsets; ++offset) {
      if (at(offset) != before) found.push_back({at(offset), offset});
      before = at(offset);
    }
    return found;
  }
  // KIP-101 and KIP-279: the largest epoch that is not above, and where the next one begins.
  EpochEndOffset end_offset_for(int32_t epoch, int64_t log_end) const {
    if (epoch < 0 || at(kOffsets - 1) == kBare) return {};
    if (epoch == at(kOffsets - 1)) return {epoch, log_end};
    int32_t largest = kBare;
    for (int64_t offset = 0; offset < kOffsets; ++offset) {
      if (at(offset) > epoch) return {largest == kBare ? epoch : largest, offset};
      if (at(offset) != kBare) largest = at(offset);
    }
    return {};
  }
};

using Command = rc::state::Command<Wall, EpochCache>;

int64_t some_offset() { return *rc::gen::inRange<int64_t>(0, kOffsets); }
int32_t some_epoch() { return *rc::gen::inRange<int32_t>(0, kEpochs); }

// Does its part to both, and looks at all there is.
struct Step : Command {
  virtual bool change(EpochCache& cache) const = 0;  // what it says: has anything changed?

  void run(const Wall& before, EpochCache& cache) const override {
    const Wall wall = nextState(before);
    const bool changed = change(cache);
    RC_ASSERT(changed == (wall.epochs != before.epochs));
    const auto expected = wall.entries();
    RC_ASSERT(cache.entries().size() == expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      RC_ASSERT(cache.entries()[i].epoch == expected[i].epoch);
      RC_ASSERT(cache.entries()[i].start_offset == expected[i].start_offset);
    }
    RC_ASSERT(cache.latest_epoch().value_or(kBare) == wall.at(kOffsets - 1));
    for (int64_t offset = 0; offset < kOffsets; ++offset)
      RC_ASSERT(cache.epoch_for_offset(offset).value_or(kBare) == wall.at(offset));
    for (int32_t epoch = -1; epoch <= kEpochs; ++epoch)
      RC_ASSERT(cache.end_offset_for(epoch, kOffsets + 5) == wall.end_offset_for(epoch, kOffsets + 5));
  }
};

struct Assign : Step {
  int32_t epoch = some_epoch();
  int64_t start = some_offset();
  void apply(Wall& wall) const override { wall.assign(epoch, start); }
  bool change(EpochCache& cache) const override {
    const bool would = cache.would_assign(epoch, start);
    const bool did = cache.assign(epoch, start);
    RC_ASSERT(would == did);
    return did;
  }
  void show(std::ostream& out) const override { out << "assign epoch " << epoch << " from " << start; }
};

// As a log goes on: the next epochs, at later offsets.
struct Lead : Step {
  int32_t epoch;
  int64_t start;
  explicit Lead(const Wall& wall) {
    const auto entries = wall.entries();
    const int32_t latest = entries.empty() ? -1 : entries.back().epoch;
    const int64_t begin = entries.empty() ? 0 : entries.back().start_offset;
    epoch = *rc::gen::inRange<int32_t>(std::min(latest + 1, kEpochs - 1), kEpochs);
    start = *rc::gen::inRange<int64_t>(std::min(begin + 1, kOffsets - 1), kOffsets);
  }
  void apply(Wall& wall) const override { wall.assign(epoch, start); }
  bool change(EpochCache& cache) const override { return cache.assign(epoch, start); }
  void show(std::ostream& out) const override { out << "lead in epoch " << epoch << " from " << start; }
};

struct CutEnd : Step {
  int64_t end = some_offset();
  void apply(Wall& wall) const override {
    // An epoch that began before goes on: nothing is said of where it ends.
    wall.scrape([&](int64_t offset) { return offset >= end; });
  }
  bool change(EpochCache& cache) const override { return cache.truncate_from_end(end); }
  void show(std::ostream& out) const override { out << "cut at the end to " << end; }
};

struct CutStart : Step {
  int64_t start = some_offset();
  void apply(Wall& wall) const override {
    for (int64_t offset = 0; offset < start; ++offset) wall.at(offset) = kBare;
  }
  bool change(EpochCache& cache) const override { return cache.truncate_from_start(start); }
  void show(std::ostream& out) const override { out << "cut at the start to " << start; }
};

struct RemoveAbove : Step {
  int32_t epoch = some_epoch();
  void apply(Wall& wall) const override {
    wall.scrape([&](int64_t offset) { return wall.at(offset) > epoch; });
  }
  bool change(EpochCache& cache) const override { return cache.remove_above(epoch); }
  void show(std::ostream& out) const override { out << "remove epochs above " << epoch; }
};

struct Clear : Step {
  void apply(Wall& wall) const override { wall = {}; }
  bool change(EpochCache& cache) const override { return cache.clear(); }
  void show(std::ostream& out) const override { out << "clear"; }
};

RC_GTEST_PROP(EpochCacheModel, AgreesAfterEveryCommand, ()) {
  EpochCache cache;
  rc::state::check(
      Wall(), cache,
      rc::state::gen::execOneOfWithArgs<Lead, Lead, Lead, Assign, CutEnd, CutStart, RemoveAbove, Clear>());
}

}  // namespace
}  // namespace ksim::storage::epoch_model
