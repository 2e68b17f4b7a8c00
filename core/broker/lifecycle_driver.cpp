#include "core/broker/lifecycle_driver.h"

#include <algorithm>

#include "core/wire/arena.h"
#include "core/wire/messages/broker_heartbeat.h"
#include "core/wire/messages/broker_registration.h"

namespace ksim::broker {

LifecycleDriver::LifecycleDriver(const Env& env, ControllerChannel& channel, LifecycleOptions options,
                                 Callbacks callbacks)
    : env_(env),
      channel_(channel),
      options_(options),
      callbacks_(std::move(callbacks)),
      lifecycle_(options, Dice(env.random, Stream::backoff_jitter, hash_text("broker lifecycle"))),
      scope_(env),
      changed_(env.scheduler) {}

void LifecycleDriver::start(BrokerRegistrationFacts facts) {
  if (lifecycle_.state() == BrokerState::shutting_down) return;  // given up before it began
  facts_ = std::move(facts);
  lifecycle_.start(env_.now());
  note_state();
  scope_.spawn("lifecycle", [this] { loop(); });
}

void LifecycleDriver::stop() {
  abandon();
  scope_.close();
}

void LifecycleDriver::abandon() {
  lifecycle_.shut_down();
  note_state();
}

void LifecycleDriver::ready_to_unfence() {
  lifecycle_.ready_to_unfence(env_.now());
  note_state();
}

void LifecycleDriver::begin_controlled_shutdown() {
  lifecycle_.begin_controlled_shutdown(env_.now());
  note_state();
}

void LifecycleDriver::directory_failed(const Uuid& directory) {
  lifecycle_.directory_failed(directory, env_.now());
  note_state();
}

bool LifecycleDriver::wait_until(const std::function<bool(const Lifecycle&)>& reached, Deadline deadline) {
  while (!reached(lifecycle_)) {
    if (!changed_.wait(deadline, "broker state")) return reached(lifecycle_);
  }
  return true;
}

void LifecycleDriver::note_state() {
  if (lifecycle_.state() != last_state_) {
    last_state_ = lifecycle_.state();
    env_.emit(BrokerStateChanged{to_string(last_state_)});
  }
  if (lifecycle_.broker_epoch() != last_epoch_) last_epoch_ = lifecycle_.broker_epoch();
  callbacks_.changed();
  changed_.notify_all();
}

void LifecycleDriver::loop() {
  for (;;) {
    if (lifecycle_.gave_up(env_.now())) {
      env_.emit(LogLine{3, "broker", "no answer from the controller in time: the process stops"});
      callbacks_.give_up();
      return;
    }
    if (const auto request = lifecycle_.due(env_.now())) {
      communicate(*request);
      note_state();
      continue;
    }
    const Deadline next = std::min(lifecycle_.next_at(), lifecycle_.gives_up_at());
    static_cast<void>(changed_.wait(next, "heartbeat"));
  }
}

void LifecycleDriver::communicate(const Lifecycle::Request& request) {
  if (request.kind == Lifecycle::Request::Kind::registration) {
    send_registration();
  } else {
    send_heartbeat(request);
  }
}

void LifecycleDriver::send_registration() {
  wire::Arena arena;
  wire::BrokerRegistrationRequest message;
  message.broker_id = facts_.broker_id;
  message.cluster_id = facts_.cluster_id;
  message.incarnation_id = facts_.incarnation_id;
  message.listeners = arena.make_array<wire::BrokerRegistrationRequestListener>(facts_.listeners.size());
  for (size_t i = 0; i < facts_.listeners.size(); ++i) {
    message.listeners[i].name = facts_.listeners[i].name;
    message.listeners[i].host = facts_.listeners[i].host;
    message.listeners[i].port = facts_.listeners[i].port;
    message.listeners[i].security_protocol = static_cast<int16_t>(facts_.listeners[i].protocol);
  }
  message.features = arena.make_array<wire::BrokerRegistrationRequestFeature>(facts_.features.size());
  size_t at = 0;
  for (const auto& [name, range] : facts_.features) {
    message.features[at].name = name;
    message.features[at].min_supported_version = range.min;
    message.features[at++].max_supported_version = range.max;
  }
  message.rack.reset();
  if (facts_.rack) message.rack = *facts_.rack;
  message.log_dirs = arena.make_array<Uuid>(facts_.directories.size());
  std::copy(facts_.directories.begin(), facts_.directories.end(), message.log_dirs.begin());
  message.previous_broker_epoch = facts_.previous_broker_epoch;
  const Deadline deadline = std::min(env_.after(options_.session_timeout), lifecycle_.gives_up_at());
  auto reply = channel_.call(message, deadline, options_.session_timeout / 3);
  const Instant now = env_.now();
  const ErrorCode error = reply.ok() ? error_code_of((*reply)->error_code) : reply.error().code;
  if (error != ErrorCode::NONE) {
    env_.reached(Mark::broker_registration_refused, to_string(error));
    return lifecycle_.failed(now);
  }
  env_.emit(BrokerEpochAssigned{(*reply)->broker_epoch});
  lifecycle_.registered((*reply)->broker_epoch, now);
}

void LifecycleDriver::send_heartbeat(const Lifecycle::Request& request) {
  env_.dawdle(Site::heartbeat_late, 40, options_.session_timeout);
  wire::Arena arena;
  wire::BrokerHeartbeatRequest message;
  message.broker_id = facts_.broker_id;
  message.broker_epoch = request.broker_epoch;
  message.current_metadata_offset = callbacks_.metadata_offset();
  message.want_fence = request.want_fence;
  message.want_shut_down = request.want_shutdown;
  message.offline_log_dirs = arena.make_array<Uuid>(request.offline_directories.size());
  std::copy(request.offline_directories.begin(), request.offline_directories.end(),
            message.offline_log_dirs.begin());
  // A controller cut off from us does not answer; the session must outlive the search for the next one.
  auto reply = channel_.call(message, env_.after(options_.session_timeout), options_.session_timeout / 3);
  const Instant now = env_.now();
  const ErrorCode error = reply.ok() ? error_code_of((*reply)->error_code) : reply.error().code;
  if (error != ErrorCode::NONE) {
    env_.reached(Mark::broker_heartbeat_refused, to_string(error));
    return lifecycle_.failed(now);
  }
  lifecycle_.heartbeat_answered({(*reply)->is_caught_up, (*reply)->is_fenced, (*reply)->should_shut_down},
                                now);
}

}  // namespace ksim::broker
