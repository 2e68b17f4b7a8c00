#pragma once
// Frames: four bytes of size, then a message (protocol guide, "Protocol Primitive Types"; rule D2).

#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/io/network.h"
#include "core/io/sync.h"

namespace ksim::rpc {

// Bytes of requests that one shard may hold at a time. Whoever asks while nothing is left waits, so that its
// connection is not read; a request larger than what is left is let in, else it could never come.
class ByteBudget {
 public:
  ByteBudget(Scheduler& scheduler, int64_t limit_bytes) : returned_(scheduler), left_(limit_bytes) {}

  bool acquire(int64_t size_bytes, Deadline deadline);  // false at the deadline
  void release(int64_t size_bytes);
  int64_t left() const { return left_; }

 private:
  Condition returned_;
  int64_t left_;
};

// Part of a budget, given back when this dies. Belongs to the shard of its budget.
class BudgetLease {
 public:
  BudgetLease() = default;
  BudgetLease(ByteBudget& budget, int64_t size_bytes) : budget_(&budget), size_bytes_(size_bytes) {}
  BudgetLease(BudgetLease&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), size_bytes_(other.size_bytes_) {}
  BudgetLease& operator=(BudgetLease&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(size_bytes_, other.size_bytes_);
    return *this;
  }
  ~BudgetLease() {
    if (budget_ != nullptr) budget_->release(size_bytes_);
  }

 private:
  ByteBudget* budget_ = nullptr;
  int64_t size_bytes_ = 0;
};

struct Frame {
  Buffer bytes;  // without the size in front
  BudgetLease lease;
};

// Cuts the stream of a connection into frames. Small frames that arrived together cost one read.
class FrameReader {
 public:
  // `budget` may be null.
  FrameReader(Connection& connection, uint32_t max_frame_bytes, ByteBudget* budget)
      : connection_(connection), max_frame_bytes_(max_frame_bytes), budget_(budget), window_(kWindowBytes) {}

  // closed: the peer finished between frames; reset: within one. invalid: the size is negative or over the
  // limit (rule D2). timed_out: the deadline passed; what has arrived is kept and the next call goes on.
  IoResult<Frame> next(Deadline deadline);

  uint64_t bytes_read() const { return bytes_read_; }
  // A frame, or a part of one, is here already.
  bool has_input() const { return begin_ < end_ || pending_.bytes; }

 private:
  static constexpr size_t kWindowBytes = 4096;

  IoResult<void> fill_window(Deadline deadline);
  IoResult<size_t> read(MutableBytes into, Deadline deadline);
  IoResult<void> begin_frame(Deadline deadline);

  Connection& connection_;
  uint32_t max_frame_bytes_;
  ByteBudget* budget_;
  ByteBuffer window_;
  size_t begin_ = 0;
  size_t end_ = 0;
  Frame pending_;  // being filled
  size_t filled_ = 0;
  bool in_frame_ = false;
  uint64_t bytes_read_ = 0;
};

}  // namespace ksim::rpc
