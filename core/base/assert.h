#pragma once
// Assertions that stay on in release builds.

#include <exception>
#include <string>
#include <string_view>

namespace ksim {

// A broken invariant. Nothing in core catches it: it unwinds its fiber, whose entry hands it to the world.
// In production the process stops with the message; in simulation it is a violation of that node.
class AssertionFailed : public std::exception {
 public:
  explicit AssertionFailed(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

[[noreturn]] void assertion_failed(std::string_view condition, std::string_view file, int line,
                                   std::string_view message);

}  // namespace ksim

// ENSURE(condition) or ENSURE(condition, "text or expression giving a string, evaluated only on failure").
#define ENSURE(condition, ...)                                                                    \
  do {                                                                                            \
    if (!(condition)) [[unlikely]]                                                                \
      ::ksim::assertion_failed(#condition, __FILE__, __LINE__, std::string_view{"" __VA_ARGS__}); \
  } while (false)

// The same with fmt arguments: ENSURE_F(a <= b, "a={} b={}", a, b). Include <fmt/format.h> where it is used.
#define ENSURE_F(condition, ...)                                                            \
  do {                                                                                      \
    if (!(condition)) [[unlikely]]                                                          \
      ::ksim::assertion_failed(#condition, __FILE__, __LINE__, ::fmt::format(__VA_ARGS__)); \
  } while (false)
