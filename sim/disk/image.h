#pragma once
// What a simulated disk holds: the files and directories as a running system sees them (the page cache), and
// beneath them which changes are not durable yet. DISK.md says what of it is taken from ext4.
//
// Every change is kept as an undo step until it is durable. A power loss undoes a seeded choice of the steps
// that were not; a crash of the process undoes nothing.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/result.h"
#include "core/base/units.h"
#include "sim/disk/content.h"
#include "sim/keyed_random.h"

namespace ksim::sim {

class Image;
struct DirNode;

struct Inode {
  Inode(bool directory_, uint64_t key_) : directory(directory_), key(key_) {}
  virtual ~Inode() = default;
  const bool directory;
  const uint64_t key;  // (node, path at creation, n-th creation there)
  int64_t modified_wall_ns = 0;
};
using InodeRef = std::shared_ptr<Inode>;

// A change of a file that a power loss may take back.
struct FileStep {
  enum class Kind : uint8_t { write, truncate };
  enum class Fate : uint8_t { open, durable, lost };
  Kind kind;
  Fate fate = Fate::open;
  bool append = false;      // a write that began at or after the end of the file
  uint64_t offset = 0;      // of a write; the new size of a truncate
  uint64_t size_bytes = 0;  // of a write
  uint64_t size_before = 0;
  int64_t first_ns = 0;   // virtual time of the earliest change in it
  uint64_t sequence = 0;  // counts the steps of this file
  ByteBuffer undo;        // what stood there before, up to size_before
};

struct FileNode final : Inode {
  FileNode(uint64_t key_, PagePool& pool, uint64_t& used) : Inode(false, key_), content(pool, used) {}
  Content content;
  std::vector<FileStep> steps;  // oldest first; those at the front are not durable
  uint64_t operations = 0;      // counts calls, for keyed draws
  uint64_t sequence = 0;        // of the newest step
  uint64_t sealed = 0;          // steps up to here take no more bytes: a sync of them is on its way
  uint64_t unsynced_bytes = 0;
};

// A change of names, atomic even if it touches two directories.
struct NameStep {
  struct Change {
    DirNode* directory;
    std::string name;
    InodeRef before;
    InodeRef after;
  };
  uint64_t sequence = 0;
  int64_t at_ns = 0;
  bool durable = false;
  std::vector<Change> changes;

  bool adds(const Inode& inode) const {
    for (const Change& change : changes) {
      if (change.after.get() == &inode) return true;
    }
    return false;
  }
  bool takes(const Inode& inode) const {
    for (const Change& change : changes) {
      if (change.before.get() == &inode) return true;
    }
    return false;
  }
};

struct DirNode final : Inode {
  explicit DirNode(uint64_t key_) : Inode(true, key_) {}
  std::map<std::string, InodeRef, std::less<>> entries;
  std::vector<std::shared_ptr<NameStep>> steps;  // not durable, oldest first
  uint64_t operations = 0;
};

// What a disk held at some moment: files and directories by their paths, parents before children.
struct DiskCopy {
  std::vector<std::string> directories;
  std::vector<std::pair<std::string, ByteBuffer>> files;
  uint64_t bytes = 0;
};

class Image {
 public:
  static constexpr uint64_t kSectorBytes = 512;
  // Without any sync: names are durable after the journal's commit interval, data after write-back.
  static constexpr int64_t kJournalCommitNs = 10'000'000'000;
  static constexpr int64_t kWriteBackNs = 40'000'000'000;

  // `now_ns` is the world's virtual time and outlives the image, as the pool does.
  Image(uint64_t key, PagePool& pool, const int64_t& now_ns);
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  // ---- names; paths as in core/io/disk.h ----
  IoResult<InodeRef> find(std::string_view path) const;
  IoResult<std::shared_ptr<FileNode>> create_file(std::string_view path);  // exists: whatever stands there
  IoResult<void> make_dir(std::string_view path);
  IoResult<void> rename(std::string_view from, std::string_view to);
  IoResult<void> remove(std::string_view path);
  // What was changed after seal() is not covered by a sync that began with it.
  uint64_t seal() const { return sequence_; }
  void sync_dir(DirNode& directory, uint64_t sealed) { make_durable(directory, sealed); }

