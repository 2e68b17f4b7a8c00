#pragma once
// The seam to the network: ordered byte streams. TLS and buffering stand above it.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/units.h"
#include "core/io/disk.h"

namespace ksim {

struct Endpoint {
  std::string host;
  uint16_t port = 0;

  bool operator==(const Endpoint& other) const { return port == other.port && host == other.host; }
  bool operator<(const Endpoint& other) const {
    return host != other.host ? host < other.host : port < other.port;
  }
};
std::string to_string(const Endpoint& endpoint);

// One fiber may read while another writes. Every wait ends with `closed` when this end calls close() or
// abort(), with `timed_out` at its deadline; a network wait is a cancellation point.
class Connection {
 public:
  virtual ~Connection() = default;  // an open connection is aborted
  // At least one byte unless 0: the peer has finished its direction. reset: it aborted or is unreachable.
  virtual IoResult<size_t> read_some(MutableBytes into, Deadline deadline) = 0;
  // At least one byte of the spans, in order.
  virtual IoResult<size_t> write_some(std::span<const Bytes> from, Deadline deadline) = 0;
  // Sends a range of a file without copying it. The bytes are those the file has when they leave, which may
  // be after this returns: whoever cuts or overwrites a range that was sent may change what the peer gets.
  // Short is legal, 0 means the file ends before `offset`.
  virtual IoResult<size_t> send_file(const FileRef& file, uint64_t offset, uint64_t size_bytes,
                                     Deadline deadline) = 0;
  // A hint: what is written while `on` belongs together and need not leave in pieces as small as it is
  // written in. It all leaves when the hint is taken back.
  virtual void gather(bool on) { static_cast<void>(on); }
  virtual void shutdown_write() = 0;  // the peer reads 0 after what was written
  virtual void close() = 0;           // orderly: what was written is still delivered; does not wait
  virtual void abort() = 0;           // the peer sees reset; unsent bytes are dropped
  // What this end has heard by now, without asking: the peer has finished its direction or aborted. A hint
  // for whoever is about to write and reads nothing: it may come late, and bytes may be left to read.
  virtual bool peer_has_ended() const { return false; }
  virtual Endpoint peer() const = 0;
  // Names this connection in keyed draws and histories.
  virtual uint64_t key() const = 0;
};
using ConnectionRef = std::unique_ptr<Connection>;

class Listener {
 public:
  virtual ~Listener() = default;
  virtual IoResult<ConnectionRef> accept(Deadline deadline) = 0;
  virtual Endpoint local() const = 0;  // with the port really bound
  virtual void close() = 0;            // waiting and later accepts give `closed`
};

class Network {
 public:
  virtual ~Network() = default;
  // port 0 binds a free one.
  virtual IoResult<std::unique_ptr<Listener>> listen(const Endpoint& at) = 0;
  // `purpose` names the connection among those between the same two nodes ("fetch", "raft", "client"...).
  virtual IoResult<ConnectionRef> connect(const Endpoint& to, std::string_view purpose,
                                          Deadline deadline) = 0;
};

// Loops over short counts. read_exactly gives `closed` if the peer finished before the first byte and
// `reset` if it did so within.
IoResult<void> read_exactly(Connection& connection, MutableBytes into, Deadline deadline);
IoResult<void> write_all(Connection& connection, Bytes from, Deadline deadline);

}  // namespace ksim
