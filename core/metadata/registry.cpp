#include "core/metadata/registry.h"

#include <algorithm>
#include <limits>

namespace ksim {

BrokerControlState next_broker_state(BrokerControlState current, const HeartbeatWish& wish,
                                     int64_t registration_offset, bool leads_any_partition,
                                     std::optional<int64_t> shutdown_offset, int64_t lowest_active_offset) {
  using State = BrokerControlState;
  switch (current) {
    case State::fenced:
      if (wish.want_shut_down) return State::shutdown_now;
      if (!wish.want_fence && wish.metadata_offset >= registration_offset) return State::unfenced;
      return State::fenced;
    case State::unfenced:
      if (wish.want_fence) return wish.want_shut_down ? State::shutdown_now : State::fenced;
      if (wish.want_shut_down) return leads_any_partition ? State::controlled_shutdown : State::shutdown_now;
      return State::unfenced;
    case State::controlled_shutdown:
      // Everybody who stays must have seen that this broker leads nothing any more.
      if (!leads_any_partition && shutdown_offset.value_or(0) <= lowest_active_offset)
        return State::shutdown_now;
      return State::controlled_shutdown;
    case State::shutdown_now:
      break;
  }
  return State::shutdown_now;
}

BrokerSessions::Broker& BrokerSessions::of(int32_t broker, int64_t epoch) {
  Broker& entry = brokers_[broker];
  if (entry.epoch != epoch) {
    entry = Broker{};
    entry.epoch = epoch;
  }
  return entry;
}

const BrokerSessions::Broker* BrokerSessions::find(int32_t broker, int64_t epoch) const {
  const auto it = brokers_.find(broker);
  return it == brokers_.end() || it->second.epoch != epoch ? nullptr : &it->second;
}

void BrokerSessions::activate(const MetadataImage& image, Instant now) {
  brokers_.clear();
  for (const auto& [id, broker] : image.cluster.brokers) {
    if (!broker->fenced) of(id, broker->epoch).last_contact = now;
  }
}

void BrokerSessions::registered(int32_t broker, int64_t epoch, Instant now) {
  of(broker, epoch).last_contact = now;
}

void BrokerSessions::heartbeat(int32_t broker, int64_t epoch, Instant now, int64_t metadata_offset) {
  Broker& entry = of(broker, epoch);
  entry.last_contact = now;
  entry.metadata_offset = metadata_offset;
}

void BrokerSessions::contact(int32_t broker, int64_t epoch, Instant now) {
  of(broker, epoch).last_contact = now;
}

bool BrokerSessions::valid(int32_t broker, int64_t epoch, Instant now) const {
  const Broker* entry = find(broker, epoch);
  return entry != nullptr && entry->last_contact + session_timeout_ >= now;
}

std::optional<int32_t> BrokerSessions::stalest(const MetadataImage& image, Instant now) const {
  std::optional<int32_t> stalest;
  Instant oldest = Instant::never();
  for (const auto& [id, broker] : image.cluster.brokers) {
    if (broker->fenced || valid(id, broker->epoch, now)) continue;
    const Broker* entry = find(id, broker->epoch);
    const Instant contact = entry == nullptr ? Instant{} : entry->last_contact;
    if (!stalest || contact < oldest) {
      stalest = id;
      oldest = contact;
    }
  }
  return stalest;
}

Instant BrokerSessions::next_expiry(const MetadataImage& image) const {
  Instant next = Instant::never();
  for (const auto& [id, broker] : image.cluster.brokers) {
    if (broker->fenced) continue;
    const Broker* entry = find(id, broker->epoch);
    next = std::min(next, entry == nullptr ? Instant{} : entry->last_contact + session_timeout_);
  }
  // A session is valid up to and including its last instant.
  return next.is_never() ? next : next + nanoseconds(1);
}

void BrokerSessions::fenced(int32_t broker) {
  const auto it = brokers_.find(broker);
  if (it != brokers_.end()) it->second.shutdown_offset.reset();
}

void BrokerSessions::entered_shutdown(int32_t broker, int64_t offset) {
  const auto it = brokers_.find(broker);
  if (it != brokers_.end() && !it->second.shutdown_offset) it->second.shutdown_offset = offset;
}

std::optional<int64_t> BrokerSessions::shutdown_offset(int32_t broker) const {
  const auto it = brokers_.find(broker);
  return it == brokers_.end() ? std::nullopt : it->second.shutdown_offset;
}

int64_t BrokerSessions::lowest_active_offset(const MetadataImage& image) const {
  int64_t lowest = std::numeric_limits<int64_t>::max();
  for (const auto& [id, broker] : image.cluster.brokers) {
    if (!broker->active()) continue;
    const Broker* entry = find(id, broker->epoch);
    lowest = std::min(lowest, entry == nullptr ? int64_t{-1} : entry->metadata_offset);
  }
  return lowest;
}

}  // namespace ksim
