#pragma once
// The matrix: cells, the runs of each, what they come to, and whether that is what the contract says. All it
// has is one sqlite file (schema.sql), from which it goes on after an interruption.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "sim/campaign/campaign.h"
#include "sim/matrix/cell.h"

namespace ksim::sim {

// From..to, parts of one: where the rate of `hits` in `runs` lies with 95% confidence (Wilson's interval).
struct Interval {
  double from = 0;
  double to = 1;
};
Interval wilson(uint64_t hits, uint64_t runs);

// What a run came to, in lines for a person: sums, faults, elections, what was lost.
std::string tell_run(const RunSummary& summary);
// Each kind of fault that was to strike did: one of that kind at least took effect. (A topic of one copy has
// no follower whose disk could crawl.)
bool all_kinds_struck(const std::vector<FaultRow>& faults);

struct MatrixRun {
  uint64_t digest = 0;
  bool violated = false;
  bool simulator_fault = false;
  bool struck = false;  // the cell's fault took effect
  uint64_t acknowledged = 0;
  uint64_t lost = 0;
  uint64_t permitted = 0;  // of the lost
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t unavailable_ms = 0;
  std::string complaint;
};

enum class Verdict : uint8_t {
  never,        // nothing was lost
  permitted,    // lost, where the fault went beyond the budget of the settings
  within,       // lost, or otherwise violated, within the budget: it must not be
  unavailable,  // nothing was acknowledged, in any run
  rejected,     // not run: Kafka refuses it
};
std::string_view to_string(Verdict verdict);

struct CellResult {
  std::map<uint64_t, MatrixRun> runs;  // by seed
  uint64_t struck = 0;                 // runs in which the fault took effect
  uint64_t lossy = 0;                  // runs that lost records
  uint64_t lossy_struck = 0;           // those of them in which it took effect
  uint64_t acknowledged = 0;
  uint64_t lost = 0;
  uint64_t permitted = 0;
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t unavailable_ms = 0;
  uint64_t simulator_faults = 0;
  uint64_t first_violated = 0;    // seed; 0: none
  std::optional<uint64_t> worst;  // the seed that lost most; where none did, that was unavailable longest
  std::string story;              // of the worst

  bool all_struck() const { return struck == runs.size(); }
  // Of the runs that were struck: what the fault did not reach says nothing of the settings.
  double loss_rate() const;
  Interval loss_interval() const { return wilson(lossy_struck, struck); }
};

class Matrix {
 public:
  // `seeds` of each cell: 1 to `seeds`.
  Matrix(Dimensions dimensions, uint64_t seeds, std::string build);
  // Errors: INVALID_REQUEST if the bytes are not those of a matrix' file.
  static Result<Matrix> load(const std::string& image);
  Result<std::string> image() const;

  const Dimensions& dimensions() const { return dimensions_; }
  const std::string& build() const { return build_; }
  uint64_t seeds() const { return seeds_; }
  void continue_to(uint64_t seeds) { seeds_ = seeds; }
  const std::vector<Cell>& cells() const { return cells_; }
  const CellResult& result(size_t cell) const { return results_.at(cell); }

  // Cells that are run, by their places: those that Kafka does not reject. Jobs take them in turn, seed by
  // seed, so that whatever was interrupted has as many runs of each.
  uint64_t jobs() const { return seeds_ * runnable_.size(); }
  size_t cell_of(uint64_t job) const { return runnable_[job % runnable_.size()]; }
  uint64_t seed_of(uint64_t job) const { return 1 + job / runnable_.size(); }
  bool has(uint64_t job) const { return results_[cell_of(job)].runs.contains(seed_of(job)); }

  // `story` belongs to the run (tell_run); it is kept as long as the run is the worst of its cell.
  void add(size_t cell, uint64_t seed, MatrixRun run, std::string story);
  uint64_t runs() const { return runs_; }
  uint64_t lossy_cells() const;
  uint64_t simulator_faults() const;

  Verdict verdict(size_t cell) const;
  // What in this cell the contract page does not allow; empty: nothing.
  std::string contradiction(size_t cell) const;
  // A loss is permitted and this fault should bring it about, but it has not, in enough runs.
  bool witness_missing(size_t cell) const;
  // The command that runs the worst seed again; empty: there is no run.
  std::string witness(size_t cell) const;

  int64_t real_ms = 0;  // of all sessions

 private:
  Dimensions dimensions_;
  uint64_t seeds_;
  std::string build_;
  std::vector<Cell> cells_;
  std::vector<size_t> runnable_;
  std::vector<CellResult> results_;
  uint64_t runs_ = 0;
};

// "scripts/ksim scenario matrix/FAULT --set ... --seed N".
std::string witness_command(const Cell& cell, uint64_t seed);

}  // namespace ksim::sim
