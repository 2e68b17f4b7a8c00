#pragma once
// A cell of the matrix: what a topic and its producers are set to, and one fault; and what the contract page
// (sim/checkers/CONTRACT.md) says of it, before anything has run.
//
// Each fault is one scenario, scenarios/matrix/NAME.toml. Three racks hold a copy each (of five copies racks
// a and b hold two), and of what matters here the faults do this:
//
// clang-format off
//   fault            destroys, unless synced    another broker leads   who is left to lead
//   leader_crash     no copy                    yes                    the rest of the ISR
//   power_loss_all   every copy                 yes                    whoever comes back, all of them uncleanly
//   rack_loss        the copies of rack a, the  yes                    rack b, which was taken out of the ISR before;
//                    last ones in the ISR                              in the ELR where the ISR had too few without it
//   partition        no copy                    yes                    the rest of the ISR
//   slow_disk        no copy                    no
//   isr_loss         the copies of racks a, b,  yes                    rack c, which lagged; in the ELR where the ISR
//                    which are the ISR                                 had too few without it
//   rolling_restart  no copy                    yes                    the rest of the ISR
//
// What is acknowledged with
//   acks=0    may be lost under each of them: nothing is promised.
//   acks=1    may be lost where another broker leads (there is none where replication=1), or where a power loss
//             takes the leader's copy, which flush.messages=1 prevents.
//   acks=all  may be lost where the fault destroys min.insync.replicas copies or more, which flush.messages=1
//             prevents; and where unclean.leader.election.enable lets one lead that is in neither ISR nor ELR,
//             which nothing prevents. Where nothing is to be had but what is out of sync, it is so in rack_loss
//             and isr_loss as long as min.insync.replicas lets the ISR shrink so far. After power_loss_all
//             everyone is outside ISR and ELR, but has been in the ISR, so that each has all of it, if synced.
// clang-format on
// Kafka takes min.insync.replicas for no more than there are replicas: a topic of one copy that asks for two
// is written to as if it asked for one. What no run could acknowledge anything of is shown as unavailable. An
// idempotent producer needs acks=all: Kafka's client refuses everything else.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "sim/plan/plan.h"

namespace ksim::sim {

enum class MatrixFault : uint8_t {
  leader_crash,
  power_loss_all,
  rack_loss,
  partition,
  slow_disk,
  isr_loss,
  rolling_restart
};
constexpr MatrixFault kMatrixFaults[] = {MatrixFault::leader_crash,   MatrixFault::power_loss_all,
                                         MatrixFault::rack_loss,      MatrixFault::partition,
                                         MatrixFault::slow_disk,      MatrixFault::isr_loss,
                                         MatrixFault::rolling_restart};
std::string_view to_string(MatrixFault fault);

constexpr int32_t kAcksAll = -1;

struct Cell {
  int32_t acks = kAcksAll;  // 0, 1, kAcksAll
  int32_t min_insync = 2;
  int32_t replication = 3;
  bool unclean = false;
  bool flush_each = false;          // flush.messages=1
  std::optional<bool> idempotence;  // none: Kafka's default, on with acks=all
  MatrixFault fault = MatrixFault::leader_crash;
  bool operator==(const Cell&) const = default;
};

enum class Promise : uint8_t {
  safe,       // what is acknowledged is not lost
  permitted,  // it may be: the fault goes beyond the budget of these settings
  rejected,   // Kafka refuses these settings
};
std::string_view to_string(Promise promise);

struct Expected {
  Promise promise = Promise::safe;
  std::string why;
  // Of a permitted loss: in so many runs one at least should show it; 0: the fault may well not bring it
  // about.
  uint32_t within_runs = 0;
};
Expected expected(const Cell& cell);

// What `ksim scenario matrix/FAULT --set` is told to run the cell.
std::vector<Setting> settings_of(const Cell& cell);

// ---- which cells ----

// The dimensions by their names of the command line, each as it was typed: values between commas; empty: not
// named.
struct TypedDimensions {
  std::string acks, min_insync, replication, unclean, flush, idempotence, faults;
};
struct Dimensions {
  std::vector<int32_t> acks{0, 1, kAcksAll};
  std::vector<int32_t> min_insync{1, 2};
  std::vector<int32_t> replication{3};
  std::vector<bool> unclean{false};
  std::vector<bool> flush_each{false};
  std::vector<std::optional<bool>> idempotence{std::nullopt};
  std::vector<MatrixFault> faults{std::begin(kMatrixFaults), std::end(kMatrixFaults)};

  // Row by row: the faults of one row of settings side by side.
  std::vector<Cell> cells() const;
  bool operator==(const Dimensions&) const = default;
};
// Errors: INVALID_REQUEST with the option that is wrong, and what there is.
Result<Dimensions> parse_dimensions(const TypedDimensions& typed);
// The same in words, for the file that keeps it and for reports: "acks 0,1,all", ...
std::vector<std::string> to_words(const Dimensions& dimensions);

// A value of a cell by the name of its dimension, as it is typed: "acks" -> "all".
constexpr std::string_view kSettingNames[] = {"acks",    "min-insync", "replication",
                                              "unclean", "flush",      "idempotence"};
std::string value_of(const Cell& cell, std::string_view name);

}  // namespace ksim::sim
