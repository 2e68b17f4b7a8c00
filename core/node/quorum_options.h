#pragma once
// What raft needs of a node's configuration.

#include "core/metadata/server_config.h"
#include "core/raft/driver/raft_client.h"

namespace ksim::node {

// `directory`: the id of the log directory that holds the metadata log.
raft::RaftOptions quorum_options(const ServerConfig& server, const std::string& cluster_id,
                                 const Uuid& directory);
// The cluster id of nodes that were given none: the same on all that name the same voters.
std::string derived_cluster_id(const ServerConfig& server);

}  // namespace ksim::node
