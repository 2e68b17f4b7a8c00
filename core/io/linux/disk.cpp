#include "core/io/linux/disk.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/io/linux/errors.h"

namespace ksim {
namespace {

// More spans than this, or more bytes written, make a short count: the frame stays small, and the shard is
// not held up by one large copy.
constexpr size_t kMaxSpans = 64;
constexpr size_t kMaxInlineWriteBytes = 1024 * 1024;

// The result of a system call, with errno kept: workers have their own.
struct CallResult {
  int64_t value = -1;
  int error = 0;
};

template <class F>
CallResult retried(F call) {
  for (;;) {
    const int64_t value = call();
    if (value >= 0) return {value, 0};
    if (errno != EINTR) return {-1, errno};
  }
}

IoResult<void> to_void(const CallResult& result) {
  if (result.value < 0) return fail(io_error_of(result.error));
  return {};
}

// A path as the kernel wants it, below the root.
std::string checked(std::string_view path) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  return path.empty() ? "." : std::string(path);
}

int open_flags(Open mode) {
  switch (mode) {
    case Open::read:
      return O_RDONLY;
    case Open::write:
      return O_RDWR;
    case Open::create:
      return O_RDWR | O_CREAT;
    case Open::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
    case Open::create_truncate:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

class LinuxDirLock final : public DirLock {
 public:
  explicit LinuxDirLock(int descriptor) : descriptor_(descriptor) {}
  LinuxDirLock(const LinuxDirLock&) = delete;
  LinuxDirLock& operator=(const LinuxDirLock&) = delete;
  ~LinuxDirLock() override { ::close(descriptor_); }

 private:
  int descriptor_;
};

// Opens a regular file: a directory gives EISDIR in every mode.
CallResult open_file(int root, const std::string& path, int flags) {
  CallResult result = retried([&] { return ::openat(root, path.c_str(), flags | O_CLOEXEC, 0644); });
  if (result.value < 0) return result;
  const int descriptor = static_cast<int>(result.value);
  struct stat about {};
  if (::fstat(descriptor, &about) == 0 && S_ISDIR(about.st_mode)) {
    ::close(descriptor);
    return {-1, EISDIR};
  }
  return result;
}

struct Names {
  std::vector<std::string> names;
  int error = 0;
};

Names list_names(int root, const std::string& path) {
  Names result;
  const CallResult opened =
      retried([&] { return ::openat(root, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (opened.value < 0) return {{}, opened.error};
  DIR* stream = ::fdopendir(static_cast<int>(opened.value));
  if (stream == nullptr) {
    const int error = errno;
    ::close(static_cast<int>(opened.value));
    return {{}, error};
  }
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") result.names.emplace_back(name);
  }
  result.error = errno;
  ::closedir(stream);
  std::sort(result.names.begin(), result.names.end());
  return result;
}

}  // namespace

int kernel_sync(int descriptor, SyncMode mode) {
  return mode == SyncMode::data ? ::fdatasync(descriptor) : ::fsync(descriptor);
}

LinuxFile::~LinuxFile() { ::close(descriptor_); }

IoResult<size_t> LinuxFile::read(uint64_t offset, std::span<const MutableBytes> into) {
  std::array<iovec, kMaxSpans> vectors;
  const size_t count = std::min(into.size(), kMaxSpans);
  for (size_t i = 0; i < count; ++i) vectors[i] = {into[i].data(), into[i].size()};
  const auto at = static_cast<off_t>(offset);
  CallResult result = retried(
      [&] { return ::preadv2(descriptor_, vectors.data(), static_cast<int>(count), at, RWF_NOWAIT); });
  if (result.value < 0 && (result.error == EAGAIN || result.error == EOPNOTSUPP)) {
    result = blocking_("file read", [&] {
      return retried([&] { return ::preadv(descriptor_, vectors.data(), static_cast<int>(count), at); });
    });
  }
  if (result.value < 0) return fail(io_error_of(result.error));
  return static_cast<size_t>(result.value);
}

IoResult<size_t> LinuxFile::write(uint64_t offset, std::span<const Bytes> from) {
  if (poisoned_.load(std::memory_order_relaxed)) return fail(IoError::io);
  std::array<iovec, kMaxSpans> vectors;
  size_t count = 0;
  size_t total = 0;
  for (; count < std::min(from.size(), kMaxSpans) && total < kMaxInlineWriteBytes; ++count) {
    const size_t size = std::min(from[count].size(), kMaxInlineWriteBytes - total);
    vectors[count] = {const_cast<uint8_t*>(from[count].data()), size};
    total += size;
  }
  const CallResult result = retried([&] {
    return ::pwritev(descriptor_, vectors.data(), static_cast<int>(count), static_cast<off_t>(offset));
  });
  if (result.value < 0) return fail(io_error_of(result.error));
  return static_cast<size_t>(result.value);
}

IoResult<void> LinuxFile::sync(SyncMode mode) {
  if (poisoned_.load(std::memory_order_relaxed)) return fail(IoError::io);
  const CallResult result = blocking_("file sync", [&]() -> CallResult {
    // Not tried again, not even after EINTR: the kernel may have dropped the pages that it could not write.
    return sync_(descriptor_, mode) == 0 ? CallResult{0, 0} : CallResult{-1, errno};
  });
  if (result.value == 0) return {};
  poisoned_.store(true, std::memory_order_relaxed);
  return fail(IoError::io);
}

IoResult<void> LinuxFile::truncate(uint64_t size_bytes) {
  return to_void(blocking_("file truncate", [&] {
    return retried([&] { return ::ftruncate(descriptor_, static_cast<off_t>(size_bytes)); });
  }));
}

IoResult<void> LinuxFile::preallocate(uint64_t offset, uint64_t size_bytes) {
  if (size_bytes == 0) return {};
  const CallResult result = blocking_("file preallocate", [&] {
    return retried([&] {
      return ::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                         static_cast<off_t>(size_bytes));
    });
  });
  if (result.error == EOPNOTSUPP) return {};  // a file system that cannot reserve
  return to_void(result);
}

IoResult<uint64_t> LinuxFile::size() {
  struct stat about {};
  if (::fstat(descriptor_, &about) != 0) return fail(io_error_of(errno));
  return static_cast<uint64_t>(about.st_size);
}

bool LinuxFile::looks_resident(uint64_t offset, uint64_t size_bytes) const {
  // The ends of the range stand for it: the kernel reads ahead and evicts in runs.
  for (const uint64_t at : {offset, offset + size_bytes - 1}) {
    uint8_t byte = 0;
    iovec vector{&byte, 1};
    if (::preadv2(descriptor_, &vector, 1, static_cast<off_t>(at), RWF_NOWAIT) < 0 && errno == EAGAIN) {
      return false;
    }
  }
  return true;
}

void LinuxFile::warm(uint64_t offset, uint64_t size_bytes) const {
  constexpr uint64_t kPage = 4096;
  ::readahead(descriptor_, static_cast<off_t>(offset), size_bytes);
  for (uint64_t at = offset; at < offset + size_bytes; at += kPage) {
    uint8_t byte = 0;
    if (::pread(descriptor_, &byte, 1, static_cast<off_t>(at)) <= 0) return;
  }
}

LinuxDisk::LinuxDisk(Blocking blocking, const std::string& root, SyncCall sync)
    : blocking_(blocking), root_(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), sync_(sync) {}

LinuxDisk::~LinuxDisk() {
  if (root_ >= 0) ::close(root_);
}

IoResult<FileRef> LinuxDisk::open(std::string_view path, Open mode) {
  const std::string name = checked(path);
  const CallResult result = blocking_("file open", [&] { return open_file(root_, name, open_flags(mode)); });
  if (result.value < 0) return fail(io_error_of(result.error));
  return FileRef(std::make_shared<LinuxFile>(blocking_, static_cast<int>(result.value), sync_));
}

IoResult<void> LinuxDisk::make_dir(std::string_view path) {
  const std::string name = checked(path);
  return to_void(blocking_("make directory",
                           [&] { return retried([&] { return ::mkdirat(root_, name.c_str(), 0755); }); }));
}

IoResult<std::vector<std::string>> LinuxDisk::list(std::string_view directory) {
  const std::string name = checked(directory);
  Names result = blocking_("list directory", [&] { return list_names(root_, name); });
  if (result.error != 0) return fail(io_error_of(result.error));
  return std::move(result.names);
}

IoResult<void> LinuxDisk::rename(std::string_view from, std::string_view to) {
  const std::string old_name = checked(from);
  const std::string new_name = checked(to);
  return to_void(blocking_("rename", [&] {
    return retried([&] { return ::renameat(root_, old_name.c_str(), root_, new_name.c_str()); });
  }));
}

IoResult<void> LinuxDisk::remove(std::string_view path) {
  const std::string name = checked(path);
  return to_void(blocking_("remove", [&] {
    const CallResult result = retried([&] { return ::unlinkat(root_, name.c_str(), 0); });
    if (result.error != EISDIR) return result;
    return retried([&] { return ::unlinkat(root_, name.c_str(), AT_REMOVEDIR); });
  }));
}

IoResult<void> LinuxDisk::sync_dir(std::string_view directory) {
  const std::string name = checked(directory);
  return to_void(blocking_("sync directory", [&]() -> CallResult {
    const CallResult opened =
        retried([&] { return ::openat(root_, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (opened.value < 0) return opened;
    const int descriptor = static_cast<int>(opened.value);
    const CallResult result = sync_(descriptor, SyncMode::all) == 0 ? CallResult{0, 0} : CallResult{-1, EIO};
    ::close(descriptor);
    return result;
  }));
}

IoResult<FileStat> LinuxDisk::stat(std::string_view path) {
  const std::string name = checked(path);
  struct stat about {};
  const CallResult result =
      blocking_("stat", [&] { return retried([&] { return ::fstatat(root_, name.c_str(), &about, 0); }); });
  if (result.value < 0) return fail(io_error_of(result.error));
  return FileStat{
      S_ISDIR(about.st_mode), static_cast<uint64_t>(about.st_size),
      WallTime{static_cast<int64_t>(about.st_mtim.tv_sec) * 1'000'000'000 + about.st_mtim.tv_nsec}};
}

IoResult<DiskSpace> LinuxDisk::space(std::string_view path) {
  const std::string name = checked(path);
  struct statvfs about {};
  const CallResult result = blocking_("space", [&]() -> CallResult {
    const CallResult opened = retried([&] { return ::openat(root_, name.c_str(), O_RDONLY | O_CLOEXEC); });
    if (opened.value < 0) return opened;
    const int descriptor = static_cast<int>(opened.value);
    const CallResult asked = retried([&] { return ::fstatvfs(descriptor, &about); });
    ::close(descriptor);
    return asked;
  });
  if (result.value < 0) return fail(io_error_of(result.error));
  const auto bytes = [&](uint64_t blocks) { return blocks * about.f_frsize; };
  return DiskSpace{bytes(about.f_blocks), bytes(about.f_bavail)};
}

IoResult<std::unique_ptr<DirLock>> LinuxDisk::lock(std::string_view path) {
  const std::string name = checked(path);
  const CallResult result = blocking_("lock", [&]() -> CallResult {
    const CallResult opened = open_file(root_, name, O_RDWR | O_CREAT);
    if (opened.value < 0) return opened;
    const int descriptor = static_cast<int>(opened.value);
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    // A lock of the open file, not of the process: a second lock() in this process fails as well.
    const CallResult locked = retried([&] { return ::fcntl(descriptor, F_OFD_SETLK, &whole); });
    if (locked.value >= 0) return opened;
    ::close(descriptor);
    return locked;
  });
  if (result.value < 0) {
    if (result.error == EAGAIN || result.error == EACCES) return fail(IoError::in_use);
    return fail(io_error_of(result.error));
  }
  return std::unique_ptr<DirLock>(std::make_unique<LinuxDirLock>(static_cast<int>(result.value)));
}

}  // namespace ksim
