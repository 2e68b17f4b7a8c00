#include "core/io/linux/loop_epoll.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/io/linux/errors.h"

namespace ksim {
namespace {

// A shard that always has something ready still looks at its sockets this often.
constexpr uint32_t kResumesBetweenPolls = 64;
constexpr int kEventsPerWait = 128;

}  // namespace

EpollLoop::EpollLoop(OnFailure on_failure)
    : on_failure_(std::move(on_failure)),
      thread_(std::this_thread::get_id()),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  ENSURE(epoll_ >= 0 && wake_ >= 0, "no descriptor left for a shard's loop");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  ENSURE(::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0);
}

EpollLoop::~EpollLoop() {
  drain();  // what was abandoned frees itself
  ::close(wake_);
  ::close(epoll_);
}

IoError EpollLoop::watch(int descriptor, Pollable& owner) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &owner;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0 ? IoError::ok : io_error_of(errno);
}

void EpollLoop::unwatch(int descriptor) { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr); }

void EpollLoop::post(Completion& completion) {
  Completion* head = completions_.load(std::memory_order_relaxed);
  do {
    completion.next_ = head;
  } while (!completions_.compare_exchange_weak(head, &completion, std::memory_order_release,
                                               std::memory_order_relaxed));
  if (head == nullptr) interrupt();  // else the one who found it empty has done so
}

void EpollLoop::interrupt() {
  const uint64_t one = 1;
  // EAGAIN only if the counter is full, and then the loop has been told.
  [[maybe_unused]] const ssize_t n = ::write(wake_, &one, sizeof(one));
}

bool EpollLoop::admit(Fiber&) {
  if (++resumes_since_poll_ >= kResumesBetweenPolls) poll(0);
  return true;
}

bool EpollLoop::idle(Instant next_timer) {
  int64_t timeout_ns = -1;
  if (!next_timer.is_never()) timeout_ns = std::max<int64_t>(0, (next_timer - now()).ns);
  poll(timeout_ns);
  return true;
}

void EpollLoop::poll(int64_t timeout_ns) {
  resumes_since_poll_ = 0;
  std::array<epoll_event, kEventsPerWait> events;
  const int count = wait_for_events(events.data(), kEventsPerWait, timeout_ns);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.ptr != nullptr) static_cast<Pollable*>(event.data.ptr)->ready(event.events);
  }
  run_completions();
}

int EpollLoop::wait_for_events(epoll_event* events, int capacity, int64_t timeout_ns) {
  if (!coarse_) {
    timespec timeout{timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
    const int count = ::epoll_pwait2(epoll_, events, capacity, timeout_ns < 0 ? nullptr : &timeout, nullptr);
    if (count >= 0 || errno == EINTR) return count;
    ENSURE(errno == ENOSYS || errno == EPERM, "waiting for events fails");
    coarse_ = true;
  }
  // Rounded up: a wait must not spin through its last millisecond.
  const int64_t timeout_ms =
      timeout_ns < 0 ? -1 : std::min<int64_t>((timeout_ns + 999'999) / 1'000'000, 1'000'000);
  return ::epoll_wait(epoll_, events, capacity, static_cast<int>(timeout_ms));
}

void EpollLoop::run_completions() {
  Completion* newest = completions_.exchange(nullptr, std::memory_order_acquire);
  Completion* oldest = nullptr;
  while (newest != nullptr) {
    Completion* next = newest->next_;
    newest->next_ = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest != nullptr) {
    Completion* next = oldest->next_;
    oldest->next_ = nullptr;
    oldest->complete();  // may end its life, or post it again
    oldest = next;
  }
}

void EpollLoop::fiber_failed(Fiber& fiber, std::string_view what) {
  if (on_failure_) {
    on_failure_(fiber, what);
    return;
  }
  std::fprintf(stderr, "fatal: fiber %s of %s: %.*s\n", fiber.name().c_str(), fiber.group().name().c_str(),
               static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace ksim
