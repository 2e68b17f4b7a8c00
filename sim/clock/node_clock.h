#pragma once
// The two clocks of a node. Its monotonic clock starts somewhere of its own and may run fast or slow against
// the world's time; its wall clock may be off and may step.

#include <utility>
#include <vector>

#include "core/base/units.h"
#include "core/io/clock.h"

namespace ksim::sim {

// 2026-01-01T00:00:00Z: what a right wall clock shows when virtual time is 0.
constexpr int64_t kWallEpochNs = 1'767'225'600'000'000'000;
constexpr int32_t kMaxDriftPpb = 50'000'000;  // 5 %

class NodeClock final : public Clock {
 public:
  // `world_now_ns` is the world's virtual time; it outlives the clock.
  explicit NodeClock(const int64_t& world_now_ns) : world_(world_now_ns) {}

  Instant now() override { return local_now(); }
  Instant local_now() const { return {local_ns(world_)}; }
  WallTime wall() override { return {kWallEpochNs + local_ns(world_) - start_ns_ + wall_offset_ns_}; }

  // The first instant of the world at which now() is not before `local`.
  Instant world_time(Instant local) const;

  // The monotonic clock starts at `start` when the world's time is 0. Only before the node's first life.
  void set_start(Duration start);
  // From now on this clock gains `ppb` nanoseconds a second; timers must be queued again afterwards.
  void set_drift(int32_t ppb);
  void step_wall(Duration by);
  // Both clocks stand still until release() was called as often: then the wall clock is put right, and the
  // monotonic one goes on. Timers must be queued again after each.
  void hold();
  void release();
  int32_t drift_ppb() const { return drift_ppb_; }
  Duration wall_offset() const { return {wall_offset_ns_}; }
  // The farthest back that its wall clock ever was.
  Duration lowest_wall_offset() const { return {lowest_wall_offset_ns_}; }
  // How far ahead of now it was at some time since then, of the world; 0: it was not put back.
  Duration wall_put_back(Instant since) const;

 private:
  int64_t local_ns(int64_t world_ns) const {
    const int64_t elapsed = world_ns - base_world_ns_;
    return rate_ppb_ == 0 ? base_local_ns_ + elapsed : base_local_ns_ + elapsed + gained_ns(elapsed);
  }
  void rebase();
  int64_t gained_ns(int64_t elapsed_ns) const;

  const int64_t& world_;
  int64_t start_ns_ = 0;
  int64_t base_world_ns_ = 0;
  int64_t base_local_ns_ = 0;
  int64_t wall_offset_ns_ = 0;
  int64_t lowest_wall_offset_ns_ = 0;
  std::vector<std::pair<int64_t, int64_t>> former_offsets_ns_;  // until when, of the world, and which
  int32_t drift_ppb_ = 0;
  uint32_t holds_ = 0;
  int64_t held_since_ns_ = 0;
  int32_t rate_ppb_ = 0;  // what it gains now: its drift, or all it should show while it stands still
};

}  // namespace ksim::sim
