#pragma once
// A disk for tests that ends its machine after the n-th operation that changes something.

#include <functional>
#include <memory>
#include <string>

#include "core/io/disk.h"

namespace ksim::storage {

class CrashDisk final : public Disk {
 public:
  // `crash` is called right after operation number `at`, counted from 1; 0: never.
  CrashDisk(Disk& inner, uint64_t at, std::function<void()> crash)
      : inner_(inner), shared_(std::make_shared<Shared>(Shared{at, 0, std::move(crash)})) {}
  uint64_t operations() const { return shared_->count; }

  IoResult<FileRef> open(std::string_view path, Open mode) override {
    const bool changes = mode != Open::read && mode != Open::write;
    auto file = inner_.open(path, mode);
    if (changes) shared_->done();
    if (!file.ok()) return fail(file.error());
    return FileRef(std::make_shared<CrashFile>(*file, shared_));
  }
  IoResult<void> make_dir(std::string_view path) override { return counted(inner_.make_dir(path)); }
  IoResult<std::vector<std::string>> list(std::string_view directory) override {
    return inner_.list(directory);
  }
  IoResult<void> rename(std::string_view from, std::string_view to) override {
    return counted(inner_.rename(from, to));
  }
  IoResult<void> remove(std::string_view path) override { return counted(inner_.remove(path)); }
  IoResult<void> sync_dir(std::string_view directory) override { return counted(inner_.sync_dir(directory)); }
  IoResult<FileStat> stat(std::string_view path) override { return inner_.stat(path); }
  IoResult<DiskSpace> space(std::string_view path) override { return inner_.space(path); }
  IoResult<std::unique_ptr<DirLock>> lock(std::string_view path) override { return inner_.lock(path); }

 private:
  struct Shared {
    uint64_t at = 0;
    uint64_t count = 0;
    std::function<void()> crash;
    void done() {
      if (++count == at) crash();
    }
  };
  class CrashFile final : public File {
   public:
    CrashFile(FileRef inner, std::shared_ptr<Shared> shared)
        : inner_(std::move(inner)), shared_(std::move(shared)) {}
    IoResult<size_t> read(uint64_t offset, std::span<const MutableBytes> into) override {
      return inner_->read(offset, into);
    }
    IoResult<size_t> write(uint64_t offset, std::span<const Bytes> from) override {
      return counted(inner_->write(offset, from));
    }
    IoResult<void> sync(SyncMode mode) override { return counted(inner_->sync(mode)); }
    IoResult<void> truncate(uint64_t size_bytes) override { return counted(inner_->truncate(size_bytes)); }
    IoResult<void> preallocate(uint64_t offset, uint64_t size_bytes) override {
      return counted(inner_->preallocate(offset, size_bytes));
    }
    IoResult<uint64_t> size() override { return inner_->size(); }

   private:
    template <class R>
    R counted(R result) {
      shared_->done();
      return result;
    }
    FileRef inner_;
    std::shared_ptr<Shared> shared_;
  };
  template <class R>
  R counted(R result) {
    shared_->done();
    return result;
  }

  Disk& inner_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace ksim::storage
