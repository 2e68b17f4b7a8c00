#pragma once
// The fetcher's side of a fetch session (KIP-227): what a request must say, given what the last one said.
// Pure.

#include <map>
#include <optional>
#include <vector>

#include "core/broker/fetch_session.h"

namespace ksim::broker {

class FetchSessionClient {
 public:
  struct Request {
    int32_t session_id = kNoFetchSession;
    int32_t session_epoch = kFetchEpochInitial;
    std::vector<FetchItem>
        items;  // all, or the changed ones, in the order of keys, beginning behind `served`
    std::vector<FetchKey> forgotten;
    bool full() const { return session_epoch == kFetchEpochInitial; }
  };

  // The request that asks for `wanted`. One at a time; then answered() or lost(). A broker fills its answer
  // in the order of the request, and a session then goes on behind who has had something; without a session
  // that is for the request to do, or those behind one that always has more would starve: it begins behind
  // `served`, which was the last one to bring records.
  Request next(const std::map<FetchKey, FetchAsk>& wanted, const std::optional<FetchKey>& served = {});
  // The top-level error and session id of the response. False: nothing in it may be used.
  bool answered(ErrorCode error, int32_t session_id);
  // No response: the broker may or may not have moved on.
  void lost();

  int32_t session_id() const { return session_id_; }

 private:
  int32_t session_id_ = kNoFetchSession;
  int32_t epoch_ = kFetchEpochInitial;  // of the next request
  std::map<FetchKey, FetchAsk> held_;   // what the broker's session holds
};

}  // namespace ksim::broker
