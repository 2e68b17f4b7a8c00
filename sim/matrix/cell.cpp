#include "sim/matrix/cell.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/nearest.h"

namespace ksim::sim {
namespace {

// ---- what the faults do ----

// Copies of a partition in rack a.
int32_t in_one_rack(int32_t replication) { return replication == 5 ? 2 : 1; }

// What min.insync.replicas amounts to.
int32_t asked_for(const Cell& cell) { return std::min(cell.min_insync, cell.replication); }

// How many copies of what all in sync hold a power loss may take before anyone has synced them.
int32_t destroyed(const Cell& cell) {
  if (cell.flush_each) return 0;
  switch (cell.fault) {
    case MatrixFault::power_loss_all:
      return cell.replication;
    case MatrixFault::rack_loss:
      return in_one_rack(cell.replication);
    case MatrixFault::isr_loss:
      return std::max(cell.replication - 1, 1);
    case MatrixFault::leader_crash:
    case MatrixFault::partition:
    case MatrixFault::slow_disk:
    case MatrixFault::rolling_restart:
      break;
  }
  return 0;
}

bool another_leads(const Cell& cell) { return cell.replication > 1 && cell.fault != MatrixFault::slow_disk; }

// The members of the ISR when they are lost.
int32_t last_in_sync(const Cell& cell) {
  return cell.fault == MatrixFault::rack_loss ? in_one_rack(cell.replication)
                                              : std::max(cell.replication - 1, 1);
}

// Replicas run that are in neither ISR nor ELR, and nobody of these does.
bool outsiders_alone(const Cell& cell) {
  if (cell.replication == 1) return false;
  if (cell.fault == MatrixFault::power_loss_all) return true;
  if (cell.fault != MatrixFault::rack_loss && cell.fault != MatrixFault::isr_loss) return false;
  if (asked_for(cell) <= last_in_sync(cell)) return true;
  // The ELR has those that left an ISR that became too small, and rack b has one more.
  return cell.fault == MatrixFault::rack_loss && cell.replication == 5;
}

Expected permitted(uint32_t within_runs, std::string why) {
  return {Promise::permitted, std::move(why), within_runs};
}

constexpr uint32_t kOften = 20;      // a loss in one run of three, or more
constexpr uint32_t kSometimes = 60;  // in one of ten

Expected expected_of_one(const Cell& cell) {
  if (another_leads(cell)) {
    const bool narrow = cell.fault == MatrixFault::leader_crash ||
                        (cell.fault == MatrixFault::power_loss_all && cell.flush_each);
    return permitted(narrow ? kSometimes : kOften,
                     "acks=1: another broker leads on without what only the leader had");
  }
  if (destroyed(cell) > 0) return permitted(kOften, "acks=1: the leader's copy was not synced");
  return {Promise::safe,
          cell.replication == 1 ? "acks=1: nobody else leads, and the leader's copy stays"
                                : "acks=1: the leader stays, and so does its copy",
          0};
}

Expected expected_of_all(const Cell& cell) {
  const int32_t gone = destroyed(cell);
  if (gone >= asked_for(cell)) {
    // Of five copies all in one ISR none is lost unless those that are left had fallen out of it before.
    const bool reached = cell.fault == MatrixFault::power_loss_all || asked_for(cell) <= last_in_sync(cell);
    return permitted(reached ? kOften : 0,
                     fmt::format("the power goes from {} {} not synced, and {} had to have it", gone,
                                 gone == 1 ? "copy" : "copies", asked_for(cell)));
  }
  if (cell.unclean && outsiders_alone(cell)) {
    const bool behind = cell.fault != MatrixFault::power_loss_all && asked_for(cell) <= last_in_sync(cell);
    return permitted(behind ? kOften : 0, behind ? "an unclean election: who leads on was out of sync"
                                                 : "an unclean election, though of one that was in sync");
  }
  if (gone > 0)
    return {Promise::safe,
            fmt::format("the power goes from {} {}, and {} had to have it", gone,
                        gone == 1 ? "copy" : "copies", asked_for(cell)),
            0};
  return {Promise::safe,
          cell.flush_each ? "every copy was synced before it was acknowledged" : "no copy is destroyed", 0};
}

// ---- words ----

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// One dimension: values between commas, each of them one of `words`, none twice.
template <class T>
Result<void> read(const char* option, const std::string& typed,
                  const std::vector<std::pair<std::string, T>>& words, std::vector<T>& into) {
  if (typed.empty()) return {};
  into.clear();
  std::vector<std::string> known;
  for (const auto& [word, value] : words) known.push_back(word);
  std::vector<std::string> seen;
  for (const std::string& part : split(typed)) {
    const auto found =
        std::find_if(words.begin(), words.end(), [&](const auto& word) { return word.first == part; });
    if (found == words.end())
      return fail(ErrorCode::INVALID_REQUEST,
                  fmt::format("{} {}: no \"{}\" there; values between commas, of {}{}", option, typed, part,
                              fmt::join(known, ", "), did_you_mean(part, known)));
    if (std::find(seen.begin(), seen.end(), part) != seen.end())
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("{} {}: \"{}\" twice", option, typed, part));
    seen.push_back(part);
    into.push_back(found->second);
  }
  return {};
}

std::string on_or_off(bool value) { return value ? "on" : "off"; }

}  // namespace

