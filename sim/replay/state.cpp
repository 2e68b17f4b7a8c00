#include "sim/replay/state.h"

#include <algorithm>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

using Json = nlohmann::ordered_json;

std::string_view end_of(NodeFault what) {
  switch (what) {
    case NodeFault::crashed:
      return "crashed";
    case NodeFault::power_lost:
      return "lost power";
    case NodeFault::wiped:
      return "got another disk";
    case NodeFault::stopped:
      return "stopped";
    case NodeFault::started:
      return "";
  }
  return "";
}

Json replicas_json(const PartitionTruth& truth) {
  Json list = Json::array();
  for (const auto& [node, log] : truth.replicas) {
    if (log == nullptr) continue;
    const auto start = truth.start.find(node);
    const auto watermark = truth.high_watermark.find(node);
    list.push_back(
        {{"node", node},
         {"log_start", start == truth.start.end() ? 0 : start->second},
         {"log_end", log->end_offset()},
         {"high_watermark", watermark == truth.high_watermark.end() ? Json() : Json(watermark->second)}});
  }
  return list;
}

std::string ids(const Json& list) {
  std::string text;
  for (const Json& id : list) text += fmt::format("{}{}", text.empty() ? "" : ",", id.get<int32_t>());
  return text;
}

std::string nodes_text(const Json& state) {
  std::string out;
  for (const Json& node : state["nodes"]) {
    const bool up = node["up"].get<bool>();
    std::string words = up ? "up" : "down: " + node["down"].get<std::string>();
    if (up && !node["state"].get<std::string>().empty()) words += ", " + node["state"].get<std::string>();
    if (node["start"].get<uint32_t>() > 1) words += fmt::format(", start {}", node["start"].get<uint32_t>());
    if (node["voter"].get<bool>() && up) {
      words += fmt::format(", {} in epoch {}, metadata log ends at {}", node["raft"].get<std::string>(),
                           node["raft_epoch"].get<int32_t>(), node["metadata_log_end"].get<int64_t>());
    }
    out += fmt::format("  {:<16} {}{}\n", node["name"].get<std::string>(), words,
                       node["controller"].get<bool>() ? ", the active controller" : "");
  }
  return out;
}

std::string partitions_text(const Json& state) {
  std::string out;
  for (const Json& one : state["partitions"]) {
    const auto leader = one["leader"].get<int32_t>();
    const std::string elr = ids(one["elr"]);
    out += fmt::format(
        "  {:<16} {}, epoch {}, ISR [{}]{}, committed up to {}\n", one["partition"].get<std::string>(),
        leader < 0 ? "no leader" : fmt::format("leader {}", leader), one["leader_epoch"].get<int32_t>(),
        ids(one["isr"]), elr.empty() ? "" : fmt::format(", ELR [{}]", elr), one["committed"].get<int64_t>());
    for (const Json& replica : one["replicas"]) {
      out += fmt::format("    {:<14} log {} to {}, high watermark {}\n",
                         fmt::format("broker {}", replica["node"].get<int32_t>()),
                         replica["log_start"].get<int64_t>(), replica["log_end"].get<int64_t>(),
                         replica["high_watermark"].is_null() ? "unknown" : replica["high_watermark"].dump());
    }
  }
  return out;
}

}  // namespace

void Heard::on_event(const NodeEvent& note) {
  if (const auto* e = std::get_if<BrokerStateChanged>(note.event)) {
    nodes[note.node].state = e->state;
  } else if (const auto* r = std::get_if<RaftStateChanged>(note.event)) {
    nodes[note.node].raft = r->state;
    nodes[note.node].raft_epoch = r->epoch;
  }
}

void Heard::on_node(int32_t node, NodeFault what) {
  Node& known = nodes[node];
  known.down = end_of(what);
  known.state.clear();
  known.raft.clear();
}

void Heard::on_fault(const FaultRow& fault) {
  if (!fault.took_effect) return;
  const auto known = std::find_if(faults.begin(), faults.end(), [&](const FaultRow& other) {
    return other.kind == fault.kind && other.target == fault.target && other.began == fault.began &&
           other.cause == fault.cause;
  });
  if (!fault.ended) {
    faults.push_back(fault);
  } else if (known != faults.end()) {
    faults.erase(known);
  }
}

