#include "sim/host/farm.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "sim/host/process.h"
#include "sim/host/terminal.h"

namespace ksim::host {
namespace {

constexpr int64_t kMsNs = 1'000'000;
constexpr int64_t kTickMs = 100;
constexpr int64_t kSecondMs = 1000;  // a signal between its test and the wait is seen so late

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

// The parent's side of one worker. It is handed (first, count), and (size, brief) of each job; it answers
// each with (job, size, words).
struct Worker {
  int process = -1;
  int orders = -1;
  int answers = -1;
  std::unique_ptr<ErrorTape> errors;
  bool used = false;          // it has been handed a job
  std::deque<uint64_t> jobs;  // handed out and not answered, oldest first
  ByteBuffer partial;
  // Of its oldest job.
  bool looked_at = false;
  int64_t from_cpu_ns = 0;
  int64_t seen_cpu_ns = 0;
  int64_t asleep_ns = 0;
  std::string hung;  // how; empty: it is not
};

struct Suspect {
  uint64_t job;
  Death death;
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

std::string span_text(int64_t ns) {
  const int64_t ms = ns / kMsNs;
  return ms % kSecondMs == 0 ? std::to_string(ms / kSecondMs) + " s" : std::to_string(ms) + " ms";
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
    workers_.resize(std::min<uint64_t>(std::max<size_t>(options_.workers, 1), options_.count));
    hand_out();
    int64_t ticked = real_ns();
    while (!stopped_ && g_interrupted == 0 && busy()) {
      poll_once();
      look_at_the_clock();
      if (options_.tick && real_ns() - ticked > kTickMs * kMsNs) {
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
  // How long it waits for answers at most, before it looks at the clock.
  int64_t pause_ms() const { return options_.tick ? kTickMs : kSecondMs; }

  void hire(Worker& worker) {
    Pipe orders;
    Pipe answers;
    auto errors = std::make_unique<ErrorTape>();
    const pid_t parent = ::getpid();
    const int process = ::fork();
    ENSURE(process >= 0, "no process for a worker");
    if (process == 0) {
      NotesInterrupts::ignore();
      die_with(parent);
      errors->become_stderr();
      for (const Worker& other : workers_) {
        if (other.process >= 0) ::close(other.orders), ::close(other.answers);
      }
      ::close(orders.ends[1]);
      ::close(answers.ends[0]);
      work(options_, orders.ends[0], answers.ends[1]);
    }
    ::close(orders.ends[0]);
    ::close(answers.ends[1]);
    worker = {};
    worker.process = process;
    worker.orders = orders.ends[1];
    worker.answers = answers.ends[0];
    worker.errors = std::move(errors);
  }

  // To whoever has nothing to do.
  void hand_out() {
    for (Worker& worker : workers_) {
      if (worker.jobs.empty()) hand_out(worker);
    }
  }

  void hand_out(Worker& worker) {
    if (!suspects_.empty()) {
      if (!busy()) hand_out(worker, {suspects_.front().job, 1}, true);
      return;
    }
    const Order order = next_order();
    if (order.count > 0) hand_out(worker, order, is(options_.apart, order.first));
  }

  static bool is(const std::function<bool(uint64_t)>& kind, uint64_t job) { return kind && kind(job); }

  // Jobs a dead worker left come first; a batch is small enough that nobody idles at the end.
  Order next_order() {
    if (!left_.empty()) {
      const Order order{left_.front(), 1};
      left_.pop_front();
      return order;
    }
    while (next_ < options_.count && is(options_.known, next_)) ++next_;
    const uint64_t left = options_.count - next_;
    const uint64_t most = std::min({options_.batch, left, left / (2 * workers_.size()) + 1});
    Order order{next_, 0};
    const auto single = [&](uint64_t job) { return is(options_.known, job) || is(options_.apart, job); };
    while (order.count < most && (order.count == 0 || !single(order.first + order.count))) {
      ++order.count;
      if (is(options_.apart, order.first)) break;
    }
    next_ += order.count;
    return order;
  }

  void hand_out(Worker& worker, Order order, bool apart) {
    if (apart && worker.used) end(worker, false);
    if (worker.process < 0) hire(worker);
    worker.used = true;
    worker.looked_at = false;
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
    static_cast<void>(write_all(worker.orders, words));
  }

  // A job's time is what its worker used of a processor, so that nobody is hung who only gets little of it.
  // Nor does it count how long this process did not look: it may have been stopped, with its workers.
  void look_at_the_clock() {
    const int64_t now = real_ns();
    if (options_.until_ns > 0 && now >= options_.until_ns) stopped_ = true;
    const int64_t pause_ns = pause_ms() * kMsNs;
    if (options_.patience_ns == 0 || now - looked_ns_ < pause_ns) return;
    looked_ns_ = now;
    for (Worker& worker : workers_) {
      if (worker.jobs.empty() || !worker.hung.empty()) continue;
      const Usage usage = usage_of(worker.process);
      const bool waits = worker.looked_at && usage.asleep && usage.cpu_ns == worker.seen_cpu_ns;
      if (!worker.looked_at) worker.from_cpu_ns = usage.cpu_ns;
      worker.looked_at = true;
      worker.seen_cpu_ns = usage.cpu_ns;
      worker.asleep_ns = waits ? worker.asleep_ns + pause_ns : 0;
      if (usage.cpu_ns - worker.from_cpu_ns >= options_.patience_ns) {
        worker.hung = "no end within " + span_text(options_.patience_ns) + " of processor time";
      } else if (worker.asleep_ns >= options_.patience_ns) {
        worker.hung = "no end: it was asleep for " + span_text(options_.patience_ns);
      }
      // Its end is heard of as any worker's.
      if (!worker.hung.empty()) ::kill(worker.process, SIGKILL);
    }
  }

  void poll_once() {
    struct Polled {
      Worker* worker;
      int process;
    };
    std::vector<pollfd> ends;
    std::vector<Polled> polled;
    for (Worker& worker : workers_) {
      if (worker.process < 0) continue;
      ends.push_back({worker.answers, POLLIN, 0});
      polled.push_back({&worker, worker.process});
    }
    if (::poll(ends.data(), ends.size(), static_cast<int>(pause_ms())) <= 0) return;
    for (size_t i = 0; i < ends.size() && !stopped_; ++i) {
      // Its process may have become another one, of which nothing is known yet.
      if (ends[i].revents != 0 && polled[i].worker->process == polled[i].process) hear(*polled[i].worker);
    }
  }

  void hear(Worker& worker) {
    buffer_.resize(kPipeBytes);
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
      worker.looked_at = false;
      if (!options_.done(answer.job, words)) stopped_ = true;
      clear(answer.job);
      at += sizeof(answer) + answer.size_bytes;
    }
    worker.partial.erase(worker.partial.begin(), worker.partial.begin() + static_cast<ptrdiff_t>(at));
    if (!stopped_ && worker.jobs.empty()) hand_out();
  }

  // Answered: whatever its first worker died of was not the job.
  void clear(uint64_t job) {
    if (suspects_.empty() || suspects_.front().job != job) return;
    const Suspect suspect = std::move(suspects_.front());
    suspects_.pop_front();
    options_.recovered(job, suspect.death);
  }

  // A worker died in the middle of its oldest job; the others are done again.
  void bury(Worker& worker) {
    const std::deque<uint64_t> jobs = std::move(worker.jobs);
    worker.jobs.clear();
    Death death{!worker.hung.empty(), worker.hung, {}};
    const std::string wrote = worker.errors->text();
    const Ending ending = end(worker, false);
    if (!jobs.empty()) {
      left_.insert(left_.end(), jobs.begin() + 1, jobs.end());
      if (!death.hung) death.how = to_string(ending);
      death.last_words = last_words(wrote);
      died(jobs.front(), std::move(death));
    }
    if (!stopped_) hand_out();
  }

  void died(uint64_t job, Death death) {
    const bool again = !suspects_.empty() && suspects_.front().job == job;
    if (again) suspects_.pop_front();
    if (options_.recovered && !again) {
      suspects_.push_back({job, std::move(death)});
    } else if (!options_.died(job, death)) {
      stopped_ = true;
    }
  }

  static Ending end(Worker& worker, bool now) {
    if (worker.process < 0) return {};
    if (now) ::kill(worker.process, SIGKILL);
    ::close(worker.orders);
    ::close(worker.answers);
    const Ending ending = wait_for(worker.process);
    worker.process = -1;
    if (const std::string wrote = worker.errors->text(); !wrote.empty())
      write_error(is_terminal(2) ? "\r\033[K" + wrote : wrote);
    return ending;
  }

  const FarmOptions& options_;
  std::deque<Worker> workers_;
  std::deque<uint64_t> left_;
  std::deque<Suspect> suspects_;  // to be done alone, the first one perhaps under way
  uint64_t next_ = 0;
  bool stopped_ = false;
  int64_t looked_ns_ = real_ns();
  ByteBuffer buffer_;
};

}  // namespace

std::string to_string(const Death& death) {
  return death.last_words.empty() ? death.how : death.how + ": " + death.last_words;
}

bool run_farm(const FarmOptions& options) {
  Farm farm(options);
  return farm.run();
}

}  // namespace ksim::host
