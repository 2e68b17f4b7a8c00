#include "sim/host/file_lock.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/host/files.h"

namespace ksim::host {
namespace {

// Between open() and flock() the one who held it may have taken it away.
bool is_still_there(const std::string& path, int descriptor) {
  struct stat named {};
  struct stat held {};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(descriptor, &held) == 0 &&
         named.st_ino == held.st_ino && named.st_dev == held.st_dev;
}

std::string holder_in(int descriptor) {
  char text[32];
  const ssize_t n = ::pread(descriptor, text, sizeof(text), 0);
  std::string holder(text, n < 0 ? 0 : static_cast<size_t>(n));
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "another process" : "process " + holder;
}

}  // namespace

Result<FileLock> FileLock::take(const std::string& file) {
  const auto refused = [](const std::string& why) { return fail(ErrorCode::INVALID_REQUEST, why); };
  if (file.empty() || file.back() == '/') return refused("\"" + file + "\": no name of a file");
  const std::string path = behind_links(file) + ".lock";
  for (;;) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor < 0) return refused(path + ": cannot be created: " + std::strerror(errno));
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      const std::string why = errno == EWOULDBLOCK
                                  ? file + " is being written by " + holder_in(descriptor)
                                  : path + ": cannot be locked: " + std::string(std::strerror(errno));
      ::close(descriptor);
      return refused(why);
    }
    FileLock lock(path, descriptor);
    if (!is_still_there(path, descriptor)) {
      lock.let_go();
      continue;
    }
    const std::string holder = std::to_string(::getpid()) + "\n";
    if (::ftruncate(descriptor, 0) != 0 ||
        ::pwrite(descriptor, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size()))
      return refused(path + ": cannot be written: " + std::strerror(errno));
    return lock;
  }
}

FileLock::~FileLock() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());
  let_go();
}

void FileLock::let_go() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

}  // namespace ksim::host
