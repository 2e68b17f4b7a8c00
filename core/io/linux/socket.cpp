#include "core/io/linux/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/io/linux/connection.h"
#include "core/io/linux/errors.h"

namespace ksim {
namespace {

constexpr int kBacklog = 1024;
constexpr Duration kLingerTime = seconds(5);

void set_option(int descriptor, int level, int name, int value) {
  ::setsockopt(descriptor, level, name, &value, sizeof(value));
}

// A lookup that outlives the fiber that asked, should that one give up.
class Lookup final : public FileJob {
 public:
  Lookup(const Blocking& door, std::string host, bool passive, Fiber& fiber)
      : FileJob(door.loop),
        scheduler_(door.scheduler),
        host_(std::move(host)),
        passive_(passive),
        fiber_(&fiber) {}

  void run() override {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | (passive_ ? AI_PASSIVE : 0);
    addrinfo* found = nullptr;
    if (::getaddrinfo(host_.c_str(), nullptr, &hints, &found) != 0) return;
    for (const addrinfo* it = found; it != nullptr; it = it->ai_next) {
      if (it->ai_addrlen > sizeof(sockaddr_storage)) continue;
      SocketAddress address;
      std::memcpy(&address.storage, it->ai_addr, it->ai_addrlen);
      address.size = it->ai_addrlen;
      addresses.push_back(address);
    }
    ::freeaddrinfo(found);
  }
  void complete() override {
    done = true;
    if (fiber_ == nullptr) {
      delete this;
    } else {
      scheduler_.wake(*fiber_);
    }
  }
  // The asking fiber leaves; whoever comes last frees.
  void leave() {
    fiber_ = nullptr;
    if (done) delete this;
  }

  bool done = false;
  std::vector<SocketAddress> addresses;

 private:
  Scheduler& scheduler_;
  std::string host_;
  bool passive_;
  Fiber* fiber_;
};

bool parse_numeric(const Endpoint& endpoint, SocketAddress& out) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  const char* host = endpoint.host.empty() ? "0.0.0.0" : endpoint.host.c_str();
  if (::inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    out.size = sizeof(sockaddr_in);
    return true;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (::inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    out.size = sizeof(sockaddr_in6);
    return true;
  }
  return false;
}

void set_port(SocketAddress& address, uint16_t port) {
  if (address.storage.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
  }
}

SocketAddress local_address(int descriptor) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  ::getsockname(descriptor, address.get(), &address.size);
  return address;
}

// A bound socket, or -1 with errno.
int bound_socket(const SocketAddress& at, bool shared) {
  const int descriptor = ::socket(at.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (shared) set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (::bind(descriptor, at.get(), at.size) == 0) return descriptor;
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return -1;
}

}  // namespace

Endpoint SocketAddress::endpoint() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    return {text.data(), ntohs(v6->sin6_port)};
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
  ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  return {text.data(), ntohs(v4->sin_port)};
}

IoError SharedPorts::claim(const Endpoint& at, size_t shard, const std::function<IoError()>& probe) {
  const std::lock_guard lock(mutex_);
  const auto known = listeners_.find(at);
  if (known == listeners_.end()) {
    if (const IoError error = probe(); error != IoError::ok) return error;
    listeners_[at] = {shard};
    return IoError::ok;
  }
  std::vector<size_t>& shards = known->second;
  if (std::find(shards.begin(), shards.end(), shard) != shards.end()) return IoError::in_use;
  shards.push_back(shard);
  return IoError::ok;
}

void SharedPorts::release(const Endpoint& at, size_t shard) {
  const std::lock_guard lock(mutex_);
  const auto it = listeners_.find(at);
  if (it == listeners_.end()) return;
  std::erase(it->second, shard);
  if (it->second.empty()) listeners_.erase(it);
}

// A socket closed by us whose last bytes are still on their way. What the peer sends meanwhile is thrown
// away: left unread it would make the kernel answer with a reset, and the peer could lose our last bytes.
class LinuxNetwork::Lingering final : public Pollable, public Timer {
 public:
  Lingering(LinuxNetwork& network, int descriptor) : network_(network), descriptor_(descriptor) {}
  ~Lingering() {
    network_.blocking_.scheduler.cancel_timer(*this);
    network_.blocking_.loop.unwatch(descriptor_);
    ::close(descriptor_);
  }

  void ready(uint32_t) override {
    std::array<uint8_t, 2048> thrown_away;
    for (int i = 0; i < 1024; ++i) {
      const ssize_t n = ::recv(descriptor_, thrown_away.data(), thrown_away.size(), 0);
      if (n > 0) continue;
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      break;
    }
    fire();
  }
  void fire() override {
    const int descriptor = descriptor_;
    network_.lingering_.erase(descriptor);  // ends this object
  }

