#pragma once

#include <memory>

#include "core/io/scheduler.h"

namespace ksim {

// While it lives, a fatal signal on this thread (SIGSEGV, SIGBUS, SIGILL, SIGFPE) first says on stderr which
// fiber was running, and whether its stack overflowed, then does what it would have done. It runs on a stack
// of its own: that of a fiber may be what is used up. Leaves a sanitizer's handler alone.
class FaultHandler {
 public:
  explicit FaultHandler(const Scheduler& scheduler);
  FaultHandler(const FaultHandler&) = delete;
  FaultHandler& operator=(const FaultHandler&) = delete;
  ~FaultHandler();

 private:
  size_t place_;
  std::unique_ptr<uint8_t[]> stack_;
};

}  // namespace ksim
