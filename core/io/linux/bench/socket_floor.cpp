// socket_floor: what TCP and files alone cost a broker on this machine: a process that receives frames,
// writes them to files and answers a few bytes, or sends ranges of a file; no parsing, no checksum, no
// protocol. Its client is another process, as a broker's is. One line of JSON: the server's processor
// seconds, the elapsed ones, and latencies where it sends at a rate.
//
//   socket_floor write DIRECTORY FRAME_BYTES FRAMES PIECES SYNC   each frame in PIECES writes, to a file each
//   socket_floor read  DIRECTORY CHUNK_BYTES CHUNKS
//   socket_floor rate  DIRECTORY FRAME_BYTES FRAMES FRAMES_PER_SECOND

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ksim {
namespace {

constexpr size_t kAnswerBytes = 64;
constexpr size_t kInFlight = 5;  // max.in.flight.requests.per.connection

struct Work {
  std::string kind;
  std::string directory;
  size_t frame_bytes = 0;
  size_t frames = 0;
  size_t pieces = 1;
  bool sync = false;
  int64_t per_second = 0;
};

[[noreturn]] void give_up(const char* what) {
  fmt::print(stderr, "socket_floor: {}: {}\n", what, std::strerror(errno));
  std::_Exit(1);
}
template <class Number>
Number check(Number result, const char* what) {
  if (result < 0) give_up(what);
  return result;
}

int64_t now_ns() {
  timespec time{};
  check(::clock_gettime(CLOCK_MONOTONIC, &time), "clock_gettime");
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

void receive(int socket, std::vector<char>& buffer) {
  const ssize_t got = check(::recv(socket, buffer.data(), buffer.size(), MSG_WAITALL), "recv");
  if (static_cast<size_t>(got) != buffer.size()) {
    errno = ECONNRESET;
    give_up("recv");
  }
}
void send_all(int socket, const std::vector<char>& buffer) {
  for (size_t sent = 0; sent < buffer.size();)
    sent += static_cast<size_t>(check(::send(socket, buffer.data() + sent, buffer.size() - sent, 0), "send"));
}

int open_file(const Work& work, size_t number) {
  const std::string path = fmt::format("{}/floor-{}.log", work.directory, number);
  return check(::open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644), "open");
}
void write_all(int file, const char* data, size_t size) {
  for (size_t done = 0; done < size;)
    done += static_cast<size_t>(check(::write(file, data + done, size - done), "write"));
}

void serve_writes(const Work& work, int socket) {
  std::vector<int> files;
  for (size_t piece = 0; piece < work.pieces; ++piece) files.push_back(open_file(work, piece));
  std::vector<char> frame(work.frame_bytes);
  const std::vector<char> answer(kAnswerBytes);
  for (size_t n = 0; n < work.frames; ++n) {
    receive(socket, frame);
    for (size_t piece = 0; piece < work.pieces; ++piece) {
      const size_t begin = frame.size() * piece / work.pieces;
      const size_t end = frame.size() * (piece + 1) / work.pieces;
      write_all(files[piece], frame.data() + begin, end - begin);
      if (work.sync) check(::fdatasync(files[piece]), "fdatasync");
    }
    send_all(socket, answer);
  }
}

// As long as all that is read: the same range again and again would stay in the processor's cache.
int file_to_read(const Work& work) {
  const int file = open_file(work, 0);
  const std::vector<char> frame(work.frame_bytes, 'x');
  for (size_t n = 0; n < work.frames; ++n) write_all(file, frame.data(), frame.size());
  return file;
}

void serve_reads(const Work& work, int socket, int file) {
  std::vector<char> request(kAnswerBytes);
  off_t offset = 0;
  for (size_t n = 1; n <= work.frames; ++n) {
    receive(socket, request);
    const size_t end = n * work.frame_bytes;
    while (static_cast<size_t>(offset) < end)
      check(::sendfile(socket, file, &offset, end - static_cast<size_t>(offset)), "sendfile");
  }
}

// The client's side; latencies in microseconds.
std::vector<int64_t> drive(const Work& work, int socket) {
  std::vector<int64_t> latencies;
  const std::vector<char> question(work.kind == "read" ? kAnswerBytes : work.frame_bytes, 'x');
  std::vector<char> answer(work.kind == "read" ? work.frame_bytes : kAnswerBytes);
  const size_t in_flight = work.kind == "write" ? kInFlight : 1;
  const int64_t started = now_ns();
  size_t sent = 0;
  for (size_t answered = 0; answered < work.frames; ++answered) {
    if (work.per_second > 0) {
      const int64_t due = started + static_cast<int64_t>(sent) * 1'000'000'000 / work.per_second;
      const timespec time{due / 1'000'000'000, due % 1'000'000'000};
      ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
    }
    const int64_t asked = now_ns();
    for (; sent < work.frames && sent < answered + in_flight; ++sent) send_all(socket, question);
    receive(socket, answer);
    if (work.per_second > 0) latencies.push_back((now_ns() - asked) / 1000);
  }
  return latencies;
}

void without_delay(int socket) {
  const int yes = 1;
  check(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)), "TCP_NODELAY");
}

