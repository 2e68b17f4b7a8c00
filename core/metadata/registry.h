#pragma once
// What the active controller knows of brokers beyond the log: when it last heard of each, how far their
// metadata is, and since when they want to stop (rules C13 to C16). Lost with the activity; time comes in.

#include <cstdint>
#include <map>
#include <optional>

#include "core/base/units.h"
#include "core/metadata/image.h"

namespace ksim {

enum class BrokerControlState : uint8_t { fenced, unfenced, controlled_shutdown, shutdown_now };

struct HeartbeatWish {
  bool want_fence = false;
  bool want_shut_down = false;
  int64_t metadata_offset = -1;  // last offset the broker has applied
};

// Rule C14. `shutdown_offset` is where the broker entered controlled shutdown, if it did.
BrokerControlState next_broker_state(BrokerControlState current, const HeartbeatWish& wish,
                                     int64_t registration_offset, bool leads_any_partition,
                                     std::optional<int64_t> shutdown_offset, int64_t lowest_active_offset);

class BrokerSessions {
 public:
  explicit BrokerSessions(Duration session_timeout) : session_timeout_(session_timeout) {}

  // A new active controller has heard of nobody: unfenced brokers get a whole session from now.
  void activate(const MetadataImage& image, Instant now);
  void clear() { brokers_.clear(); }

  // A registration: forgets what belonged to an earlier incarnation.
  void registered(int32_t broker, int64_t epoch, Instant now);
  void heartbeat(int32_t broker, int64_t epoch, Instant now, int64_t metadata_offset);
  // A heartbeat that was not processed in time still proves that the broker lives (rule C13).
  void contact(int32_t broker, int64_t epoch, Instant now);
  void forget(int32_t broker) { brokers_.erase(broker); }

  bool valid(int32_t broker, int64_t epoch, Instant now) const;
  // The unfenced broker whose session has run out and that was silent longest (rule C16).
  std::optional<int32_t> stalest(const MetadataImage& image, Instant now) const;
  // When the next session of an unfenced broker runs out.
  Instant next_expiry(const MetadataImage& image) const;

  // Fenced brokers leave controlled shutdown.
  void fenced(int32_t broker);
  void entered_shutdown(int32_t broker, int64_t offset);  // the first offset stays
  std::optional<int64_t> shutdown_offset(int32_t broker) const;
  // The lowest metadata offset of active brokers; the largest number if there are none.
  int64_t lowest_active_offset(const MetadataImage& image) const;

 private:
  struct Broker {
    int64_t epoch = -1;
    Instant last_contact;
    int64_t metadata_offset = -1;
    std::optional<int64_t> shutdown_offset;
  };
  Broker& of(int32_t broker, int64_t epoch);
  const Broker* find(int32_t broker, int64_t epoch) const;

  Duration session_timeout_;
  std::map<int32_t, Broker> brokers_;
};

}  // namespace ksim
