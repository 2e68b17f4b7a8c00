#pragma once
// One connection as the two kernels see it.

#include <cstdint>
#include <vector>

#include "sim/net/fabric.h"

namespace ksim::sim {

class Conn;

// One direction: bytes from one end's application to the other's.
class Pipe final : public Timer {
 public:
  Pipe(Conn& conn, size_t from);
  ~Pipe();

  // ---- sender ----
  uint64_t room();
  // Room for `size_bytes` in the stream: `fill(MutableBytes)` is called piece by piece.
  template <class Fill>
  void push(uint64_t size_bytes, Fill fill) {
    bytes_.append_with(size_bytes, fill);
    send(size_bytes);
  }
  void finish();         // the receiver sees the end after what was written
  void reset_behind();   // the receiver sees a reset after what is under way
  void drop();           // what has not arrived never will
  void wait_for_room();  // the sender's writer is woken when there is some
  // What is under way arrives earlier: `sooner(Instant)` tells when, and keeps the order.
  template <class Sooner>
  void hurry(Sooner sooner) {
    for (size_t i = first_; i < segments_.size(); ++i) segments_[i].arrive = sooner(segments_[i].arrive);
    last_arrive_ = sooner(last_arrive_);
    if (first_ < segments_.size() && !stuck_) arm();
  }

  // ---- receiver ----
  uint64_t available() const { return arrived_ - taken_; }
  void take(MutableBytes into);
  void discard();  // what has arrived is read by nobody
  bool ended() const { return fin_arrived_ && available() == 0; }
  uint64_t unread() const { return sent_ - taken_; }

  void fire() override;

 private:
  struct Segment {
    uint64_t end;
    uint64_t bytes;
    Instant sent;
    Instant arrive;
    bool fin;
    bool rst;
    bool open;  // takes what is written at the same instant
  };
  // Tells the sender of room, after a journey back.
  struct Window final : Timer {
    explicit Window(Pipe& p) : pipe(p) {}
    void fire() override;
    Pipe& pipe;
    uint32_t tries = 0;
  };

  void send(uint64_t size_bytes);
  bool join_last(uint64_t bytes);
  void add_segment(uint64_t end, uint64_t bytes, bool fin, bool rst);
  void deliver();
  void tell_of_room();
  bool try_again();  // false: given up
  void arm();
  bool forward_open() const;
  bool reverse_open() const;

  Conn& conn_;
  size_t from_;
  ByteQueue bytes_;
  std::vector<Segment> segments_;  // a ring would do; those before first_ are gone
  size_t first_ = 0;
  uint64_t sent_ = 0;
  uint64_t arrived_ = 0;
  uint64_t taken_ = 0;
  uint64_t seen_taken_ = 0;  // as far as the sender knows
  uint64_t count_ = 0;       // segments ever, for keyed draws
  Instant last_arrive_{0};
  Instant unacked_since_ = Instant::never();
  Instant retry_at_ = Instant::never();
  uint32_t retries_ = 0;
  Window window_;
  bool stuck_ = false;  // the first segment could not be delivered
  bool fin_sent_ = false;
  bool fin_arrived_ = false;
  bool dropped_ = false;
  bool writer_waits_ = false;
};

class Conn {
 public:
  Conn(Fabric& fabric, Host& client, Host& server, uint16_t client_port, uint16_t port, uint64_t key);
  ~Conn();

  struct End {
    Host* host = nullptr;
    uint64_t boot = 0;
    bool held = false;    // an application, or a queue of a listener, has it
    bool closed = false;  // by the application, or because it died
    bool reset = false;   // the peer said so, or this kernel has given up
    // Closed in order with bytes that the peer has not read: until then what the peer sends is thrown away,
    // since a reset would cost the peer those bytes.
    Instant lingers_until{0};
    Fiber* reader = nullptr;
    Fiber* writer = nullptr;
    bool forgotten() const { return boot != host->boot; }
    bool gone() const { return closed || reset || forgotten(); }
  };

  uint64_t key() const { return key_; }
  Fabric& fabric() { return fabric_; }
  End& end(size_t side) { return ends_[side]; }
  Pipe& out(size_t side) { return side == 0 ? up_ : down_; }
  Pipe& in(size_t side) { return side == 0 ? down_ : up_; }
  Endpoint address(size_t side) const { return {ends_[side].host->name, ports_[side]}; }

  // ---- the application's wishes ----
  void close(size_t side);
  void abort(size_t side);
  void release(size_t side);  // may end this object
  // The process at this end has died; its kernel closes, or resets if something was left unread.
  void orphan(size_t side);
  void power_lost(size_t side);

  // ---- between the kernels ----
  void reset_peer_of(size_t side);  // this end's kernel answers with a reset
  void fail(size_t side);           // this end's connection is broken, as its application will see
  void wake(size_t side);

  // ---- the handshake, by the client ----
  enum class Hello : uint8_t { syn, answer, refusal, open, refused, timed_out };
  Hello hello() const { return hello_; }
  void start(Fiber& waiting);
  void leave() { connecting_ = nullptr; }

 private:
  struct Handshake final : Timer {
    explicit Handshake(Conn& c) : conn(c) {}
    void fire() override { conn.shake(); }
    Conn& conn;
  };
  struct Rst final : Timer {
    Rst(Conn& c, size_t s) : conn(c), side(s) {}
    void fire() override;
    Conn& conn;
    size_t side;  // that is told
  };
  void shake();
  void syn_arrived();
  void greeting_arrived();
  void drop_embryo();  // may end this object
  void travel(size_t from, Hello what);
  void try_hello_again();

  Fabric& fabric_;
  uint64_t key_;
  End ends_[2];
  uint16_t ports_[2];
  Pipe up_;    // client to server
  Pipe down_;  // server to client
  Handshake handshake_;
  Rst rst_[2];
  Hello hello_ = Hello::syn;
  Instant hello_since_{0};
  Instant hello_arrive_{0};
  uint32_t hellos_ = 0;
  uint32_t hello_retries_ = 0;
  bool greeted_ = false;  // the client's last word of the handshake has arrived: it can be accepted
  Fiber* connecting_ = nullptr;
};

}  // namespace ksim::sim
