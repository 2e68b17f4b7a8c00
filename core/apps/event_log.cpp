#include "core/apps/event_log.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace ksim {
namespace {

struct FieldPrinter {
  std::string& out;

  void operator()(std::string_view name, const Uuid& value) { put(name, value.to_string()); }
  void operator()(std::string_view name, Replicas value) { put(name, fmt::format("[{}]", joined(value))); }
  void operator()(std::string_view name, std::string_view value) { put(name, value); }
  void operator()(std::string_view name, bool value) { put(name, value ? "true" : "false"); }
  void operator()(std::string_view name, std::integral auto value) { put(name, std::to_string(value)); }

  void put(std::string_view name, std::string_view value) {
    out.append(" ").append(name).append("=").append(value);
  }
  static std::string joined(Replicas ids) {
    std::string text;
    for (const int32_t id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
    return text;
  }
};

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "DEBUG";
    case LogLevel::info:
      return "INFO";
    case LogLevel::warn:
      return "WARN";
    case LogLevel::error:
      return "ERROR";
  }
  return "?";
}

std::string timestamp() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1'000'000);
}

}  // namespace

std::string event_text(const Event& event) {
  if (const auto* line = std::get_if<LogLine>(&event)) return fmt::format("{} {}", line->module, line->text);
  std::string text = fmt::format("{} {}", event_module(event), event_name(event));
  std::visit([&](const auto& e) { e.fields(FieldPrinter{text}); }, event);
  return text;
}

EventLog::~EventLog() {
  if (!path_.empty()) ::close(descriptor_);
}

Result<void> EventLog::open(const std::string& path) {
  path_ = path;
  return reopen();
}

Result<void> EventLog::reopen() {
  if (path_.empty()) return {};
  const int opened = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (opened < 0) {
    return fail(ErrorCode::INVALID_CONFIG, fmt::format("cannot open the log {}: {}", path_, strerror(errno)));
  }
  const int current = descriptor_;
  if (current == STDERR_FILENO) {
    descriptor_ = opened;
    return {};
  }
  // The number stays, so that a shard that is just writing a line always finds an open file.
  ::dup3(opened, current, O_CLOEXEC);
  ::close(opened);
  return {};
}

void EventLog::emit(const Event& event) {
  const LogLevel level = event_level(event);
  if (level < lowest_ || level < levels_.of(event_module(event))) return;
  const std::string line = fmt::format("{} {} {}\n", timestamp(), level_name(level), event_text(event));
  [[maybe_unused]] const ssize_t n = ::write(descriptor_, line.data(), line.size());
}

}  // namespace ksim
