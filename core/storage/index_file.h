#pragma once
// A file of entries of one fixed size that belongs to a segment. Entries are added in memory and written when
// the file is saved: at a flush and at close. Nobody needs them on disk earlier, because a segment that was
// not flushed gets all its indexes rebuilt after an unclean stop (rule A78).
//
// Not safe against a second fiber that changes the same index during a wait; the log's locks see to that.

#include <optional>
#include <string>
#include <vector>

#include "core/io/disk.h"

namespace ksim::storage {

// Entry: constexpr size_t kBytes; void store(uint8_t*) const; static Entry load(const uint8_t*); bool
// follows(const Entry& before) const; static Entry before_all(), which every first entry follows. What a file
// has from the first entry on that does not follow the one before it is damage and left out: an index with
// fewer entries is one all the same.
template <class Entry>
class IndexFile {
 public:
  IndexFile(Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  void set_path(std::string path) { path_ = std::move(path); }
  size_t count() const { return loaded_ ? entries_.size() : saved_; }
  uint64_t size_bytes() const { return count() * Entry::kBytes; }
  bool loaded() const { return loaded_; }
  // Needs load().
  const std::vector<Entry>& entries() const {
    ENSURE(loaded_, "an index is used before it is loaded");
    return entries_;
  }

  // Begins without entries. `may_exist`: there may be a file of that name; it is replaced.
  void reset(bool may_exist) {
    entries_.clear();
    loaded_ = true;
    saved_ = 0;
    shrink_ = false;
    replace_ = true;
    on_disk_ = may_exist;
    file_.reset();
  }
  // The file exists and has this size; an incomplete last entry is ignored.
  void attach(uint64_t file_size_bytes) {
    loaded_ = false;
    saved_ = file_size_bytes / Entry::kBytes;
    shrink_ = file_size_bytes % Entry::kBytes != 0;
    replace_ = false;
    on_disk_ = true;
  }
  IoResult<void> load() {
    if (loaded_) return {};
    auto read = read_entries(0, saved_);
    if (loaded_) return {};  // another fiber was faster, and may have changed the file since
    if (!read.ok()) return fail(read.error());
    entries_ = std::move(*read);
    loaded_ = true;
    size_t sound = 0;
    for (Entry before = Entry::before_all(); sound < entries_.size() && entries_[sound].follows(before);
         ++sound)
      before = entries_[sound];
    truncate(sound);
    return {};
  }
  IoResult<std::optional<Entry>> last() {
    if (count() == 0) return std::optional<Entry>{};
    if (loaded_) return std::optional<Entry>{entries_.back()};
    const auto read = read_entries(saved_ - 1, 1);
    if (loaded_) return entries_.empty() ? std::optional<Entry>{} : std::optional<Entry>{entries_.back()};
    if (!read.ok()) return fail(read.error());
    return std::optional<Entry>{read->front()};
  }

  void append(const Entry& entry) {
    ENSURE(loaded_, "an index grows before it is loaded");
    entries_.push_back(entry);
  }
  void truncate(size_t entry_count) {
    ENSURE(loaded_ && entry_count <= entries_.size());
    entries_.resize(entry_count);
    if (saved_ > entry_count) {
      saved_ = entry_count;
      shrink_ = true;
    }
  }

  // The file then holds exactly the entries. Without entries no file is made unless `even_if_empty`.
  IoResult<void> save(bool even_if_empty) {
    const size_t entry_count = count();
    if (entry_count == 0 && !even_if_empty) return remove_file();
    if (saved_ == entry_count && !shrink_ && !replace_) return {};
    TRY(open());
    if (saved_ < entry_count) {
      TRY(write_fully(*file_, saved_ * Entry::kBytes, encode(saved_)));
    }
    if (shrink_) TRY(file_->truncate(entry_count * Entry::kBytes));
    saved_ = entry_count;
    shrink_ = false;
    return {};
  }
  // The same for an index of a segment that counts as flushed: all of it or none of it survives a crash,
  // since nobody would rebuild it. Durable when this returns.
  IoResult<void> save_atomically(bool even_if_empty) {
    if (count() == 0 && !even_if_empty) return remove_file();
    TRY(load());
    TRY(write_file_atomically(disk_, path_, encode(0)));
    saved_ = entries_.size();
    shrink_ = replace_ = false;
    on_disk_ = true;
    file_.reset();
    return {};
  }
  // Saves, and syncs what was saved since the last time. The handle is given up: it is not needed for
  // reading.
  IoResult<void> sync(bool even_if_empty) {
    TRY(save(even_if_empty));
    if (file_ == nullptr) return {};
    const FileRef file = file_;
    TRY(file->sync(SyncMode::all));
    if (saved_ == count()) file_.reset();
    return {};
  }
  // Gives the memory back, if the file has everything.
  void unload() {
    if (!loaded_ || saved_ != entries_.size() || shrink_ || replace_) return;
    loaded_ = false;
    entries_ = {};
  }

 private:
  IoResult<void> open() {
    if (file_ != nullptr) return {};
    TRY_ASSIGN(file_, disk_.open(path_, replace_ ? Open::create_truncate : Open::create));
    replace_ = false;
    on_disk_ = true;
    return {};
  }
  ByteBuffer encode(size_t first) const {
    ByteBuffer bytes((entries_.size() - first) * Entry::kBytes);
    for (size_t i = first; i < entries_.size(); ++i) {
      entries_[i].store(bytes.data() + (i - first) * Entry::kBytes);
    }
    return bytes;
  }
  IoResult<void> remove_file() {
    if (!on_disk_) return {};
    file_.reset();
    const auto removed = disk_.remove(path_);
    if (!removed.ok() && removed.error() != IoError::not_found) return fail(removed.error());
    on_disk_ = false;
    shrink_ = false;
    replace_ = true;
    return {};
  }
  IoResult<std::vector<Entry>> read_entries(size_t first, size_t entry_count) {
    std::vector<Entry> read;
    if (entry_count == 0) return read;
    TRY_ASSIGN(const FileRef file, disk_.open(path_, Open::read));
    ByteBuffer bytes(entry_count * Entry::kBytes);
    TRY(read_fully(*file, first * Entry::kBytes, bytes));
    read.reserve(entry_count);
    for (size_t i = 0; i < entry_count; ++i) read.push_back(Entry::load(bytes.data() + i * Entry::kBytes));
    return read;
  }

  Disk& disk_;
  std::string path_;
  std::vector<Entry> entries_;
  bool loaded_ = false;
  size_t saved_ = 0;     // entries that the file has
  bool shrink_ = false;  // the file may have more than those
  bool replace_ = true;  // what the file has is of no use
  bool on_disk_ = false;
  FileRef file_;  // open from a save to the sync that follows it
};

}  // namespace ksim::storage
