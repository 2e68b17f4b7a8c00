#pragma once
// The seam's Disk and File over a simulated device, for one life of a node.

#include <map>
#include <memory>
#include <string>

#include "core/base/hooks.h"
#include "core/io/disk.h"
#include "sim/clock/node_clock.h"
#include "sim/disk/device.h"
#include "sim/ground.h"

namespace ksim::sim {

class SimDisk final : public Disk {
 public:
  // All of them outlive the disk, and the disk outlives its files and locks.
  SimDisk(Ground& ground, Life& life, Device& device, NodeClock& clock, Hooks& hooks)
      : ground_(ground), life_(life), device_(device), clock_(clock), hooks_(hooks) {}

  IoResult<FileRef> open(std::string_view path, Open mode) override;
  IoResult<void> make_dir(std::string_view path) override;
  IoResult<std::vector<std::string>> list(std::string_view directory) override;
  IoResult<void> rename(std::string_view from, std::string_view to) override;
  IoResult<void> remove(std::string_view path) override;
  IoResult<void> sync_dir(std::string_view directory) override;
  IoResult<FileStat> stat(std::string_view path) override;
  IoResult<DiskSpace> space(std::string_view path) override;
  IoResult<std::unique_ptr<DirLock>> lock(std::string_view path) override;

 private:
  friend class SimFile;
  friend class SimLock;
  // An operation on names: waits, and fails if the process is dead or the device broken. `n` counts the
  // operations on this path.
  IoResult<void> pass_names(DiskCall call, std::string_view path);
  void charge(uint64_t bytes);
  template <class R>
  R folded(Fold kind, std::string_view path, R result);

  Ground& ground_;
  Life& life_;
  Device& device_;
  NodeClock& clock_;
  Hooks& hooks_;
  std::map<uint64_t, uint32_t> path_calls_;  // by hash of the path
  std::map<std::string, bool, std::less<>> locks_;
};

}  // namespace ksim::sim
