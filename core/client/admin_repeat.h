#pragma once
// Admin's loop of attempts; only its own files include this.

#include <algorithm>

#include "core/client/admin.h"

namespace ksim::client {

template <class Make, class Take>
Result<void> Admin::repeat(std::optional<int32_t> node, Deadline deadline, bool& unanswered, Make make,
                           Take take) {
  for (int32_t round = 0;; ++round) {
    int32_t target = node.value_or(kNoNode);
    const Deadline attempt = std::min(deadline, network_.request_deadline());
    auto connection = node ? network_.acquire(*node, attempt) : network_.acquire_any(attempt, target);
    if (connection.ok()) {
      wire::Arena arena;
      const auto request = make(arena);
      const auto reply = (*connection)->call(request, std::min(deadline, network_.request_deadline()));
      if (reply.ok()) {
        if constexpr (requires { reply->message.throttle_time_ms; })
          network_.throttle(target, reply->message.throttle_time_ms);
        TRY_ASSIGN(const bool done, take(reply->message));
        if (done) return {};
      } else if (reply.error().code == ErrorCode::NETWORK_EXCEPTION) {
        unanswered = true;
        network_.connection_failed(target);
      } else {
        return fail(reply.error());
      }
    } else if (network_.closed()) {
      return fail(connection.error());
    }
    TRY(pause(round, deadline));
  }
}

// The change's result as it stands when the loop as a whole has failed.
inline ChangeResult failed_change(const Error& error, bool unanswered) {
  return {error.code, error.message, unanswered};
}

// REQUEST_TIMED_OUT from the controller: it stopped waiting for the commit.
inline ChangeResult change_of(int16_t error_code, std::optional<std::string_view> message, bool unanswered) {
  ChangeResult result;
  result.error = error_code_of(error_code);
  if (message) result.message = std::string(*message);
  result.may_have_happened = !result.ok() && (unanswered || result.error == ErrorCode::REQUEST_TIMED_OUT ||
                                              result.error == ErrorCode::UNKNOWN_SERVER_ERROR);
  result.may_happen_again = result.ok() && unanswered;
  return result;
}

// What another attempt may cure. A time-out would be asked again of a controller that is at it already.
inline bool worth_repeating(ErrorCode error) {
  return is_retriable(error) && error != ErrorCode::REQUEST_TIMED_OUT &&
         error != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION && error != ErrorCode::UNKNOWN_TOPIC_ID &&
         error != ErrorCode::ELECTION_NOT_NEEDED && error != ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE &&
         error != ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE;
}

inline std::optional<std::string> text(std::optional<std::string_view> view) {
  return view ? std::optional(std::string(*view)) : std::nullopt;
}

// True: done. False: again.
inline Result<bool> judge(int16_t error_code, std::optional<std::string_view> message) {
  const ErrorCode error = error_code_of(error_code);
  if (error == ErrorCode::NONE) return true;
  if (worth_repeating(error)) return false;
  return fail(error, text(message).value_or(""));
}

}  // namespace ksim::client
