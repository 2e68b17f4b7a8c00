#include "sim/disk/sim_disk.h"

#include "core/base/crc32c.h"
#include "core/base/hash.h"

namespace ksim::sim {
namespace {

constexpr uint32_t kShortPerMille = 100;

}  // namespace

class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, std::shared_ptr<FileNode> node, std::string path, bool writable)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)), writable_(writable) {}

  IoResult<size_t> read(uint64_t offset, std::span<const MutableBytes> into) override;
  IoResult<size_t> write(uint64_t offset, std::span<const Bytes> from) override;
  IoResult<void> sync(SyncMode mode) override;
  IoResult<void> truncate(uint64_t size_bytes) override;
  IoResult<void> preallocate(uint64_t offset, uint64_t size_bytes) override;
  IoResult<uint64_t> size() override;

 private:
  // False: the process is dead.
  bool pass(DiskCall call, uint64_t offset, uint64_t bytes, std::span<const Bytes> from);
  // How much of a write of `size_bytes` the disk has room for.
  uint64_t room_for(uint64_t offset, uint64_t size_bytes) const;
  void fold(Fold kind, uint64_t value) { disk_.ground_.digest.fold(kind, node_->key, value); }

  SimDisk& disk_;
  std::shared_ptr<FileNode> node_;
  std::string path_;
  bool writable_;
  bool failed_ = false;
};

