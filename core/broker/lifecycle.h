#pragma once
// A broker's own view of its life with the controller, as a state machine: when to register, when to beat,
// what to say and what the answers mean (rules C13, C14, C19, W3, W4, W9, W12, W13). Pure: time comes in,
// requests go out; lifecycle_driver.h sends them.

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/units.h"
#include "core/base/uuid.h"
#include "core/io/random.h"

namespace ksim::broker {

enum class BrokerState : uint8_t {
  not_running,
  starting,
  recovery,
  running,
  pending_controlled_shutdown,
  shutting_down,
};
std::string_view to_string(BrokerState state);  // Kafka's words, as in BrokerStateChanged

struct LifecycleOptions {
  Duration heartbeat_interval = milliseconds(2000);
  Duration session_timeout = milliseconds(9000);
  Duration registration_timeout = milliseconds(60'000);
  Duration directory_failure_timeout = milliseconds(30'000);
};

class Lifecycle {
 public:
  Lifecycle(LifecycleOptions options, Dice dice) : options_(options), dice_(dice) {}

  struct Request {
    enum class Kind : uint8_t { registration, heartbeat };
    Kind kind = Kind::registration;
    int64_t broker_epoch = -1;
    bool want_fence = true;
    bool want_shutdown = false;
    std::vector<Uuid> offline_directories;
  };
  struct HeartbeatAnswer {
    bool caught_up = false;
    bool fenced = true;
    bool should_shut_down = false;
  };

  // ---- inputs ----
  void start(Instant now);
  // The next request if its time has come; it is in flight until one of the three below.
  std::optional<Request> due(Instant now);
  void registered(int64_t broker_epoch, Instant now);
  void heartbeat_answered(const HeartbeatAnswer& answer, Instant now);
  // No answer, or an error: STALE_BROKER_EPOCH and DUPLICATE_BROKER_REGISTRATION among them (C13).
  void failed(Instant now);
  void ready_to_unfence(Instant now);  // logs are loaded, replicas have their roles
  void begin_controlled_shutdown(Instant now);
  void shut_down();
  void directory_failed(const Uuid& directory, Instant now);

  // ---- what follows ----
  BrokerState state() const { return state_; }
  bool caught_up() const { return caught_up_; }  // may load logs
  bool unfenced() const { return unfenced_; }    // may serve clients
  int64_t broker_epoch() const { return broker_epoch_; }
  // When to call due(); never() while a request is in flight or nothing is left to do.
  Instant next_at() const;
  // The process must stop: no registration in time, or a failed directory that could not be reported.
  bool gave_up(Instant now) const;
  Instant gives_up_at() const;

 private:
  void schedule(Instant at);
  void schedule_after_failure(Instant now);

  LifecycleOptions options_;
  Dice dice_;
  BrokerState state_ = BrokerState::not_running;
  Instant next_ = Instant::never();
  bool in_flight_ = false;
  bool in_flight_registration_ = false;
  bool next_is_immediate_ = false;  // something happened while a request was in flight
  uint32_t failures_ = 0;
  bool registered_ = false;
  bool ready_ = false;
  bool caught_up_ = false;
  bool unfenced_ = false;
  bool answered_in_shutdown_ = false;
  int64_t broker_epoch_ = -1;
  Instant registration_deadline_ = Instant::never();
  struct FailedDirectory {
    Instant report_by;
    bool reported = false;
    bool in_flight = false;
  };
  std::map<Uuid, FailedDirectory> failed_directories_;
};

}  // namespace ksim::broker
