#pragma once
// The disk of one node: what it holds (Image), how long it takes, and what is wrong with it. It survives the
// incarnations of the node.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/io/scheduler.h"
#include "sim/disk/image.h"
#include "sim/ground.h"
#include "sim/latency.h"
#include "sim/troubles.h"

namespace ksim::sim {

struct DiskProfile {
  // Of the device, before bandwidth: a sync, a read that misses the page cache, a change of names.
  LatencyTable sync;
  LatencyTable read;
  LatencyTable names;
  uint32_t cold_read_per_mille = 20;   // reads that miss the page cache
  uint32_t slow_write_per_mille = 5;   // writes that wait for the device
  uint32_t slow_names_per_mille = 50;  // changes of names that wait for the journal
  uint64_t bytes_per_second = 500'000'000;
  uint64_t capacity_bytes = 1ULL << 40;

  static DiskProfile ssd();
  static DiskProfile cloud();  // a network volume
  static DiskProfile spinning();
  static DiskProfile instant();  // nothing ever waits: for tests of logic
  // By the words of a plan: none, ssd, cloud, spinning.
  static std::optional<DiskProfile> named(std::string_view name);
};

// What is wrong with the disk; the stored bytes stay as they are.
struct DiskTrouble {
  Instant stalled_until{0};        // nothing that needs the device ends before
  uint32_t slow_per_mille = 1000;  // scales every time of the device
  uint64_t capacity_bytes = ~0ULL;
  uint64_t bytes_per_second = ~0ULL;
  struct Failing {
    std::string path_part;  // of the paths it strikes; empty: all
    bool reads = false;
    bool writes = false;
    bool syncs = false;
    uint64_t from = 0;  // of the bytes that cannot be read
    uint64_t to = ~0ULL;
  };
  std::vector<Failing> failing;

  void worsen(const DiskTrouble& other);
};

// What the machine has felt of its disk.
struct DiskToll {
  uint64_t waits = 0;  // operations that waited for the device
  int64_t waited_ns = 0;
  uint64_t refused = 0;  // for want of space
  uint64_t failed = 0;   // because the device was broken
};

enum class DiskCall : uint8_t { read, write, sync, names };

class Device {
 public:
  Device(Ground& ground, uint64_t key, const DiskProfile& profile)
      : ground_(ground), profile_(profile), image_(key, ground.memory.pages, ground.policy.time_ns()) {}

  Image& image() { return image_; }
  const DiskProfile& profile() const { return profile_; }
  const DiskTrouble& trouble() const { return troubles_.felt(); }
  bool in_trouble() const { return troubles_.any(); }
  // Something more is wrong from now on; operations in flight feel it as well, and feel when it is over.
  // Returns its number.
  uint64_t add_trouble(DiskTrouble trouble);
  void remove_trouble(uint64_t number);
  uint64_t capacity_bytes() const;
  uint64_t free_bytes() const;
  DiskToll toll() const;  // with what waits now
  void refused() { ++toll_.refused; }
  bool fails(DiskCall call, std::string_view path, uint64_t offset = 0, uint64_t bytes = ~0ULL);
  // The next sync of a file fails, whichever it is.
  void fail_next_sync() { ++failing_syncs_; }

  // What an operation asks of the device, whatever is wrong with it.
  struct Service {
    int64_t latency_ns = 0;
    uint64_t bytes = 0;
  };

  // One operation that waits for the device, on the stack of its fiber.
  class InFlight final : public Timer {
   public:
    InFlight(Device& device, Fiber& fiber);
    ~InFlight();
    void fire() override;
    // A write whose bytes have not been copied yet: a crash of the process may leave a part of it.
    FileNode* file = nullptr;
    uint64_t offset = 0;
    std::span<const Bytes> from;
    uint64_t size_bytes = 0;

   private:
    friend class Device;
    Device& device_;
    Fiber& fiber_;
    Instant began_ = Instant::never();  // its wait for the device
    Service service_;
    Instant start_{0};   // the device's own, behind the transfers before it
    Instant finish_{0};  // at the speed that there is now
    InFlight* previous_ = nullptr;
    InFlight* next_ = nullptr;
  };

  // What the n-th operation on `key` asks of the device; nothing: it is done at once, in memory.
  std::optional<Service> service(DiskCall call, uint64_t key, uint64_t n, uint64_t bytes) const;
  // Waits until this service has ended. False: the process has died.
  bool wait(Life& life, InFlight& operation, const Service& service);

  // The process has died: each write in flight has left a seeded part.
  void process_died(uint64_t life_key);
  void power_lost(uint64_t occasion);

 private:
  // How long the device takes for it while this is wrong.
  int64_t duration_ns(const Service& service, const DiskTrouble& trouble) const;
  // Until now this was wrong.
  void go_on_from(const DiskTrouble& before);

  Ground& ground_;
  DiskProfile profile_;
  Troubles<DiskTrouble> troubles_;
  DiskToll toll_;
  Image image_;
  Instant busy_until_{0};
  uint32_t failing_syncs_ = 0;
  InFlight* first_ = nullptr;  // newest first
};

}  // namespace ksim::sim
