#pragma once
// The network between simulated hosts: links with delay, bandwidth and trouble, and the kernels' side of
// TCP. A connection is two ordered byte streams; a segment that cannot get through is held and sent again
// with growing pauses, until its sender gives up. Nobody is told of a host that lost power: its connections
// stay half open until somebody sends on them.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/network.h"
#include "sim/ground.h"
#include "sim/latency.h"
#include "sim/net/byte_queue.h"
#include "sim/troubles.h"

namespace ksim::sim {

struct NetProfile {
  LatencyTable one_way;   // between two hosts
  LatencyTable loopback;  // within one
  uint64_t bytes_per_second = 1'250'000'000;
  uint64_t capacity_bytes = 256 * 1024;     // written but not yet read, for each direction
  uint32_t split_per_mille = 150;           // writes that arrive in pieces
  Duration give_up = seconds(60);           // unacknowledged for so long: the sender's kernel resets
  Duration connect_give_up = seconds(127);  // Linux: six retries of a SYN
  size_t backlog = 256;

  static NetProfile local();     // one machine
  static NetProfile rack();      // one data centre
  static NetProfile regional();  // data centres of one region
  static NetProfile wide();      // between continents
  static NetProfile instant();   // no delay at all: for tests of logic
  // By the words of a plan: local, datacenter, regional, wide.
  static std::optional<NetProfile> named(std::string_view name);
};

// What is wrong with the way from one host to another.
struct LinkTrouble {
  bool blocked = false;
  int64_t extra_latency_ns = 0;
  uint32_t slow_per_mille = 1000;  // scales latency and transfer time
  int64_t jitter_ns = 0;           // each segment is up to so much later, drawn
  uint64_t bytes_per_second = 0;   // no more than these get through; 0: as many as the link carries
  Instant not_before{0};           // what leaves now does not arrive earlier

  bool delays() const {
    return extra_latency_ns > 0 || slow_per_mille > 1000 || jitter_ns > 0 || bytes_per_second > 0 ||
           not_before > Instant{0};
  }
  void worsen(const LinkTrouble& other);
};

// What is wrong with a host's network stack, or with how the process uses it.
struct HostTrouble {
  bool refuses = false;       // every new connection, as a firewall does that rejects
  int64_t read_pause_ns = 0;  // the process is so slow to take what has arrived
  // The life, by its number, that has no file descriptor left for a connection. The next one has its own.
  uint32_t no_descriptors_in = 0;

  void worsen(const HostTrouble& other) {
    refuses = refuses || other.refuses;
    read_pause_ns = std::max(read_pause_ns, other.read_pause_ns);
    no_descriptors_in = std::max(no_descriptors_in, other.no_descriptors_in);
  }
};

// What has felt the troubles of a way.
struct LinkToll {
  uint64_t held = 0;     // segments and connects that did not get through at once
  uint64_t delayed = 0;  // that were slower than they would have been
};

class Fabric;
class Conn;
class SimListener;

// Watches the streams; it observes only. `side` is the end that sends.
class NetTap {
 public:
  virtual ~NetTap() = default;
  // The next bytes of the stream.
  virtual void sent(Conn& conn, size_t side, Bytes piece) = 0;
  // So many bytes of the stream have reached the other kernel.
  virtual void arrived(Conn& conn, size_t side, uint64_t total_bytes) = 0;
  // What has not arrived never will.
  virtual void dropped(Conn& conn, size_t side) = 0;
};

// The network stack of a node. It survives the incarnations of the process.
class Host {
 public:
  Host(std::string name_, size_t index_, uint64_t key_) : name(std::move(name_)), index(index_), key(key_) {}
  const std::string name;
  const size_t index;
  const uint64_t key;
  bool powered = false;
  uint64_t boot = 0;  // counts power losses: a stack of an older boot knows nothing
  Troubles<HostTrouble> troubles;
  uint64_t refusals = 0;    // of new connections, by trouble
  uint64_t slow_reads = 0;  // by trouble
  uint64_t shortages = 0;   // of descriptors, by trouble

