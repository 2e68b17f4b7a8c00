#include "core/io/linux/signals.h"

#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

namespace ksim {

ProcessSignals::ProcessSignals() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGTERM);
  sigaddset(&mask, SIGINT);
  sigaddset(&mask, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  descriptor_ = ::signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
  ENSURE(descriptor_ >= 0);
}

ProcessSignals::~ProcessSignals() { ::close(descriptor_); }

void ProcessSignals::ready(uint32_t) {
  if (waiting_ != nullptr) scheduler_->wake(*waiting_);
}

int ProcessSignals::wait(EpollLoop& loop, Scheduler& scheduler, Deadline deadline) {
  ENSURE(waiting_ == nullptr, "two fibers wait for signals");
  ENSURE(loop.watch(descriptor_, *this) == IoError::ok);
  struct Leave {
    ProcessSignals& self;
    EpollLoop& loop;
    ~Leave() {
      self.waiting_ = nullptr;
      loop.unwatch(self.descriptor_);
    }
  } leave{*this, loop};
  scheduler_ = &scheduler;
  waiting_ = scheduler.current();
  for (bool last_try = false;;) {
    signalfd_siginfo info{};
    if (::read(descriptor_, &info, sizeof(info)) == sizeof(info)) return static_cast<int>(info.ssi_signo);
    if (last_try) return 0;
    last_try = scheduler.park(deadline, "signal") == Wake::timed_out;
  }
}

}  // namespace ksim
