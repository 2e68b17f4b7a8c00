#pragma once
// TCP. Non-blocking, edge-triggered, TCP_NODELAY; every operation tries first and parks only on EAGAIN.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/io/linux/file_pool.h"
#include "core/io/network.h"

namespace ksim {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  Endpoint endpoint() const;  // numeric
};

// The addresses at which the shards of one node listen. Several shards may listen at the same one, each with
// a socket of its own among which the kernel spreads connections; a second node gets in_use.
class SharedPorts {
 public:
  // `in_use` if the shard listens there already. For the first shard of the node `probe` says whether others
  // listen there; no further shard goes on before that is known, since it would be found there itself.
  IoError claim(const Endpoint& at, size_t shard, const std::function<IoError()>& probe);
  void release(const Endpoint& at, size_t shard);

 private:
  std::mutex mutex_;
  std::map<Endpoint, std::vector<size_t>> listeners_;
};

// Sockets must leave descriptors for files: a log that cannot open a segment takes its whole directory
// offline. Shared by the shards of a node.
class SocketBudget {
 public:
  explicit SocketBudget(size_t limit) : limit_(limit) {}
  bool take() {
    if (used_.fetch_add(1, std::memory_order_relaxed) < limit_) return true;
    give_back();
    return false;
  }
  void give_back() { used_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  size_t limit_;
  std::atomic<size_t> used_{0};
};

class LinuxNetwork final : public Network {
 public:
  LinuxNetwork(Blocking blocking, SharedPorts& ports, SocketBudget& sockets, size_t shard);
  LinuxNetwork(const LinuxNetwork&) = delete;
  LinuxNetwork& operator=(const LinuxNetwork&) = delete;
  ~LinuxNetwork() override;

  // Host "" or "0.0.0.0": every IPv4 address; "::": IPv6 as well.
  IoResult<std::unique_ptr<Listener>> listen(const Endpoint& at) override;
  IoResult<ConnectionRef> connect(const Endpoint& to, std::string_view purpose, Deadline deadline) override;

 private:
  friend class LinuxConnection;
  friend class LinuxListener;
  class Lingering;

  IoResult<std::vector<SocketAddress>> resolve(const Endpoint& endpoint, bool passive, Deadline deadline);
  IoResult<ConnectionRef> connect_to(const SocketAddress& address, Deadline deadline);
  ConnectionRef adopt(int descriptor, const SocketAddress& peer);  // a connected socket
  // Accepts and closes what waits first at the listener: its client learns at once that it must come again.
  void refuse_one(int listening);
  // Closes after what was written has left, or after some time.
  void linger(int descriptor);

  Blocking blocking_;
  SharedPorts& ports_;
  SocketBudget& sockets_;
  size_t shard_;
  uint64_t connections_ = 0;
  int spare_ = -1;  // given up for a moment to refuse a connection when no descriptor is left
  std::map<int, std::unique_ptr<Lingering>> lingering_;
};

}  // namespace ksim