 private:
  friend class Fabric;
  friend class Conn;
  std::multimap<uint16_t, SimListener*> listeners_;             // several shards may share a port
  std::map<std::pair<uint64_t, uint64_t>, uint32_t> connects_;  // (server, purpose) -> count, this life
  std::vector<Conn*> conns_;                                    // oldest first
  uint16_t next_port_ = 40'000;
};

class Fabric {
 public:
  Fabric(Ground& ground, const NetProfile& profile) : ground_(ground), profile_(profile) {}
  Fabric(const Fabric&) = delete;
  Fabric& operator=(const Fabric&) = delete;

  // Ends every connection; nobody holds one any more, and no host is known afterwards.
  void clear();
  void add_host(Host& host);
  Host* find(std::string_view name) const;
  const std::vector<Host*>& hosts() const { return hosts_; }

  // Something more is wrong with a way from now on. Returns its number.
  uint64_t add_trouble(const Host& from, const Host& to, LinkTrouble trouble) {
    return links_[place(from, to)].troubles.add(trouble);
  }
  // What waits for a narrow way goes on at the pace of the wider one.
  void remove_trouble(const Host& from, const Host& to, uint64_t number);
  const LinkTrouble& trouble(const Host& from, const Host& to) const {
    return links_[place(from, to)].troubles.felt();
  }
  LinkToll toll(const Host& from, const Host& to) const { return links_[place(from, to)].toll; }
  bool open(const Host& from, const Host& to) const {
    return from.powered && to.powered && !trouble(from, to).blocked;
  }

  // The process is gone, its kernel is not: it ends every connection and stops listening.
  void process_died(Host& host);
  void power_lost(Host& host);
  // What is sent on connections of the host that stand now arrives so much later, until `number` is taken
  // away.
  struct Slowed {
    uint64_t number = 0;
    size_t connections = 0;
  };
  Slowed slow_connections(const Host& host, Duration extra);
  void remove_slowed(uint64_t number) { slowed_.erase(number); }
  // By a connection's key: how much later than others its bytes arrive.
  Duration extra_of(uint64_t key) const;
  // Every open connection between the two is reset for both of them; how many there were.
  size_t reset_between(Host& one, Host& other);

  void tap(NetTap* tap) { tap_ = tap; }

  // ---- for connections ----
  NetTap* tap() { return tap_; }
  Ground& ground() { return ground_; }
  const NetProfile& profile() const { return profile_; }
  // When something that leaves now arrives; `n` counts what `key` sends.
  Instant arrival(const Host& from, const Host& to, uint64_t key, uint64_t n, uint64_t bytes);
  // It has not got through.
  void held(const Host& from, const Host& to) {
    if (trouble(from, to).blocked) ++links_[place(from, to)].toll.held;
  }
  // How much later it arrives for `bytes` more that leave with it.
  Duration more(const Host& from, const Host& to, uint64_t bytes);
  Conn* make(Host& client, Host& server, uint16_t port, std::string_view purpose, uint64_t life_key);
  void forget(Conn& conn);
  IoError bind(Host& host, uint16_t& port, SimListener& listener);
  void unbind(Host& host, uint16_t port, SimListener& listener);
  SimListener* listener_for(Host& host, uint16_t port, uint64_t conn_key) const;

 private:
  struct Link {
    Troubles<LinkTrouble> troubles;
    LinkToll toll;
    Instant free_at{0};
  };
  Duration transfer(Link& link, uint64_t bytes) const;
  int64_t carrying_ns(const LinkTrouble& trouble, uint64_t bytes) const;
  size_t place(const Host& from, const Host& to) const { return from.index * hosts_.size() + to.index; }

  Ground& ground_;
  NetProfile profile_;
  std::vector<Host*> hosts_;
  std::vector<Link> links_;
  NetTap* tap_ = nullptr;
  // By number: the connections that are slow, and by how much.
  std::map<uint64_t, std::pair<std::set<uint64_t>, Duration>> slowed_;
  uint64_t last_slowed_ = 0;
};

}  // namespace ksim::sim