void Heard::on_op(const OpRow& op) {
  Client& client = clients[op.client];
  if (op.kind == "read") {
    ++client.read;
    return;
  }
  if (op.kind == "assign" || op.kind == "seek" || op.kind == "reset") return;
  if (!op.completed) {
    ++client.open;
    return;
  }
  --client.open;
  ++(op.outcome == Outcome::ok ? client.ok : op.outcome == Outcome::failed ? client.failed : client.unknown);
  if (op.outcome == Outcome::ok) return;
  client.last_error = fmt::format("{} {}", op.kind, to_string(op.error));
  client.last_error_at = *op.completed;
}

Json state_json(const ClusterView& view, const Heard& heard, Instant at) {
  Json nodes = Json::array(), partitions = Json::array(), clients = Json::array(), faults = Json::array();
  for (const int32_t id : view.nodes()) {
    const auto found = heard.nodes.find(id);
    const Heard::Node known = found == heard.nodes.end() ? Heard::Node{} : found->second;
    const bool voter = std::find(view.voters().begin(), view.voters().end(), id) != view.voters().end();
    const ReplicaTruth* metadata = view.metadata_log(id);
    nodes.push_back({{"node", id},
                     {"name", known.name},
                     {"up", view.node(id).up},
                     {"down", known.down},
                     {"start", view.node(id).incarnation},
                     {"state", known.state},
                     {"voter", voter},
                     {"controller", view.active_controller() == id},
                     {"raft", known.raft.empty() ? "unattached" : known.raft},
                     {"raft_epoch", known.raft_epoch},
                     {"metadata_log_end", metadata == nullptr ? 0 : metadata->end_offset()}});
  }
  for (const PartitionId id : view.partitions()) {
    const PartitionTruth& truth = *view.partition(id);
    partitions.push_back({{"partition", to_string(view.names().name(id))},
                          {"leader", truth.claim.leader},
                          {"leader_epoch", truth.claim.leader_epoch},
                          {"partition_epoch", truth.claim.partition_epoch},
                          {"isr", truth.claim.isr},
                          {"elr", truth.claim.elr},
                          {"committed", truth.committed_end()},
                          {"replicas", replicas_json(truth)}});
  }
  for (const auto& [name, client] : heard.clients) {
    clients.push_back(
        {{"client", name},
         {"open", client.open},
         {"ok", client.ok},
         {"failed", client.failed},
         {"unknown", client.unknown},
         {"read", client.read},
         {"last_error", client.last_error},
         {"last_error_ns", client.last_error.empty() ? Json() : Json(client.last_error_at.ns)}});
  }
  for (const FaultRow& fault : heard.faults)
    faults.push_back({{"kind", fault.kind},
                      {"target", fault.target},
                      {"began_ns", fault.began.ns},
                      {"effect", fault.effect}});
  return {{"at_ns", at.ns},
          {"nodes", nodes},
          {"partitions", partitions},
          {"clients", clients},
          {"faults", faults}};
}

std::string state_text(const Json& state) {
  std::string out = "Nodes\n" + nodes_text(state) +
                    "Partitions, as the controller has committed them, and the logs on the disks\n" +
                    partitions_text(state) + "Clients\n";
  for (const Json& client : state["clients"]) {
    std::string words = fmt::format("calls: {} ok", client["ok"].get<uint64_t>());
    const auto some = [&](const char* key, const char* word) {
      if (client[key].get<uint64_t>() > 0) words += fmt::format(", {} {}", client[key].get<uint64_t>(), word);
    };
    some("failed", "failed");
    some("unknown", "with unknown outcome");
    some("open", "open");
    some("read", "records read");
    if (const auto error = client["last_error"].get<std::string>(); !error.empty())
      words += fmt::format("; last error {} at {:.3f} s", error,
                           static_cast<double>(client["last_error_ns"].get<int64_t>()) / 1e9);
    out += fmt::format("  {:<16} {}\n", client["client"].get<std::string>(), words);
  }
  out += state["faults"].empty() ? "No fault acts.\n" : "Faults that act\n";
  for (const Json& fault : state["faults"]) {
    out += fmt::format(
        "  {} {}, since {:.3f} s: {}\n", fault["kind"].get<std::string>(), fault["target"].get<std::string>(),
        static_cast<double>(fault["began_ns"].get<int64_t>()) / 1e9, fault["effect"].get<std::string>());
  }
  return out;
}

}  // namespace ksim::sim
