#include <algorithm>

#include "sim/net/conn.h"

namespace ksim::sim {
namespace {

constexpr uint64_t kMaxSegmentBytes = 64 * 1024;
constexpr size_t kMaxPieces = 4;

// The pause before the n-th retransmission: 200 ms, doubled each time, at most two minutes (Linux).
Duration retry_pause(uint32_t n) {
  return milliseconds(std::min<int64_t>(200LL << std::min(n, 16U), 120'000));
}

}  // namespace

Pipe::Pipe(Conn& conn, size_t from)
    : conn_(conn), from_(from), bytes_(conn.fabric().ground().memory.pages), window_(*this) {}

Pipe::~Pipe() {
  if (NetTap* tap = conn_.fabric().tap()) tap->dropped(conn_, from_);
  Scheduler& scheduler = conn_.fabric().ground().scheduler;
  scheduler.cancel_timer(*this);
  scheduler.cancel_timer(window_);
}

bool Pipe::forward_open() const {
  return conn_.fabric().open(*conn_.end(from_).host, *conn_.end(1 - from_).host);
}
bool Pipe::reverse_open() const {
  return conn_.fabric().open(*conn_.end(1 - from_).host, *conn_.end(from_).host);
}

uint64_t Pipe::room() {
  if (reverse_open()) seen_taken_ = taken_;
  const uint64_t on_the_way = sent_ - seen_taken_;
  const uint64_t capacity = conn_.fabric().profile().capacity_bytes;
  return on_the_way >= capacity ? 0 : capacity - on_the_way;
}

void Pipe::send(uint64_t size_bytes) {
  if (dropped_) {
    // They fill the sender's buffer all the same: it waits when that is full, until it hears of the reset.
    sent_ += size_bytes;
    bytes_.cut_to(available());
    if (NetTap* tap = conn_.fabric().tap()) tap->dropped(conn_, from_);
    return;
  }
  const KeyedRandom& random = conn_.fabric().ground().random;
  const uint64_t entity = mix64(conn_.key(), from_);
  size_t pieces = 0;
  while (size_bytes > 0) {
    uint64_t n = std::min(size_bytes, kMaxSegmentBytes);
    const uint64_t bits = random.draw(SimStream::net_segment, entity, count_);
    const bool split =
        pieces++ < kMaxPieces && n > 1 && below(bits, 1000) < conn_.fabric().profile().split_per_mille;
    if (split) n = 1 + below(mix64(bits, 7), n);
    sent_ += n;
    size_bytes -= n;
    if (!join_last(n)) add_segment(sent_, n, false, false);
    segments_.back().open = !split;
  }
}

// What a fiber writes in several calls at the same instant leaves as one segment, as behind MSG_MORE.
bool Pipe::join_last(uint64_t bytes) {
  if (first_ == segments_.size()) return false;
  Segment& last = segments_.back();
  Fabric& fabric = conn_.fabric();
  if (!last.open || last.sent != fabric.ground().now() || last.bytes + bytes > kMaxSegmentBytes) return false;
  last.end += bytes;
  last.bytes += bytes;
  const Duration later = fabric.more(*conn_.end(from_).host, *conn_.end(1 - from_).host, bytes);
  last_arrive_ = last.arrive = last.arrive + later;
  if (later > Duration{} && first_ + 1 == segments_.size() && !stuck_) arm();
  return true;
}

void Pipe::add_segment(uint64_t end, uint64_t bytes, bool fin, bool rst) {
  const uint64_t entity = mix64(conn_.key(), from_);
  const Instant arrive =
      conn_.fabric().arrival(*conn_.end(from_).host, *conn_.end(1 - from_).host, entity, ++count_, bytes);
  last_arrive_ = std::max(last_arrive_, arrive + conn_.fabric().extra_of(conn_.key()));
  const bool idle = first_ == segments_.size();
  if (idle) {
    segments_.clear();
    first_ = 0;
  }
  segments_.push_back({end, bytes, conn_.fabric().ground().now(), last_arrive_, fin, rst, false});
  if (idle && !stuck_) arm();
}

void Pipe::finish() {
  if (fin_sent_ || dropped_) return;
  fin_sent_ = true;
  add_segment(sent_, 0, true, false);
}

void Pipe::reset_behind() {
  if (dropped_) return;
  fin_sent_ = true;
  add_segment(sent_, 0, false, true);
}

void Pipe::drop() {
  dropped_ = true;
  if (NetTap* tap = conn_.fabric().tap()) tap->dropped(conn_, from_);
  segments_.clear();
  first_ = 0;
  bytes_.cut_to(available());
  sent_ = arrived_;
  Scheduler& scheduler = conn_.fabric().ground().scheduler;
  scheduler.cancel_timer(*this);
  scheduler.cancel_timer(window_);
}

void Pipe::take(MutableBytes into) {
  bytes_.take(into);
  taken_ += into.size();
  if (writer_waits_) tell_of_room();
}

void Pipe::wait_for_room() {
  writer_waits_ = true;
  if (taken_ != seen_taken_) tell_of_room();
}

void Pipe::tell_of_room() {
  if (window_.armed() || dropped_) return;
  Fabric& fabric = conn_.fabric();
  const uint64_t entity = mix64(conn_.key(), from_, 9);
  window_.tries = 0;
  fabric.ground().scheduler.add_timer(
      window_, fabric.arrival(*conn_.end(1 - from_).host, *conn_.end(from_).host, entity, taken_, 0),
      fabric.ground().policy.tie(entity));
}

void Pipe::discard() {
  uint8_t scratch[512];
  while (available() > 0) {
    const size_t n = std::min<uint64_t>(available(), sizeof(scratch));
    bytes_.take({scratch, n});
    taken_ += n;
  }
  if (writer_waits_) tell_of_room();
}

void Pipe::Window::fire() {
  if (!pipe.reverse_open()) {
    Ground& ground = pipe.conn_.fabric().ground();
    ground.scheduler.add_timer(*this, ground.now() + retry_pause(tries++),
                               ground.policy.tie(mix64(pipe.conn_.key(), pipe.from_, 9)));
    return;
  }
  pipe.seen_taken_ = pipe.taken_;
  pipe.writer_waits_ = false;
  Conn::End& sender = pipe.conn_.end(pipe.from_);
  if (sender.writer != nullptr) pipe.conn_.fabric().ground().scheduler.wake(*sender.writer);
}

void Pipe::arm() {
  Ground& ground = conn_.fabric().ground();
  ground.scheduler.cancel_timer(*this);
  Instant next = retry_at_;
  if (!stuck_ && first_ < segments_.size()) next = std::min(next, segments_[first_].arrive);
  if (!next.is_never()) ground.scheduler.add_timer(*this, next, ground.policy.tie(mix64(conn_.key(), from_)));
}

void Pipe::fire() {
  const Instant now = conn_.fabric().ground().now();
  if (retry_at_ <= now) {
    if (!try_again()) return;
  }
  if (!stuck_) deliver();
  if (!dropped_) arm();
}

bool Pipe::try_again() {
  const Instant now = conn_.fabric().ground().now();
  if (forward_open()) stuck_ = false;
  if (forward_open() && reverse_open()) {
    unacked_since_ = retry_at_ = Instant::never();
    retries_ = 0;
    return true;
  }
  if (now - unacked_since_ >= conn_.fabric().profile().give_up) {
    conn_.fail(from_);
    drop();
    return false;
  }
  retry_at_ = now + retry_pause(++retries_);
  return true;
}

void Pipe::deliver() {
  const Instant now = conn_.fabric().ground().now();
  bool delivered = false;
  bool reset = false;
  Conn::End& receiver = conn_.end(1 - from_);
  while (first_ < segments_.size() && segments_[first_].arrive <= now) {
    if (!forward_open()) {
      stuck_ = true;
      conn_.fabric().held(*conn_.end(from_).host, *conn_.end(1 - from_).host);
      break;
    }
    const bool lingers = now < receiver.lingers_until && !receiver.reset && !receiver.forgotten();
    if (receiver.gone() && !lingers) {
      // Nobody there reads this: the kernel answers with a reset. An end that is finished needs none.
      const bool only_fin = segments_[first_].fin && first_ + 1 == segments_.size();
      if (!only_fin || receiver.forgotten()) conn_.reset_peer_of(1 - from_);
      drop();
      return;
    }
    const Segment& segment = segments_[first_++];
    arrived_ = segment.end;
    if (segment.fin) fin_arrived_ = true;
    reset = segment.rst;
    delivered = delivered || !reset;
  }
  if (NetTap* tap = conn_.fabric().tap(); tap != nullptr && delivered) tap->arrived(conn_, from_, arrived_);
  if (reset) {
    conn_.fail(1 - from_);
    return drop();
  }
  if (delivered && receiver.closed) discard();
  if (delivered && receiver.reader != nullptr) conn_.fabric().ground().scheduler.wake(*receiver.reader);
  if (stuck_ || (delivered && !reverse_open())) {
    if (unacked_since_.is_never()) {
      unacked_since_ = now;
      retries_ = 0;
      retry_at_ = now + retry_pause(0);
    }
  }
  if (first_ == segments_.size()) {
    segments_.clear();
    first_ = 0;
  } else if (first_ > 256) {
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

}  // namespace ksim::sim
