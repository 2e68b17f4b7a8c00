#pragma once
// Carries out what the broker's Lifecycle decides: one fiber that registers and beats (rules W3, W4, W9, W12,
// W13). Lives on shard 0.

#include <functional>
#include <string>
#include <vector>

#include "core/broker/controller_channel.h"
#include "core/broker/lifecycle.h"
#include "core/io/scope.h"
#include "core/metadata/image.h"

namespace ksim::broker {

// What a broker says of itself when it registers.
struct BrokerRegistrationFacts {
  int32_t broker_id = -1;
  std::string cluster_id;
  Uuid incarnation_id;
  std::vector<ListenerEndpoint> listeners;
  FeatureRanges features;
  std::optional<std::string> rack;
  std::vector<Uuid> directories;       // sorted
  int64_t previous_broker_epoch = -1;  // from the clean-shutdown files (rule C12)
};

class LifecycleDriver {
 public:
  struct Callbacks {
    // Last metadata offset applied on this broker.
    std::function<int64_t()> metadata_offset;
    // State or broker epoch has changed; does not wait.
    std::function<void()> changed;
    // The process must stop (rule W3).
    std::function<void()> give_up;
  };
  LifecycleDriver(const Env& env, ControllerChannel& channel, LifecycleOptions options, Callbacks callbacks);

  void start(BrokerRegistrationFacts facts);
  void stop();     // no more heartbeats; waits
  void abandon();  // no more heartbeats, whatever they would have brought; does not wait

  const Lifecycle& lifecycle() const { return lifecycle_; }
  BrokerState state() const { return lifecycle_.state(); }
  int64_t broker_epoch() const { return lifecycle_.broker_epoch(); }

  void ready_to_unfence();
  void begin_controlled_shutdown();
  void directory_failed(const Uuid& directory);
  // Waits until `reached(lifecycle())`; false at the deadline.
  bool wait_until(const std::function<bool(const Lifecycle&)>& reached, Deadline deadline);

 private:
  void loop();
  void communicate(const Lifecycle::Request& request);
  void send_registration();
  void send_heartbeat(const Lifecycle::Request& request);
  void note_state();

  const Env& env_;
  ControllerChannel& channel_;
  LifecycleOptions options_;
  Callbacks callbacks_;
  Lifecycle lifecycle_;
  BrokerRegistrationFacts facts_;
  BrokerState last_state_ = BrokerState::not_running;
  int64_t last_epoch_ = -1;
  Scope scope_;
  Condition changed_;
};

}  // namespace ksim::broker
