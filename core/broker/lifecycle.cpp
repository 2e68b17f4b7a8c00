#include "core/broker/lifecycle.h"

#include <algorithm>

#include "core/base/assert.h"

namespace ksim::broker {
namespace {

constexpr Duration kFirstRetry = milliseconds(100);
constexpr Duration kCatchUpInterval = milliseconds(10);
constexpr Duration kFirstShutdownInterval = milliseconds(50);

}  // namespace

std::string_view to_string(BrokerState state) {
  switch (state) {
    case BrokerState::not_running:
      return "NOT_RUNNING";
    case BrokerState::starting:
      return "STARTING";
    case BrokerState::recovery:
      return "RECOVERY";
    case BrokerState::running:
      return "RUNNING";
    case BrokerState::pending_controlled_shutdown:
      return "PENDING_CONTROLLED_SHUTDOWN";
    case BrokerState::shutting_down:
      return "SHUTTING_DOWN";
  }
  return "";
}

void Lifecycle::start(Instant now) {
  ENSURE(state_ == BrokerState::not_running);
  state_ = BrokerState::starting;
  registration_deadline_ = now + options_.registration_timeout;
  schedule(now);
}

std::optional<Lifecycle::Request> Lifecycle::due(Instant now) {
  if (next_at() > now) return std::nullopt;
  in_flight_ = true;
  next_ = Instant::never();
  Request request;
  in_flight_registration_ = !registered_;
  request.kind = registered_ ? Request::Kind::heartbeat : Request::Kind::registration;
  request.broker_epoch = broker_epoch_;
  request.want_fence = !ready_;
  request.want_shutdown = state_ == BrokerState::pending_controlled_shutdown;
  if (registered_) {
    for (auto& [directory, failure] : failed_directories_) {
      failure.in_flight = true;
      request.offline_directories.push_back(directory);
    }
  }
  return request;
}

void Lifecycle::registered(int64_t broker_epoch, Instant now) {
  ENSURE(in_flight_ && in_flight_registration_);
  in_flight_ = false;
  if (state_ == BrokerState::shutting_down) return;
  failures_ = 0;
  registered_ = true;
  broker_epoch_ = broker_epoch;
  schedule(now);
}

void Lifecycle::heartbeat_answered(const HeartbeatAnswer& answer, Instant now) {
  ENSURE(in_flight_ && !in_flight_registration_);
  in_flight_ = false;
  failures_ = 0;
  for (auto& [directory, failure] : failed_directories_)
    failure.reported = failure.reported || failure.in_flight;
  switch (state_) {
    case BrokerState::starting:
      if (answer.caught_up) {
        caught_up_ = true;
        state_ = BrokerState::recovery;
      }
      schedule(now + kCatchUpInterval);
      break;
    case BrokerState::recovery:
      if (!answer.fenced) {
        unfenced_ = true;
        state_ = BrokerState::running;
      }
      schedule(now + options_.heartbeat_interval);
      break;
    case BrokerState::running:
      schedule(now + options_.heartbeat_interval);
      break;
    case BrokerState::pending_controlled_shutdown:
      if (answer.should_shut_down) {
        shut_down();
      } else {
        schedule(now + (answered_in_shutdown_ ? options_.heartbeat_interval : kFirstShutdownInterval));
      }
      answered_in_shutdown_ = true;
      break;
    case BrokerState::not_running:
    case BrokerState::shutting_down:
      break;
  }
}

void Lifecycle::failed(Instant now) {
  ENSURE(in_flight_);
  in_flight_ = false;
  for (auto& [directory, failure] : failed_directories_) failure.in_flight = false;
  if (state_ == BrokerState::shutting_down) return;
  schedule_after_failure(now);
}

void Lifecycle::ready_to_unfence(Instant now) {
  ready_ = true;
  if (registered_) schedule(now);
}

void Lifecycle::begin_controlled_shutdown(Instant now) {
  if (state_ == BrokerState::pending_controlled_shutdown) return;
  if (state_ != BrokerState::running) return shut_down();
  state_ = BrokerState::pending_controlled_shutdown;
  schedule(now);
}

void Lifecycle::shut_down() {
  state_ = BrokerState::shutting_down;
  next_ = Instant::never();
  next_is_immediate_ = false;
}

void Lifecycle::directory_failed(const Uuid& directory, Instant now) {
  failed_directories_.try_emplace(directory, FailedDirectory{now + options_.directory_failure_timeout});
  if (registered_) schedule(now);
}

Instant Lifecycle::next_at() const { return in_flight_ ? Instant::never() : next_; }

Instant Lifecycle::gives_up_at() const {
  Instant at =
      registered_ || state_ == BrokerState::shutting_down ? Instant::never() : registration_deadline_;
  for (const auto& [directory, failure] : failed_directories_) {
    if (!failure.reported) at = std::min(at, failure.report_by);
  }
  return at;
}

bool Lifecycle::gave_up(Instant now) const { return now >= gives_up_at(); }

void Lifecycle::schedule(Instant at) {
  if (state_ == BrokerState::shutting_down) return;
  if (in_flight_) {
    next_is_immediate_ = true;
    return;
  }
  next_ = next_is_immediate_ ? Instant{0} : at;
  next_is_immediate_ = false;
}

// 100 ms x 2^n up to the session timeout, +-2 % (rule W3); never at once, whatever happened meanwhile.
void Lifecycle::schedule_after_failure(Instant now) {
  Duration delay = kFirstRetry;
  for (uint32_t i = 0; i < failures_ && delay < options_.session_timeout; ++i) delay = delay * 2;
  delay = std::min(delay, options_.session_timeout);
  ++failures_;
  const auto percent = static_cast<int64_t>(dice_.below(41)) - 20;  // in thousandths
  delay = delay + Duration{delay.ns / 1000 * percent};
  next_is_immediate_ = false;
  schedule(now + delay);
}

}  // namespace ksim::broker
