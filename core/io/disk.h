#pragma once
// The seam to disks. Paths are relative to the node's root, '/'-separated, without '.' or '..' parts.
// Every operation may park the calling fiber; one that has started always runs to its end before the fiber
// sees a cancellation. Durability (POSIX on ext4, data=ordered): written bytes survive a power loss after
// sync(); a created, renamed or removed name after sync_dir() of its directory.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/units.h"

namespace ksim {

enum class SyncMode : uint8_t { data, all };

// An open file. The handle is shared and keeps an unlinked file alive. No cursor, no append mode: who writes
// a log owns its end. After a failed sync() the handle stays failed: later writes and syncs fail with io.
class File {
 public:
  virtual ~File() = default;
  // Fills the spans in order from `offset`; the count may be short of their sum, 0 means end of file.
  virtual IoResult<size_t> read(uint64_t offset, std::span<const MutableBytes> into) = 0;
  // Writes the spans in order at `offset`, growing the file; the count may be short of their sum.
  virtual IoResult<size_t> write(uint64_t offset, std::span<const Bytes> from) = 0;
  virtual IoResult<void> sync(SyncMode mode) = 0;
  virtual IoResult<void> truncate(uint64_t size_bytes) = 0;
  // Reserves space; the size stays. Where a file system cannot, nothing happens.
  virtual IoResult<void> preallocate(uint64_t offset, uint64_t size_bytes) = 0;
  virtual IoResult<uint64_t> size() = 0;
};
using FileRef = std::shared_ptr<File>;

enum class Open : uint8_t {
  read,            // must exist
  write,           // read and write; must exist
  create,          // read and write; created if missing
  create_new,      // read and write; must not exist
  create_truncate  // read and write; created or emptied
};

struct FileStat {
  bool is_directory = false;
  uint64_t size_bytes = 0;
  WallTime modified;
};

struct DiskSpace {
  uint64_t total_bytes = 0;
  uint64_t usable_bytes = 0;  // what may still be written
};

// Held until destroyed; one holder at a time over all processes.
class DirLock {
 public:
  virtual ~DirLock() = default;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual IoResult<FileRef> open(std::string_view path, Open mode) = 0;
  virtual IoResult<void> make_dir(std::string_view path) = 0;  // parent must exist; `exists` if there
  virtual IoResult<std::vector<std::string>> list(std::string_view directory) = 0;  // names, sorted bytewise
  virtual IoResult<void> rename(std::string_view from, std::string_view to) = 0;    // replaces a file at `to`
  virtual IoResult<void> remove(std::string_view path) = 0;  // a file, or an empty directory
  virtual IoResult<void> sync_dir(std::string_view directory) = 0;
  virtual IoResult<FileStat> stat(std::string_view path) = 0;
  virtual IoResult<DiskSpace> space(std::string_view path) = 0;                // of the file system it is on
  virtual IoResult<std::unique_ptr<DirLock>> lock(std::string_view path) = 0;  // in_use if held elsewhere
};

// Whole-transfer loops over the short counts. read_fully fails with `invalid` at the end of the file.
IoResult<void> read_fully(File& file, uint64_t offset, MutableBytes into);
IoResult<void> write_fully(File& file, uint64_t offset, Bytes from);
IoResult<void> write_fully(File& file, uint64_t offset, std::span<const Bytes> from);
IoResult<ByteBuffer> read_file(Disk& disk, std::string_view path);
// Writes `<path>.tmp`, syncs it, renames it over `path` and syncs the directory: after ok, and after any
// crash before, `path` holds all of the new bytes or all of the old ones.
IoResult<void> write_file_atomically(Disk& disk, std::string_view path, Bytes content);

std::string join_path(std::string_view directory, std::string_view name);
// "a/b/c" -> "a/b"; "c" -> "".
std::string_view parent_path(std::string_view path);

}  // namespace ksim
