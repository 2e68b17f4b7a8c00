// The durable side of an image, read without changing it: the newest undo steps are laid over the bytes
// first, the oldest last.

#include <algorithm>
#include <cstring>

#include "sim/disk/image.h"

namespace ksim::sim {
namespace {

void overlay(uint64_t at, Bytes bytes, uint64_t offset, MutableBytes into) {
  const uint64_t first = std::max(at, offset);
  const uint64_t last = std::min(at + bytes.size(), offset + into.size());
  if (first >= last) return;
  std::memcpy(into.data() + (first - offset), bytes.data() + (first - at), last - first);
}

bool lost_any(const FileNode& file) {
  return std::any_of(file.steps.begin(), file.steps.end(),
                     [](const FileStep& step) { return step.fate == FileStep::Fate::lost; });
}

// Where a sync has failed, what was lost lies beneath what was synced later: undone back to the first step,
// then done again without what is not durable, as a power loss does it.
ByteBuffer beneath_lost(const FileNode& file, size_t aged) {
  ByteBuffer left(file.content.size());
  file.content.read(0, left);
  const auto put = [&left](uint64_t at, Bytes bytes) {
    if (left.size() < at + bytes.size()) left.resize(at + bytes.size());
    std::copy(bytes.begin(), bytes.end(), left.begin() + static_cast<ptrdiff_t>(at));
  };
  std::vector<ByteBuffer> redo(file.steps.size());
  size_t sized = aged;  // sizes follow the journal, in order, up to the last that is durable
  for (size_t i = file.steps.size(); i-- > aged;) {
    const FileStep& step = file.steps[i];
    if (step.fate == FileStep::Fate::durable) {
      sized = std::max(sized, i + 1);
      if (step.kind == FileStep::Kind::write) {
        const Bytes written = Bytes(left).subspan(step.offset, step.size_bytes);
        redo[i].assign(written.begin(), written.end());
      }
    }
    left.resize(step.size_before);
    put(step.offset, step.undo);
  }
  for (size_t i = aged; i < sized; ++i) {
    const FileStep& step = file.steps[i];
    const bool lost = step.fate == FileStep::Fate::lost;
    if (step.kind == FileStep::Kind::truncate) {
      if (!lost) left.resize(step.offset);
      continue;
    }
    if (left.size() < step.offset + step.size_bytes) left.resize(step.offset + step.size_bytes);
    if (!lost) put(step.offset, redo[i]);
  }
  return left;
}

}  // namespace

InodeRef Image::find_durable(std::string_view path) const {
  InodeRef at = root_;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    if (!at->directory) return nullptr;
    const auto& directory = static_cast<const DirNode&>(*at);
    const auto it = directory.entries.find(name);
    InodeRef next = it == directory.entries.end() ? nullptr : it->second;
    bool undone = false;  // the oldest open step knows what stood there before all of them
    for (const std::shared_ptr<NameStep>& step : directory.steps) {
      if (undone || step->durable || now_ns_ - step->at_ns >= kJournalCommitNs) continue;
      for (const NameStep::Change& change : step->changes) {
        if (change.directory != &directory || change.name != name) continue;
        next = change.before;
        undone = true;
        break;
      }
    }
    if (next == nullptr) return nullptr;
    at = std::move(next);
  }
  return at;
}

std::vector<std::string> Image::list_durable(const DirNode& directory) const {
  std::map<std::string, bool, std::less<>> names;
  for (const auto& [name, child] : directory.entries) names[name] = true;
  for (size_t i = directory.steps.size(); i-- > 0;) {
    const NameStep& step = *directory.steps[i];
    if (step.durable || now_ns_ - step.at_ns >= kJournalCommitNs) continue;
    for (size_t k = step.changes.size(); k-- > 0;) {
      const NameStep::Change& change = step.changes[k];
      if (change.directory == &directory) names[change.name] = change.before != nullptr;
    }
  }
  std::vector<std::string> listed;
  for (const auto& [name, there] : names) {
    if (there) listed.push_back(name);
  }
  return listed;
}

uint64_t Image::durable_size(const FileNode& file) const {
  const size_t aged = aged_steps(file);
  if (aged == file.steps.size()) return file.content.size();
  if (lost_any(file)) return beneath_lost(file, aged).size();
  uint64_t size = file.steps[aged].size_before;
  for (size_t i = aged; i < file.steps.size(); ++i) {
    const FileStep& step = file.steps[i];
    if (step.fate != FileStep::Fate::durable) continue;
    size =
        step.kind == FileStep::Kind::truncate ? step.offset : std::max(size, step.offset + step.size_bytes);
  }
  return size;
}

size_t Image::read_durable(const FileNode& file, uint64_t offset, MutableBytes into) const {
  const uint64_t size = durable_size(file);
  if (offset >= size) return 0;
  const size_t n = std::min<uint64_t>(into.size(), size - offset);
  into = into.first(n);
  if (lost_any(file)) {
    const ByteBuffer left = beneath_lost(file, aged_steps(file));
    std::memcpy(into.data(), left.data() + offset, n);
    return n;
  }
  const size_t cached = file.content.read(offset, into);
  std::memset(into.data() + cached, 0, n - cached);
  const size_t aged = aged_steps(file);
  for (size_t i = file.steps.size(); i-- > aged;) {
    const FileStep& step = file.steps[i];
    if (step.fate == FileStep::Fate::durable) continue;
    if (step.append) {  // nothing stood there
      const ByteBuffer zeros(step.size_bytes, 0);
      overlay(step.offset, zeros, offset, into);
    }
    overlay(step.offset, step.undo, offset, into);
  }
  return n;
}

void Image::copy_durable(const std::string& path, const DirNode& directory, DiskCopy& copy) const {
  for (const std::string& name : list_durable(directory)) {
    const std::string child = path.empty() ? name : path + "/" + name;
    const InodeRef inode = find_durable(child);
    if (inode->directory) {
      copy.directories.push_back(child);
      copy_durable(child, static_cast<const DirNode&>(*inode), copy);
      continue;
    }
    const auto& file = static_cast<const FileNode&>(*inode);
    ByteBuffer& bytes = copy.files.emplace_back(child, ByteBuffer(durable_size(file))).second;
    read_durable(file, 0, bytes);
    as_written(file, 0, bytes, true);  // who keeps a copy of a volume keeps its checksums
    copy.bytes += bytes.size();
  }
}

DiskCopy Image::copy_durable() const {
  DiskCopy copy;
  copy_durable({}, *root_, copy);
  return copy;
}

void Image::restore(const DiskCopy& copy) {
  wipe();
  for (const std::string& path : copy.directories) ENSURE(make_dir(path).ok());
  for (const auto& [path, bytes] : copy.files) {
    auto file = create_file(path);
    ENSURE(file.ok());
    const Bytes piece(bytes);
    write(**file, 0, {&piece, 1}, bytes.size());
    sync(**file, seal(**file));
  }
  sync_dir(*root_, seal());
  for (const std::string& path : copy.directories) sync_dir(static_cast<DirNode&>(**find(path)), seal());
}

}  // namespace ksim::sim
