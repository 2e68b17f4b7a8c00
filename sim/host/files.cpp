#include "sim/host/files.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ksim::host {
namespace {

// What is being written has this name until it is whole.
constexpr std::string_view kPart = ".ksim-part";

std::string reason() { return std::strerror(errno); }

// Signals that would end the process wait until this ends: no half file is left behind.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, &before_);
  }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;
  ~SignalsWait() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

int open_part(const std::string& part) {
  return ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
}

bool begins_with(const std::string& path, std::string_view magic) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  std::string start(magic.size(), 0);
  const ssize_t n = ::read(descriptor, start.data(), start.size());
  ::close(descriptor);
  return n == static_cast<ssize_t>(magic.size()) && start == magic;
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

}  // namespace

std::string behind_links(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string target = real;
  std::free(real);
  return target;
}

Result<std::string> read_text(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(ErrorCode::INVALID_REQUEST, path + ": " + reason());
  std::string text;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t n = ::read(descriptor, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const std::string why = reason();
      ::close(descriptor);
      return fail(ErrorCode::INVALID_REQUEST, path + ": " + why);
    }
    if (n == 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  ::close(descriptor);
  return text;
}

Result<void> read_blocks(const std::string& path, const std::function<Result<void>(std::string_view)>& take) {
  constexpr size_t kBlockBytes = size_t{1} << 20;
  const bool is_input = path == "-";
  const int descriptor = is_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(ErrorCode::INVALID_REQUEST, path + ": " + reason());
  std::string block(kBlockBytes, 0);
  Result<void> result;
  while (result.ok()) {
    const ssize_t n = ::read(descriptor, block.data(), block.size());
    if (n == 0) break;
    if (n > 0) {
      result = take(std::string_view(block).substr(0, static_cast<size_t>(n)));
    } else if (errno != EINTR) {
      result = fail(ErrorCode::INVALID_REQUEST, path + ": " + reason());
    }
  }
  if (!is_input) ::close(descriptor);
  return result;
}

Result<void> write_whole(const std::string& path, std::string_view content) {
  const SignalsWait wait;
  const std::string target = behind_links(path);
  const std::string part = target + std::string(kPart);
  const int descriptor = open_part(part);
  if (descriptor < 0) return fail(ErrorCode::INVALID_REQUEST, path + ": " + reason());
  bool good = write_all(descriptor, content);
  std::string why = good ? std::string() : reason();
  if (::close(descriptor) != 0 && good) good = false, why = reason();
  if (good && ::rename(part.c_str(), target.c_str()) != 0) good = false, why = reason();
  if (good) return {};
  ::unlink(part.c_str());
  return fail(ErrorCode::INVALID_REQUEST, path + ": " + why);
}

std::vector<std::string> list_files(const std::string& directory, std::string_view ending) {
  std::vector<std::string> names;
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) return names;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name.size() > ending.size() && name.substr(name.size() - ending.size()) == ending) {
      names.emplace_back(name);
    }
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> why_not_replaceable(const std::string& path, std::string_view magic) {
  if (path.empty() || path.back() == '/') return "\"" + path + "\": no name of a file";
  const std::string target = behind_links(path);
  struct stat about {};
  if (::lstat(target.c_str(), &about) == 0) {
    if (S_ISDIR(about.st_mode)) return path + ": is a directory";
    if (!S_ISREG(about.st_mode)) return path + ": is no regular file";
    if (::access(target.c_str(), W_OK) != 0) return path + ": " + reason();
    if (about.st_size > 0) {
      if (!begins_with(target, magic)) return path + ": exists and is something else; it is not overwritten";
    }
  }
  const std::string part = target + std::string(kPart);
  const int descriptor = open_part(part);
  if (descriptor < 0) return path + ": cannot be created: " + reason();
  ::close(descriptor);
  ::unlink(part.c_str());
  return std::nullopt;
}

}  // namespace ksim::host
