#include "sim/clock/node_clock.h"

#include <algorithm>

#include "core/base/assert.h"

namespace ksim::sim {
namespace {
__extension__ using Wide = __int128;
constexpr int32_t kStandsStill = -1'000'000'000;
}  // namespace

int64_t NodeClock::gained_ns(int64_t elapsed_ns) const {
  // Division rounds towards zero; virtual time never runs before base_world_ns_, so this is a floor for
  // fast clocks and a ceiling for slow ones, monotone in both cases.
  return static_cast<int64_t>(static_cast<Wide>(elapsed_ns) * rate_ppb_ / 1'000'000'000);
}

Instant NodeClock::world_time(Instant local) const {
  if (local.is_never()) return local;
  if (local.ns <= base_local_ns_) return {base_world_ns_};
  if (rate_ppb_ == kStandsStill) return Instant::never();
  const int64_t wanted = local.ns - base_local_ns_;
  int64_t world_ns = 0;
  if (rate_ppb_ == 0) {
    if (wanted > Instant::never().ns - base_world_ns_) return Instant::never();
    world_ns = base_world_ns_ + wanted;
  } else {
    const Wide elapsed = static_cast<Wide>(wanted) * 1'000'000'000 / (1'000'000'000 + rate_ppb_);
    if (elapsed > Instant::never().ns / 2) return Instant::never();
    world_ns = base_world_ns_ + static_cast<int64_t>(elapsed);
    while (local_ns(world_ns) < local.ns) ++world_ns;
    while (local_ns(world_ns - 1) >= local.ns) --world_ns;
  }
  return {world_ns};
}

void NodeClock::set_start(Duration start) {
  start_ns_ = start.ns;
  base_local_ns_ = start.ns;
  base_world_ns_ = 0;
}

void NodeClock::set_drift(int32_t ppb) {
  ENSURE(ppb >= -kMaxDriftPpb && ppb <= kMaxDriftPpb, "a clock drifts by at most 5 %");
  drift_ppb_ = ppb;
  rebase();
}

void NodeClock::step_wall(Duration by) {
  // What it showed before the world began nobody has seen.
  if (world_ > 0) former_offsets_ns_.emplace_back(world_, wall_offset_ns_);
  wall_offset_ns_ += by.ns;
  lowest_wall_offset_ns_ = std::min(lowest_wall_offset_ns_, wall_offset_ns_);
}

Duration NodeClock::wall_put_back(Instant since) const {
  int64_t highest_ns = wall_offset_ns_;
  for (const auto& [until_ns, offset_ns] : former_offsets_ns_) {
    if (until_ns >= since.ns) highest_ns = std::max(highest_ns, offset_ns);
  }
  return {highest_ns - wall_offset_ns_};
}

void NodeClock::hold() {
  if (holds_++ == 0) held_since_ns_ = world_;
  rebase();
}

void NodeClock::release() {
  ENSURE(holds_ > 0, "a clock that goes is released");
  if (--holds_ == 0) wall_offset_ns_ += world_ - held_since_ns_;
  rebase();
}

void NodeClock::rebase() {
  base_local_ns_ = local_ns(world_);
  base_world_ns_ = world_;
  rate_ppb_ = holds_ > 0 ? kStandsStill : drift_ppb_;
}

}  // namespace ksim::sim
