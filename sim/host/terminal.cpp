#include "sim/host/terminal.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

namespace ksim::host {
namespace {

int g_lost_because = 0;  // errno of the first write to standard output that failed

void write_to(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      // Nobody reads: there is nobody to tell.
      if (n < 0 && errno != EPIPE && descriptor == 1 && g_lost_because == 0) g_lost_because = errno;
      return;
    }
    text.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

bool wants_colour(int descriptor) {
  const char* no = std::getenv("NO_COLOR");
  return is_terminal(descriptor) && (no == nullptr || *no == '\0');
}

size_t columns(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
  return size.ws_col;
}

void write_out(std::string_view text) { write_to(1, text); }
void write_error(std::string_view text) { write_to(2, text); }

std::optional<std::string> lost_output() {
  if (g_lost_because == 0) return std::nullopt;
  return std::strerror(g_lost_because);
}

void prepare_streams() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
  }
  std::signal(SIGPIPE, SIG_IGN);
}

int64_t real_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

int64_t cpu_ns() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return used.tv_sec * 1'000'000'000LL + used.tv_nsec;
}

size_t processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  const int n = CPU_COUNT(&set);
  return n < 1 ? 1 : static_cast<size_t>(n);
}

}  // namespace ksim::host