  // ---- bytes ----
  void write(FileNode& file, uint64_t offset, std::span<const Bytes> from, uint64_t size_bytes);
  void truncate(FileNode& file, uint64_t size_bytes);
  uint64_t seal(FileNode& file);
  void sync(FileNode& file, uint64_t sealed);
  // The device refused to write what was unsynced: a power loss takes it back, no later sync saves it.
  void lose_unsynced(FileNode& file);

  // ---- bytes that are not what was written ----
  // The device has changed durable bytes by itself: `bad` stands there now, as everybody sees it. Returns the
  // number of this damage.
  uint64_t damage(const std::shared_ptr<FileNode>& file, uint64_t offset, Bytes bad);
  // Puts it right, unless something else stands there by now: false.
  bool mend(uint64_t number);
  // Of bytes that were read: what was written, in place of damage that still stands there. A power loss may
  // bring back what was cut off with damage in it.
  void as_written(const FileNode& file, uint64_t offset, MutableBytes bytes, bool durable) const;
  // Whatever stands there now.
  bool was_damaged(const FileNode& file, uint64_t offset, uint64_t size_bytes) const;

  // ---- the end of the machine ----
  // `occasion` counts the power losses of this node. Leaves exactly what the disk held, all of it durable.
  void power_loss(const KeyedRandom& random, uint64_t occasion);
  // A new, empty disk.
  void wipe();
  // What is durable now, as a snapshot of the volume has it; and a disk that holds just that.
  DiskCopy copy_durable() const;
  void restore(const DiskCopy& copy);

  // ---- what a power loss at this moment certainly leaves, without touching anything ----
  InodeRef find_durable(std::string_view path) const;  // null: no such name
  std::vector<std::string> list_durable(const DirNode& directory) const;
  uint64_t durable_size(const FileNode& file) const;
  size_t read_durable(const FileNode& file, uint64_t offset, MutableBytes into) const;

  struct Unsynced {
    uint64_t files = 0;
    uint64_t bytes = 0;
  };
  Unsynced unsynced() const;  // what a power loss now may take

  uint64_t used_bytes() const { return used_bytes_; }
  DirNode& root() { return *root_; }
  uint64_t key() const { return key_; }
  // Everything that decides what is on disk now and after a power loss.
  uint64_t fingerprint() const;

 private:
  struct Place {
    DirNode* directory;
    std::string_view name;
  };
  IoResult<Place> place_of(std::string_view path) const;
  uint64_t new_key(std::string_view path);
  void change_names(std::vector<NameStep::Change> changes);
  void age_names(DirNode& directory);
  size_t aged_steps(const FileNode& file) const;
  void age_steps(FileNode& file);
  void make_durable(DirNode& directory, uint64_t up_to);
  void undo_names(const KeyedRandom& random, uint64_t occasion);
  void copy_durable(const std::string& path, const DirNode& directory, DiskCopy& copy) const;
  void lose_data(FileNode& file, const KeyedRandom& random, uint64_t occasion);

  struct Damage {
    std::shared_ptr<FileNode> file;
    uint64_t offset = 0;
    ByteBuffer good;
    ByteBuffer bad;
  };
  bool stands(const Damage& damage, bool durable) const;

  uint64_t key_;
  PagePool& pool_;
  const int64_t& now_ns_;
  std::vector<Damage> damages_;
  uint64_t used_bytes_ = 0;
  uint64_t sequence_ = 0;
  std::map<uint64_t, uint32_t> creations_;  // by hash of the path
  std::shared_ptr<DirNode> root_;
};

}  // namespace ksim::sim
