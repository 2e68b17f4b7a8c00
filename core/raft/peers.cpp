#include "core/raft/peers.h"

namespace ksim::raft {

Instant Peers::ready_at(int32_t peer) const {
  const auto it = peers_.find(peer);
  return it == peers_.end() ? Instant{} : it->second.until;
}

bool Peers::backing_off(int32_t peer, Instant now) const {
  const auto it = peers_.find(peer);
  return it != peers_.end() && it->second.in_flight == 0 && it->second.until > now;
}

bool Peers::any_in_flight(Instant now) const {
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
    return entry.second.in_flight != 0 && entry.second.until > now;
  });
}

uint64_t Peers::sent(int32_t peer, Instant now) {
  ++last_correlation_;
  peers_[peer] = Peer{last_correlation_, now + request_timeout_};
  return last_correlation_;
}

bool Peers::answered(int32_t peer, uint64_t correlation) {
  const auto it = peers_.find(peer);
  if (it == peers_.end() || it->second.in_flight != correlation) return false;
  peers_.erase(it);
  return true;
}

void Peers::failed(int32_t peer, uint64_t correlation, Instant now) {
  const auto it = peers_.find(peer);
  if (it == peers_.end() || it->second.in_flight != correlation) return;
  pause(peer, now);
}

}  // namespace ksim::raft
