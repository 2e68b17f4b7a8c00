#include "core/apps/kctl/input.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ksim::kctl {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

bool is_readable(int descriptor) {
  pollfd poll{descriptor, POLLIN, 0};
  return ::poll(&poll, 1, 0) != 0;
}

}  // namespace

Result<std::unique_ptr<Input>> Input::open(Session& session, const std::string& path) {
  int descriptor = STDIN_FILENO;
  if (path != "-") {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("{}: {}", path, std::strerror(errno)));
    struct stat status {};
    if (::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
      ::close(descriptor);
      return fail(ErrorCode::INVALID_REQUEST, path + ": is a directory");
    }
  }
  return std::unique_ptr<Input>(new Input(session, path == "-" ? "stdin" : path, descriptor));
}

// The kernel refuses to watch files; those never wait.
Input::Input(Session& session, std::string name, int descriptor)
    : session_(session), name_(std::move(name)), descriptor_(descriptor) {
  watched_ = session_.loop.watch(descriptor_, *this) == IoError::ok;
}

Input::~Input() {
  if (watched_) session_.loop.unwatch(descriptor_);
  if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
}

void Input::ready(uint32_t) {
  if (waiting_ != nullptr) session_.env.scheduler.wake(*waiting_);
}

void Input::stop() {
  stopped_ = true;
  ready(0);
}

Result<size_t> Input::read(MutableBytes into) {
  struct Waiting {
    Input& self;
    ~Waiting() { self.waiting_ = nullptr; }
  } waiting{*this};
  waiting_ = session_.env.scheduler.current();
  while (!stopped_ && watched_ && !is_readable(descriptor_))
    static_cast<void>(session_.env.scheduler.park(Instant::never(), "input"));
  if (stopped_) return size_t{0};
  for (;;) {
    const ssize_t count = ::read(descriptor_, into.data(), into.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR)
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("reading {}: {}", name_, std::strerror(errno)));
  }
}

Result<bool> Lines::fill() {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  if (buffer_.size() > kMaxLineBytes)
    return fail(ErrorCode::INVALID_REQUEST, fmt::format("a line of more than {} bytes", kMaxLineBytes));
  const size_t size = buffer_.size();
  buffer_.resize(size + kReadBytes);
  const auto count = input_.read({reinterpret_cast<uint8_t*>(buffer_.data()) + size, kReadBytes});
  buffer_.resize(size + (count.ok() ? *count : 0));
  if (!count.ok()) return fail(count.error());
  ended_ = *count == 0;
  return !ended_;
}

Result<std::optional<std::string>> Lines::next() {
  for (;;) {
    const size_t end = buffer_.find(delimiter_, scanned_);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(begin_, end - begin_);
      begin_ = scanned_ = end + delimiter_.size();
      return std::optional(std::move(line));
    }
    scanned_ = std::max(begin_, buffer_.size() - std::min(buffer_.size(), delimiter_.size() - 1));
    if (!ended_) {
      TRY_ASSIGN(const bool more, fill());
      if (more) continue;
    }
    if (begin_ == buffer_.size()) return std::optional<std::string>{};
    std::string line = buffer_.substr(begin_);
    begin_ = scanned_ = buffer_.size();
    return std::optional(std::move(line));
  }
}

Result<std::string> Lines::rest() {
  while (!ended_) TRY(fill());
  return buffer_.substr(std::exchange(begin_, buffer_.size()));
}

}  // namespace ksim::kctl
