#pragma once
// What clients saw, as a compact table: keys, values, offsets and processes are small numbers; an operation
// is a range of micro-ops, a poll a range of records. 2^32 - 2 of each are the most.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/judge/id_table.h"

namespace ksim::judge {

enum class Acks : uint8_t { all, one, none };

// The header of a history. `settings` of unknown name or value are refused by the reader.
struct Settings {
  Acks acks = Acks::all;
  bool idempotence = true;
  bool txn = false;
  bool read_committed = true;
  std::vector<std::pair<int64_t, bool>> process_read_committed;  // exceptions, by process, sorted
  bool subscribes = false;
  bool ww_deps = false;
  bool final_polls = false;
  bool unclean_elections = false;
};

enum class OpKind : uint8_t { send, poll, txn, assign, subscribe, crash, trim };
enum class Outcome : uint8_t { ok, fail, info };

constexpr bool has_micro_ops(OpKind kind) { return kind <= OpKind::txn; }

struct Op {
  int64_t invoked = 0;    // index of its event
  int64_t completed = 0;  // the same; that of the invocation if it never completed. It names the op
  uint32_t process = 0;
  uint32_t micro_begin = 0, micro_end = 0;
  uint32_t record_begin = 0, record_end = 0;  // of all its polls, in their order
  uint32_t oks_before = 0;                    // entries of History::oks that were there when it was invoked
  OpKind kind = OpKind::send;
  Outcome outcome = Outcome::info;
  bool is_open = true;  // never completed, once all is read
  bool seeks_to_beginning = false;
};

struct MicroOp {
  bool is_poll = false;
  uint32_t first = 0;  // a send: its value; a poll: its first record
  uint32_t second =
      kNone;  // a send: where it was acknowledged (a Place) or kNone; a poll: the end of its records
};

// A value of one key.
struct Value {
  int64_t number = 0;
  const char* text = nullptr;  // null: a number
  uint32_t text_size = 0;
  uint32_t key = 0;
  uint32_t writer = kNone;        // the op that sent it
  uint32_t writer_micro = kNone;  // its micro-op
  uint32_t place = kNone;         // the first one noted

  std::string_view as_text() const { return {text, text_size}; }
};

// A value at an offset.
struct Place {
  int64_t offset = 0;
  uint32_t value = 0;
  uint32_t key = 0;
};

struct Process {
  int64_t number = 0;
  uint32_t open_op = kNone;
  bool is_uncommitted_reader = false;  // of transactions
};

struct Key {
  std::string name;
  bool is_compacted = false;
};

// Keys of an assign, a subscribe or a rebalance log.
struct NamedKey {
  uint32_t op = 0;
  uint32_t key = 0;
};

struct Trim {
  uint32_t op = 0;
  uint32_t key = 0;
  int64_t start = 0;
};

class History {
 public:
  History() = default;
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  Settings settings;
  std::vector<Op> ops;  // in the order of their invocations
  std::vector<MicroOp> micro_ops;
  std::vector<uint32_t> records;  // Places
  std::vector<Value> values;
  std::vector<Place> places;
  std::vector<Process> processes;
  std::vector<Key> keys;
  std::vector<NamedKey> assigned;    // sorted by op
  std::vector<NamedKey> rebalanced;  // in the order of completions
  std::vector<Trim> trims;           // sorted by op and key
  std::vector<uint32_t> oks;         // ops with micro-ops that are ok, in the order of their completions

  uint32_t key(std::string_view name);
  uint32_t value(uint32_t key, int64_t number);
  uint32_t value(uint32_t key, std::string_view text);
  uint32_t place(uint32_t value, int64_t offset);
  // The same as place(value(key, ...), offset), and faster where others saw it there before.
  uint32_t place_of(uint32_t key, int64_t offset, int64_t number);
  uint32_t place_of(uint32_t key, int64_t offset, std::string_view text);
  uint32_t process(int64_t number);

  // Once all is read: places, and values with them, are numbered in the order of key, offset and value, so
  // that what is polled together lies together. No new ones come after that.
  void sort_places();

  // Numbers before texts.
  bool value_less(uint32_t a, uint32_t b) const;

 private:
  // Of a key: the first place seen at each offset from `base`, for offsets that lie close.
  struct Seen {
    int64_t number = 0;
    uint32_t place = kNone;
  };
  struct SeenOffsets {
    int64_t base = 0;
    uint32_t used = 0;
    std::vector<Seen> seen;
  };

  const char* keep(std::string_view text);
  Seen* seen_at(uint32_t key, int64_t offset);
  void note_seen(uint32_t key, int64_t offset, uint32_t place);

  IdTable key_ids_, value_ids_, place_ids_, process_ids_;  // place_ids_: all but the first of a value
  std::vector<SeenOffsets> seen_;                          // by key
  std::vector<std::unique_ptr<char[]>> texts_;
  size_t texts_left_ = 0;
  char* texts_next_ = nullptr;
};

}  // namespace ksim::judge
