#pragma once
// Result<T>: a value, or an expected failure with its context. Never an exception.

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/base/assert.h"
#include "core/base/error.h"

namespace ksim {

// What failed in Kafka's terms, and a sentence for a person. `io` tells the cause when there was one.
struct Error {
  ErrorCode code = ErrorCode::UNKNOWN_SERVER_ERROR;
  std::string message;
  IoError io = IoError::ok;

  Error() = default;
  Error(ErrorCode error_code, std::string text = {}) : code(error_code), message(std::move(text)) {}
  // Disk failures read as KAFKA_STORAGE_ERROR: that is what clients are told of them.
  Error(IoError cause, std::string text = {})
      : code(ErrorCode::KAFKA_STORAGE_ERROR), message(std::move(text)), io(cause) {}
};
std::string to_string(const Error& error);

template <class E>
struct Failure {
  E error;
};
template <class E>
Failure(E) -> Failure<E>;  // clang 14 does not deduce aggregates
inline Failure<Error> fail(ErrorCode code, std::string message = {}) {
  return {Error(code, std::move(message))};
}
inline Failure<Error> fail(Error error) { return {std::move(error)}; }
inline Failure<IoError> fail(IoError error) { return {error}; }

struct Unit {};

template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, Unit, T>;

  Result() requires std::is_void_v<T> : state_(std::in_place_index<0>) {}
  template <class U>
  requires(!std::is_void_v<T> && std::is_convertible_v<U&&, Value> &&
           !std::is_same_v<std::remove_cvref_t<U>, Result>) Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}
  template <class F>
  requires std::is_constructible_v<E, F> Result(Failure<F> failure)
      : state_(std::in_place_index<1>, E(std::move(failure.error))) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  Value& value() & {
    ENSURE(ok());
    return *std::get_if<0>(&state_);
  }
  const Value& value() const& {
    ENSURE(ok());
    return *std::get_if<0>(&state_);
  }
  Value&& value() && {
    ENSURE(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  Value& operator*() & { return value(); }
  const Value& operator*() const& { return value(); }
  Value&& operator*() && { return std::move(*this).value(); }
  Value* operator->() { return &value(); }
  const Value* operator->() const { return &value(); }

  const E& error() const& {
    ENSURE(!ok());
    return *std::get_if<1>(&state_);
  }
  E&& error() && {
    ENSURE(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<Value, E> state_;
};

template <class T>
using IoResult = Result<T, IoError>;

}  // namespace ksim

#define KSIM_CONCAT_(a, b) a##b
#define KSIM_CONCAT(a, b) KSIM_CONCAT_(a, b)

// TRY(expression): leave with its failure. TRY_ASSIGN(auto x, expression): or go on with its value.
#define TRY(...)                                                          \
  do {                                                                    \
    if (auto try_result_ = (__VA_ARGS__); !try_result_.ok()) [[unlikely]] \
      return ::ksim::Failure{std::move(try_result_).error()};             \
  } while (false)
#define TRY_ASSIGN(target, ...)                                             \
  auto KSIM_CONCAT(try_, __LINE__) = (__VA_ARGS__);                         \
  if (!KSIM_CONCAT(try_, __LINE__).ok()) [[unlikely]]                       \
    return ::ksim::Failure{std::move(KSIM_CONCAT(try_, __LINE__)).error()}; \
  target = std::move(KSIM_CONCAT(try_, __LINE__)).value()
