#include "sim/net/conn.h"

#include <algorithm>

#include "sim/net/sim_network.h"

namespace ksim::sim {
namespace {
constexpr Duration kLinger = seconds(5);
}

Conn::Conn(Fabric& fabric, Host& client, Host& server, uint16_t client_port, uint16_t port, uint64_t key)
    : fabric_(fabric),
      key_(key),
      ports_{client_port, port},
      up_(*this, 0),
      down_(*this, 1),
      handshake_(*this),
      rst_{{*this, 0}, {*this, 1}} {
  ends_[0].host = &client;
  ends_[0].boot = client.boot;
  ends_[0].held = true;
  ends_[1].host = &server;
  ends_[1].boot = server.boot;
  ends_[1].closed = true;  // until the handshake arrives
}

Conn::~Conn() {
  Scheduler& scheduler = fabric_.ground().scheduler;
  scheduler.cancel_timer(handshake_);
  for (Rst& rst : rst_) scheduler.cancel_timer(rst);
}

void Conn::wake(size_t side) {
  Scheduler& scheduler = fabric_.ground().scheduler;
  if (ends_[side].reader != nullptr) scheduler.wake(*ends_[side].reader);
  if (ends_[side].writer != nullptr) scheduler.wake(*ends_[side].writer);
}

void Conn::close(size_t side) {
  End& end = ends_[side];
  if (end.closed) return;
  if (!end.gone()) {
    out(side).finish();
    if (out(side).unread() > 0) end.lingers_until = fabric_.ground().now() + kLinger;
  }
  end.closed = true;
  in(side).discard();
  wake(side);
}

void Conn::abort(size_t side) {
  End& end = ends_[side];
  if (end.closed) return;
  const bool told = !end.gone();
  end.closed = true;
  // What is under way on a slow way is not overtaken by the reset.
  const bool behind = told && fabric_.extra_of(key_) > Duration{};
  if (behind) {
    out(side).reset_behind();
  } else {
    out(side).drop();
  }
  in(side).discard();
  wake(side);
  if (told && !behind) reset_peer_of(side);
}

void Conn::orphan(size_t side) {
  End& end = ends_[side];
  end.lingers_until = Instant{0};
  if (end.closed) return;
  if (in(side).available() > 0) {
    abort(side);
  } else {
    close(side);
  }
}

void Conn::power_lost(size_t side) {
  if (side == 1 && hello_ != Hello::open) {
    // Nothing came from it yet. The client goes on asking, and when it is back it answers.
    ends_[1].closed = true;
    return;
  }
  out(side).drop();
  in(side).discard();
  ends_[side].closed = true;
  fabric_.ground().scheduler.cancel_timer(rst_[side]);
}

void Conn::release(size_t side) {
  ends_[side].held = false;
  if (!ends_[0].held && !ends_[1].held) fabric_.forget(*this);
}

void Conn::reset_peer_of(size_t side) {
  Rst& rst = rst_[1 - side];
  if (ends_[1 - side].gone() || rst.armed()) return;
  Ground& ground = fabric_.ground();
  const uint64_t entity = mix64(key_, side, 11);
  const Instant arrive =
      fabric_.arrival(*ends_[side].host, *ends_[1 - side].host, entity, ends_[side].boot, 0);
  // It does not overtake the handshake.
  ground.scheduler.add_timer(rst, std::max(arrive, hello_arrive_ + nanoseconds(1)),
                             ground.policy.tie(entity));
}

void Conn::Rst::fire() {
  // A reset is sent once. If it is lost, the next segment that arrives provokes another.
  if (conn.fabric_.open(*conn.ends_[1 - side].host, *conn.ends_[side].host)) conn.fail(side);
}

void Conn::fail(size_t side) {
  End& end = ends_[side];
  if (end.gone()) return;
  end.reset = true;
  out(side).drop();
  wake(side);
}

// ---- the handshake ----

void Conn::start(Fiber& waiting) {
  connecting_ = &waiting;
  hello_since_ = fabric_.ground().now();
  travel(0, Hello::syn);
}

void Conn::travel(size_t from, Hello what) {
  hello_ = what;
  Ground& ground = fabric_.ground();
  const uint64_t entity = mix64(key_, from, 13);
  hello_arrive_ = fabric_.arrival(*ends_[from].host, *ends_[1 - from].host, entity, ++hellos_, 0);
  ground.scheduler.add_timer(handshake_, hello_arrive_, ground.policy.tie(entity));
}

void Conn::try_hello_again() {
  Ground& ground = fabric_.ground();
  if (ground.now() - hello_since_ >= fabric_.profile().connect_give_up) {
    hello_ = Hello::timed_out;
    if (connecting_ != nullptr) ground.scheduler.wake(*connecting_);
    return;
  }
  hello_ = Hello::syn;  // after one second, then doubled: what arrives then was sent then
  const int64_t pause = 1'000LL << std::min(hello_retries_++, 6U);
  ground.scheduler.add_timer(handshake_, ground.now() + milliseconds(pause),
                             ground.policy.tie(mix64(key_, 13)));
}

// Four steps: SYN, the answer, the client is open, and its acknowledgement lets the server accept.
void Conn::shake() {
  const size_t from = hello_ == Hello::syn || hello_ == Hello::open ? 0 : 1;
  if (hello_ == Hello::open ? ends_[0].forgotten() : ends_[0].gone()) return drop_embryo();
  const bool arrives = fabric_.open(*ends_[from].host, *ends_[1 - from].host);
  if (!arrives) fabric_.held(*ends_[from].host, *ends_[1 - from].host);
  if (hello_ == Hello::open) {
    if (arrives) return greeting_arrived();
    Ground& ground = fabric_.ground();  // the server's kernel answers again, and is answered
    if (ground.now() - hello_since_ >= fabric_.profile().connect_give_up) return drop_embryo();
    const int64_t pause = 1'000LL << std::min(hello_retries_++, 6U);
    ground.scheduler.add_timer(handshake_, ground.now() + milliseconds(pause),
                               ground.policy.tie(mix64(key_, 13)));
    return;
  }
  if (!arrives) return try_hello_again();
  if (hello_ == Hello::syn) return syn_arrived();
  const bool accepted = hello_ == Hello::answer;
  if (accepted) {
    hello_retries_ = 0;
    travel(0, Hello::open);
  } else {
    hello_ = Hello::refused;
  }
  if (connecting_ != nullptr) fabric_.ground().scheduler.wake(*connecting_);
}

void Conn::syn_arrived() {
  End& server = ends_[1];
  if (!server.closed && !server.forgotten()) {  // its answer was lost
    travel(1, Hello::answer);
    return;
  }
  server.boot = server.host->boot;
  const SimListener* listener = fabric_.listener_for(*server.host, ports_[1], key_);
  const bool refuses = server.host->troubles.felt().refuses;
  if (refuses) ++server.host->refusals;
  if (listener == nullptr || refuses) {
    travel(1, Hello::refusal);
  } else if (listener->queued() >= fabric_.profile().backlog) {
    try_hello_again();
  } else {
    server.closed = false;
    server.held = true;  // by its kernel, until it can be accepted
    travel(1, Hello::answer);
  }
}

// The server's end of a handshake that will not be finished.
void Conn::drop_embryo() {
  if (greeted_ || !ends_[1].held) return;
  greeted_ = true;
  ends_[1].closed = true;
  down_.drop();
  release(1);
}

void Conn::greeting_arrived() {
  End& server = ends_[1];
  if (server.gone()) return drop_embryo();
  SimListener* listener = fabric_.listener_for(*server.host, ports_[1], key_);
  if (listener == nullptr) {  // closed meanwhile
    abort(1);
    return drop_embryo();
  }
  greeted_ = true;
  listener->arrived(*this);
}

}  // namespace ksim::sim
