#include "core/broker/fetch_session_client.h"

#include <algorithm>

namespace ksim::broker {
namespace {

bool same(const FetchAsk& a, const FetchAsk& b) {
  return a.fetch_offset == b.fetch_offset && a.log_start_offset == b.log_start_offset &&
         a.max_bytes == b.max_bytes && a.current_leader_epoch == b.current_leader_epoch &&
         a.last_fetched_epoch == b.last_fetched_epoch;
}

}  // namespace

FetchSessionClient::Request FetchSessionClient::next(const std::map<FetchKey, FetchAsk>& wanted,
                                                     const std::optional<FetchKey>& served) {
  Request request;
  request.session_id = session_id_;
  request.session_epoch = epoch_;
  if (request.full()) held_.clear();
  for (const auto& [key, ask] : wanted) {
    const auto held = held_.find(key);
    if (held == held_.end() || !same(held->second, ask)) request.items.push_back({key, ask});
  }
  if (served) {
    const auto behind = std::find_if(request.items.begin(), request.items.end(),
                                     [&](const FetchItem& item) { return *served < item.key; });
    std::rotate(request.items.begin(), behind, request.items.end());
  }
  for (const auto& [key, ask] : held_) {
    if (!wanted.contains(key)) request.forgotten.push_back(key);
  }
  held_ = wanted;
  return request;
}

bool FetchSessionClient::answered(ErrorCode error, int32_t session_id) {
  if (error != ErrorCode::NONE) {
    // Unknown there: nothing to close. Else the next full fetch closes what there is.
    if (error == ErrorCode::FETCH_SESSION_ID_NOT_FOUND) session_id_ = kNoFetchSession;
    epoch_ = kFetchEpochInitial;
    return false;
  }
  if (session_id == kNoFetchSession) {
    session_id_ = kNoFetchSession;
    epoch_ = kFetchEpochInitial;
    return true;
  }
  session_id_ = session_id;
  epoch_ = next_fetch_epoch(epoch_);
  return true;
}

void FetchSessionClient::lost() { epoch_ = kFetchEpochInitial; }

}  // namespace ksim::broker