std::string_view to_string(MatrixFault fault) {
  switch (fault) {
    case MatrixFault::leader_crash:
      return "leader_crash";
    case MatrixFault::power_loss_all:
      return "power_loss_all";
    case MatrixFault::rack_loss:
      return "rack_loss";
    case MatrixFault::partition:
      return "partition";
    case MatrixFault::slow_disk:
      return "slow_disk";
    case MatrixFault::isr_loss:
      return "isr_loss";
    case MatrixFault::rolling_restart:
      return "rolling_restart";
  }
  return "";
}

std::string_view to_string(Promise promise) {
  switch (promise) {
    case Promise::safe:
      return "safe";
    case Promise::permitted:
      return "permitted";
    case Promise::rejected:
      return "rejected";
  }
  return "";
}

Expected expected(const Cell& cell) {
  if (cell.acks != kAcksAll && cell.idempotence.value_or(false))
    return {Promise::rejected, "an idempotent producer needs acks=all", 0};
  if (cell.acks == 0) {
    const bool reached = cell.fault != MatrixFault::slow_disk;
    return permitted(reached ? kOften : 0, "acks=0: nothing is promised");
  }
  return cell.acks == 1 ? expected_of_one(cell) : expected_of_all(cell);
}

std::vector<Setting> settings_of(const Cell& cell) {
  std::vector<Setting> settings = {
      {"producer.writer.config.acks", value_of(cell, "acks")},
      {"topic.orders.config.\"min.insync.replicas\"", std::to_string(cell.min_insync)}};
  if (cell.replication != 3)
    settings.push_back({"topic.orders.replication", std::to_string(cell.replication)});
  if (cell.replication > 3) settings.push_back({"cluster.brokers", std::to_string(cell.replication)});
  if (cell.unclean) settings.push_back({"topic.orders.config.\"unclean.leader.election.enable\"", "true"});
  if (cell.flush_each) settings.push_back({"topic.orders.config.\"flush.messages\"", "1"});
  if (cell.idempotence)
    settings.push_back(
        {"producer.writer.config.\"enable.idempotence\"", *cell.idempotence ? "true" : "false"});
  return settings;
}

std::vector<Cell> Dimensions::cells() const {
  std::vector<Cell> cells;
  for (const int32_t a : acks)
    for (const int32_t m : min_insync)
      for (const int32_t r : replication)
        for (const bool u : unclean)
          for (const bool f : flush_each)
            for (const std::optional<bool>& i : idempotence)
              for (const MatrixFault fault : faults) cells.push_back({a, m, r, u, f, i, fault});
  return cells;
}

Result<Dimensions> parse_dimensions(const TypedDimensions& typed) {
  Dimensions dimensions;
  std::vector<std::pair<std::string, MatrixFault>> faults;
  for (const MatrixFault fault : kMatrixFaults) faults.emplace_back(to_string(fault), fault);
  TRY(read<int32_t>("--acks", typed.acks, {{"0", 0}, {"1", 1}, {"all", kAcksAll}}, dimensions.acks));
  TRY(read<int32_t>("--min-insync", typed.min_insync, {{"1", 1}, {"2", 2}, {"3", 3}}, dimensions.min_insync));
  TRY(read<int32_t>("--replication", typed.replication, {{"1", 1}, {"3", 3}, {"5", 5}},
                    dimensions.replication));
  TRY(read<bool>("--unclean", typed.unclean, {{"on", true}, {"off", false}}, dimensions.unclean));
  TRY(read<bool>("--flush", typed.flush, {{"none", false}, {"each", true}}, dimensions.flush_each));
  TRY(read<std::optional<bool>>("--idempotence", typed.idempotence, {{"on", true}, {"off", false}},
                                dimensions.idempotence));
  TRY(read<MatrixFault>("--faults", typed.faults, faults, dimensions.faults));
  return dimensions;
}

std::string value_of(const Cell& cell, std::string_view name) {
  if (name == "acks") return cell.acks == kAcksAll ? "all" : std::to_string(cell.acks);
  if (name == "min-insync") return std::to_string(cell.min_insync);
  if (name == "replication") return std::to_string(cell.replication);
  if (name == "unclean") return on_or_off(cell.unclean);
  if (name == "flush") return cell.flush_each ? "each" : "none";
  if (name == "idempotence") return cell.idempotence ? on_or_off(*cell.idempotence) : "default";
  return std::string(to_string(cell.fault));
}

std::vector<std::string> to_words(const Dimensions& dimensions) {
  std::vector<std::string> names(std::begin(kSettingNames), std::end(kSettingNames));
  names.emplace_back("faults");
  std::vector<std::string> lines;
  const std::vector<Cell> cells = dimensions.cells();
  for (const std::string& name : names) {
    std::vector<std::string> values;
    for (const Cell& cell : cells) {
      const std::string value = value_of(cell, name);
      if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
    }
    lines.push_back(fmt::format("{} {}", name, fmt::join(values, ",")));
  }
  return lines;
}

}  // namespace ksim::sim
