#pragma once
// Anomalies that were found, with their witnesses, and what the settings permit.

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/judge/history.h"
#include "sim/judge/logs.h"

namespace ksim::judge {

enum class Code : uint8_t {
  unsent_read,
  inconsistent_offsets,
  duplicate,
  g1a,
  precommitted_read,
  lost_write,
  unseen,
  poll_skip,
  nonmonotonic_poll,
  int_poll_skip,
  int_nonmonotonic_poll,
  nonmonotonic_send,
  int_nonmonotonic_send,
  int_send_skip,
  g0,
  g0_process,
  g0_realtime,
  g1c,
  g1c_process,
  g1c_realtime,
  count_,
};
constexpr size_t kCodes = static_cast<size_t>(Code::count_);
std::string_view name_of(Code code);

// Whether the settings permit it (the table of the format).
bool is_permitted(Code code, const Settings& settings);

// One witness: a JSON object, member by member.
class Witness {
 public:
  explicit Witness(const History& history) : history_(history) {}

  Witness& key(uint32_t key);
  Witness& number(std::string_view name, int64_t number);
  Witness& flag(std::string_view name);
  Witness& op(std::string_view name, uint32_t op);  // by the index that names it
  Witness& ops(std::span<const uint32_t> ops);
  Witness& value(std::string_view name, uint32_t value);
  Witness& values(std::string_view name, std::span<const uint32_t> values);
  // {"skipped":[...]}, and "skipped_cut" where more than so many bytes are needed.
  Witness& skipped(const Logs& logs, const Logs::Range& range, size_t most_bytes);
  size_t size() const { return text_.size(); }
  Witness& offsets(std::span<const int64_t> offsets);
  std::string take();

 private:
  void name(std::string_view name);
  template <class Items, class Append>
  Witness& list(std::string_view name, const Items& items, Append&& append);
  void append_value(uint32_t value);

  const History& history_;
  std::string text_ = "{";
};

class Findings {
 public:
  static constexpr size_t kMostWitnesses = 1000;  // of a code
  // A witness lists skipped values until their text has so many bytes, and as long as all of them together
  // have so many; then it lists a few. Where it does not list all, it has "skipped_cut".
  static constexpr size_t kMostSkippedBytes = size_t{256} << 10;
  static constexpr size_t kMostSkippedBytesInAll = size_t{64} << 20;
  static constexpr size_t kFewSkippedBytes = 100;

  explicit Findings(const History& history) : history_(history) {}

  // The code has all the witnesses it may have: more need not be looked for.
  bool is_full(Code code) const { return of(code).witnesses.size() >= kMostWitnesses; }
  // Kept once, however often it is added.
  void add(Code code, Witness& witness);
  // Appends {"skipped":[...]}.
  void list_skipped(Witness& witness, const Logs& logs, const Logs::Range& range);

  bool has(Code code) const { return !of(code).witnesses.empty(); }
  const std::vector<std::string>& witnesses(Code code) const { return of(code).witnesses; }

 private:
  struct Found {
    std::vector<std::string> witnesses;
    std::set<std::string, std::less<>> known;
  };
  Found& of(Code code) { return found_[static_cast<size_t>(code)]; }
  const Found& of(Code code) const { return found_[static_cast<size_t>(code)]; }

  const History& history_;
  std::array<Found, kCodes> found_;
  size_t skipped_bytes_ = 0;
};

}  // namespace ksim::judge
