#include "sim/faults/settings.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

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

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

}  // namespace

Result<Properties> parse_settings(std::string_view text) {
  Properties settings;
  while (!trimmed(text).empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view one = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t equals = one.find('=');
    const std::string_view key = trimmed(one.substr(0, equals));
    if (equals == std::string_view::npos || key.empty())
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("\"{}\": expected key=value, ...", one));
    if (std::find(std::begin(kFixed), std::end(kFixed), key) != std::end(kFixed))
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("{} cannot be changed by a restart", key));
    settings[std::string(key)] = trimmed(one.substr(equals + 1));
  }
  return settings;
}

}  // namespace ksim::sim
