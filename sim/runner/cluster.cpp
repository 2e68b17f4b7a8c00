#include "sim/runner/cluster.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "core/metadata/server_config.h"

namespace ksim::sim {
namespace {

constexpr uint16_t kBrokerPort = 9092;
constexpr uint16_t kControllerPort = 9093;
constexpr std::string_view kDataDirectory = "data";

DiskProfile disk_profile(const DiskPlan& plan) {
  DiskProfile profile = DiskProfile::named(plan.latency).value_or(DiskProfile::ssd());
  if (plan.capacity_bytes != 0) profile.capacity_bytes = plan.capacity_bytes;
  return profile;
}

// Where a node keeps its logs, by its server.properties.
std::vector<std::string> log_directories(const std::string& properties) {
  std::vector<std::string> warnings;
  const Result<ServerConfig> config = ServerConfig::parse_text(properties, warnings);
  if (!config.ok()) return {};  // it will not start
  std::vector<std::string> directories = config->log_dirs();
  const std::string metadata = config->metadata_log_dir();
  if (std::find(directories.begin(), directories.end(), metadata) == directories.end())
    directories.push_back(metadata);
  return directories;
}

// "leader(orders-0)" -> "orders-0" if the word is "leader".
std::optional<std::string> inside(const std::string& target, std::string_view word) {
  if (!target.starts_with(word) || target.size() < word.size() + 3) return std::nullopt;
  if (target[word.size()] != '(' || target.back() != ')') return std::nullopt;
  return target.substr(word.size() + 1, target.size() - word.size() - 2);
}

}  // namespace

Cluster::Cluster(World& world, const Plan& plan, RunObserver& observer, WorldPeek& peek,
                 NodeProcessMaker maker)
    : world_(world), plan_(plan), observer_(observer), maker_(std::move(maker)) {
  world_.watch(this);
  observer_.view().wall_ms = [this](int32_t node) { return by_id(node)->clock().wall().ms(); };
  observer_.view().lowest_wall_offset = [this](int32_t node) {
    return by_id(node)->clock().lowest_wall_offset();
  };
  observer_.view().wall_put_back = [this](int32_t node, Instant since) {
    return by_id(node)->clock().wall_put_back(since);
  };
  observer_.view().local_time = [this](int32_t node) { return by_id(node)->clock().local_now(); };
  for (const NodePlan& node : plan_.cluster.nodes) {
    NodeSetup setup;
    setup.name = machine_name(node);
    setup.shards = node.shards;
    setup.disk = disk_profile(plan_.disk);
    setup.mailbox_capacity = static_cast<size_t>(plan_.sizes.mailbox_slots);
    SimNode& machine = world_.add_node(setup);
    machines_.emplace(node.id, Machine{node, &machine, properties_of(node), false});
    peek.add(node.id, machine);
    observer_.view().add_node(node.id, log_directories(properties_of(node)));
    if (node.controller) observer_.view().add_voter(node.id);
  }
}

Cluster::~Cluster() { world_.watch(nullptr); }

std::optional<int32_t> Cluster::voter_of(std::string_view machine) const {
  for (const NodePlan& node : plan_.cluster.nodes) {
    if (node.controller && machine_name(node) == machine) return node.id;
  }
  return std::nullopt;
}

bool Cluster::is_for_quorum(const Endpoint& listener) const { return listener.port == kControllerPort; }

static std::string listeners_of(const NodePlan& node, uint16_t broker_port) {
  std::string listeners;
  if (node.broker) listeners = fmt::format("PLAINTEXT://{}:{}", machine_name(node), broker_port);
  if (node.controller) {
    listeners += fmt::format("{}CONTROLLER://{}:{}", listeners.empty() ? "" : ",", machine_name(node),
                             kControllerPort);
  }
  return listeners;
}

std::string server_properties(const Plan& plan, const NodePlan& node) {
  std::string voters;
  for (const NodePlan& other : plan.cluster.nodes) {
    if (other.controller)
      voters += fmt::format("{}{}@{}:{}", voters.empty() ? "" : ",", other.id, machine_name(other),
                            kControllerPort);
  }
  std::string roles = node.broker ? "broker" : "";
  if (node.controller) roles += roles.empty() ? "controller" : ",controller";
  Properties all{{"process.roles", roles},
                 {"node.id", std::to_string(node.id)},
                 {"controller.quorum.voters", voters},
                 {"controller.listener.names", "CONTROLLER"},
                 {"listeners", listeners_of(node, kBrokerPort)},
                 {"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"},
                 {"log.dirs", std::string(kDataDirectory)}};
  if (node.broker) all["inter.broker.listener.name"] = "PLAINTEXT";
  if (!node.rack.empty()) all["broker.rack"] = node.rack;
  for (const auto& [key, value] : plan.cluster.config) all[key] = value;
  for (const auto& [key, value] : node.config) all[key] = value;
  std::string text;
  for (const auto& [key, value] : all) text += fmt::format("{}={}\n", key, value);
  return text;
}

void Cluster::start_all() {
  for (auto& [id, machine] : machines_) launch(*machine.node);
}

SimNode& Cluster::add_client(const std::string& name) {
  NodeSetup setup;
  setup.name = name;
  setup.disk = DiskProfile::instant();
  SimNode& node = world_.add_node(setup);
  clients_.push_back({&node, {}, false, false});
  return node;
}

void Cluster::start_client(SimNode& node, ProcessFactory factory, bool one_thing) {
  client(node)->factory = std::move(factory);
  client(node)->one_thing = one_thing;
  launch(node);
}

std::string Cluster::bootstrap() const {
  std::string text;
  for (const auto& [id, machine] : machines_) {
    if (machine.plan.broker)
      text += fmt::format("{}{}:{}", text.empty() ? "" : ",", machine_name(machine.plan), kBrokerPort);
  }
  return text;
}

std::map<int32_t, Endpoint> Cluster::broker_endpoints() const {
  std::map<int32_t, Endpoint> endpoints;
  for (const auto& [id, machine] : machines_) {
    if (machine.plan.broker) endpoints[id] = {machine_name(machine.plan), kBrokerPort};
  }
  return endpoints;
}

std::string Cluster::controllers() const {
  std::string text;
  for (const auto& [id, machine] : machines_) {
    if (machine.plan.controller)
      text += fmt::format("{}{}:{}", text.empty() ? "" : ",", machine_name(machine.plan), kControllerPort);
  }
  return text;
}

std::string Cluster::first_down() const {
  for (const auto& [id, machine] : machines_) {
    if (!machine.node->alive()) return machine_name(machine.plan);
  }
  return {};
}

void Cluster::revive() {
  for (auto& [id, machine] : machines_) {
    if (!machine.node->alive()) start(*machine.node);
    take_back(*machine.node);
  }
  for (const Client& one : clients_) {
    if (!one.node->alive()) start(*one.node);
  }
}

Cluster::Machine* Cluster::machine(const SimNode& node) {
  const auto found = std::find_if(machines_.begin(), machines_.end(),
                                  [&](const auto& entry) { return entry.second.node == &node; });
  return found == machines_.end() ? nullptr : &found->second;
}

Cluster::Client* Cluster::client(const SimNode& node) {
  const auto found =
      std::find_if(clients_.begin(), clients_.end(), [&](const Client& one) { return one.node == &node; });
  return found == clients_.end() ? nullptr : &*found;
}

bool* Cluster::wanted(const SimNode& node) {
  if (Machine* found = machine(node)) return &found->wanted;
  Client* found = client(node);
  return found == nullptr || !found->factory ? nullptr : &found->wanted;
}

void Cluster::launch(SimNode& node) {
  *wanted(node) = false;
  if (const Machine* found = machine(node)) {
    observer_.on_node(found->plan.id, NodeFault::started, world_.now());
    node.start([this, found](const std::vector<Env*>& shards) {
      return maker_(found->properties, plan_.sizes, shards);
    });
  } else {
    node.start(client(node)->factory);
  }
}

void Cluster::start(SimNode& node) {
  bool* const found = wanted(node);
  if (found == nullptr || node.kept_down()) return;
  if (node.alive()) {
    *found = node.state() == SimNode::State::stopping;  // as soon as it has stopped
  } else if (node.running()) {                          // its old process is not buried yet
    *found = true;
    world_.later(mix64(node.key(), node.incarnation()), [this, &node] {
      const bool* const again = wanted(node);
      if (again != nullptr && *again) start(node);
    });
  } else {
    launch(node);
  }
}

void Cluster::died(SimNode& node, NodeFault fault) {
  if (const Machine* found = machine(node)) observer_.on_node(found->plan.id, fault, world_.now());
  if (on_death) on_death(node);
}

void Cluster::crash(SimNode& node) {
  node.crash();
  died(node, NodeFault::crashed);
}

void Cluster::power_loss(const std::vector<SimNode*>& nodes) {
  for (SimNode* node : nodes) node->power_loss();
  for (SimNode* node : nodes) died(*node, NodeFault::power_lost);
}

void Cluster::replace_disk(SimNode& node, const DiskCopy& copy) {
  node.power_loss();
  node.replace_disk(copy);
  died(node, NodeFault::wiped);
}

// One broker stays where clients were told to look first.
bool Cluster::move(SimNode& node) {
  Machine* const found = machine(node);
  if (found == nullptr || !found->plan.broker) return false;
  const auto stays = [&](const auto& entry) {
    return entry.second.node != &node && entry.second.plan.broker && entry.second.moves == 0;
  };
  if (std::none_of(machines_.begin(), machines_.end(), stays)) return false;
  const auto port = static_cast<uint16_t>(kBrokerPort + 100 * ++found->moves);
  configure(node, {{"listeners", listeners_of(found->plan, port)}});
  return true;
}

void Cluster::configure(SimNode& node, const Properties& settings) {
  Machine* const found = machine(node);
  if (found == nullptr) return;
  for (const auto& [key, value] : settings) found->plan.config[key] = value;
  found->properties = properties_of(found->plan);
}

void Cluster::stop(SimNode& node) { node.stop(); }

bool Cluster::take_back(SimNode& node) {
  const Machine* const found = machine(node);
  if (found == nullptr || !node.alive() || found->lost_in != node.incarnation()) return false;
  node.stop();
  start(node);
  return true;
}

std::vector<SimNode*> Cluster::others(const SimNode& node, bool with_clients) {
  std::vector<SimNode*> nodes;
  for (auto& [id, machine] : machines_) {
    if (machine.node != &node) nodes.push_back(machine.node);
  }
  for (const Client& one : clients_) {
    if (with_clients && one.node != &node) nodes.push_back(one.node);
  }
  return nodes;
}

void Cluster::damaged(SimNode& node) {
  if (const Machine* found = machine(node)) observer_.view().on_damaged(found->plan.id);
}

std::string Cluster::role_of(const SimNode& node) {
  const Machine* const found = machine(node);
  if (found == nullptr) return {};
  const int32_t id = found->plan.id;
  size_t led = 0;
  for (PartitionId partition : observer_.view().partitions()) {
    if (observer_.view().partition(partition)->claim.leader == id) ++led;
  }
  std::string text;
  if (led > 0) text = fmt::format(", leader of {} partitions", led);
  if (controller_ == id) text += ", the active controller";
  return text;
}

std::vector<SimNode*> Cluster::by_role(bool broker, bool controller) {
  std::vector<SimNode*> nodes;
  for (auto& [id, machine] : machines_) {
    if ((broker && machine.plan.broker) || (controller && machine.plan.controller))
      nodes.push_back(machine.node);
  }
  return nodes;
}

// "clients", "producers" or "consumers".
std::vector<SimNode*> Cluster::clients_of(const std::string& word) {
  std::vector<SimNode*> nodes;
  const auto add_all = [&](const auto& plans) {
    for (const auto& plan : plans) {
      if (SimNode* node = world_.find(plan.name)) nodes.push_back(node);
    }
  };
  if (word == "producers") {
    add_all(plan_.producers);
  } else if (word == "consumers") {
    add_all(plan_.consumers);
  } else {
    for (const Client& one : clients_) nodes.push_back(one.node);
  }
  return nodes;
}

SimNode* Cluster::by_id(int32_t id) {
  const auto it = machines_.find(id);
  return it == machines_.end() ? nullptr : it->second.node;
}

std::vector<SimNode*> Cluster::of_partition(const std::string& name, Role role) {
  const auto split = split_log_name(name);
  const auto id = split ? observer_.names().find(split->first, split->second) : std::nullopt;
  const PartitionTruth* truth = id ? observer_.view().partition(*id) : nullptr;
  if (truth == nullptr) return {};
  std::vector<int32_t> fits;
  const std::vector<int32_t>& isr = truth->claim.isr;
  const auto in_sync = [&](int32_t id) { return std::find(isr.begin(), isr.end(), id) != isr.end(); };
  if (role == Role::leader) fits.push_back(truth->claim.leader);
  if (role == Role::follower) fits = isr;
  if (role != Role::leader) std::erase(fits, truth->claim.leader);
  for (const auto& [id, log] : truth->replicas) {
    if (role == Role::outsider && !in_sync(id)) fits.push_back(id);
  }
  for (const int32_t id : fits) {
    if (SimNode* node = by_id(id)) return {node};
  }
  return {};
}

std::vector<SimNode*> Cluster::resolve(const std::string& target, uint64_t fault) {
  if (const auto name = inside(target, "leader")) return of_partition(*name, Role::leader);
  if (const auto name = inside(target, "follower")) return of_partition(*name, Role::follower);
  if (const auto name = inside(target, "outsider")) return of_partition(*name, Role::outsider);
  const auto any_of = [&](std::vector<SimNode*> nodes) -> std::vector<SimNode*> {
    if (nodes.empty()) return nodes;
    const uint64_t n = world_.random().draw(SimStream::fault, fault, 0);
    return {nodes[below(n, nodes.size())]};
  };
  if (target == "controller") {
    SimNode* node = by_id(controller_);
    return node == nullptr ? std::vector<SimNode*>{} : std::vector<SimNode*>{node};
  }
  if (target == "all") return by_role(true, true);
  if (target == "brokers") return by_role(true, false);
  if (target == "controllers") return by_role(false, true);
  if (target == "clients" || target == "producers" || target == "consumers") return clients_of(target);
  if (target == "any client" || target == "any producer" || target == "any consumer")
    return any_of(clients_of(target.substr(4) + "s"));
  if (target == "any") return any_of(by_role(true, true));
  if (target == "any broker") return any_of(by_role(true, false));
  if (target == "any controller") return any_of(by_role(false, true));
  if (target.starts_with("rack ")) {
    std::vector<SimNode*> nodes;
    for (auto& [id, machine] : machines_) {
      if (machine.plan.rack == target.substr(5)) nodes.push_back(machine.node);
    }
    return nodes;
  }
  SimNode* node = world_.find(target);
  return node == nullptr ? std::vector<SimNode*>{} : std::vector<SimNode*>{node};
}

void Cluster::event(SimNode& node, const Event& event) {
  Machine* const found = machine(node);
  if (found == nullptr) return;
  const int32_t id = found->plan.id;
  if (const auto* raft = std::get_if<RaftStateChanged>(&event)) {
    if (raft->state == "leader" && raft->epoch > controller_epoch_) {
      controller_ = id;
      controller_epoch_ = raft->epoch;
    }
  }
  observer_.on_event(id, node.incarnation(), world_.now(), event);
  const auto* given_up = std::get_if<LogDirFailed>(&event);
  if (given_up == nullptr) return;
  found->lost_in = node.incarnation();
  // The disk may be well by now, and nobody look after it any more.
  if (!node.device().in_trouble()) {
    world_.later(mix64(node.key(), node.incarnation(), 3), [this, &node] {
      if (!node.device().in_trouble() && !node.kept_down()) take_back(node);
    });
  }
  const DiskToll toll = node.device().toll();
  if (toll.failed + toll.refused > 0) return;
  observer_.on_violation("DISK", world_.now(), node.name(),
                         fmt::format("{} was given up: {}", given_up->directory, given_up->reason));
}

void Cluster::reached(SimNode& node, Mark mark, std::string_view subject) {
  const Machine* const found = machine(node);
  observer_.on_mark(mark, found == nullptr ? -1 : found->plan.id, subject, world_.now());
  if (on_mark) on_mark(mark, node, subject);
}

void Cluster::failed(SimNode& node, std::string_view fiber, std::string_view what) {
  if (blames_simulator(what)) {
    observer_.on_simulator_fault(fmt::format("{}/{}: {}", node.name(), fiber, what));
  } else {
    observer_.on_violation("ASSERT", world_.now(), node.name(), fmt::format("{}: {}", fiber, what));
  }
  died(node, NodeFault::crashed);
}

void Cluster::exited(SimNode& node) {
  if (Client* const found = client(node)) {
    const bool comes_again = node.state() == SimNode::State::stopping && !found->one_thing;
    if (!comes_again) found->factory = {};
    if (on_exit) on_exit(node);
    if (comes_again && found->wanted) start(node);
    return;
  }
  Machine* const found = machine(node);
  observer_.on_node(found->plan.id, NodeFault::stopped, world_.now());
  if (found->wanted) start(node);
}

}  // namespace ksim::sim
