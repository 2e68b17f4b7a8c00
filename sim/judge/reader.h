#pragma once
// Reads a history, block by block, into the table. The first thing that is wrong ends it.

#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "sim/judge/history.h"
#include "sim/judge/json_line.h"

namespace ksim::judge {

constexpr size_t kMaxLineBytes = size_t{16} << 20;  // without the newline

class Reader {
 public:
  explicit Reader(History& history) : history_(history) {}

  // Errors, of both: INVALID_REQUEST with "line 7: why", one line of text. Nothing may follow an error.
  Result<void> feed(std::string_view block);
  Result<void> finish();

 private:
  // An event's members as tokens; 0 (the whole line) where it has none.
  struct Event {
    int64_t index = 0;
    int64_t time_ns = 0;
    uint32_t process = 0;
    uint32_t value = 0;
    uint32_t rebalance_log = 0;
    bool is_invocation = false;
    bool is_note = false;
    Outcome outcome = Outcome::info;
    OpKind kind = OpKind::send;
    bool seeks_to_beginning = false;
  };
  enum class Form : uint8_t { invoked, completed, either };

  // All that follow return whether it is good; if not, why_ says why not.
  bool bad(std::string why) {
    why_ = std::move(why);
    return false;
  }
  bool read_line(std::string_view line);
  bool read_header();
  bool read_settings(uint32_t at);
  bool read_setting(std::string_view name, uint32_t at);
  bool read_choice(std::string_view name, uint32_t at, std::string_view first, std::string_view second,
                   bool& is_first);
  bool read_flag(std::string_view name, uint32_t at, bool& into);
  bool read_process_isolation(uint32_t at);

  bool read_event();
  bool read_members(Event& event);
  bool read_member(std::string_view name, uint32_t at, Event& event);
  bool read_type(uint32_t at, Event& event);
  bool read_f(uint32_t at, Event& event);
  bool take_in(const Event& event);
  bool invoke(const Event& event);
  bool complete(const Event& event, Op& op);

  // ---- values of operations ----
  bool invoke_micro_ops(const Event& event, uint32_t op);
  bool invoke_send(uint32_t at, uint32_t op);
  bool complete_micro_ops(const Event& event, uint32_t op);
  bool complete_micro_op(uint32_t at, MicroOp& micro, Form form);
  bool complete_send(uint32_t at, MicroOp& micro, Form form);
  bool complete_poll(uint32_t at, MicroOp& micro, Form form);
  bool read_records(uint32_t at, uint32_t key);
  bool read_rebalance_log(uint32_t at, uint32_t op);
  bool invoke_assign(const Event& event, uint32_t op);
  bool complete_assign(const Event& event, uint32_t op);
  bool invoke_trim(const Event& event, uint32_t op);
  bool complete_trim(const Event& event, uint32_t op);

  // ---- words of the format ----
  bool read_integer(std::string_view name, uint32_t at, int64_t least, int64_t& into);
  bool is_sound_value(uint32_t at);
  bool is_value(uint32_t at, uint32_t value) const;
  // The members of an object, which must have names of their own.
  bool has_distinct_names(std::string_view what, uint32_t at);
  bool read_micro_op(uint32_t at, bool& is_poll, size_t& size);
  static bool is_wrong_kind(OpKind kind, bool is_poll) {
    return (kind == OpKind::send && is_poll) || (kind == OpKind::poll && !is_poll);
  }

  History& history_;
  JsonLine json_;
  std::string why_;
  uint64_t line_ = 0;  // the number of the last line that was read
  // The beginning of a line whose end has not come yet, and the padding that JsonLine wants.
  std::string pending_ = std::string(JsonLine::kPaddingBytes, 0);
  size_t searched_ = 0;  // of it: there is no newline in it
  bool has_event_ = false;
  int64_t last_index_ = 0;
  int64_t last_time_ns_ = 0;
  std::vector<std::string_view> names_;  // scratch
};

}  // namespace ksim::judge
