#include "sim/disk/image.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/crc32c.h"
#include "core/base/hash.h"
#include "core/io/disk.h"

namespace ksim::sim {
namespace {

constexpr uint64_t kMaxMergedBytes = 1 << 20;
constexpr int64_t kMaxMergedNs = 5'000'000'000;

bool is_inside(const Inode& directory, const Inode& tree) {
  if (&directory == &tree) return true;
  if (!tree.directory) return false;
  for (const auto& [name, child] : static_cast<const DirNode&>(tree).entries) {
    if (child->directory && is_inside(directory, *child)) return true;
  }
  return false;
}

}  // namespace

Image::Image(uint64_t key, PagePool& pool, const int64_t& now_ns)
    : key_(key), pool_(pool), now_ns_(now_ns), root_(std::make_shared<DirNode>(mix64(key, 1))) {}

IoResult<InodeRef> Image::find(std::string_view path) const {
  InodeRef at = root_;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    if (!at->directory) return fail(IoError::not_a_directory);
    const auto& entries = static_cast<const DirNode&>(*at).entries;
    const auto it = entries.find(name);
    if (it == entries.end()) return fail(IoError::not_found);
    at = it->second;
  }
  return at;
}

IoResult<Image::Place> Image::place_of(std::string_view path) const {
  if (path.empty()) return fail(IoError::invalid);
  const std::string_view parent = parent_path(path);
  TRY_ASSIGN(const InodeRef inode, find(parent));
  if (!inode->directory) return fail(IoError::not_a_directory);
  const std::string_view name = parent.empty() ? path : path.substr(parent.size() + 1);
  if (name.empty() || name.size() > 255) return fail(IoError::invalid);
  return Place{static_cast<DirNode*>(inode.get()), name};
}

uint64_t Image::new_key(std::string_view path) {
  const uint64_t hash = hash_text(path);
  return mix64(key_, hash, creations_[hash]++);
}

IoResult<std::shared_ptr<FileNode>> Image::create_file(std::string_view path) {
  TRY_ASSIGN(const Place place, place_of(path));
  if (place.directory->entries.count(place.name) != 0) return fail(IoError::exists);
  auto file = std::make_shared<FileNode>(new_key(path), pool_, used_bytes_);
  change_names({{place.directory, std::string(place.name), nullptr, file}});
  return file;
}

IoResult<void> Image::make_dir(std::string_view path) {
  if (path.empty()) return fail(IoError::exists);
  TRY_ASSIGN(const Place place, place_of(path));
  if (place.directory->entries.count(place.name) != 0) return fail(IoError::exists);
  change_names(
      {{place.directory, std::string(place.name), nullptr, std::make_shared<DirNode>(new_key(path))}});
  return {};
}

IoResult<void> Image::rename(std::string_view from, std::string_view to) {
  TRY_ASSIGN(const Place source, place_of(from));
  TRY_ASSIGN(const Place target, place_of(to));
  const auto it = source.directory->entries.find(source.name);
  if (it == source.directory->entries.end()) return fail(IoError::not_found);
  const InodeRef moved = it->second;
  const auto there = target.directory->entries.find(target.name);
  const InodeRef replaced = there == target.directory->entries.end() ? nullptr : there->second;
  if (replaced == moved) return {};
  if (moved->directory && is_inside(*target.directory, *moved)) return fail(IoError::invalid);
  if (replaced != nullptr) {
    if (moved->directory && !replaced->directory) return fail(IoError::not_a_directory);
    if (!moved->directory && replaced->directory) return fail(IoError::is_a_directory);
    if (replaced->directory && !static_cast<DirNode&>(*replaced).entries.empty()) {
      return fail(IoError::not_empty);
    }
  }
  change_names({{source.directory, std::string(source.name), moved, nullptr},
                {target.directory, std::string(target.name), replaced, moved}});
  return {};
}

IoResult<void> Image::remove(std::string_view path) {
  TRY_ASSIGN(const Place place, place_of(path));
  const auto it = place.directory->entries.find(place.name);
  if (it == place.directory->entries.end()) return fail(IoError::not_found);
  const InodeRef removed = it->second;
  if (removed->directory && !static_cast<DirNode&>(*removed).entries.empty()) return fail(IoError::not_empty);
  change_names({{place.directory, std::string(place.name), removed, nullptr}});
  return {};
}

