#pragma once
// What a cluster is like at one moment, for a person and for programs.

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/history/recorder.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {

// What a replay has heard of the nodes and clients that the view does not keep.
struct Heard {
  struct Node {
    std::string name;
    std::string state;  // "RUNNING", of a broker
    std::string raft;   // "follower"
    int32_t raft_epoch = -1;
    std::string down;  // what ended its process; empty while it runs
  };
  struct Client {
    uint64_t open = 0;  // calls without an answer
    uint64_t ok = 0, failed = 0, unknown = 0, read = 0;
    std::string last_error;
    Instant last_error_at;
  };
  std::map<int32_t, Node> nodes;
  std::map<std::string, Client> clients;
  std::vector<FaultRow> faults;  // that act

  void on_event(const NodeEvent& note);
  void on_node(int32_t node, NodeFault what);
  void on_fault(const FaultRow& fault);
  void on_op(const OpRow& op);
};

nlohmann::ordered_json state_json(const ClusterView& view, const Heard& heard, Instant at);
std::string state_text(const nlohmann::ordered_json& state);

}  // namespace ksim::sim
