#include "sim/host/children.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "sim/host/terminal.h"

namespace ksim::host {
namespace {

constexpr size_t kBufferBytes = 64 * 1024;
constexpr int kSecondMs = 1000;  // a signal between its test and the wait is seen so late

bool write_all(int descriptor, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

// At most into.size(); 0 at the end.
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

// A child ends with its parent, however that ends.
void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(3);
}

volatile std::sig_atomic_t g_interrupted = 0;  // a handler has no other way to what it tells

// While it lives the first signal that asks the process to end is only noted; the second one ends it.
class NotesInterrupts {
 public:
  NotesInterrupts() {
    g_interrupted = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { g_interrupted = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (size_t i = 0; i < std::size(kSignals); ++i) {
      ::sigaction(kSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
    }
  }
  NotesInterrupts(const NotesInterrupts&) = delete;
  NotesInterrupts& operator=(const NotesInterrupts&) = delete;
  ~NotesInterrupts() {
    for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  // In a worker: a Ctrl-C of the terminal is the parent's to hear.
  static void ignore() {
    for (int signal : kSignals) std::signal(signal, SIG_IGN);
  }

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[std::size(kSignals)]{};
};

int wait_for(int process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct Pipe {
  Pipe() { ENSURE(::pipe(ends) == 0, "no pipe to a worker"); }
  int ends[2] = {-1, -1};
};

}  // namespace

void Outlet::write(Bytes bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= kBufferBytes) flush();
}

void Outlet::flush() {
  // If nobody reads any more, the parent has given up; it will end this process.
  static_cast<void>(write_all(descriptor_, buffer_));
  buffer_.clear();
}

Child::Child(const std::function<int(Outlet&)>& body) {
  Pipe pipe;
  const pid_t parent = ::getpid();
  process_ = ::fork();
  ENSURE(process_ >= 0, "no process for a worker");
  if (process_ == 0) {
    die_with(parent);
    ::close(pipe.ends[0]);
    int code = 3;
    try {  // nothing may go on in the parent's frames
      Outlet outlet(pipe.ends[1]);
      code = body(outlet);
      outlet.flush();
    } catch (const std::exception& error) {
      write_error(std::string(error.what()) + "\n");
    }
    ::_exit(code);
  }
  ::close(pipe.ends[1]);
  descriptor_ = pipe.ends[0];
}

Child::~Child() {
  kill();
  if (descriptor_ >= 0) ::close(descriptor_);
}

Bytes Child::read() {
  buffer_.resize(kBufferBytes);
  return Bytes(buffer_).first(read_some(descriptor_, buffer_));
}

int Child::wait() {
  if (process_ >= 0) code_ = wait_for(process_);
  process_ = -1;
  return code_;
}

void Child::kill() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  wait();
}

namespace {

// The parent's side of one worker. It is handed (first, count), and (size, brief) of each job; it answers
// each with (job, size, words).
struct Worker {
  int process = -1;
  int orders = -1;
  int answers = -1;
  std::deque<uint64_t> jobs;  // handed out and not answered, oldest first
  ByteBuffer partial;
  int64_t since_ns = 0;  // it works on its oldest job
  bool hung = false;
};

struct Order {
  uint64_t first;
  uint64_t count;
};
struct Answer {
  uint64_t job;
  uint64_t size_bytes;
};

template <class T>
MutableBytes as_raw(T& value) {
  return {reinterpret_cast<uint8_t*>(&value), sizeof value};
}

void serve(const FarmOptions& options, int orders, int answers) {
  if (options.begin) options.begin();
  Order order{};
  ByteBuffer out;
  std::vector<ByteBuffer> briefs;
  while (read_exactly(orders, as_raw(order))) {
    // All of them before the first job: nobody waits with the rest while it is done.
    briefs.resize(order.count);
    for (ByteBuffer& brief : briefs) {
      uint64_t size_bytes = 0;
      if (!read_exactly(orders, as_raw(size_bytes))) return;
      brief.resize(size_bytes);
      if (!read_exactly(orders, brief)) return;
    }
    for (uint64_t i = 0; i < order.count; ++i) {
      const uint64_t job = order.first + i;
      const ByteBuffer words = options.work(job, briefs[i]);
      const Answer answer{job, words.size()};
      out.resize(sizeof(answer) + words.size());
      std::memcpy(out.data(), &answer, sizeof(answer));
      if (!words.empty()) std::memcpy(out.data() + sizeof(answer), words.data(), words.size());
      if (!write_all(answers, out)) return;
    }
  }
}

[[noreturn]] void work(const FarmOptions& options, int orders, int answers) {
  try {
    serve(options, orders, answers);
  } catch (const std::exception& error) {
    write_error(std::string(error.what()) + "\n");
    ::_exit(3);
  }
  ::_exit(0);
}

class Farm {
 public:
  explicit Farm(const FarmOptions& options) : options_(options) {}
  ~Farm() {
    for (Worker& worker : workers_) end(worker, true);
  }

  bool run() {
    const NotesInterrupts interrupts;
    const uint64_t wanted = std::min<uint64_t>(std::max<size_t>(options_.workers, 1), options_.count);
    for (uint64_t i = 0; i < wanted; ++i) {
      workers_.emplace_back();
      hire(workers_.back());
    }
    int64_t ticked = real_ns();
    while (!stopped_ && g_interrupted == 0 && busy()) {
      poll_once();
      look_at_the_clock();
      if (options_.tick && real_ns() - ticked > 100'000'000) {
        ticked = real_ns();
        options_.tick();
      }
    }
    const bool interrupted = g_interrupted != 0 && busy();
    for (Worker& worker : workers_) end(worker, stopped_ || interrupted);
    return !interrupted;
  }

