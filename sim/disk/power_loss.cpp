// What a power loss leaves of a disk; DISK.md tells the model.

#include <algorithm>

#include "core/base/assert.h"
#include "sim/disk/image.h"

namespace ksim::sim {
namespace {

// How much of the unsynced rest survives, drawn once for each power loss: the two extremes are as likely as
// everything between them.
enum class Mood : uint8_t { nothing, everything, prefix, mixture };

Mood mood_of(const KeyedRandom& random, uint64_t disk, uint64_t occasion) {
  const uint64_t bits = random.draw(SimStream::disk_power_loss, disk, occasion);
  constexpr Mood kMoods[] = {Mood::nothing, Mood::everything, Mood::prefix, Mood::mixture, Mood::mixture};
  return kMoods[below(bits, std::size(kMoods))];
}

void collect(const InodeRef& inode, std::vector<std::shared_ptr<FileNode>>& files,
             std::vector<DirNode*>& directories) {
  if (!inode->directory) {
    files.push_back(std::static_pointer_cast<FileNode>(inode));
    return;
  }
  auto& directory = static_cast<DirNode&>(*inode);
  directories.push_back(&directory);
  for (const auto& [name, child] : directory.entries) collect(child, files, directories);
}

}  // namespace

void Image::power_loss(const KeyedRandom& random, uint64_t occasion) {
  undo_names(random, occasion);
  std::vector<std::shared_ptr<FileNode>> files;
  std::vector<DirNode*> directories;
  collect(root_, files, directories);
  for (const std::shared_ptr<FileNode>& file : files) lose_data(*file, random, occasion);
}

// Each directory keeps a prefix of its unsynced steps. Directories that are no longer reachable matter too:
// undoing their removal brings them back.
void Image::undo_names(const KeyedRandom& random, uint64_t occasion) {
  const Mood mood = mood_of(random, key_, occasion);
  std::vector<std::shared_ptr<NameStep>> steps;
  std::vector<DirNode*> directories;
  std::vector<InodeRef> alive{root_};
  for (size_t i = 0; i < alive.size(); ++i) {  // everything that entries or undo steps still refer to
    if (!alive[i]->directory) continue;
    auto& directory = static_cast<DirNode&>(*alive[i]);
    if (std::find(directories.begin(), directories.end(), &directory) != directories.end()) continue;
    directories.push_back(&directory);
    age_names(directory);
    for (const auto& [name, child] : directory.entries) alive.push_back(child);
    for (const auto& step : directory.steps) {
      steps.push_back(step);
      for (const NameStep::Change& change : step->changes) {
        if (change.before != nullptr) alive.push_back(change.before);
      }
    }
  }
  std::sort(steps.begin(), steps.end(),
            [](const auto& a, const auto& b) { return a->sequence < b->sequence; });
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());

  // How far each directory's journal got; a step that touches two needs both, and whatever follows a lost
  // step in its directory is lost as well.
  std::map<uint64_t, uint64_t> kept_before;  // directory key -> first lost sequence
  for (DirNode* directory : directories) {
    const size_t n = directory->steps.size();
    const uint64_t bits = random.draw(SimStream::disk_power_loss, directory->key, occasion);
    const size_t keep = mood == Mood::nothing ? 0 : mood == Mood::everything ? n : below(bits, n + 1);
    kept_before[directory->key] = keep == n ? ~0ULL : directory->steps[keep]->sequence;
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (const std::shared_ptr<NameStep>& step : steps) {
      uint64_t limit = ~0ULL;
      for (const auto& change : step->changes) limit = std::min(limit, kept_before[change.directory->key]);
      if (step->sequence < limit) continue;
      for (const auto& change : step->changes) {
        uint64_t& before = kept_before[change.directory->key];
        if (before > step->sequence) before = step->sequence, changed = true;
        // Where a directory was never made, nothing was ever put into it.
        if (change.after == nullptr || !change.after->directory || step->takes(*change.after)) continue;
        uint64_t& inside = kept_before[change.after->key];
        if (inside != 0) inside = 0, changed = true;
      }
    }
  }
  for (size_t i = steps.size(); i-- > 0;) {
    NameStep& step = *steps[i];
    if (step.durable || step.sequence < kept_before[step.changes.front().directory->key]) continue;
    for (size_t k = step.changes.size(); k-- > 0;) {
      const NameStep::Change& change = step.changes[k];
      if (change.before == nullptr) {
        change.directory->entries.erase(change.name);
      } else {
        change.directory->entries[change.name] = change.before;
      }
    }
  }
  for (DirNode* directory : directories) directory->steps.clear();
}

// Goes back to what was durable, keeping what each step had written, then repeats a choice of the steps.
void Image::lose_data(FileNode& file, const KeyedRandom& random, uint64_t occasion) {
  age_steps(file);
  file.unsynced_bytes = 0;
  if (file.steps.empty()) return;
  std::vector<ByteBuffer> redo(file.steps.size());
  for (size_t i = file.steps.size(); i-- > 0;) {
    const FileStep& step = file.steps[i];
    if (step.kind == FileStep::Kind::write) {
      redo[i].resize(step.size_bytes);
      file.content.read(step.offset, redo[i]);
      file.content.resize(step.size_before);
      file.content.write(step.offset, step.undo);
    } else {
      file.content.resize(step.size_before);
      file.content.write(step.offset, step.undo);
    }
  }

  SimDice dice(random, SimStream::disk_power_loss, mix64(file.key, occasion));
  const Mood mood = mood_of(random, key_, occasion);
  const size_t n = file.steps.size();
  // Sizes follow the journal, in order: the first `sized` steps count.
  const uint64_t sized_bits = dice.next();
  size_t sized = mood == Mood::nothing ? 0 : mood == Mood::everything ? n : below(sized_bits, n + 1);
  for (size_t i = 0; i < n; ++i) {
    if (file.steps[i].fate == FileStep::Fate::durable) sized = std::max(sized, i + 1);
  }
  for (size_t i = 0; i < n; ++i) {
    const FileStep& step = file.steps[i];
    const bool certain = step.fate == FileStep::Fate::durable;
    const bool lost = step.fate == FileStep::Fate::lost;
    if (!certain && i >= sized && mood == Mood::prefix) continue;
    if (step.kind == FileStep::Kind::truncate) {
      if (i < sized && !lost) file.content.resize(step.offset);
      continue;
    }
    uint64_t end = step.offset + step.size_bytes;
    // The step at which the journal stopped may have grown the file by a part.
    const uint64_t cut_bits = dice.next();
    if (i == sized && mood == Mood::mixture && step.append) {
      end = step.offset + below(cut_bits, step.size_bytes + 1);
    } else if (i >= sized) {
      end = std::min(end, file.content.size());
    }
    if (end > file.content.size()) file.content.resize(end);
    if (lost) continue;
    // Sectors go to the platter in any order; each write is whole, lost, or torn between two sectors.
    const uint64_t kind_bits = dice.below(4);
    const bool torn = !certain && mood == Mood::mixture && kind_bits >= 2;
    if (!certain && (mood == Mood::nothing || (mood == Mood::mixture && kind_bits == 0))) continue;
    bool present = dice.below(2) == 0;
    for (uint64_t at = step.offset; at < end;) {
      const uint64_t next = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
      if (torn && dice.below(8) == 0) present = !present;
      if (!torn || present) {
        file.content.write(at, Bytes(redo[i]).subspan(at - step.offset, next - at));
      }
      at = next;
    }
  }
  file.steps.clear();
}

}  // namespace ksim::sim
