#include "sim/faults/settings.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "core/metadata/config_def.h"

namespace ksim::sim {
namespace {

constexpr std::string_view kFixed[] = {"process.roles",
                                       "node.id",
                                       "broker.rack",
                                       "controller.quorum.voters",
                                       "controller.listener.names",
                                       "inter.broker.listener.name",
                                       "listeners",
                                       "listener.security.protocol.map",
                                       "log.dirs",
                                       "log.dir",
                                       "metadata.log.dir",
                                       "default.replication.factor",
                                       "min.insync.replicas",
                                       "unclean.leader.election.enable",
                                       "log.message.timestamp.type",
                                       "log.flush.interval.messages",
                                       "log.retention.ms",
                                       "log.retention.bytes"};

}  // namespace

Result<Properties> parse_settings(std::string_view text) {
  Properties settings;
  for (const std::string_view one : split_list(text)) {
    if (one.empty()) continue;
    const size_t equals = one.find('=');
    const std::string_view key = trim(one.substr(0, equals));
    if (equals == std::string_view::npos || key.empty())
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("\"{}\": expected key=value, ...", one));
    if (std::find(std::begin(kFixed), std::end(kFixed), key) != std::end(kFixed))
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("{} cannot be changed by a restart", key));
    settings[std::string(key)] = trim(one.substr(equals + 1));
  }
  return settings;
}

}  // namespace ksim::sim
