#include "core/base/error.h"

namespace ksim {

std::string_view to_string(ErrorCode code) {
  switch (code) {
#define KSIM_ERROR(name, code, retriable, refresh) \
  case ErrorCode::name:                            \
    return #name;
#include "core/base/error_codes.inc"
#undef KSIM_ERROR
  }
  return "UNKNOWN_SERVER_ERROR";
}

bool is_retriable(ErrorCode code) {
  switch (code) {
#define KSIM_ERROR(name, code, retriable, refresh) \
  case ErrorCode::name:                            \
    return retriable;
#include "core/base/error_codes.inc"
#undef KSIM_ERROR
  }
  return false;
}

bool is_invalid_metadata(ErrorCode code) {
  switch (code) {
#define KSIM_ERROR(name, code, retriable, refresh) \
  case ErrorCode::name:                            \
    return refresh;
#include "core/base/error_codes.inc"
#undef KSIM_ERROR
  }
  return false;
}

ErrorCode error_code_of(int16_t number) {
  switch (static_cast<ErrorCode>(number)) {
#define KSIM_ERROR(name, code, retriable, refresh) case ErrorCode::name:
#include "core/base/error_codes.inc"
#undef KSIM_ERROR
    return static_cast<ErrorCode>(number);
  }
  return ErrorCode::UNKNOWN_SERVER_ERROR;
}

std::string_view to_string(IoError error) {
  switch (error) {
    case IoError::ok:
      return "ok";
    case IoError::not_found:
      return "not found";
    case IoError::exists:
      return "exists already";
    case IoError::not_a_directory:
      return "not a directory";
    case IoError::is_a_directory:
      return "is a directory";
    case IoError::not_empty:
      return "directory not empty";
    case IoError::no_space:
      return "no space left on the device";
    case IoError::io:
      return "input/output error";
    case IoError::closed:
      return "closed";
    case IoError::reset:
      return "connection reset";
    case IoError::refused:
      return "connection refused";
    case IoError::timed_out:
      return "timed out";
    case IoError::too_many_files:
      return "too many open files";
    case IoError::in_use:
      return "in use";
    case IoError::unreachable:
      return "unreachable";
    case IoError::invalid:
      return "invalid argument";
  }
  return "unknown";
}

}  // namespace ksim
