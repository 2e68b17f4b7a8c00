#include "sim/campaign/campaign.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "core/base/hooks.h"
#include "core/base/varint.h"

namespace ksim::sim {
namespace {

// The counts in one order, for both directions and for no other purpose.
std::vector<uint64_t*> fields(RunCounts& c) {
  return {&c.sent,        &c.acknowledged, &c.failed,           &c.unknown,   &c.read,
          &c.lost,        &c.permitted,    &c.faults,           &c.elections, &c.unclean_elections,
          &c.truncations, &c.isr_changes,  &c.quorum_elections, &c.forged,    &c.batches,
          &c.duplicated,  &c.reordered,    &c.unavailable_ms};
}

void put(ByteBuffer& out, uint64_t value) {
  uint8_t bytes[kVarlongMax];
  const uint8_t* end = put_uvarint(bytes, value);
  out.insert(out.end(), static_cast<const uint8_t*>(bytes), end);
}

bool take(Bytes& from, uint64_t& value) {
  const uint8_t* next = get_uvarint64(from.data(), from.data() + from.size(), value);
  if (next == nullptr) return false;
  from = from.subspan(static_cast<size_t>(next - from.data()));
  return true;
}

void put_text(ByteBuffer& out, const std::string& text) {
  put(out, text.size());
  out.insert(out.end(), text.begin(), text.end());
}

bool take_text(Bytes& from, std::string& text) {
  uint64_t size = 0;
  if (!take(from, size) || size > from.size()) return false;
  text = as_text(from.first(size));
  from = from.subspan(size);
  return true;
}

void put_texts(ByteBuffer& out, const std::vector<std::string>& texts) {
  put(out, texts.size());
  for (const std::string& text : texts) put_text(out, text);
}

bool take_texts(Bytes& from, std::vector<std::string>& texts) {
  uint64_t count = 0;
  if (!take(from, count) || count > from.size()) return false;
  texts.resize(count);
  return std::all_of(texts.begin(), texts.end(), [&](std::string& text) { return take_text(from, text); });
}

void sort_out(std::vector<std::string>& texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
}

}  // namespace

std::string complaint_of(const ViolationRow& violation) {
  return fmt::format("{} in {}: {}", violation.checker, violation.subject, violation.message);
}

SeedResult SeedResult::of(const RunSummary& summary) {
  SeedResult result;
  result.seed = summary.seed;
  result.digest = summary.digest;
  result.holds = summary.holds();
  result.events = summary.events;
  result.virtual_ns = static_cast<uint64_t>(std::max<int64_t>(summary.ended.ns, 0));
  result.counts = summary.counts;
  for (const MarkRow& mark : summary.marks) result.marks.push_back(mark.reached);
  for (const FaultRow& fault : summary.faults) {
    if (fault.took_effect) result.fault_kinds.push_back(fault.kind);
  }
  sort_out(result.fault_kinds);
  result.situations = summary.situations;
  if (!summary.simulator_fault.empty()) {
    result.simulator_fault = true;
    result.complaint = summary.simulator_fault;
  } else if (!summary.violations.empty()) {
    result.complaint = complaint_of(summary.violations.front());
  }
  return result;
}

void SeedResult::plan_faults(const Plan& plan) {
  for (const FaultPlan& fault : plan.faults) planned.push_back(fault.kind);
  sort_out(planned);
}

ByteBuffer SeedResult::encode() const {
  ByteBuffer out;
  RunCounts copy = counts;
  for (uint64_t value : {seed, digest, uint64_t{holds}, uint64_t{simulator_fault}, events, virtual_ns}) {
    put(out, value);
  }
  for (const uint64_t* field : fields(copy)) put(out, *field);
  put(out, marks.size());
  for (uint64_t reached : marks) put(out, reached);
  put_texts(out, fault_kinds);
  put_texts(out, planned);
  put(out, situations.size());
  for (uint64_t situation : situations) put(out, situation);
  put_text(out, complaint);
  return out;
}

std::optional<SeedResult> SeedResult::decode(Bytes bytes) {
  SeedResult result;
  uint64_t holds = 0;
  uint64_t fault = 0;
  uint64_t count = 0;
  for (uint64_t* into : {&result.seed, &result.digest, &holds, &fault, &result.events, &result.virtual_ns}) {
    if (!take(bytes, *into)) return std::nullopt;
  }
  result.holds = holds != 0;
  result.simulator_fault = fault != 0;
  for (uint64_t* into : fields(result.counts)) {
    if (!take(bytes, *into)) return std::nullopt;
  }
  if (!take(bytes, count) || count > bytes.size()) return std::nullopt;
  result.marks.resize(count);
  for (uint64_t& reached : result.marks) {
    if (!take(bytes, reached)) return std::nullopt;
  }
  if (!take_texts(bytes, result.fault_kinds) || !take_texts(bytes, result.planned)) return std::nullopt;
  if (!take(bytes, count) || count > bytes.size()) return std::nullopt;
  result.situations.resize(count);
  for (uint16_t& situation : result.situations) {
    uint64_t number = 0;
    if (!take(bytes, number)) return std::nullopt;
    situation = static_cast<uint16_t>(number);
  }
  if (!take_text(bytes, result.complaint) || !bytes.empty()) return std::nullopt;
  return result;
}

void Campaign::add(SeedResult result) {
  ++seeds_;
  events_ += result.events;
  virtual_ns_ += result.virtual_ns;
  digests_ ^= mix64(result.seed, result.digest);
  if (result.simulator_fault) {
    ++broken_;
  } else if (!result.holds) {
    ++violated_;
  }
  if (result.counts.permitted > 0) ++permitted_;
  faults_.push_back(result.counts.faults);
  elections_.push_back(result.counts.elections);
  quorum_elections_.push_back(result.counts.quorum_elections);
  truncations_.push_back(result.counts.truncations);
  isr_changes_.push_back(result.counts.isr_changes);
  acknowledged_.push_back(result.counts.acknowledged);
  batches_ += result.counts.batches;
  marks_.resize(std::max(marks_.size(), result.marks.size()));
  for (size_t i = 0; i < result.marks.size(); ++i) marks_[i] += result.marks[i];
  if ((result.simulator_fault || !result.holds) && bad_.size() < kMostBad) {
    bad_[result.seed] = {std::move(result.complaint), result.simulator_fault};
  }
}

uint64_t Campaign::median(const std::vector<uint64_t>& values) const {
  if (values.empty()) return 0;
  std::vector<uint64_t> sorted = values;
  const auto middle = sorted.begin() + static_cast<ptrdiff_t>((sorted.size() - 1) / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

std::string Campaign::render(int64_t real_ns, const std::string& repeat, bool colour) const {
  const auto paint = [&](const char* code, const std::string& text) {
    return colour ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
  };
  constexpr size_t kShown = 20;
  std::string out = paint("1", fmt::format("{} · {} seeds", scenario_, seeds_)) + "\n";
  size_t shown = 0;
  for (const auto& [seed, bad] : bad_) {
    if (++shown > kShown) break;
    const char* what = bad.simulator_fault ? "SIMULATOR FAULT" : "VIOLATION";
    out += paint("31;1", fmt::format("  {} seed {}: {}", what, seed, bad.complaint)) + "\n";
    out += fmt::format("    repeat: {} --seed {}\n", repeat, seed);
  }
  if (violated_ + broken_ > kShown) out += fmt::format("  and {} more\n", violated_ + broken_ - kShown);
  out += fmt::format("held {}, violated {}, simulator faults {}; permitted loss in {}\n",
                     seeds_ - violated_ - broken_, violated_, broken_, permitted_);
  out += fmt::format(
      "median of a seed: {} faults that took effect, {} elections, {} quorum elections, {} truncations, "
      "{} ISR changes, {} records acknowledged\n",
      median(faults_), median(elections_), median(quorum_elections_), median(truncations_),
      median(isr_changes_), median(acknowledged_));
  std::string never;
  for (size_t i = 0; i < kMarkCount; ++i) {
    if (i < marks_.size() && marks_[i] > 0) continue;
    never += (never.empty() ? "" : ", ") + std::string(mark_name(static_cast<Mark>(i)));
  }
  if (!never.empty()) out += paint("33", "marks never reached: " + never) + "\n";
  const int64_t ms = std::max<int64_t>(real_ns / 1'000'000, 1);
  const uint64_t tenths = seeds_ * 10'000 / static_cast<uint64_t>(ms);
  out += fmt::format("{}.{} seeds/s, {} events/s, {} s of virtual time in {}.{:03} s\n", tenths / 10,
                     tenths % 10, events_ * 1000 / static_cast<uint64_t>(ms), virtual_ns_ / 1'000'000'000,
                     ms / 1000, ms % 1000);
  out += fmt::format("digest {:016x}\n", digests_);
  return out;
}

std::string Campaign::render_json(int64_t real_ns, const std::string& repeat) const {
  using nlohmann::json;
  json out{{"scenario", scenario_},
           {"seeds", seeds_},
           {"violated", violated_},
           {"simulator_faults", broken_},
           {"permitted_loss", permitted_},
           {"holds", violated_ + broken_ == 0},
           {"events", events_},
           {"batches", batches_},
           {"virtual_ns", virtual_ns_},
           {"real_ns", real_ns},
           {"digest", fmt::format("{:016x}", digests_)}};
  out["median"] = {{"faults", median(faults_)},
                   {"elections", median(elections_)},
                   {"quorum_elections", median(quorum_elections_)},
                   {"truncations", median(truncations_)},
                   {"isr_changes", median(isr_changes_)},
                   {"acknowledged", median(acknowledged_)}};
  out["bad"] = json::array();
  for (const auto& [seed, bad] : bad_) {
    out["bad"].push_back({{"seed", std::to_string(seed)},
                          {"simulator_fault", bad.simulator_fault},
                          {"complaint", bad.complaint},
                          {"repeat", fmt::format("{} --seed {}", repeat, seed)}});
  }
  out["marks"] = json::object();
  for (size_t i = 0; i < kMarkCount; ++i) {
    out["marks"][std::string(mark_name(static_cast<Mark>(i)))] = i < marks_.size() ? marks_[i] : 0;
  }
  return out.dump();
}

}  // namespace ksim::sim
