#pragma once
// One request at a time to each peer, with its timeout and the pause after a failure (Kafka's
// RequestManager; timers of rule B8).

#include <map>

#include "core/raft/types.h"

namespace ksim::raft {

class Peers {
 public:
  explicit Peers(const Timers& timers)
      : request_timeout_(timers.request_timeout), backoff_(timers.retry_backoff) {}

  // A request may go out: none is in flight (or its time is up) and no pause is running.
  bool ready(int32_t peer, Instant now) const { return ready_at(peer) <= now; }
  // When that will be so at the latest.
  Instant ready_at(int32_t peer) const;
  bool backing_off(int32_t peer, Instant now) const;
  bool any_in_flight(Instant now) const;
  // The correlation of the new request.
  uint64_t sent(int32_t peer, Instant now);
  // True: it answers the request in flight, which ends. False: it is too late to matter.
  bool answered(int32_t peer, uint64_t correlation);
  void failed(int32_t peer, uint64_t correlation, Instant now);
  void pause(int32_t peer, Instant now) { peers_[peer] = Peer{0, now + backoff_}; }
  // What is in flight no longer matters (a state was left).
  void reset() { peers_.clear(); }

 private:
  struct Peer {
    uint64_t in_flight = 0;  // correlation, 0: none
    Instant until;           // of the request's timeout, or of the pause
  };

  Duration request_timeout_;
  Duration backoff_;
  std::map<int32_t, Peer> peers_;
  uint64_t last_correlation_ = 0;
};

}  // namespace ksim::raft