void Image::change_names(std::vector<NameStep::Change> changes) {
  auto step = std::make_shared<NameStep>();
  step->sequence = ++sequence_;
  step->at_ns = now_ns_;
  step->changes = std::move(changes);
  for (const NameStep::Change& change : step->changes) {
    DirNode& directory = *change.directory;
    age_names(directory);
    if (change.after == nullptr) {
      directory.entries.erase(change.name);
    } else {
      directory.entries[change.name] = change.after;
    }
    if (directory.steps.empty() || directory.steps.back() != step) directory.steps.push_back(step);
  }
}

// The journal commits in order: what is durable is a prefix of each directory's steps, and of both
// directories' for a rename between two.
void Image::make_durable(DirNode& directory, uint64_t up_to) {
  std::vector<std::shared_ptr<NameStep>> committed;
  auto& steps = directory.steps;
  const auto end = std::find_if(steps.begin(), steps.end(), [&](const std::shared_ptr<NameStep>& step) {
    return step->sequence > up_to;
  });
  committed.assign(steps.begin(), end);
  steps.erase(steps.begin(), end);
  for (const std::shared_ptr<NameStep>& step : committed) {
    if (step->durable) continue;
    step->durable = true;
    for (const NameStep::Change& change : step->changes) {
      if (change.directory != &directory) make_durable(*change.directory, step->sequence);
      // A directory whose removal is durable takes its own history with it.
      if (change.before != nullptr && change.before->directory && !step->adds(*change.before)) {
        make_durable(static_cast<DirNode&>(*change.before), ~0ULL);
      }
    }
  }
}

void Image::age_names(DirNode& directory) {
  uint64_t up_to = 0;
  for (const std::shared_ptr<NameStep>& step : directory.steps) {
    if (now_ns_ - step->at_ns < kJournalCommitNs) break;
    up_to = step->sequence;
  }
  if (up_to != 0) make_durable(directory, up_to);
}

size_t Image::aged_steps(const FileNode& file) const {
  size_t old = 0;
  while (old < file.steps.size() && now_ns_ - file.steps[old].first_ns >= kWriteBackNs &&
         file.steps[old].fate != FileStep::Fate::lost) {
    ++old;
  }
  return old;
}

void Image::age_steps(FileNode& file) {
  const size_t old = aged_steps(file);
  for (size_t i = 0; i < old; ++i) {
    if (file.steps[i].fate != FileStep::Fate::open) continue;
    file.unsynced_bytes -= std::min(file.unsynced_bytes, file.steps[i].size_bytes);
  }
  file.steps.erase(file.steps.begin(), file.steps.begin() + static_cast<ptrdiff_t>(old));
}

void Image::write(FileNode& file, uint64_t offset, std::span<const Bytes> from, uint64_t size_bytes) {
  if (size_bytes == 0) return;
  const uint64_t size_before = file.content.size();
  const bool append = offset >= size_before;
  FileStep* last = file.steps.empty() ? nullptr : &file.steps.back();
  if (append && offset == size_before && last != nullptr && last->append && last->sequence > file.sealed &&
      last->fate == FileStep::Fate::open && last->offset + last->size_bytes == offset &&
      last->size_bytes < kMaxMergedBytes && now_ns_ - last->first_ns < kMaxMergedNs) {
    last->size_bytes += size_bytes;
  } else {
    age_steps(file);
    FileStep step{FileStep::Kind::write,
                  FileStep::Fate::open,
                  append,
                  offset,
                  size_bytes,
                  size_before,
                  now_ns_,
                  ++file.sequence,
                  {}};
    if (!append) {
      step.undo.resize(std::min(size_bytes, size_before - offset));
      file.content.read(offset, step.undo);
    }
    file.steps.push_back(std::move(step));
  }
  file.unsynced_bytes += size_bytes;
  for (Bytes part : from) {
    const size_t n = std::min<uint64_t>(part.size(), size_bytes);
    file.content.write(offset, part.first(n));
    offset += n;
    size_bytes -= n;
    if (size_bytes == 0) break;
  }
}

