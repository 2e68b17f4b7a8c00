#include "sim/net/sim_network.h"

#include <algorithm>
#include <cstring>

#include "core/base/crc32c.h"
#include "sim/net/conn.h"

namespace ksim::sim {
namespace {

void fold(Ground& ground, Fold kind, uint64_t key, uint64_t value) { ground.digest.fold(kind, key, value); }

uint64_t outcome(IoError error) { return static_cast<uint64_t>(error); }

class SimConnection final : public Connection {
 public:
  SimConnection(SimNetwork& network, Conn& conn, size_t side) : network_(network), conn_(conn), side_(side) {}
  ~SimConnection() override {
    ENSURE(end().reader == nullptr && end().writer == nullptr, "a connection dies with fibers waiting on it");
    abort();
    conn_.release(side_);
  }

  IoResult<size_t> read_some(MutableBytes into, Deadline deadline) override;
  IoResult<size_t> write_some(std::span<const Bytes> from, Deadline deadline) override;
  IoResult<size_t> send_file(const FileRef& file, uint64_t offset, uint64_t size_bytes,
                             Deadline deadline) override;
  void shutdown_write() override;
  void close() override;
  void abort() override;
  bool peer_has_ended() const override { return conn_.end(side_).reset || conn_.in(side_).ended(); }
  Endpoint peer() const override { return conn_.address(1 - side_); }
  uint64_t key() const override { return conn_.key(); }

 private:
  Conn::End& end() { return conn_.end(side_); }
  Ground& ground() { return network_.fabric().ground(); }
  bool alive() const { return network_.life().alive(); }
  // Waits for the kernel in one direction. False at the deadline.
  bool wait(Fiber*& place, Deadline deadline, const char* reason);
  // Waits until the stream takes bytes; how many.
  IoResult<uint64_t> wait_for_room(Deadline deadline);
  void charge(uint64_t bytes);

