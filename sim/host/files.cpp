#include "sim/host/files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ksim::host {
namespace {

std::string reason() { return std::strerror(errno); }

}  // namespace

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

Result<void> write_text(const std::string& path, std::string_view text) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return fail(ErrorCode::INVALID_REQUEST, path + ": " + reason());
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const std::string why = reason();
      ::close(descriptor);
      return fail(ErrorCode::INVALID_REQUEST, path + ": " + why);
    }
    text.remove_prefix(static_cast<size_t>(n));
  }
  ::close(descriptor);
  return {};
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

std::optional<std::string> why_not_writable(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0) {
    if (S_ISDIR(about.st_mode)) return path + ": is a directory";
    if (::access(path.c_str(), W_OK) != 0) return path + ": " + reason();
    return std::nullopt;
  }
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  if (path.empty() || slash + 1 == path.size()) return "\"" + path + "\": no file name";
  if (::stat(parent.c_str(), &about) != 0) return parent + ": " + reason();
  if (!S_ISDIR(about.st_mode)) return parent + ": not a directory";
  if (::access(parent.c_str(), W_OK | X_OK) != 0) return parent + ": " + reason();
  return std::nullopt;
}

}  // namespace ksim::host
