#pragma once
// Files and directories below one root. What is in the page cache is read, and everything is written, on the
// shard's own thread; what may block goes through the pool.

#include <atomic>
#include <string>

#include "core/io/disk.h"
#include "core/io/linux/file_pool.h"

namespace ksim {

// fsync or fdatasync; 0 or -1 with errno. Given at construction so that a test can make it fail.
using SyncCall = int (*)(int descriptor, SyncMode mode);
int kernel_sync(int descriptor, SyncMode mode);

class LinuxFile final : public File {
 public:
  // Takes over the descriptor.
  LinuxFile(Blocking blocking, int descriptor, SyncCall sync)
      : blocking_(blocking), descriptor_(descriptor), sync_(sync) {}
  LinuxFile(const LinuxFile&) = delete;
  LinuxFile& operator=(const LinuxFile&) = delete;
  ~LinuxFile() override;

  IoResult<size_t> read(uint64_t offset, std::span<const MutableBytes> into) override;
  IoResult<size_t> write(uint64_t offset, std::span<const Bytes> from) override;
  IoResult<void> sync(SyncMode mode) override;
  IoResult<void> truncate(uint64_t size_bytes) override;
  IoResult<void> preallocate(uint64_t offset, uint64_t size_bytes) override;
  IoResult<uint64_t> size() override;

  // For send_file, from any shard. False: the kernel would read the device for this range.
  bool looks_resident(uint64_t offset, uint64_t size_bytes) const;
  void warm(uint64_t offset, uint64_t size_bytes) const;  // blocks
  int descriptor() const { return descriptor_; }

 private:
  Blocking blocking_;
  int descriptor_;
  SyncCall sync_;
  std::atomic<bool> poisoned_{false};
};

class LinuxDisk final : public Disk {
 public:
  // `root` must be a directory; ok() tells whether it could be opened. An empty path names the
  // root itself, and a '/' in front changes nothing: with "/" as root, paths may be those of the machine.
  LinuxDisk(Blocking blocking, const std::string& root, SyncCall sync = kernel_sync);
  LinuxDisk(const LinuxDisk&) = delete;
  LinuxDisk& operator=(const LinuxDisk&) = delete;
  ~LinuxDisk() override;
  bool ok() const { return root_ >= 0; }

  IoResult<FileRef> open(std::string_view path, Open mode) override;
  IoResult<void> make_dir(std::string_view path) override;
  IoResult<std::vector<std::string>> list(std::string_view directory) override;
  IoResult<void> rename(std::string_view from, std::string_view to) override;
  IoResult<void> remove(std::string_view path) override;
  IoResult<void> sync_dir(std::string_view directory) override;
  IoResult<FileStat> stat(std::string_view path) override;
  IoResult<DiskSpace> space(std::string_view path) override;
  // The whole-file lock that Apache Kafka takes on its .lock as well: either sees the other's.
  IoResult<std::unique_ptr<DirLock>> lock(std::string_view path) override;

 private:
  Blocking blocking_;
  int root_;
  SyncCall sync_;
};

}  // namespace ksim
