#pragma once

#include "core/base/events.h"
#include "core/base/hooks.h"
#include "core/io/clock.h"
#include "core/io/disk.h"
#include "core/io/mailbox.h"
#include "core/io/network.h"
#include "core/io/random.h"
#include "core/io/scheduler.h"

namespace ksim {

// The world as one shard of one node sees it. Passed down by reference, never a global. `events` and `hooks`
// may be null.
struct Env {
  Clock& clock;
  Scheduler& scheduler;
  FiberGroup& group;
  Disk& disk;
  Network& network;
  Random& random;
  Mailboxes& mailboxes;
  Events* events = nullptr;
  Hooks* hooks = nullptr;

  Instant now() const { return clock.now(); }
  Deadline after(Duration d) const { return clock.now() + d; }
  void sleep(Duration d) const { scheduler.sleep_until(clock.now() + d); }
  template <class E>
  void emit(const E& event) const {
    if (events != nullptr) events->emit(Event{event});
  }
  void reached(Mark mark, std::string_view subject) const { ksim::reached(hooks, mark, subject); }
  bool buggify(Site site, uint32_t per_mille) const { return ksim::buggify(hooks, site, per_mille); }
  // For a site whose rare path is the same one, later.
  void dawdle(Site site, uint32_t per_mille, Duration how_long) const {
    if (buggify(site, per_mille)) sleep(how_long);
  }
};

}  // namespace ksim
