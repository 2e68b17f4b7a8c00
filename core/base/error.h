#pragma once
// The two families of expected failures: Kafka's error codes (kafka protocol guide, "Error Codes") and the
// failures of the seam to disk and network.

#include <cstdint>
#include <string_view>

namespace ksim {

enum class ErrorCode : int16_t {
#define KSIM_ERROR(name, code, retriable, refresh) name = code,
#include "core/base/error_codes.inc"
#undef KSIM_ERROR
};

// "NOT_LEADER_OR_FOLLOWER"; "UNKNOWN(-77)" style text never occurs: unlisted codes read as
// UNKNOWN_SERVER_ERROR.
std::string_view to_string(ErrorCode code);
// A client may repeat the same request.
bool is_retriable(ErrorCode code);
// A client should refresh its metadata first.
bool is_invalid_metadata(ErrorCode code);
// The listed code of this number, or UNKNOWN_SERVER_ERROR.
ErrorCode error_code_of(int16_t number);

enum class IoError : uint8_t {
  ok = 0,
  not_found,
  exists,
  not_a_directory,
  is_a_directory,
  not_empty,
  no_space,
  io,         // the device refused: EIO on read or write, or a sync that failed
  closed,     // this end was closed, or the node has stopped
  reset,      // the peer aborted, or vanished
  refused,    // nobody listens there
  timed_out,  // the deadline passed
  too_many_files,
  in_use,  // address or lock taken
  unreachable,
  invalid,
};
std::string_view to_string(IoError error);

}  // namespace ksim
