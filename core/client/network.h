#pragma once
// A client's connections and its knowledge of the cluster (rules G34-G38): one connection to each broker it
// talks to, opened when wanted, opened again after a back-off; metadata refreshed in the background.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/client/config.h"
#include "core/client/metadata_cache.h"
#include "core/io/env.h"
#include "core/io/scope.h"
#include "core/io/sync.h"
#include "core/rpc/connection.h"

namespace ksim::client {

using ConnectionPtr = std::shared_ptr<rpc::RpcConnection>;

struct NetworkOptions {
  bool allow_auto_topic_creation = false;
  // Topics not used for this long are no longer asked about (metadata.max.idle.ms).
  int64_t metadata_max_idle_ms = std::numeric_limits<int64_t>::max();
};

// Belongs to one shard; several fibers may use it. close() must have returned, or the fiber group have been
// killed, before it is destroyed.
class ClientNetwork {
 public:
  ClientNetwork(const Env& env, const ClientConfig& config, NetworkOptions options);
  ClientNetwork(const ClientNetwork&) = delete;
  ClientNetwork& operator=(const ClientNetwork&) = delete;
  ~ClientNetwork();

  // Starts the fiber that refreshes metadata and ends idle connections.
  void start();
  // Fails what is on the way and ends every fiber; waits for them.
  void close();
  bool closed() const { return closed_; }

  MetadataCache& metadata() { return metadata_; }
  const MetadataCache& metadata() const { return metadata_; }
  // To be called after anything that may have made a metadata request due.
  void wake() { work_.notify_all(); }
  void request_metadata() {
    metadata_.request_update();
    wake();
  }

  // Notified when a connection opens or ends, and when metadata has changed.
  Condition& changed() { return changed_; }
  // Called at the same moments, without waiting.
  void on_change(std::function<void()> hook) { hook_ = std::move(hook); }

  // ---- connections; nodes below -1 are bootstrap servers ----
  // The node's connection if it works now and may be used; it stays valid as long as the pointer is held.
  ConnectionPtr usable(int32_t node);
  // Begins to connect unless it is connected, connecting or backing off.
  void connect(int32_t node);
  // When connect() would do something for a node that is backing off or throttled; the past: now.
  Instant next_attempt(int32_t node) const;
  // The broker wants no requests for that long (KIP-219).
  void throttle(int32_t node, int64_t throttle_ms);
  // A request failed with its connection; refreshes metadata and drops what no longer works.
  void connection_failed(int32_t node);
  // Rule G37; kNoNode if every node is backing off.
  int32_t least_loaded();

  // ---- calls that wait ----
  // Waits for a connection. NETWORK_EXCEPTION if one attempt fails, REQUEST_TIMED_OUT at the deadline: in
  // both cases nothing was sent.
  Result<ConnectionPtr> acquire(int32_t node, Deadline deadline);
  // To the least loaded node, trying others until one is connected.
  Result<ConnectionPtr> acquire_any(Deadline deadline, int32_t& node);

  Deadline request_deadline() const { return env_.after(milliseconds(config_.request_timeout_ms)); }
  ExponentialBackoff retry_backoff() const {
    return {config_.retry_backoff_ms, config_.retry_backoff_max_ms};
  }
  const Env& env() const { return env_; }
  uint64_t entity() const { return entity_; }
  uint64_t jitter() { return jitter_dice_.next(); }

 private:
  struct Node {
    Endpoint endpoint;
    ConnectionPtr connection;
    bool connecting = false;
    uint32_t attempt = 0;  // counts the attempts ever made
    int32_t failures = 0;  // in a row
    Instant not_before;
    Instant throttled_until;
    Instant last_attempt;
    Instant last_used;
  };

  Node* node_state(int32_t id);
  const Endpoint* endpoint_of(int32_t id) const;
  bool is_connected(const Node& node) const {
    return node.connection != nullptr && node.connection->is_usable();
  }
  std::vector<int32_t> candidates() const;
  void open(int32_t id);
  void discard(Node& node);
  void announce();
  void run();
  void bury();
  void close_idle(Instant now);
  void refresh();
  bool take_metadata(int32_t node, const ConnectionPtr& connection);
  void rebootstrap_if_lost(Instant now);

  const Env& env_;
  const ClientConfig& config_;
  NetworkOptions options_;
  uint64_t entity_;
  MetadataCache metadata_;
  Dice node_dice_;
  Dice jitter_dice_;
  std::vector<Endpoint> bootstrap_;
  std::map<int32_t, Node> nodes_;
  std::vector<ConnectionPtr> dead_;  // to be closed by the fiber
  Instant refresh_wanted_since_ = Instant::never();
  bool closed_ = false;
  Condition changed_;
  Condition work_;
  std::function<void()> hook_;
  Scope scope_;
};

}  // namespace ksim::client
