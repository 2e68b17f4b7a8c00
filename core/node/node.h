#pragma once
// A node: one object graph for broker, controller or both, built here and only here, in both worlds. It is
// the same for kbroker and for the simulator; what differs is behind Env.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/metadata/server_config.h"
#include "core/metrics/snapshot.h"
#include "core/node/node_shard.h"

namespace ksim::node {

class BrokerRole;
class ControllerRole;
class HttpPort;
struct Services;

struct NodeConfig {
  ServerConfig server;
  std::string cluster_id;  // empty: derived from the voters
  // What /metrics says, in Prometheus' text format. Empty: there is no /metrics.
  std::function<std::string(const MetricsSnapshot&)> render_metrics = {};
  Limits limits = {};
};

// Made before any fiber runs. run(k) is the first fiber of shard k; the node has come to its end when all
// have returned.
class Node {
 public:
  Node(NodeConfig config, const std::vector<Env*>& shards);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();

  void run(size_t shard);
  // Controlled shutdown. From shard 0's thread, also outside fibers; does not wait.
  void stop();

  // Why the node stopped by itself, if it did.
  const std::optional<std::string>& failure() const { return failure_; }
  const ServerConfig& server() const { return config_.server; }
  const std::string& cluster_id() const { return config_.cluster_id; }

  // ---- asked by fibers of shard 0 ----
  // Of all shards. Waits.
  MetricsSnapshot metrics();
  bool can_render_metrics() const { return static_cast<bool>(config_.render_metrics); }
  std::string render_metrics() { return config_.render_metrics(metrics()); }
  // Serves: the broker is unfenced and its listeners are open, the controller knows the quorum's leader.
  bool ready() const;
  // In Kafka's words (BrokerState), for a broker; else whether the quorum has a leader.
  std::string state() const;

  // ---- facts, on shard 0; null where the role is not played or not started ----
  const BrokerRole* broker() const;
  const ControllerRole* controller() const;

 private:
  void direct();
  Result<void> start_up();
  void shut_down();
  void give_up(const std::string& why);

  NodeConfig config_;
  NodeShards shards_;
  broker::ShardPeers peers_;
  std::unique_ptr<Services> services_;
  std::optional<std::string> failure_;
  bool stop_requested_ = false;
};

}  // namespace ksim::node