[[noreturn]] void be_server(const Work& work, int listener, int file) {
  const int socket = check(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
  without_delay(socket);
  if (work.kind == "read") {
    serve_reads(work, socket, file);
  } else {
    serve_writes(work, socket);
  }
  std::_Exit(0);
}

int run(const Work& work) {
  const int listener = check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  check(::bind(listener, reinterpret_cast<const sockaddr*>(&address), size), "bind");
  check(::listen(listener, 1), "listen");
  check(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  const int file = work.kind == "read" ? file_to_read(work) : -1;
  const pid_t server = check(::fork(), "fork");
  if (server == 0) be_server(work, listener, file);
  const int socket = check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  check(::connect(socket, reinterpret_cast<const sockaddr*>(&address), size), "connect");
  without_delay(socket);
  const int64_t started = now_ns();
  std::vector<int64_t> latencies = drive(work, socket);
  const double seconds = static_cast<double>(now_ns() - started) / 1e9;
  rusage usage{};
  int status = 0;
  check(::wait4(server, &status, 0, &usage), "wait4");
  if (status != 0) return 1;
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  std::sort(latencies.begin(), latencies.end());
  const auto quantile_ms = [&](size_t per_mille) {
    return latencies.empty()
               ? 0.0
               : static_cast<double>(latencies[(latencies.size() - 1) * per_mille / 1000]) / 1e3;
  };
  fmt::print(R"({{"bytes":{},"cpu_s":{:.6f},"seconds":{:.6f},"p50":{},"p99":{},"p99.9":{}}})"
             "\n",
             work.frame_bytes * work.frames, of(usage.ru_utime) + of(usage.ru_stime), seconds,
             quantile_ms(500), quantile_ms(990), quantile_ms(999));
  return 0;
}

}  // namespace
}  // namespace ksim

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  ksim::Work work;
  work.kind = words.empty() ? "" : words[0];
  const size_t wanted = work.kind == "write" ? 6 : work.kind == "read" ? 4 : work.kind == "rate" ? 5 : 0;
  const auto number = [&](size_t at) { return std::strtoull(words[at].c_str(), nullptr, 10); };
  if (wanted == 0 || words.size() != wanted) {
    fmt::print(stderr,
               "socket_floor write DIRECTORY FRAME_BYTES FRAMES PIECES SYNC\n"
               "socket_floor read DIRECTORY CHUNK_BYTES CHUNKS\n"
               "socket_floor rate DIRECTORY FRAME_BYTES FRAMES FRAMES_PER_SECOND\n");
    return 2;
  }
  work.directory = words[1];
  work.frame_bytes = number(2);
  work.frames = number(3);
  if (work.kind == "write") {
    work.pieces = number(4);
    work.sync = number(5) != 0;
  }
  if (work.kind == "rate") work.per_second = static_cast<int64_t>(number(4));
  return ksim::run(work);
}