 private:
  bool busy() const {
    return std::any_of(workers_.begin(), workers_.end(), [](const Worker& w) { return !w.jobs.empty(); });
  }

  void hire(Worker& worker) {
    Pipe orders;
    Pipe answers;
    const pid_t parent = ::getpid();
    const int process = ::fork();
    ENSURE(process >= 0, "no process for a worker");
    if (process == 0) {
      NotesInterrupts::ignore();
      die_with(parent);
      for (const Worker& other : workers_) {
        if (other.process >= 0) ::close(other.orders), ::close(other.answers);
      }
      ::close(orders.ends[1]);
      ::close(answers.ends[0]);
      work(options_, orders.ends[0], answers.ends[1]);
    }
    ::close(orders.ends[0]);
    ::close(answers.ends[1]);
    worker = {process, orders.ends[1], answers.ends[0], {}, {}, 0, false};
    hand_out(worker);
  }

  // Jobs a dead worker left come first; a batch is small enough that nobody idles at the end.
  void hand_out(Worker& worker) {
    Order order{next_, std::min(options_.batch, options_.count - next_)};
    const uint64_t share = (options_.count - next_) / (2 * workers_.size()) + 1;
    order.count = std::min(order.count, share);
    if (!left_.empty()) {
      order = {left_.front(), 1};
      left_.pop_front();
    } else if (order.count == 0) {
      return;
    } else {
      next_ += order.count;
    }
    ByteBuffer words;
    const auto append = [&](Bytes bytes) { words.insert(words.end(), bytes.begin(), bytes.end()); };
    append(as_raw(order));
    for (uint64_t job = order.first; job < order.first + order.count; ++job) {
      worker.jobs.push_back(job);
      const ByteBuffer brief = options_.brief ? options_.brief(job) : ByteBuffer();
      uint64_t size_bytes = brief.size();
      append(as_raw(size_bytes));
      append(brief);
    }
    worker.since_ns = real_ns();
    static_cast<void>(write_all(worker.orders, words));
  }

  void look_at_the_clock() {
    const int64_t now = real_ns();
    if (options_.until_ns > 0 && now >= options_.until_ns) stopped_ = true;
    for (Worker& worker : workers_) {
      if (options_.patience_ns == 0 || worker.jobs.empty() || worker.hung) continue;
      if (now - worker.since_ns < options_.patience_ns) continue;
      worker.hung = true;  // its end is heard of as any worker's
      ::kill(worker.process, SIGKILL);
    }
  }

  void poll_once() {
    std::vector<pollfd> polled;
    std::vector<Worker*> order;
    for (Worker& worker : workers_) {
      if (worker.process < 0) continue;
      polled.push_back({worker.answers, POLLIN, 0});
      order.push_back(&worker);
    }
    if (::poll(polled.data(), polled.size(), options_.tick ? 100 : kSecondMs) <= 0) return;
    for (size_t i = 0; i < polled.size() && !stopped_; ++i) {
      if (polled[i].revents != 0) hear(*order[i]);
    }
  }

  void hear(Worker& worker) {
    buffer_.resize(kBufferBytes);
    const size_t n = read_some(worker.answers, buffer_);
    if (n == 0) return bury(worker);
    worker.partial.insert(worker.partial.end(), buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(n));
    size_t at = 0;
    while (!stopped_ && worker.partial.size() - at >= sizeof(Answer)) {
      Answer answer{};
      std::memcpy(&answer, worker.partial.data() + at, sizeof(answer));
      if (worker.partial.size() - at - sizeof(answer) < answer.size_bytes) break;
      const Bytes words = Bytes(worker.partial).subspan(at + sizeof(answer), answer.size_bytes);
      worker.jobs.pop_front();
      worker.since_ns = real_ns();
      if (!options_.done(answer.job, words)) stopped_ = true;
      at += sizeof(answer) + answer.size_bytes;
      if (worker.jobs.empty()) hand_out(worker);
    }
    worker.partial.erase(worker.partial.begin(), worker.partial.begin() + static_cast<ptrdiff_t>(at));
  }

  // A worker died in the middle of its oldest job: that one is told of, the others are done again.
  void bury(Worker& worker) {
    const std::deque<uint64_t> jobs = std::move(worker.jobs);
    const int ended = end(worker, false);
    const int code = worker.hung ? kHung : ended;
    if (jobs.empty()) return;
    left_.insert(left_.end(), jobs.begin() + 1, jobs.end());
    if (!options_.died(jobs.front(), code)) {
      stopped_ = true;
    } else {
      hire(worker);
    }
  }

  static int end(Worker& worker, bool now) {
    if (worker.process < 0) return 0;
    if (now) ::kill(worker.process, SIGKILL);
    ::close(worker.orders);
    ::close(worker.answers);
    const int code = wait_for(worker.process);
    worker.process = -1;
    return code;
  }

  const FarmOptions& options_;
  std::deque<Worker> workers_;
  std::deque<uint64_t> left_;
  uint64_t next_ = 0;
  bool stopped_ = false;
  ByteBuffer buffer_;
};

}  // namespace

bool run_farm(const FarmOptions& options) {
  Farm farm(options);
  return farm.run();
}

}  // namespace ksim::host