void Image::truncate(FileNode& file, uint64_t size_bytes) {
  const uint64_t size_before = file.content.size();
  if (size_before != size_bytes) {
    age_steps(file);
    FileStep step{FileStep::Kind::truncate,
                  FileStep::Fate::open,
                  false,
                  size_bytes,
                  0,
                  size_before,
                  now_ns_,
                  ++file.sequence,
                  {}};
    if (size_bytes < size_before) {
      step.undo.resize(size_before - size_bytes);
      file.content.read(size_bytes, step.undo);
    }
    file.steps.push_back(std::move(step));
  }
  file.content.resize(size_bytes);
}

uint64_t Image::seal(FileNode& file) {
  file.sealed = file.sequence;
  return file.sealed;
}

void Image::sync(FileNode& file, uint64_t sealed) {
  bool lost = false;
  uint64_t left = 0;
  for (FileStep& step : file.steps) {
    if (step.fate == FileStep::Fate::lost) lost = true;
    if (step.fate != FileStep::Fate::open) continue;
    if (step.sequence <= sealed) {
      step.fate = FileStep::Fate::durable;
    } else {
      left += step.size_bytes;
    }
  }
  file.unsynced_bytes = left;
  if (lost) return;  // what was lost stays beneath what is durable, until it is overwritten or cut off
  const auto open = std::find_if(file.steps.begin(), file.steps.end(),
                                 [](const FileStep& step) { return step.fate == FileStep::Fate::open; });
  file.steps.erase(file.steps.begin(), open);
}

void Image::lose_unsynced(FileNode& file) {
  file.unsynced_bytes = 0;
  for (FileStep& step : file.steps) {
    if (step.fate == FileStep::Fate::open) step.fate = FileStep::Fate::lost;
  }
}

namespace {

uint64_t fingerprint_of(const Inode& inode, uint64_t h) {
  h = mix64(h, inode.key, static_cast<uint64_t>(inode.modified_wall_ns));
  if (inode.directory) {
    const auto& directory = static_cast<const DirNode&>(inode);
    for (const auto& [name, child] : directory.entries) h = fingerprint_of(*child, hash_text(name, h));
    for (const auto& step : directory.steps) {
      h = mix64(h, step->sequence, step->durable ? 1 : 0);
      for (const NameStep::Change& change : step->changes) {
        h = hash_text(change.name, h);
        h = mix64(h, change.before == nullptr ? 0 : change.before->key,
                  change.after == nullptr ? 0 : change.after->key);
      }
    }
    return mix64(h, directory.entries.size(), directory.steps.size());
  }
  const auto& file = static_cast<const FileNode&>(inode);
  h = mix64(h, file.content.size(), file.content.checksum());
  for (const FileStep& step : file.steps) {
    h = mix64(h, step.offset, step.size_bytes);
    h = mix64(h, step.size_before, crc32c(step.undo));
    h = mix64(h, static_cast<uint64_t>(step.kind), static_cast<uint64_t>(step.fate));
  }
  return mix64(h, file.steps.size());
}

}  // namespace

uint64_t Image::fingerprint() const { return fingerprint_of(*root_, sequence_); }

void Image::wipe() { root_ = std::make_shared<DirNode>(mix64(key_, 1, sequence_)); }

Image::Unsynced Image::unsynced() const {
  Unsynced sum;
  std::vector<const DirNode*> directories = {root_.get()};
  while (!directories.empty()) {
    const DirNode* directory = directories.back();
    directories.pop_back();
    for (const auto& [name, inode] : directory->entries) {
      if (inode->directory) {
        directories.push_back(static_cast<const DirNode*>(inode.get()));
      } else if (const auto& file = static_cast<const FileNode&>(*inode); file.unsynced_bytes > 0) {
        ++sum.files;
        sum.bytes += file.unsynced_bytes;
      }
    }
  }
  return sum;
}

}  // namespace ksim::sim
