#include "sim/net/fabric.h"

#include <algorithm>

#include "core/base/hash.h"
#include "sim/net/conn.h"
#include "sim/net/sim_network.h"

namespace ksim::sim {

NetProfile NetProfile::local() {
  NetProfile profile;
  profile.one_way = {{{{900'000, 20'000}, {999'000, 80'000}, {1'000'000, 1'000'000}}}};
  profile.loopback = {{{{900'000, 15'000}, {1'000'000, 60'000}}}};
  profile.bytes_per_second = 5'000'000'000;
  return profile;
}

NetProfile NetProfile::rack() {
  NetProfile profile;
  profile.one_way = {{{{500'000, 60'000}, {900'000, 150'000}, {995'000, 600'000}, {1'000'000, 8'000'000}}}};
  profile.loopback = {{{{900'000, 15'000}, {1'000'000, 60'000}}}};
  return profile;
}

NetProfile NetProfile::regional() {
  NetProfile profile;
  profile.one_way = {
      {{{500'000, 700'000}, {950'000, 2'000'000}, {999'000, 8'000'000}, {1'000'000, 60'000'000}}}};
  profile.loopback = {{{{900'000, 15'000}, {1'000'000, 60'000}}}};
  profile.bytes_per_second = 300'000'000;
  return profile;
}

NetProfile NetProfile::wide() {
  NetProfile profile;
  profile.one_way = {{{{500'000, 30'000'000}, {950'000, 60'000'000}, {1'000'000, 300'000'000}}}};
  profile.loopback = {{{{900'000, 15'000}, {1'000'000, 60'000}}}};
  profile.bytes_per_second = 50'000'000;
  return profile;
}

NetProfile NetProfile::instant() {
  NetProfile profile;
  profile.one_way.points[0] = profile.loopback.points[0] = {1'000'000, 0};
  profile.bytes_per_second = 0;
  profile.split_per_mille = 0;
  return profile;
}

std::optional<NetProfile> NetProfile::named(std::string_view name) {
  if (name == "local") return local();
  if (name == "datacenter") return rack();
  if (name == "regional") return regional();
  if (name == "wide") return wide();
  return std::nullopt;
}

void Fabric::clear() {
  for (Host* host : hosts_) {
    // Both ends know the connection: forgetting it removes it from both lists.
    while (!host->conns_.empty()) forget(*host->conns_.back());
  }
  hosts_.clear();
}

void Fabric::add_host(Host& host) {
  const size_t before = hosts_.size();
  ENSURE(host.index == before, "hosts are added in the order of their numbers");
  hosts_.push_back(&host);
  std::vector<Link> links(hosts_.size() * hosts_.size());
  for (size_t from = 0; from < before; ++from) {
    for (size_t to = 0; to < before; ++to) links[from * hosts_.size() + to] = links_[from * before + to];
  }
  links_ = std::move(links);
}

void LinkTrouble::worsen(const LinkTrouble& other) {
  blocked = blocked || other.blocked;
  extra_latency_ns = std::max(extra_latency_ns, other.extra_latency_ns);
  slow_per_mille = std::max(slow_per_mille, other.slow_per_mille);
  jitter_ns = std::max(jitter_ns, other.jitter_ns);
  if (other.bytes_per_second > 0 && (bytes_per_second == 0 || other.bytes_per_second < bytes_per_second))
    bytes_per_second = other.bytes_per_second;
  not_before = std::max(not_before, other.not_before);
}

Host* Fabric::find(std::string_view name) const {
  for (Host* host : hosts_) {
    if (host->name == name) return host;
  }
  return nullptr;
}

int64_t Fabric::carrying_ns(const LinkTrouble& trouble, uint64_t bytes) const {
  if (profile_.bytes_per_second == 0 && trouble.bytes_per_second == 0) return 0;
  auto ns = static_cast<int64_t>(bytes * 1'000 / (profile_.bytes_per_second / 1'000'000 + 1));
  if (trouble.bytes_per_second > 0)
    ns = std::max(ns, static_cast<int64_t>(bytes * 1'000'000'000 / trouble.bytes_per_second));
  return scale_per_mille(ns, trouble.slow_per_mille);
}

void Fabric::remove_trouble(const Host& from, const Host& to, uint64_t number) {
  constexpr uint64_t kMegabyte = 1 << 20;
  Link& link = links_[place(from, to)];
  const int64_t before_ns = carrying_ns(link.troubles.felt(), kMegabyte);
  link.troubles.remove(number);
  const int64_t ns = carrying_ns(link.troubles.felt(), kMegabyte);
  const Instant now = ground_.now();
  if (ns >= before_ns || link.free_at <= now) return;
  // With times of up to minutes, thousandths of thousandths are exact enough.
  const int64_t per_million = ns * 1000 / std::max<int64_t>(before_ns / 1000, 1);
  const auto sooner = [&](Instant then) {
    return then <= now ? then : now + nanoseconds((then - now).ns / 1000 * per_million / 1000);
  };
  link.free_at = sooner(link.free_at);
  for (Conn* conn : from.conns_) {
    for (const size_t side : {size_t{0}, size_t{1}}) {
      if (conn->end(side).host == &from && conn->end(1 - side).host == &to) conn->out(side).hurry(sooner);
    }
  }
}

// How much later the link is free again for having carried `bytes`.
Duration Fabric::transfer(Link& link, uint64_t bytes) const {
  const Duration busy = nanoseconds(carrying_ns(link.troubles.felt(), bytes));
  if (busy == Duration{}) return {};
  link.free_at = std::max(ground_.now(), link.free_at) + busy;
  return busy;
}

Duration Fabric::more(const Host& from, const Host& to, uint64_t bytes) {
  return &from == &to ? Duration{} : transfer(links_[place(from, to)], bytes);
}

Instant Fabric::arrival(const Host& from, const Host& to, uint64_t key, uint64_t n, uint64_t bytes) {
  const uint64_t bits = ground_.random.draw(SimStream::net_latency, key, n);
  const Instant now = ground_.now();
  if (&from == &to) return now + nanoseconds(profile_.loopback.sample_ns(bits));
  Link& link = links_[place(from, to)];
  const LinkTrouble& trouble = link.troubles.felt();
  if (trouble.delays()) ++link.toll.delayed;
  int64_t latency = profile_.one_way.sample_ns(bits);
  if (transfer(link, bytes) > Duration{}) latency += (link.free_at - now).ns;
  latency = scale_per_mille(latency, trouble.slow_per_mille) + trouble.extra_latency_ns;
  if (trouble.jitter_ns > 0)
    latency += static_cast<int64_t>(below(mix64(bits, 17), static_cast<uint64_t>(trouble.jitter_ns)));
  return std::max(now + nanoseconds(latency), trouble.not_before);
}

Conn* Fabric::make(Host& client, Host& server, uint16_t port, std::string_view purpose, uint64_t life_key) {
  const uint64_t purpose_hash = hash_text(purpose);
  const uint32_t n = client.connects_[{server.key, mix64(purpose_hash, life_key)}]++;
  const uint64_t key = mix64(mix64(life_key, server.key, purpose_hash), port, n);
  const auto client_port = static_cast<uint16_t>(32'768 + below(mix64(key, 3), 28'000));
  auto* conn = new Conn(*this, client, server, client_port, port, key);
  client.conns_.push_back(conn);
  if (&server != &client) server.conns_.push_back(conn);
  if (ground_.digest.wants_name(key)) {
    ground_.digest.name(
        key, client.name + ">" + server.name + " " + std::string(purpose) + " #" + std::to_string(n));
  }
  return conn;
}

void Fabric::forget(Conn& conn) {
  for (size_t side : {size_t{0}, size_t{1}}) {
    std::vector<Conn*>& conns = conn.end(side).host->conns_;
    if (const auto it = std::find(conns.rbegin(), conns.rend(), &conn); it != conns.rend()) {
      conns.erase(std::next(it).base());
    }
  }
  delete &conn;
}

IoError Fabric::bind(Host& host, uint16_t& port, SimListener& listener) {
  if (port == 0) {
    do {
      port = host.next_port_++;
      if (host.next_port_ == 0) host.next_port_ = 40'000;
    } while (port == 0 || host.listeners_.count(port) != 0);
  } else {
    const auto [first, last] = host.listeners_.equal_range(port);
    for (auto it = first; it != last; ++it) {
      if (it->second->shard() == listener.shard()) return IoError::in_use;
    }
  }
  host.listeners_.emplace(port, &listener);
  return IoError::ok;
}

void Fabric::unbind(Host& host, uint16_t port, SimListener& listener) {
  const auto [first, last] = host.listeners_.equal_range(port);
  for (auto it = first; it != last; ++it) {
    if (it->second != &listener) continue;
    host.listeners_.erase(it);
    return;
  }
}

// The kernel spreads connections over the sockets that share a port by a hash of their addresses.
SimListener* Fabric::listener_for(Host& host, uint16_t port, uint64_t conn_key) const {
  const auto [first, last] = host.listeners_.equal_range(port);
  std::vector<SimListener*> found;
  for (auto it = first; it != last; ++it) found.push_back(it->second);
  if (found.empty()) return nullptr;
  std::sort(found.begin(), found.end(),
            [](const SimListener* a, const SimListener* b) { return a->shard() < b->shard(); });
  return found[below(mix64(conn_key, 5), found.size())];
}

void Fabric::process_died(Host& host) {
  while (!host.listeners_.empty()) host.listeners_.begin()->second->orphan();
  // An orphaned connection that nobody holds any more goes away while the list is walked.
  const std::vector<Conn*> conns = host.conns_;
  for (Conn* conn : conns) {
    for (size_t side : {size_t{0}, size_t{1}}) {
      if (conn->end(side).host == &host) conn->orphan(side);
    }
  }
  host.connects_.clear();
}

size_t Fabric::reset_between(Host& one, Host& other) {
  size_t count = 0;
  // Resetting wakes fibers and ends nothing: the list stays as it is.
  for (Conn* conn : one.conns_) {
    const bool theirs = conn->end(0).host == &other || conn->end(1).host == &other;
    if (!theirs || conn->hello() != Conn::Hello::open || conn->end(0).gone() || conn->end(1).gone()) continue;
    conn->fail(0);
    conn->fail(1);
    ++count;
  }
  return count;
}

Fabric::Slowed Fabric::slow_connections(const Host& host, Duration extra) {
  auto& [keys, later] = slowed_[++last_slowed_];
  later = extra;
  for (Conn* conn : host.conns_) {
    const bool over = conn->end(0).gone() && conn->end(1).gone();
    if (!over && conn->hello() == Conn::Hello::open) keys.insert(conn->key());
  }
  return {last_slowed_, keys.size()};
}

Duration Fabric::extra_of(uint64_t key) const {
  Duration extra{0};
  for (const auto& [number, slowed] : slowed_) {
    if (slowed.first.contains(key)) extra = std::max(extra, slowed.second);
  }
  return extra;
}

void Fabric::power_lost(Host& host) {
  host.powered = false;
  ++host.boot;
  for (const auto& [port, listener] : host.listeners_) listener->vanish();
  host.listeners_.clear();
  const std::vector<Conn*> conns = host.conns_;
  for (Conn* conn : conns) {
    for (size_t side : {size_t{0}, size_t{1}}) {
      if (conn->end(side).host == &host) conn->power_lost(side);
    }
  }
  host.connects_.clear();
}

}  // namespace ksim::sim
