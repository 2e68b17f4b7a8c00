#pragma once
// The seam's Network over the simulated fabric, for one shard of one life of a node.

#include <deque>
#include <memory>
#include <string_view>

#include "core/base/hooks.h"
#include "core/io/network.h"
#include "sim/ground.h"
#include "sim/net/fabric.h"

namespace ksim::sim {

class SimNetwork final : public Network {
 public:
  // All of them outlive the network, and the network outlives its connections and listeners.
  SimNetwork(Fabric& fabric, Host& host, Life& life, size_t shard)
      : fabric_(fabric), host_(host), life_(life), shard_(shard) {}

  IoResult<std::unique_ptr<Listener>> listen(const Endpoint& at) override;
  IoResult<ConnectionRef> connect(const Endpoint& to, std::string_view purpose, Deadline deadline) override;

  Fabric& fabric() { return fabric_; }
  Host& host() { return host_; }
  Life& life() { return life_; }
  size_t shard() const { return shard_; }
  // The process can have no connection more, which the host counts.
  bool lacks_descriptors();

 private:
  Fabric& fabric_;
  Host& host_;
  Life& life_;
  size_t shard_;
};

class SimListener final : public Listener {
 public:
  SimListener(SimNetwork& network, uint16_t port) : network_(network), port_(port) {}
  ~SimListener() override;

  IoResult<ConnectionRef> accept(Deadline deadline) override;
  Endpoint local() const override { return {network_.host().name, port_}; }
  void close() override;

  // ---- for the fabric ----
  IoError bind() { return network_.fabric().bind(network_.host(), port_, *this); }
  size_t shard() const { return network_.shard(); }
  size_t queued() const { return queue_.size(); }
  void arrived(Conn& conn);
  void orphan();  // the process has died
  void vanish();  // the host has lost power
  void refused() { closed_ = true; }

 private:
  SimNetwork& network_;
  uint16_t port_;
  std::deque<Conn*> queue_;
  Fiber* waiting_ = nullptr;
  bool closed_ = false;
};

}  // namespace ksim::sim
