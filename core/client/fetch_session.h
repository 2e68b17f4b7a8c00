#pragma once
// A consumer's side of incremental fetch sessions with one broker (KIP-227; rules G43, D25). Pure.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/topic_partition.h"
#include "core/base/uuid.h"

namespace ksim::client {

// What is asked of one partition.
struct FetchTarget {
  Uuid topic_id;
  int64_t offset = 0;
  int32_t leader_epoch = -1;
  int32_t max_bytes = 0;

  bool operator==(const FetchTarget& other) const {
    return topic_id == other.topic_id && offset == other.offset && leader_epoch == other.leader_epoch &&
           max_bytes == other.max_bytes;
  }
};

class FetchSession {
 public:
  struct Asked {
    TopicPartition partition;
    FetchTarget target;
  };
  struct Forgotten {
    TopicPartition partition;
    Uuid topic_id;
  };
  struct Request {
    int32_t session_id = 0;
    int32_t session_epoch = 0;
    std::vector<Asked> to_send;  // everything in a full request, else what is new or different
    std::vector<Forgotten> to_forget;
  };

  // The next request for exactly these partitions, in this order.
  Request build(const std::vector<Asked>& wanted);

  // The response to the last request. False: it is not to be used. `partitions` are those it holds, with
  // names resolved; `unknown_topics` says that some could not be.
  bool handle(ErrorCode error, int32_t session_id, const std::set<TopicPartition>& partitions,
              bool unknown_topics, int32_t throttle_ms);
  // No response: the session is closed with the next request, which asks for a new one.
  void handle_failure() { next_epoch_ = kInitialEpoch; }
  // The request that ends the session on the broker; nothing if there is none.
  std::optional<Request> build_close() const;

  // What the session asks of the partition, as of the last request.
  const FetchTarget* target(const TopicPartition& partition) const;
  const std::string* topic_name(const Uuid& id) const;
  bool is_full_next() const { return next_epoch_ == kInitialEpoch; }

 private:
  static constexpr int32_t kNoSession = 0;
  static constexpr int32_t kInitialEpoch = 0;

  void start_over() {
    session_id_ = kNoSession;
    next_epoch_ = kInitialEpoch;
  }

  int32_t session_id_ = kNoSession;
  int32_t next_epoch_ = kInitialEpoch;
  std::map<TopicPartition, FetchTarget> partitions_;
  std::map<Uuid, std::string> names_;
};

}  // namespace ksim::client
