#include "sim/host/process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "sim/host/files.h"

namespace ksim::host {

Pipe::Pipe() { ENSURE(::pipe(ends) == 0, "no pipe to a worker"); }

bool write_all(int descriptor, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

size_t read_some(int descriptor, MutableBytes into) {
  for (;;) {
    const ssize_t n = ::read(descriptor, into.data(), into.size());
    if (n < 0 && errno == EINTR) continue;
    return n < 0 ? 0 : static_cast<size_t>(n);
  }
}

bool read_exactly(int descriptor, MutableBytes into) {
  while (!into.empty()) {
    const size_t n = read_some(descriptor, into);
    if (n == 0) return false;
    into = into.subspan(n);
  }
  return true;
}

void die_with(int parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(3);
}

Ending wait_for(int process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? Ending{0, WTERMSIG(status)} : Ending{WEXITSTATUS(status), 0};
}

std::string to_string(const Ending& ending) {
  constexpr std::pair<int, const char*> kNames[] = {
      {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
      {SIGHUP, "SIGHUP"},   {SIGILL, "SIGILL"},   {SIGINT, "SIGINT"},
      {SIGPIPE, "SIGPIPE"}, {SIGQUIT, "SIGQUIT"}, {SIGSEGV, "SIGSEGV"},
      {SIGSYS, "SIGSYS"},   {SIGTERM, "SIGTERM"}, {SIGTRAP, "SIGTRAP"},
      {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGKILL, "SIGKILL (out of memory?)"}};
  if (ending.signal == 0) return "exited with code " + std::to_string(ending.code);
  for (const auto& [signal, name] : kNames) {
    if (signal == ending.signal) return std::string("killed by ") + name;
  }
  return "killed by signal " + std::to_string(ending.signal);
}

Usage usage_of(int process) {
  Usage usage;
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(process, &clock) == 0 && ::clock_gettime(clock, &used) == 0)
    usage.cpu_ns = used.tv_sec * 1'000'000'000LL + used.tv_nsec;
  // "4711 (name) S ...": the name may have anything in it.
  const Result<std::string> line = read_text("/proc/" + std::to_string(process) + "/stat");
  if (!line.ok()) return usage;
  const size_t name_end = line->rfind(") ");
  usage.asleep = name_end != std::string::npos && line->compare(name_end + 2, 1, "S") == 0;
  return usage;
}

ErrorTape::ErrorTape() : descriptor_(::memfd_create("stderr of a worker", MFD_CLOEXEC)) {}

ErrorTape::~ErrorTape() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void ErrorTape::become_stderr() const {
  if (descriptor_ >= 0) ::dup2(descriptor_, STDERR_FILENO);
}

std::string ErrorTape::text() const {
  struct stat about {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &about) != 0) return {};
  std::string text(static_cast<size_t>(std::min<off_t>(about.st_size, kPipeBytes)), 0);
  const ssize_t n =
      ::pread(descriptor_, text.data(), text.size(), about.st_size - static_cast<off_t>(text.size()));
  text.resize(n < 0 ? 0 : static_cast<size_t>(n));
  return text;
}

std::string last_words(const std::string& text) {
  constexpr size_t kMostBytes = 200;  // of a line
  constexpr std::string_view kBlank = " \t\r";
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    line.erase(0, std::min(line.find_first_not_of(kBlank), line.size()));
    line.erase(line.find_last_not_of(kBlank) + 1);
    if (line.empty()) continue;
    if (line.size() > kMostBytes) line = line.substr(0, kMostBytes) + "...";
    if (line.starts_with("SUMMARY: ")) return line;
    lines.push_back(std::move(line));
  }
  if (lines.empty()) return {};
  if (lines.size() == 1) return lines.back();
  return lines[lines.size() - 2] + " | " + lines.back();
}

}  // namespace ksim::host
