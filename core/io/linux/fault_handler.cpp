#include "core/io/linux/fault_handler.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

#include <pthread.h>
#include <ucontext.h>
#include <unistd.h>

namespace ksim {
namespace {

constexpr size_t kMaxThreads = 256;
constexpr size_t kHandlerStackBytes = 64 * 1024;
constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};

// Which scheduler a thread runs. A signal handler knows nothing but what is global.
struct Place {
  std::atomic<const Scheduler*> scheduler{nullptr};
  std::atomic<pthread_t> thread{0};
};
std::array<Place, kMaxThreads> places;

// Only what is safe in a handler: no allocation, no locks.
class Line {
 public:
  Line& operator<<(std::string_view text) {
    const size_t n = std::min(text.size(), buffer_.size() - size_);
    std::memcpy(buffer_.data() + size_, text.data(), n);
    size_ += n;
    return *this;
  }
  Line& hex(uint64_t value) {
    std::array<char, 16> digits{};
    size_t count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value % 16];
      value /= 16;
    } while (value != 0);
    *this << "0x";
    while (count > 0) *this << std::string_view(&digits[--count], 1);
    return *this;
  }
  void put() { [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, buffer_.data(), size_); }

 private:
  std::array<char, 512> buffer_;
  size_t size_ = 0;
};

std::string_view name_of(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGILL:
      return "SIGILL";
    default:
      return "SIGFPE";
  }
}

// A fault beside the stack pointer is one of the stack: frames are small, and probe page by page.
bool near_stack_pointer(const void* address, const void* context) {
#if defined(__x86_64__)
  const auto* machine = static_cast<const ucontext_t*>(context);
  const auto pointer = static_cast<uint64_t>(machine->uc_mcontext.gregs[REG_RSP]);
  const auto at = reinterpret_cast<uint64_t>(address);
  return at + 8192 > pointer && at < pointer + 8192;
#else
  static_cast<void>(address);
  static_cast<void>(context);
  return false;
#endif
}

void on_fault(int signal, siginfo_t* info, void* context) {
  Line line;
  line << "fatal: " << name_of(signal) << " at ";
  line.hex(reinterpret_cast<uint64_t>(info->si_addr));
  for (const Place& place : places) {
    const Scheduler* scheduler = place.scheduler.load();
    if (scheduler == nullptr || ::pthread_equal(place.thread.load(), ::pthread_self()) == 0) continue;
    const Fiber* fiber = scheduler->current();
    if (fiber == nullptr) {
      line << ", outside fibers";
    } else {
      line << " in fiber " << fiber->name() << " of " << fiber->group().name();
      if (signal == SIGSEGV && near_stack_pointer(info->si_addr, context)) line << ": its stack is used up";
    }
  }
  line << "\n";
  line.put();
  std::signal(signal, SIG_DFL);  // the instruction runs again, and ends the process as if nobody had listened
}

}  // namespace

FaultHandler::FaultHandler(const Scheduler& scheduler)
    : place_(0), stack_(std::make_unique<uint8_t[]>(kHandlerStackBytes)) {
  for (const Scheduler* nobody = nullptr; place_ < kMaxThreads; ++place_, nobody = nullptr) {
    if (places[place_].scheduler.compare_exchange_strong(nobody, &scheduler)) break;
  }
  if (place_ == kMaxThreads) return;
  places[place_].thread.store(::pthread_self());
  stack_t alternate{};
  alternate.ss_sp = stack_.get();
  alternate.ss_size = kHandlerStackBytes;
  ::sigaltstack(&alternate, nullptr);
  for (const int signal : kSignals) {
    struct sigaction before {};
    if (::sigaction(signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigaction(signal, &action, nullptr);
  }
}

FaultHandler::~FaultHandler() {
  if (place_ == kMaxThreads) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  ::sigaltstack(&none, nullptr);
  places[place_].thread.store(0);
  places[place_].scheduler.store(nullptr);
}

}  // namespace ksim