class SimLock final : public DirLock {
 public:
  SimLock(SimDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  ~SimLock() override { disk_.locks_.erase(path_); }

 private:
  SimDisk& disk_;
  std::string path_;
};

bool SimFile::pass(DiskCall call, uint64_t offset, uint64_t bytes, std::span<const Bytes> from) {
  if (!disk_.life_.enter()) return false;
  disk_.charge(bytes);
  const auto service = disk_.device_.service(call, node_->key, ++node_->operations, bytes);
  if (!service) return true;
  Fiber* fiber = disk_.ground_.scheduler.current();
  ENSURE(fiber != nullptr, "only a fiber can use a disk");
  Device::InFlight operation(disk_.device_, *fiber);
  if (call == DiskCall::write) {
    operation.file = node_.get();
    operation.offset = offset;
    operation.from = from;
    operation.size_bytes = bytes;
  }
  return disk_.device_.wait(disk_.life_, operation, *service);
}

IoResult<size_t> SimFile::read(uint64_t offset, std::span<const MutableBytes> into) {
  uint64_t wanted = 0;
  for (MutableBytes part : into) wanted += part.size();
  if (!pass(DiskCall::read, offset, wanted, {})) return fail(IoError::closed);
  if (disk_.device_.fails(DiskCall::read, path_, offset, wanted)) {
    fold(Fold::disk_read, static_cast<uint64_t>(IoError::io));
    return fail(IoError::io);
  }
  uint64_t limit = wanted;
  if (wanted > 1 && disk_.hooks_.buggify(Site::disk_short_read, kShortPerMille)) limit = wanted / 2;
  size_t done = 0;
  uint32_t crc = 0;
  for (MutableBytes part : into) {
    const MutableBytes piece = part.first(std::min<uint64_t>(part.size(), limit - done));
    const size_t n = node_->content.read(offset + done, piece);
    crc = crc32c(piece.first(n), crc);
    done += n;
    if (n < part.size()) break;
  }
  fold(Fold::disk_read, Digest::transfer(offset, done, crc));
  return done;
}

uint64_t SimFile::room_for(uint64_t offset, uint64_t size_bytes) const {
  const uint64_t free = disk_.device_.free_bytes();
  if (node_->content.cost_of(offset, size_bytes) <= free) return size_bytes;
  // The kernel fills page after page until one cannot be had.
  uint64_t n = std::min(size_bytes, kPageBytes - offset % kPageBytes);
  if (node_->content.cost_of(offset, n) > free) return 0;
  while (n < size_bytes) {
    const uint64_t next = std::min(size_bytes, n + kPageBytes);
    if (node_->content.cost_of(offset, next) > free) break;
    n = next;
  }
  return n;
}

IoResult<size_t> SimFile::write(uint64_t offset, std::span<const Bytes> from) {
  uint64_t wanted = 0;
  for (Bytes part : from) wanted += part.size();
  if (!pass(DiskCall::write, offset, wanted, from)) return fail(IoError::closed);
  IoError error = IoError::ok;
  uint64_t n = wanted;
  if (!writable_) {
    error = IoError::invalid;
  } else if (failed_ || disk_.device_.fails(DiskCall::write, path_)) {
    error = IoError::io;
  } else {
    if (wanted > 1 && disk_.hooks_.buggify(Site::disk_short_write, kShortPerMille)) n = wanted / 2;
    n = room_for(offset, n);
    if (n == 0 && wanted > 0) {
      error = IoError::no_space;
      disk_.device_.refused();
    }
  }
  if (error != IoError::ok) {
    fold(Fold::disk_write, static_cast<uint64_t>(error));
    return fail(error);
  }
  disk_.device_.image().write(*node_, offset, from, n);
  node_->modified_wall_ns = disk_.clock_.wall().ns;
  uint32_t crc = 0;
  uint64_t left = n;
  for (Bytes part : from) {
    const size_t piece = std::min<uint64_t>(part.size(), left);
    crc = crc32c(part.first(piece), crc);
    left -= piece;
  }
  fold(Fold::disk_write, Digest::transfer(offset, n, crc));
  return n;
}

IoResult<void> SimFile::sync(SyncMode) {
  if (!disk_.life_.enter()) return fail(IoError::closed);
  const uint64_t sealed = disk_.device_.image().seal(*node_);
  if (!pass(DiskCall::sync, 0, node_->unsynced_bytes, {})) return fail(IoError::closed);
  const bool broken = disk_.device_.fails(DiskCall::sync, path_);
  if (broken) disk_.device_.image().lose_unsynced(*node_);
  if (broken || failed_) {
    failed_ = true;
    fold(Fold::disk_sync, static_cast<uint64_t>(IoError::io));
    return fail(IoError::io);
  }
  disk_.device_.image().sync(*node_, sealed);
  fold(Fold::disk_sync, node_->content.size());
  return {};
}

IoResult<void> SimFile::truncate(uint64_t size_bytes) {
  if (!pass(DiskCall::names, 0, 0, {})) return fail(IoError::closed);
  if (!writable_) return fail(IoError::invalid);
  if (failed_ || disk_.device_.fails(DiskCall::write, path_)) return fail(IoError::io);
  disk_.device_.image().truncate(*node_, size_bytes);
  node_->modified_wall_ns = disk_.clock_.wall().ns;
  fold(Fold::disk_truncate, size_bytes);
  return {};
}

IoResult<void> SimFile::preallocate(uint64_t offset, uint64_t size_bytes) {
  if (!pass(DiskCall::names, 0, 0, {})) return fail(IoError::closed);
  if (!writable_) return fail(IoError::invalid);
  const bool fits = node_->content.cost_of(offset, size_bytes) <= disk_.device_.free_bytes();
  if (fits) node_->content.fill_holes(offset, size_bytes);
  fold(Fold::disk_preallocate, mix64(offset, size_bytes, fits ? 1 : 0));
  if (fits) return {};
  disk_.device_.refused();
  return fail(IoError::no_space);
}

IoResult<uint64_t> SimFile::size() {
  if (!disk_.life_.enter()) return fail(IoError::closed);
  return node_->content.size();
}

// ---- names ----

void SimDisk::charge(uint64_t bytes) {
  // A call and a copy by the kernel: they keep the processor busy without parking the fiber.
  const Fiber* fiber = ground_.scheduler.current();
  if (fiber == nullptr) return;
  static_cast<Cpu*>(fiber->group().world)->charge_ns(500 + static_cast<int64_t>(bytes / 8));
}

IoResult<void> SimDisk::pass_names(DiskCall call, std::string_view path) {
  if (!life_.enter()) return fail(IoError::closed);
  charge(0);
  const uint64_t key = hash_text(path, device_.image().key());
  if (const auto service = device_.service(call, key, ++path_calls_[key], 0)) {
    Fiber* fiber = ground_.scheduler.current();
    ENSURE(fiber != nullptr, "only a fiber can use a disk");
    Device::InFlight operation(device_, *fiber);
    if (!device_.wait(life_, operation, *service)) return fail(IoError::closed);
  }
  if (device_.fails(call, path)) return fail(IoError::io);
  return {};
}

template <class R>
R SimDisk::folded(Fold kind, std::string_view path, R result) {
  const uint64_t key = hash_text(path, device_.image().key());
  if (ground_.digest.wants_name(key)) ground_.digest.name(key, path);
  ground_.digest.fold(kind, key, result.ok() ? 0 : static_cast<uint64_t>(result.error()));
  return result;
}

IoResult<FileRef> SimDisk::open(std::string_view path, Open mode) {
  TRY(pass_names(DiskCall::names, path));
  const auto opened = [&]() -> IoResult<FileRef> {
    Image& image = device_.image();
    const bool may_create = mode != Open::read && mode != Open::write;
    IoResult<InodeRef> found = image.find(path);
    if (!found.ok() && (found.error() != IoError::not_found || !may_create)) return fail(found.error());
    std::shared_ptr<FileNode> node;
    if (found.ok()) {
      if (mode == Open::create_new) return fail(IoError::exists);
      if ((*found)->directory) return fail(IoError::is_a_directory);
      node = std::static_pointer_cast<FileNode>(*found);
      if (mode == Open::create_truncate) image.truncate(*node, 0);
    } else {
      TRY_ASSIGN(node, image.create_file(path));
      node->modified_wall_ns = clock_.wall().ns;
    }
    if (ground_.digest.wants_name(node->key)) ground_.digest.name(node->key, path);
    return FileRef(std::make_shared<SimFile>(*this, std::move(node), std::string(path), mode != Open::read));
  };
  return folded(Fold::disk_open, path, opened());
}

IoResult<void> SimDisk::make_dir(std::string_view path) {
  TRY(pass_names(DiskCall::names, path));
  return folded(Fold::disk_make_dir, path, device_.image().make_dir(path));
}

IoResult<std::vector<std::string>> SimDisk::list(std::string_view directory) {
  TRY(pass_names(DiskCall::read, directory));
  const auto listed = [&]() -> IoResult<std::vector<std::string>> {
    TRY_ASSIGN(const InodeRef inode, device_.image().find(directory));
    if (!inode->directory) return fail(IoError::not_a_directory);
    std::vector<std::string> names;
    for (const auto& [name, child] : static_cast<const DirNode&>(*inode).entries) names.push_back(name);
    return names;
  };
  return folded(Fold::disk_list, directory, listed());
}

IoResult<void> SimDisk::rename(std::string_view from, std::string_view to) {
  TRY(pass_names(DiskCall::names, from));
  return folded(Fold::disk_rename, to, device_.image().rename(from, to));
}

IoResult<void> SimDisk::remove(std::string_view path) {
  TRY(pass_names(DiskCall::names, path));
  return folded(Fold::disk_remove, path, device_.image().remove(path));
}

IoResult<void> SimDisk::sync_dir(std::string_view directory) {
  const uint64_t sealed = device_.image().seal();
  TRY(pass_names(DiskCall::sync, directory));
  const auto synced = [&]() -> IoResult<void> {
    TRY_ASSIGN(const InodeRef inode, device_.image().find(directory));
    if (!inode->directory) return fail(IoError::not_a_directory);
    device_.image().sync_dir(static_cast<DirNode&>(*inode), sealed);
    return {};
  };
  return folded(Fold::disk_sync_dir, directory, synced());
}

IoResult<FileStat> SimDisk::stat(std::string_view path) {
  TRY(pass_names(DiskCall::read, path));
  const auto looked = [&]() -> IoResult<FileStat> {
    TRY_ASSIGN(const InodeRef inode, device_.image().find(path));
    const uint64_t size = inode->directory ? 0 : static_cast<const FileNode&>(*inode).content.size();
    return FileStat{inode->directory, size, WallTime{inode->modified_wall_ns}};
  };
  return folded(Fold::disk_stat, path, looked());
}

IoResult<DiskSpace> SimDisk::space(std::string_view path) {
  TRY(pass_names(DiskCall::read, path));
  TRY_ASSIGN(const InodeRef inode, device_.image().find(path));
  static_cast<void>(inode);
  return DiskSpace{device_.capacity_bytes(), device_.free_bytes()};
}

IoResult<std::unique_ptr<DirLock>> SimDisk::lock(std::string_view path) {
  TRY(pass_names(DiskCall::names, path));
  const auto locked = [&]() -> IoResult<std::unique_ptr<DirLock>> {
    const IoResult<InodeRef> found = device_.image().find(path);
    if (!found.ok()) {
      if (found.error() != IoError::not_found) return fail(found.error());
      TRY(device_.image().create_file(path));
    } else if ((*found)->directory) {
      return fail(IoError::is_a_directory);
    }
    if (locks_.count(path) != 0) return fail(IoError::in_use);
    locks_.emplace(path, true);
    return std::unique_ptr<DirLock>(std::make_unique<SimLock>(*this, std::string(path)));
  };
  return folded(Fold::disk_lock, path, locked());
}

}  // namespace ksim::sim
