#pragma once
// A file that one process writes at a time.

#include <string>
#include <utility>

#include "core/base/result.h"

namespace ksim::host {

// Holds a file that is replaced as a whole: the lock is on FILE.lock beside it, which names this process. It
// goes with the process, however that ends.
class FileLock {
 public:
  // Errors: INVALID_REQUEST "FILE is being written by process N", or why FILE.lock cannot be made.
  static Result<FileLock> take(const std::string& file);
  FileLock(FileLock&& other) noexcept
      : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  ~FileLock();

  // In a fork of the holder, which is not to hold it longer than that one does.
  void let_go();

 private:
  FileLock(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::string path_;
  int descriptor_;
};

}  // namespace ksim::host