 private:
  LinuxNetwork& network_;
  int descriptor_;
};

LinuxNetwork::LinuxNetwork(Blocking blocking, SharedPorts& ports, SocketBudget& sockets, size_t shard)
    : blocking_(blocking),
      ports_(ports),
      sockets_(sockets),
      shard_(shard),
      spare_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

LinuxNetwork::~LinuxNetwork() {
  if (spare_ >= 0) ::close(spare_);
}

void LinuxNetwork::refuse_one(int listening) {
  if (spare_ >= 0) ::close(spare_);
  const int refused = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (refused >= 0) ::close(refused);
  spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

IoResult<std::vector<SocketAddress>> LinuxNetwork::resolve(const Endpoint& endpoint, bool passive,
                                                           Deadline deadline) {
  std::vector<SocketAddress> addresses(1);
  if (!parse_numeric(endpoint, addresses[0])) {
    Fiber* fiber = blocking_.scheduler.current();
    ENSURE(fiber != nullptr, "looking up a name waits, which only a fiber can");
    auto* lookup = new Lookup(blocking_, endpoint.host, passive, *fiber);
    struct Leave {
      Lookup* lookup;
      ~Leave() { lookup->leave(); }
    } leave{lookup};
    blocking_.pool.submit(*lookup);
    while (!lookup->done) {
      const Wake wake = blocking_.scheduler.park(deadline, "name lookup");
      if (wake == Wake::timed_out && !lookup->done) return fail(IoError::timed_out);
    }
    addresses = std::move(lookup->addresses);
  }
  if (addresses.empty()) return fail(IoError::unreachable);
  for (SocketAddress& address : addresses) set_port(address, endpoint.port);
  return addresses;
}

IoResult<std::unique_ptr<Listener>> LinuxNetwork::listen(const Endpoint& at) {
  TRY_ASSIGN(const std::vector<SocketAddress> addresses, resolve(at, true, Instant::never()));
  const SocketAddress& address = addresses.front();
  // SO_REUSEPORT would also let another process of the same user in: the first socket of a node makes sure
  // that nobody is there yet.
  const auto probe = [&address] {
    const int descriptor = bound_socket(address, false);
    if (descriptor < 0) return io_error_of(errno);
    ::close(descriptor);
    return IoError::ok;
  };
  if (at.port != 0) {
    if (const IoError error = ports_.claim(address.endpoint(), shard_, probe); error != IoError::ok)
      return fail(error);
  }
  struct Unclaim {
    LinuxNetwork* network;
    Endpoint at;
    ~Unclaim() {
      if (network != nullptr) network->ports_.release(at, network->shard_);
    }
  } unclaim{at.port != 0 ? this : nullptr, address.endpoint()};
  const int descriptor = bound_socket(address, true);
  if (descriptor < 0) return fail(io_error_of(errno));
  if (::listen(descriptor, kBacklog) != 0) {
    const int error = errno;
    ::close(descriptor);
    return fail(io_error_of(error));
  }
  const Endpoint local = local_address(descriptor).endpoint();
  if (at.port == 0) static_cast<void>(ports_.claim(local, shard_, [] { return IoError::ok; }));
  auto listener = std::make_unique<LinuxListener>(*this, descriptor, local);
  unclaim.network = nullptr;
  if (const IoError error = blocking_.loop.watch(descriptor, *listener); error != IoError::ok) {
    listener->close();
    return fail(error);
  }
  return std::unique_ptr<Listener>(std::move(listener));
}

IoResult<ConnectionRef> LinuxNetwork::connect(const Endpoint& to, std::string_view, Deadline deadline) {
  if (deadline <= blocking_.loop.now()) return fail(IoError::timed_out);
  TRY_ASSIGN(const std::vector<SocketAddress> addresses, resolve(to, false, deadline));
  IoError last = IoError::unreachable;
  for (const SocketAddress& address : addresses) {
    IoResult<ConnectionRef> connection = connect_to(address, deadline);
    if (connection.ok()) return connection;
    last = connection.error();
    if (last == IoError::timed_out && deadline <= blocking_.loop.now()) break;
  }
  return fail(last);
}

IoResult<ConnectionRef> LinuxNetwork::connect_to(const SocketAddress& address, Deadline deadline) {
  const int descriptor = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return fail(io_error_of(errno));
  const int outcome = ::connect(descriptor, address.get(), address.size);
  if (outcome != 0 && errno != EINPROGRESS && errno != EINTR) {
    const int error = errno;
    ::close(descriptor);
    return fail(io_error_of(error));
  }
  ConnectionRef connection = adopt(descriptor, address);
  if (connection == nullptr) return fail(IoError::too_many_files);
  TRY(static_cast<LinuxConnection&>(*connection).finish_connect(deadline));
  return connection;
}

ConnectionRef LinuxNetwork::adopt(int descriptor, const SocketAddress& peer) {
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  const uint64_t key = (static_cast<uint64_t>(shard_) << 48) | ++connections_;
  auto connection = std::make_unique<LinuxConnection>(*this, blocking_, descriptor, peer.endpoint(), key);
  if (blocking_.loop.watch(descriptor, *connection) != IoError::ok) return nullptr;
  return connection;
}

void LinuxNetwork::linger(int descriptor) {
  ::shutdown(descriptor, SHUT_WR);
  auto entry = std::make_unique<Lingering>(*this, descriptor);
  Lingering& lingering = *entry;
  if (blocking_.loop.watch(descriptor, lingering) != IoError::ok) return;
  lingering_.emplace(descriptor, std::move(entry));
  blocking_.scheduler.add_timer(lingering, blocking_.loop.now() + kLingerTime, 0);
}

// ---- connections ----

LinuxConnection::~LinuxConnection() {
  abort();
  ENSURE(reader_ == nullptr && writer_ == nullptr, "a connection dies with fibers waiting on it");
}

void LinuxConnection::ready(uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    drained_ = false;
    if (reader_ != nullptr) blocking_.scheduler.wake(*reader_);
  }
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0 && writer_ != nullptr) {
    blocking_.scheduler.wake(*writer_);
  }
}

