#pragma once
// Many seeds of one scenario: what each came to, and what they came to together.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "sim/observer/summary.h"
#include "sim/plan/plan.h"

namespace ksim::sim {

// "R1 in orders-0: record 00ab ...".
std::string complaint_of(const ViolationRow& violation);

// One seed, small enough to cross a pipe.
struct SeedResult {
  uint64_t seed = 0;
  uint64_t digest = 0;
  bool holds = true;
  uint64_t events = 0;
  uint64_t virtual_ns = 0;
  RunCounts counts;
  std::vector<uint64_t> marks;           // by number of the mark: how often it was reached
  std::vector<std::string> fault_kinds;  // that took effect, sorted
  std::vector<std::string> planned;      // kinds of fault in its plan, sorted
  std::vector<uint16_t> situations;      // ascending (sim/observer/situations.h)
  std::string complaint;                 // the first violation, or what is wrong with the simulator
  bool simulator_fault = false;

  static SeedResult of(const RunSummary& summary);
  // What a summary does not say: which kinds of fault were to strike.
  void plan_faults(const Plan& plan);
  ByteBuffer encode() const;
  static std::optional<SeedResult> decode(Bytes bytes);
};

class Campaign {
 public:
  explicit Campaign(std::string scenario) : scenario_(std::move(scenario)) {}

  void add(SeedResult result);
  uint64_t seeds() const { return seeds_; }
  uint64_t violated() const { return violated_; }
  uint64_t broken() const { return broken_; }  // by the simulator's own fault
  int exit_code() const { return broken_ > 0 ? 3 : violated_ > 0 ? 1 : 0; }

  // `repeat` is the command that runs one seed again, up to "--seed".
  std::string render(int64_t real_ns, const std::string& repeat, bool colour) const;
  std::string render_json(int64_t real_ns, const std::string& repeat) const;

 private:
  struct Bad {
    std::string complaint;
    bool simulator_fault;
  };
  static constexpr size_t kMostBad = 1000;

  uint64_t median(const std::vector<uint64_t>& values) const;

  std::string scenario_;
  uint64_t seeds_ = 0;
  uint64_t violated_ = 0;
  uint64_t broken_ = 0;
  uint64_t permitted_ = 0;  // seeds with permitted loss
  uint64_t events_ = 0;
  uint64_t virtual_ns_ = 0;
  uint64_t batches_ = 0;  // committed
  uint64_t digests_ = 0;  // of all digests, whatever the order
  std::vector<uint64_t> faults_, elections_, quorum_elections_, truncations_, isr_changes_, acknowledged_;
  std::vector<uint64_t> marks_;
  std::map<uint64_t, Bad> bad_;  // by seed
};

}  // namespace ksim::sim
