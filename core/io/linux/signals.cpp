#include "core/io/linux/signals.h"

#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

namespace ksim {

TerminationSignals::TerminationSignals() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGTERM);
  sigaddset(&mask, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  descriptor_ = ::signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
  ENSURE(descriptor_ >= 0);
}

TerminationSignals::~TerminationSignals() { ::close(descriptor_); }

void TerminationSignals::ready(uint32_t) {
  if (waiting_ != nullptr) scheduler_->wake(*waiting_);
}

int TerminationSignals::wait(EpollLoop& loop, Scheduler& scheduler, Deadline deadline) {
  ENSURE(waiting_ == nullptr, "two fibers wait for signals");
  ENSURE(loop.watch(descriptor_, *this) == IoError::ok);
  struct Leave {
    TerminationSignals& self;
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
    last_try = scheduler.park(deadline, "termination signal") == Wake::timed_out;
  }
}

}  // namespace ksim