Wake LinuxConnection::wait(Fiber*& place, Deadline deadline, const char* reason) {
  ENSURE(place == nullptr, "two fibers use one direction of a connection");
  struct Leave {
    Fiber*& place;
    ~Leave() { place = nullptr; }
  } leave{place};
  place = blocking_.scheduler.current();
  return blocking_.scheduler.park(deadline, reason);
}

IoResult<void> LinuxConnection::finish_connect(Deadline deadline) {
  for (bool last_try = false;;) {
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof(peer);
    int error = 0;
    socklen_t error_size = sizeof(error);
    ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &error_size);
    if (error != 0) return fail(io_error_of(error));
    if (::getpeername(descriptor_, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0) return {};
    if (last_try) return fail(IoError::timed_out);
    last_try = wait(writer_, deadline, "connect") == Wake::timed_out;
  }
}

IoError LinuxConnection::broken(int error_number) {
  const IoError error = stream_error_of(error_number);
  broken_ = broken_ || error == IoError::reset;
  return error;
}

IoResult<size_t> LinuxConnection::read_some(MutableBytes into, Deadline deadline) {
  ENSURE(!into.empty());
  for (bool last_try = false;;) {
    if (closed_) return fail(IoError::closed);
    if (broken_) return fail(IoError::reset);
    if (!drained_) {
      const ssize_t n = ::recv(descriptor_, into.data(), into.size(), 0);
      if (n >= 0) {
        // A short count means there is no more: the next read waits without asking, unless the peer has
        // hung up, of which the kernel tells once.
        drained_ = n > 0 && static_cast<size_t>(n) < into.size() && !hung_up_;
        if (n == 0) peer_finished_ = true;
        return static_cast<size_t>(n);
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return fail(broken(errno));
    }
    if (last_try) return fail(IoError::timed_out);
    last_try = wait(reader_, deadline, "socket read") == Wake::timed_out;
  }
}

IoResult<size_t> LinuxConnection::write_some(std::span<const Bytes> from, Deadline deadline) {
  constexpr size_t kMaxSpans = 64;
  std::array<iovec, kMaxSpans> vectors;
  size_t count = 0;
  for (const Bytes part : from) {
    if (part.empty()) continue;
    if (count == kMaxSpans) break;
    vectors[count++] = {const_cast<uint8_t*>(part.data()), part.size()};
  }
  ENSURE(count > 0, "nothing to write");
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  for (bool last_try = false;;) {
    if (closed_ || write_shut_) return fail(IoError::closed);
    if (broken_) return fail(IoError::reset);
    const ssize_t n = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
    if (n >= 0) return static_cast<size_t>(n);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(broken(errno));
    if (last_try) return fail(IoError::timed_out);
    last_try = wait(writer_, deadline, "socket write") == Wake::timed_out;
  }
}

IoResult<size_t> LinuxConnection::send_file(const FileRef& file, uint64_t offset, uint64_t size_bytes,
                                            Deadline deadline) {
  auto* source = dynamic_cast<LinuxFile*>(file.get());
  ENSURE(source != nullptr && size_bytes > 0);
  constexpr uint64_t kMaxChunk = 2 * 1024 * 1024;  // a fraction of a millisecond
  const size_t chunk = std::min(size_bytes, kMaxChunk);
  if (!source->looks_resident(offset, chunk)) {
    // sendfile would read the device on this thread.
    blocking_("file read to send", [&] { return source->warm(offset, chunk), true; });
  }
  for (bool last_try = false;;) {
    if (closed_ || write_shut_) return fail(IoError::closed);
    if (broken_) return fail(IoError::reset);
    auto at = static_cast<off_t>(offset);
    const ssize_t n = ::sendfile(descriptor_, source->descriptor(), &at, chunk);
    if (n >= 0) return static_cast<size_t>(n);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(broken(errno));
    if (last_try) return fail(IoError::timed_out);
    last_try = wait(writer_, deadline, "socket send file") == Wake::timed_out;
  }
}

void LinuxConnection::gather(bool on) {
  if (!closed_) set_option(descriptor_, IPPROTO_TCP, TCP_CORK, on ? 1 : 0);
}

void LinuxConnection::shutdown_write() {
  if (closed_ || write_shut_) return;
  write_shut_ = true;
  ::shutdown(descriptor_, SHUT_WR);
  if (writer_ != nullptr) blocking_.scheduler.wake(*writer_);
}

void LinuxConnection::leave() {
  closed_ = true;
  if (accepted_) network_.sockets_.give_back();
  if (reader_ != nullptr) blocking_.scheduler.wake(*reader_);
  if (writer_ != nullptr) blocking_.scheduler.wake(*writer_);
  blocking_.loop.unwatch(descriptor_);
}

void LinuxConnection::close() {
  if (closed_) return;
  leave();
  int unsent = 0;
  ::ioctl(descriptor_, SIOCOUTQ, &unsent);
  if (unsent > 0 && !peer_finished_) {
    network_.linger(descriptor_);
  } else {
    ::close(descriptor_);
  }
}

void LinuxConnection::abort() {
  if (closed_) return;
  leave();
  const linger drop{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &drop, sizeof(drop));
  ::close(descriptor_);
}

// ---- listeners ----

LinuxListener::~LinuxListener() {
  close();
  ENSURE(waiting_ == nullptr, "a listener dies with a fiber waiting on it");
}

void LinuxListener::ready(uint32_t) {
  if (waiting_ != nullptr) network_.blocking_.scheduler.wake(*waiting_);
}

IoResult<ConnectionRef> LinuxListener::accept(Deadline deadline) {
  for (bool last_try = false;;) {
    if (closed_) return fail(IoError::closed);
    SocketAddress peer;
    peer.size = sizeof(peer.storage);
    const int descriptor = ::accept4(descriptor_, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      if (!network_.sockets_.take()) {
        ::close(descriptor);
        return fail(IoError::too_many_files);
      }
      ConnectionRef connection = network_.adopt(descriptor, peer);
      if (connection == nullptr) {
        network_.sockets_.give_back();
        return fail(IoError::too_many_files);
      }
      static_cast<LinuxConnection&>(*connection).accepted_ = true;
      return connection;
    }
    if (errno == EMFILE || errno == ENFILE) {
      network_.refuse_one(descriptor_);
      return fail(IoError::too_many_files);
    }
    // These end a connection before it was ours, or nothing at all; the next one may be there already.
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
    if (errno != EAGAIN) return fail(io_error_of(errno));
    if (last_try) return fail(IoError::timed_out);
    ENSURE(waiting_ == nullptr, "two fibers accept from one listener");
    struct Leave {
      Fiber*& place;
      ~Leave() { place = nullptr; }
    } leave{waiting_};
    waiting_ = network_.blocking_.scheduler.current();
    last_try = network_.blocking_.scheduler.park(deadline, "accept") == Wake::timed_out;
  }
}

void LinuxListener::close() {
  if (closed_) return;
  closed_ = true;
  network_.ports_.release(local_, network_.shard_);
  network_.blocking_.loop.unwatch(descriptor_);
  ::close(descriptor_);
  if (waiting_ != nullptr) network_.blocking_.scheduler.wake(*waiting_);
}

}  // namespace ksim
