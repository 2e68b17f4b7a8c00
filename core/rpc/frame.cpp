#include "core/rpc/frame.h"

#include <algorithm>
#include <cstring>

namespace ksim::rpc {

bool ByteBudget::acquire(int64_t size_bytes, Deadline deadline) {
  while (left_ <= 0) {
    if (!returned_.wait(deadline, "request bytes")) return false;
  }
  left_ -= size_bytes;
  if (left_ > 0) returned_.notify_one();
  return true;
}

void ByteBudget::release(int64_t size_bytes) {
  left_ += size_bytes;
  if (left_ > 0) returned_.notify_one();
}

IoResult<size_t> FrameReader::read(MutableBytes into, Deadline deadline) {
  TRY_ASSIGN(const size_t count, connection_.read_some(into, deadline));
  if (count == 0) return fail(in_frame_ || begin_ < end_ ? IoError::reset : IoError::closed);
  bytes_read_ += count;
  return count;
}

IoResult<void> FrameReader::fill_window(Deadline deadline) {
  if (begin_ > 0) {
    std::memmove(window_.data(), window_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  TRY_ASSIGN(const size_t count, read(MutableBytes(window_).subspan(end_), deadline));
  end_ += count;
  return {};
}

IoResult<void> FrameReader::begin_frame(Deadline deadline) {
  while (end_ - begin_ < 4) TRY(fill_window(deadline));
  const auto size = load_be<int32_t>(window_.data() + begin_);
  if (size < 0 || static_cast<uint32_t>(size) > max_frame_bytes_) return fail(IoError::invalid);
  if (budget_ != nullptr) {
    if (!budget_->acquire(size, deadline)) return fail(IoError::timed_out);
    pending_.lease = BudgetLease(*budget_, size);
  }
  pending_.bytes = Buffer::allocate(static_cast<size_t>(size));
  begin_ += 4;
  filled_ = 0;
  in_frame_ = true;
  return {};
}

IoResult<Frame> FrameReader::next(Deadline deadline) {
  if (!in_frame_) TRY(begin_frame(deadline));
  const MutableBytes target = pending_.bytes.writable();
  for (;;) {
    const size_t ready = std::min(end_ - begin_, target.size() - filled_);
    if (ready > 0) std::memcpy(target.data() + filled_, window_.data() + begin_, ready);
    begin_ += ready;
    filled_ += ready;
    const size_t missing = target.size() - filled_;
    if (missing == 0) break;
    if (missing >= kWindowBytes) {
      TRY_ASSIGN(const size_t count, read(target.subspan(filled_), deadline));
      filled_ += count;
    } else {
      TRY(fill_window(deadline));
    }
  }
  in_frame_ = false;
  return std::exchange(pending_, Frame{});
}

}  // namespace ksim::rpc
