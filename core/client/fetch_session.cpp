#include "core/client/fetch_session.h"

#include <limits>

namespace ksim::client {

FetchSession::Request FetchSession::build(const std::vector<Asked>& wanted) {
  Request request;
  request.session_id = session_id_;
  request.session_epoch = next_epoch_;
  std::map<TopicPartition, FetchTarget> next;
  names_.clear();
  for (const Asked& asked : wanted) {
    next[asked.partition] = asked.target;
    names_[asked.target.topic_id] = asked.partition.topic;
  }
  if (is_full_next()) {
    request.to_send = wanted;
  } else {
    for (const Asked& asked : wanted) {
      const auto known = partitions_.find(asked.partition);
      if (known == partitions_.end() || !(known->second == asked.target)) request.to_send.push_back(asked);
    }
    for (const auto& [partition, target] : partitions_) {
      const auto kept = next.find(partition);
      // A topic that was created anew under its name is another one for the broker.
      if (kept == next.end() || kept->second.topic_id != target.topic_id)
        request.to_forget.push_back({partition, target.topic_id});
    }
  }
  partitions_ = std::move(next);
  return request;
}

bool FetchSession::handle(ErrorCode error, int32_t session_id, const std::set<TopicPartition>& partitions,
                          bool unknown_topics, int32_t throttle_ms) {
  if (error != ErrorCode::NONE) {
    if (error == ErrorCode::FETCH_SESSION_ID_NOT_FOUND) session_id_ = kNoSession;
    handle_failure();
    return false;
  }
  bool as_asked = !unknown_topics;
  for (const TopicPartition& partition : partitions)
    as_asked = as_asked && partitions_.find(partition) != partitions_.end();
  if (is_full_next()) {
    // A throttling broker answers a full request with nothing (KIP-219).
    const bool throttled = partitions.empty() && throttle_ms > 0;
    as_asked = as_asked && partitions.size() == partitions_.size() && !(throttled && !partitions_.empty());
    if (!as_asked) {
      start_over();
      return false;
    }
    session_id_ = session_id;
    next_epoch_ = session_id == kNoSession ? kInitialEpoch : 1;
    return true;
  }
  if (!as_asked) {
    handle_failure();
    return false;
  }
  if (session_id == kNoSession) {
    start_over();
  } else {
    next_epoch_ = next_epoch_ == std::numeric_limits<int32_t>::max() ? 1 : next_epoch_ + 1;
  }
  return true;
}

std::optional<FetchSession::Request> FetchSession::build_close() const {
  if (session_id_ == kNoSession) return std::nullopt;
  Request request;
  request.session_id = session_id_;
  request.session_epoch = -1;
  return request;
}

const FetchTarget* FetchSession::target(const TopicPartition& partition) const {
  const auto it = partitions_.find(partition);
  return it == partitions_.end() ? nullptr : &it->second;
}

const std::string* FetchSession::topic_name(const Uuid& id) const {
  const auto it = names_.find(id);
  return it == names_.end() ? nullptr : &it->second;
}

}  // namespace ksim::client
