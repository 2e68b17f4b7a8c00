#pragma once

#include "core/io/linux/loop_epoll.h"

namespace ksim {

// SIGTERM, SIGINT and SIGHUP as something that a fiber waits for. Made before any other thread, which then
// inherits the mask; the kernel delivers them here only.
class ProcessSignals final : public Pollable {
 public:
  ProcessSignals();
  ProcessSignals(const ProcessSignals&) = delete;
  ProcessSignals& operator=(const ProcessSignals&) = delete;
  ~ProcessSignals();

  // From a fiber of that loop: the next signal's number, or 0 at the deadline.
  int wait(EpollLoop& loop, Scheduler& scheduler, Deadline deadline);

  void ready(uint32_t epoll_events) override;

 private:
  int descriptor_ = -1;
  Scheduler* scheduler_ = nullptr;
  Fiber* waiting_ = nullptr;
};

}  // namespace ksim
