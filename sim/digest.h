#pragma once
// The digest of a run: every scheduling choice and every I/O, bytes included, folded in order into 64 bits.
// Two runs of one plan have the same digest on every machine. With a trace attached each folded event is
// told as well, so that two runs can be compared event by event.

#include <cstdint>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/hash.h"
#include "core/base/units.h"

namespace ksim::sim {

// What happened. Append only, with its name in digest.cpp.
enum class Fold : uint8_t {
  resume,
  disk_open,
  disk_read,
  disk_write,
  disk_sync,
  disk_truncate,
  disk_preallocate,
  disk_make_dir,
  disk_list,
  disk_rename,
  disk_remove,
  disk_sync_dir,
  disk_stat,
  disk_lock,
  net_listen,
  net_connect,
  net_accept,
  net_read,
  net_write,
  net_send_file,
  net_close,
  mailbox_post,
  mailbox_receive,
  node_start,
  node_exit,
  node_crash,
  power_loss,
  clock_step,
  fault,
  run_end,
  count_,
};
std::string_view fold_name(Fold kind);

struct FoldedEvent {
  uint64_t number;   // counts from 1
  int64_t time_ns;   // virtual time
  uint64_t subject;  // key of a fiber, file, connection or node
  uint64_t value;    // what it came to: bytes, counts, results
  Fold kind;
};

class DigestTrace {
 public:
  virtual ~DigestTrace() = default;
  virtual void event(const FoldedEvent& event) = 0;
  virtual bool knows(uint64_t key) const = 0;
  virtual void name(uint64_t key, std::string_view text) = 0;
};

class Digest {
 public:
  explicit Digest(uint64_t start) : state_(mix64(start, 0)) {}

  void fold(Fold kind, uint64_t subject, uint64_t value) {
    ++count_;
    state_ = mix64(state_, subject ^ (static_cast<uint64_t>(kind) << 56), value);
    if (trace_ != nullptr) [[unlikely]] {
      trace_->event({count_, *time_ns_, subject, value, kind});
    }
  }
  // What a transfer came to: its size, checksum and place.
  static uint64_t transfer(uint64_t offset, size_t size_bytes, uint32_t crc) {
    return mix64(offset, size_bytes ^ (static_cast<uint64_t>(crc) << 32));
  }

  // `time_ns` is read at each event and must outlive the digest.
  void attach(DigestTrace* trace, const int64_t* time_ns) {
    trace_ = trace;
    time_ns_ = time_ns;
  }
  // True if a trace is attached that has no name for this key yet; then tell it.
  bool wants_name(uint64_t key) const { return trace_ != nullptr && !trace_->knows(key); }
  void name(uint64_t key, std::string_view text) { trace_->name(key, text); }
  uint64_t value() const { return state_; }
  uint64_t count() const { return count_; }

 private:
  uint64_t state_;
  uint64_t count_ = 0;
  DigestTrace* trace_ = nullptr;
  const int64_t* time_ns_ = nullptr;
};

}  // namespace ksim::sim
