#include "core/client/network.h"

#include <algorithm>

#include "core/wire/messages/metadata.h"

namespace ksim::client {

namespace {

constexpr int32_t kFirstBootstrapId = -2;  // and downwards; -1 is no node

Failure<Error> not_sent(ErrorCode code, std::string message) { return fail(code, std::move(message)); }

}  // namespace

ClientNetwork::ClientNetwork(const Env& env, const ClientConfig& config, NetworkOptions options)
    : env_(env),
      config_(config),
      options_(options),
      entity_(hash_text(config.client_id)),
      metadata_(config.metadata_max_age_ms, {config.retry_backoff_ms, config.retry_backoff_max_ms}),
      node_dice_(env.random, Stream::least_loaded_node, entity_),
      jitter_dice_(env.random, Stream::backoff_jitter, mix64(entity_, 1)),
      bootstrap_(config.bootstrap_servers),
      changed_(env.scheduler),
      work_(env.scheduler),
      scope_(env) {}

ClientNetwork::~ClientNetwork() = default;

void ClientNetwork::start() {
  scope_.spawn(
      "client.network", [this] { run(); }, entity_);
}

void ClientNetwork::close() {
  if (closed_) return;
  closed_ = true;
  const Shield shield(env_.scheduler);  // fibers that are cancelled end at once
  scope_.close();
  for (auto& [id, node] : nodes_) discard(node);
  bury();
  announce();
}

void ClientNetwork::announce() {
  changed_.notify_all();
  if (hook_) hook_();
}

// ---- nodes ----

const Endpoint* ClientNetwork::endpoint_of(int32_t id) const {
  if (id >= 0) {
    const BrokerNode* const node = metadata_.node(id);
    return node == nullptr ? nullptr : &node->endpoint;
  }
  const auto index = static_cast<size_t>(kFirstBootstrapId - id);
  return id <= kFirstBootstrapId && index < bootstrap_.size() ? &bootstrap_[index] : nullptr;
}

ClientNetwork::Node* ClientNetwork::node_state(int32_t id) {
  const Endpoint* const endpoint = endpoint_of(id);
  if (endpoint == nullptr) return nullptr;
  Node& node = nodes_[id];
  if (!(node.endpoint == *endpoint)) {  // new, or it has moved
    discard(node);
    node.endpoint = *endpoint;
    node.failures = 0;
    node.not_before = {};
    ++node.attempt;
    node.connecting = false;  // an attempt to the old place finds out that it is not wanted
  } else if (node.connection != nullptr && !node.connection->is_usable()) {
    discard(node);
  }
  return &node;
}

void ClientNetwork::discard(Node& node) {
  if (node.connection == nullptr) return;
  dead_.push_back(std::move(node.connection));
  node.connection.reset();
  work_.notify_all();
}

ConnectionPtr ClientNetwork::usable(int32_t id) {
  Node* const node = node_state(id);
  if (node == nullptr || !is_connected(*node) || env_.now() < node->throttled_until) return nullptr;
  node->last_used = env_.now();
  return node->connection;
}

void ClientNetwork::connect(int32_t id) {
  Node* const node = node_state(id);
  if (closed_ || node == nullptr || node->connecting || is_connected(*node)) return;
  if (env_.now() < node->not_before) return;
  node->connecting = true;
  node->last_attempt = env_.now();
  // The attempt's number makes the fiber's key, and with it the connection's, unlike those before it.
  const uint64_t key = mix64(entity_, static_cast<uint64_t>(static_cast<uint32_t>(id)));
  if (!scope_.try_spawn(
          "client.connect", [this, id] { open(id); }, key)) {
    node->connecting = false;
    node->not_before = env_.after(milliseconds(config_.reconnect_backoff_max_ms));
  }
}

void ClientNetwork::open(int32_t id) {
  const uint32_t attempt = ++nodes_[id].attempt;
  const Endpoint endpoint = nodes_[id].endpoint;
  const ExponentialBackoff setup{config_.socket_connection_setup_timeout_ms,
                                 config_.socket_connection_setup_timeout_max_ms};
  rpc::RpcClientConfig rpc_config;
  rpc_config.client_id = config_.client_id;
  // A request like any other: only the connection itself has longer, the more often it has failed.
  rpc_config.versions_timeout = milliseconds(config_.request_timeout_ms);
  const uint64_t setup_draw = jitter_dice_.next();
  const Deadline deadline = env_.after(setup.after(nodes_[id].failures, setup_draw));
  auto opened = rpc::RpcConnection::open(env_, endpoint, rpc_config, deadline);
  Node& node = nodes_[id];
  if (node.attempt != attempt) {  // the node has moved meanwhile
    if (opened.ok()) dead_.push_back(std::move(opened).value());
    work_.notify_all();
    return;
  }
  node.connecting = false;
  if (opened.ok()) {
    node.connection = std::move(opened).value();
    node.failures = 0;
    node.last_used = env_.now();
  } else {
    const ExponentialBackoff backoff{config_.reconnect_backoff_ms, config_.reconnect_backoff_max_ms};
    const uint64_t draw = jitter_dice_.next();
    node.not_before = env_.after(backoff.after(node.failures++, draw));
    request_metadata();
  }
  announce();
}

Instant ClientNetwork::next_attempt(int32_t id) const {
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return {};
  return std::max(it->second.not_before, it->second.throttled_until);
}

void ClientNetwork::throttle(int32_t id, int64_t throttle_ms) {
  if (throttle_ms <= 0) return;
  if (Node* const node = node_state(id))
    node->throttled_until = std::max(node->throttled_until, env_.after(milliseconds(throttle_ms)));
}

void ClientNetwork::connection_failed(int32_t id) {
  Node* const node = node_state(id);  // puts it with the dead if it does not work
  if (node != nullptr && node->connection == nullptr && !node->connecting) {
    const ExponentialBackoff backoff{config_.reconnect_backoff_ms, config_.reconnect_backoff_max_ms};
    const uint64_t draw = jitter_dice_.next();
    node->not_before = std::max(node->not_before, env_.after(backoff.after(node->failures, draw)));
  }
  request_metadata();
  announce();
}

std::vector<int32_t> ClientNetwork::candidates() const {
  std::vector<int32_t> ids;
  for (const auto& [id, node] : metadata_.nodes()) ids.push_back(id);
  if (!ids.empty()) return ids;
  for (size_t i = 0; i < bootstrap_.size(); ++i) ids.push_back(kFirstBootstrapId - static_cast<int32_t>(i));
  return ids;
}

int32_t ClientNetwork::least_loaded() {
  const std::vector<int32_t> ids = candidates();
  if (ids.empty()) return kNoNode;
  const uint64_t offset = node_dice_.below(ids.size());
  const Instant now = env_.now();
  int32_t ready = kNoNode;
  int32_t connecting = kNoNode;
  int32_t connectable = kNoNode;
  for (size_t i = 0; i < ids.size(); ++i) {
    const int32_t id = ids[(offset + i) % ids.size()];
    Node* const node = node_state(id);
    if (node == nullptr || now < node->throttled_until) continue;
    if (is_connected(*node)) {
      const size_t load = node->connection->in_flight();
      if (load == 0) return id;
      if (ready == kNoNode || load < nodes_[ready].connection->in_flight()) ready = id;
    } else if (node->connecting) {
      connecting = id;
    } else if (now >= node->not_before &&
               (connectable == kNoNode || node->last_attempt < nodes_[connectable].last_attempt)) {
      connectable = id;
    }
  }
  return ready != kNoNode ? ready : connecting != kNoNode ? connecting : connectable;
}

// ---- calls that wait ----

Result<ConnectionPtr> ClientNetwork::acquire(int32_t id, Deadline deadline) {
  for (;;) {
    if (closed_) return not_sent(ErrorCode::NETWORK_EXCEPTION, "the client is closed");
    if (ConnectionPtr connection = usable(id)) return connection;
    Node* const node = node_state(id);
    if (node == nullptr) return not_sent(ErrorCode::BROKER_NOT_AVAILABLE, "node " + std::to_string(id));
    connect(id);
    const int32_t failures = node->failures;
    const Deadline until = node->connecting ? deadline : std::min(deadline, next_attempt(id));
    static_cast<void>(changed_.wait(until, "connection to a node"));
    if (nodes_[id].failures > failures)
      return not_sent(ErrorCode::NETWORK_EXCEPTION, "cannot connect to node " + std::to_string(id));
    if (env_.now() >= deadline)
      return not_sent(ErrorCode::REQUEST_TIMED_OUT, "no connection to node " + std::to_string(id));
  }
}

Result<ConnectionPtr> ClientNetwork::acquire_any(Deadline deadline, int32_t& node) {
  for (;;) {
    if (closed_) return not_sent(ErrorCode::NETWORK_EXCEPTION, "the client is closed");
    node = least_loaded();
    if (node != kNoNode) {
      if (ConnectionPtr connection = usable(node)) return connection;
      connect(node);
    }
    rebootstrap_if_lost(env_.now());
    // A node out of its back-off is found by looking again; nothing tells of it.
    const Deadline look_again = env_.after(milliseconds(std::max<int64_t>(config_.reconnect_backoff_ms, 1)));
    const Deadline until =
        node != kNoNode && nodes_[node].connecting ? deadline : std::min(deadline, look_again);
    static_cast<void>(changed_.wait(until, "any node"));
    if (env_.now() >= deadline) return not_sent(ErrorCode::REQUEST_TIMED_OUT, "no node can be reached");
  }
}

// ---- the fiber ----

void ClientNetwork::run() {
  for (;;) {
    bury();
    const Instant now = env_.now();
    close_idle(now);
    metadata_.forget_unused(now, milliseconds(options_.metadata_max_idle_ms));
    const Instant due = metadata_.next_update();
    if (due <= now) {
      refresh();
      continue;
    }
    // A minute is soon enough to notice idle connections.
    const Deadline idle_check =
        now + milliseconds(std::min<int64_t>(config_.connections_max_idle_ms, 60'000));
    if (dead_.empty()) static_cast<void>(work_.wait(std::min(due, idle_check), "metadata is fresh"));
  }
}

// An interrupted close() leaves the connection where it is, to be closed again: it must not die open.
void ClientNetwork::bury() {
  while (!dead_.empty()) {
    const ConnectionPtr connection = dead_.front();
    connection->close();
    dead_.erase(std::find(dead_.begin(), dead_.end(), connection));
  }
}

void ClientNetwork::close_idle(Instant now) {
  for (auto& [id, node] : nodes_) {
    if (is_connected(node) && env_.buggify(Site::client_disconnects, 100)) discard(node);
    if (!is_connected(node) || node.connection->in_flight() > 0) continue;
    if (node.last_used + milliseconds(config_.connections_max_idle_ms) <= now) discard(node);
  }
  bury();
}

void ClientNetwork::refresh() {
  refresh_wanted_since_ = std::min(refresh_wanted_since_, env_.now());
  int32_t node = kNoNode;
  const auto connection = acquire_any(request_deadline(), node);
  if (connection.ok() && take_metadata(node, *connection)) {
    refresh_wanted_since_ = Instant::never();
    return announce();
  }
  const uint64_t draw = jitter_dice_.next();
  metadata_.update_failed(env_.now(), draw);
  rebootstrap_if_lost(env_.now());
}

bool ClientNetwork::take_metadata(int32_t node, const ConnectionPtr& connection) {
  const std::vector<std::string> topics = metadata_.wanted_topics();
  std::vector<wire::MetadataRequestTopic> entries(topics.size());
  for (size_t i = 0; i < topics.size(); ++i) entries[i].name = topics[i];
  wire::MetadataRequest request;
  request.topics = std::span(entries);
  request.allow_auto_topic_creation = options_.allow_auto_topic_creation;
  const auto reply = connection->call(request, request_deadline());
  if (!reply.ok()) {
    if (reply.error().code == ErrorCode::NETWORK_EXCEPTION) connection_failed(node);
    return false;
  }
  const ErrorCode error = error_code_of(reply->message.error_code);
  if (error == ErrorCode::REBOOTSTRAP_REQUIRED && config_.metadata_recovery_rebootstrap) {
    metadata_.clear_nodes();
    return false;
  }
  throttle(node, reply->message.throttle_time_ms);
  const uint64_t draw = jitter_dice_.next();
  return metadata_.update(reply->message, reply->version, env_.now(), draw);
}

void ClientNetwork::rebootstrap_if_lost(Instant now) {
  if (!config_.metadata_recovery_rebootstrap || metadata_.nodes().empty()) return;
  const bool too_long =
      refresh_wanted_since_ + milliseconds(config_.metadata_recovery_rebootstrap_trigger_ms) <= now;
  bool all_failed = true;
  for (const auto& [id, broker] : metadata_.nodes()) {
    const auto it = nodes_.find(id);
    if (it == nodes_.end() || it->second.connecting || is_connected(it->second) || it->second.failures == 0)
      all_failed = false;
  }
  if (!too_long && !all_failed) return;
  metadata_.clear_nodes();
  if (refresh_wanted_since_ < now) refresh_wanted_since_ = now;
}

}  // namespace ksim::client
