#include "core/node/quorum_options.h"

#include "core/base/hash.h"

namespace ksim::node {

raft::RaftOptions quorum_options(const ServerConfig& server, const std::string& cluster_id,
                                 const Uuid& directory) {
  raft::RaftOptions options;
  options.node.local = {server.node_id(), directory};
  std::vector<raft::ReplicaKey> voters;
  for (const QuorumVoter& voter : server.voters()) {
    voters.push_back({voter.id, Uuid{}});
    options.quorum.voters[voter.id] = {voter.host, voter.port};
  }
  options.node.voters = raft::VoterSet(std::move(voters));
  options.node.may_become_voter = server.is_controller();
  raft::Timers& timers = options.node.timers;
  timers.election_timeout = milliseconds(server.integer("controller.quorum.election.timeout.ms"));
  timers.fetch_timeout = milliseconds(server.integer("controller.quorum.fetch.timeout.ms"));
  timers.election_backoff_max = milliseconds(server.integer("controller.quorum.election.backoff.max.ms"));
  timers.request_timeout = milliseconds(server.integer("controller.quorum.request.timeout.ms"));
  timers.retry_backoff = milliseconds(server.integer("controller.quorum.retry.backoff.ms"));
  timers.append_linger = milliseconds(server.integer("controller.quorum.append.linger.ms"));
  options.node.max_fetch_bytes = static_cast<int32_t>(server.limits().metadata_fetch_bytes);
  options.cleaning_interval = milliseconds(server.limits().metadata_cleaning_ms);
  options.quorum.cluster_id = cluster_id;
  if (!server.controller_listener_names().empty())
    options.quorum.listener = server.controller_listener_names()[0];
  options.log.log_dir = server.metadata_log_dir();
  options.log.segment_bytes = server.integer("metadata.log.segment.bytes");
  options.log.segment_ms = server.integer("metadata.log.segment.ms");
  options.retention_bytes = server.integer("metadata.max.retention.bytes");
  options.retention_ms = server.integer("metadata.max.retention.ms");
  return options;
}

std::string derived_cluster_id(const ServerConfig& server) {
  uint64_t high = hash_text("cluster");
  uint64_t low = high;
  for (const QuorumVoter& voter : server.voters()) {
    const uint64_t place = hash_text(voter.host, mix64(static_cast<uint64_t>(voter.id), voter.port));
    high = mix64(high, place);
    low = mix64(low, place, 1);
  }
  return Uuid::from_draws(high, low).to_string();
}

}  // namespace ksim::node
