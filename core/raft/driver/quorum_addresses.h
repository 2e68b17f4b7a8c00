#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/io/network.h"

namespace ksim::raft {

constexpr std::string_view kMetadataTopic = "__cluster_metadata";
constexpr std::string_view kMetadataDirectory = "__cluster_metadata-0";

// What the consensus core does not know of the quorum: names and places.
struct QuorumAddresses {
  std::string cluster_id;
  std::map<int32_t, Endpoint> voters;  // controller.quorum.voters
  std::string listener;                // name of the controllers' listener, "CONTROLLER"
};

}  // namespace ksim::raft