  SimNetwork& network_;
  Conn& conn_;
  size_t side_;
  bool write_shut_ = false;
  ByteBuffer scratch_;  // of send_file: one fiber at a time writes
};

bool SimConnection::wait(Fiber*& place, Deadline deadline, const char* reason) {
  ENSURE(place == nullptr, "two fibers use one direction of a connection");
  struct Leave {
    Fiber*& place;
    ~Leave() { place = nullptr; }
  } leave{place};
  place = ground().scheduler.current();
  return ground().scheduler.park(deadline, reason) == Wake::woken;
}

void SimConnection::charge(uint64_t bytes) {
  // A system call and a copy keep the processor busy.
  static_cast<Cpu*>(ground().scheduler.current()->group().world)
      ->charge_ns(700 + static_cast<int64_t>(bytes / 8));
}

IoResult<size_t> SimConnection::read_some(MutableBytes into, Deadline deadline) {
  ENSURE(!into.empty(), "a read needs room for a byte");
  Pipe& in = conn_.in(side_);
  bool slow = network_.host().troubles.felt().read_pause_ns > 0;
  for (bool last_try = false;;) {
    if (!network_.life().enter()) return fail(IoError::closed);
    if (end().closed) return fail(IoError::closed);
    if (slow && in.available() > 0) {
      slow = false;
      ++network_.host().slow_reads;
      const Duration pause = nanoseconds(network_.host().troubles.felt().read_pause_ns);
      const Instant now = static_cast<Cpu*>(ground().scheduler.current()->group().world)->local_now();
      static_cast<void>(ground().scheduler.park(std::min(deadline, now + pause), "slow read"));
      continue;
    }
    if (in.available() > 0) {
      const MutableBytes piece = into.first(std::min<uint64_t>(into.size(), in.available()));
      in.take(piece);
      charge(piece.size());
      fold(ground(), Fold::net_read, conn_.key(), Digest::transfer(side_, piece.size(), crc32c(piece)));
      return piece.size();
    }
    if (in.ended()) {
      fold(ground(), Fold::net_read, conn_.key(), side_);
      return size_t{0};
    }
    if (end().reset) {
      fold(ground(), Fold::net_read, conn_.key(), mix64(side_, outcome(IoError::reset)));
      return fail(IoError::reset);
    }
    if (last_try) return fail(IoError::timed_out);
    last_try = !wait(end().reader, deadline, "net read");
  }
}

IoResult<uint64_t> SimConnection::wait_for_room(Deadline deadline) {
  Pipe& out = conn_.out(side_);
  for (bool last_try = false;;) {
    if (!network_.life().enter()) return fail(IoError::closed);
    if (end().closed || write_shut_) return fail(IoError::closed);
    if (end().reset) return fail(IoError::reset);
    if (const uint64_t room = out.room(); room > 0) return room;
    if (last_try) return fail(IoError::timed_out);
    out.wait_for_room();
    last_try = !wait(end().writer, deadline, "net write");
  }
}

IoResult<size_t> SimConnection::write_some(std::span<const Bytes> from, Deadline deadline) {
  uint64_t wanted = 0;
  for (Bytes part : from) wanted += part.size();
  ENSURE(wanted > 0, "nothing to write");
  const IoResult<uint64_t> room = wait_for_room(deadline);
  if (!room.ok()) {
    if (alive()) fold(ground(), Fold::net_write, conn_.key(), mix64(side_, outcome(room.error())));
    return fail(room.error());
  }
  const uint64_t n = std::min(wanted, *room);
  uint32_t crc = 0;
  size_t part = 0;
  size_t within = 0;
  conn_.out(side_).push(n, [&](MutableBytes piece) {
    size_t filled = 0;
    while (filled < piece.size()) {
      const Bytes source = from[part].subspan(within);
      const size_t k = std::min(source.size(), piece.size() - filled);
      if (k > 0) std::memcpy(piece.data() + filled, source.data(), k);
      filled += k;
      within += k;
      if (within == from[part].size()) ++part, within = 0;
    }
    crc = crc32c(piece, crc);
    if (NetTap* tap = network_.fabric().tap()) tap->sent(conn_, side_, piece);
  });
  charge(n);
  fold(ground(), Fold::net_write, conn_.key(), Digest::transfer(side_, n, crc));
  return static_cast<size_t>(n);
}

IoResult<size_t> SimConnection::send_file(const FileRef& file, uint64_t offset, uint64_t size_bytes,
                                          Deadline deadline) {
  ENSURE(file != nullptr && size_bytes > 0, "nothing to send");
  constexpr uint64_t kMaxChunk = 128 * 1024;
  const IoResult<uint64_t> room = wait_for_room(deadline);
  if (!room.ok()) return fail(room.error());
  const uint64_t chunk = std::min({size_bytes, kMaxChunk, *room});
  if (scratch_.size() < chunk) scratch_.resize(chunk);
  // Read now, when it is sent: the file may have been cut or removed since the caller chose the range.
  const MutableBytes into = MutableBytes(scratch_).first(chunk);
  const IoResult<size_t> n = file->read(offset, std::span(&into, 1));
  if (!n.ok()) return fail(n.error());
  if (end().closed || write_shut_) return fail(IoError::closed);
  if (end().reset) return fail(IoError::reset);
  const Bytes sent = Bytes(scratch_).first(*n);
  Bytes left = sent;
  conn_.out(side_).push(*n, [&](MutableBytes piece) {
    std::memcpy(piece.data(), left.data(), piece.size());
    left = left.subspan(piece.size());
    if (NetTap* tap = network_.fabric().tap()) tap->sent(conn_, side_, piece);
  });
  fold(ground(), Fold::net_send_file, conn_.key(), Digest::transfer(offset, *n, crc32c(sent)));
  return *n;
}

void SimConnection::shutdown_write() {
  if (!alive() || end().closed || write_shut_) return;
  write_shut_ = true;
  fold(ground(), Fold::net_close, conn_.key(), mix64(side_, 1));
  if (!end().gone()) conn_.out(side_).finish();
  conn_.wake(side_);
}

void SimConnection::close() {
  if (!alive() || end().closed) return;
  fold(ground(), Fold::net_close, conn_.key(), mix64(side_, 2));
  conn_.close(side_);
}

void SimConnection::abort() {
  if (!alive() || end().closed) return;
  fold(ground(), Fold::net_close, conn_.key(), mix64(side_, 3));
  conn_.abort(side_);
}

}  // namespace

// ---- listeners ----

SimListener::~SimListener() {
  close();
  ENSURE(waiting_ == nullptr, "a listener dies with a fiber waiting on it");
}

IoResult<ConnectionRef> SimListener::accept(Deadline deadline) {
  Ground& ground = network_.fabric().ground();
  for (bool last_try = false;;) {
    if (!network_.life().enter()) return fail(IoError::closed);
    if (closed_) return fail(IoError::closed);
    // As accept() does, which wants a descriptor before it looks at what waits: that goes on to wait.
    if (network_.lacks_descriptors()) {
      fold(ground, Fold::net_accept, mix64(network_.host().key, port_), outcome(IoError::too_many_files));
      return fail(IoError::too_many_files);
    }
    if (!queue_.empty()) {
      Conn& conn = *queue_.front();
      queue_.pop_front();
      fold(ground, Fold::net_accept, conn.key(), 0);
      return ConnectionRef(std::make_unique<SimConnection>(network_, conn, 1));
    }
    if (last_try) return fail(IoError::timed_out);
    ENSURE(waiting_ == nullptr, "two fibers accept from one listener");
    struct Leave {
      Fiber*& place;
      ~Leave() { place = nullptr; }
    } leave{waiting_};
    waiting_ = ground.scheduler.current();
    last_try = ground.scheduler.park(deadline, "accept") == Wake::timed_out;
  }
}

void SimListener::arrived(Conn& conn) {
  queue_.push_back(&conn);
  if (waiting_ != nullptr) network_.fabric().ground().scheduler.wake(*waiting_);
}

void SimListener::close() {
  if (closed_ || !network_.life().alive()) return;
  orphan();
  if (waiting_ != nullptr) network_.fabric().ground().scheduler.wake(*waiting_);
}

void SimListener::orphan() {
  closed_ = true;
  network_.fabric().unbind(network_.host(), port_, *this);
  while (!queue_.empty()) {
    Conn& conn = *queue_.front();
    queue_.pop_front();
    conn.abort(1);
    conn.release(1);
  }
}

void SimListener::vanish() {
  closed_ = true;
  while (!queue_.empty()) {
    Conn& conn = *queue_.front();
    queue_.pop_front();
    conn.power_lost(1);
    conn.release(1);
  }
}

// ---- the network ----

bool SimNetwork::lacks_descriptors() {
  const bool lacks = host_.troubles.felt().no_descriptors_in == life_.number();
  if (lacks) ++host_.shortages;
  return lacks;
}

IoResult<std::unique_ptr<Listener>> SimNetwork::listen(const Endpoint& at) {
  if (!life_.enter()) return fail(IoError::closed);
  if (!at.host.empty() && at.host != "0.0.0.0" && at.host != host_.name && at.host != "localhost") {
    return fail(IoError::unreachable);
  }
  auto listener = std::make_unique<SimListener>(*this, at.port);
  const IoError error = listener->bind();
  fold(fabric_.ground(), Fold::net_listen, mix64(host_.key, at.port), outcome(error));
  if (error != IoError::ok) {
    listener->refused();
    return fail(error);
  }
  return std::unique_ptr<Listener>(std::move(listener));
}

IoResult<ConnectionRef> SimNetwork::connect(const Endpoint& to, std::string_view purpose, Deadline deadline) {
  if (!life_.enter()) return fail(IoError::closed);
  Ground& ground = fabric_.ground();
  Fiber* fiber = ground.scheduler.current();
  ENSURE(fiber != nullptr, "only a fiber can connect");
  if (deadline <= static_cast<Cpu*>(fiber->group().world)->local_now()) return fail(IoError::timed_out);
  if (lacks_descriptors()) {
    fold(ground, Fold::net_connect, mix64(host_.key, to.port), outcome(IoError::too_many_files));
    return fail(IoError::too_many_files);
  }
  Host* server = to.host == "localhost" || to.host == "127.0.0.1" ? &host_ : fabric_.find(to.host);
  if (server == nullptr) return fail(IoError::unreachable);
  Conn& conn = *fabric_.make(host_, *server, to.port, purpose, life_.key());
  // From here on the connection is this object's to end, also if the fiber is cancelled.
  auto connection = std::make_unique<SimConnection>(*this, conn, 0);
  {
    struct Leave {
      Conn& conn;
      ~Leave() { conn.leave(); }
    } leave{conn};
    conn.start(*fiber);
    for (bool last_try = false; conn.hello() < Conn::Hello::open && !last_try;) {
      last_try = ground.scheduler.park(deadline, "connect") == Wake::timed_out;
      if (!life_.enter()) return fail(IoError::closed);
    }
  }
  IoError error = IoError::timed_out;
  if (conn.hello() == Conn::Hello::refused) error = IoError::refused;
  if (conn.hello() == Conn::Hello::open) error = IoError::ok;
  fold(ground, Fold::net_connect, conn.key(), outcome(error));
  if (error != IoError::ok) return fail(error);
  return ConnectionRef(std::move(connection));
}

}  // namespace ksim::sim
