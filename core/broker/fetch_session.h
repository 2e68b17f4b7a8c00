#pragma once
// Incremental fetch sessions (KIP-227, rules D25-D27): the broker remembers which partitions a fetcher asks
// for, so that a request names only changes and a response only news. Pure: time and dice come in.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "core/base/error.h"
#include "core/base/units.h"
#include "core/base/uuid.h"
#include "core/io/random.h"

namespace ksim::broker {

constexpr int32_t kNoFetchSession = 0;
constexpr int32_t kFetchEpochInitial = 0;  // a full fetch that asks for a session
constexpr int32_t kFetchEpochFinal = -1;   // a full fetch without one

// 1, 2, ..., 2^31-1, 1, ...
int32_t next_fetch_epoch(int32_t epoch);

// Requests from version 13 on name topics by id and leave `topic` empty, older ones the other way round.
struct FetchKey {
  Uuid topic_id;
  std::string topic;
  int32_t partition = 0;

  bool operator==(const FetchKey& other) const {
    return partition == other.partition && topic_id == other.topic_id && topic == other.topic;
  }
  bool operator<(const FetchKey& other) const {
    return std::tie(topic_id, topic, partition) < std::tie(other.topic_id, other.topic, other.partition);
  }
};

// What one partition of a Fetch request asks for; negative epochs of the wire are absent here.
struct FetchAsk {
  int64_t fetch_offset = 0;
  int64_t log_start_offset = -1;  // of the fetching replica; -1 for consumers
  int32_t max_bytes = 0;
  std::optional<int32_t> current_leader_epoch;
  std::optional<int32_t> last_fetched_epoch;
};

struct FetchItem {
  FetchKey key;
  FetchAsk ask;
};

// What decides whether the answer for a partition is news to the fetcher.
struct FetchNews {
  bool has_records = false;
  bool diverging = false;
  bool preferred_replica = false;
  ErrorCode error = ErrorCode::NONE;
  int64_t high_watermark = -1;
  int64_t log_start_offset = -1;
};

class FetchSession {
 public:
  struct Cached {
    FetchItem item;
    int64_t high_watermark = -1;
    int64_t log_start_offset = -1;  // last told to the fetcher
  };

  FetchSession(int32_t id, bool privileged, bool uses_topic_ids, Instant created)
      : id_(id), privileged_(privileged), uses_topic_ids_(uses_topic_ids), created_(created) {}

  int32_t id() const { return id_; }
  int32_t epoch() const { return epoch_; }  // that of the next request
  bool privileged() const { return privileged_; }
  bool uses_topic_ids() const { return uses_topic_ids_; }
  size_t size() const { return order_.size(); }
  std::vector<FetchItem> items() const;  // in the order in which they are to be read

 private:
  friend class FetchSessionCache;
  friend class FetchContext;
  void put(const FetchItem& item);
  bool remove(const FetchKey& key);
  // Whether this answer must be sent; remembers it, and moves a partition that had data to the end, so that
  // all get their turn under the response's size limit.
  bool take_news(const FetchKey& key, const FetchNews& news);

  int32_t id_;
  int32_t epoch_ = 1;
  bool privileged_;  // a follower's: consumers' sessions never push it out
  bool uses_topic_ids_;
  Instant created_;
  Instant last_used_;
  size_t cached_size_ = 0;  // as the cache's keys know it
  std::list<Cached> order_;
  std::map<FetchKey, std::list<Cached>::iterator> index_;
};

class FetchSessionCache;

// One Fetch request as the session sees it.
class FetchContext {
 public:
  enum class Kind : uint8_t { error, sessionless, full, incremental };

  Kind kind() const { return kind_; }
  ErrorCode error() const { return error_; }  // answer with it and without partitions
  // All partitions to read, in order: those of the request, or of the whole session.
  std::span<const FetchItem> items() const { return items_; }

  struct Outcome {
    ErrorCode error = ErrorCode::NONE;
    int32_t session_id = kNoFetchSession;
    std::vector<bool> include;  // which of items() to send
  };
  // When the answers, one for each item in order, are known. Once.
  Outcome finish(std::span<const FetchNews> answers, Instant now);

 private:
  friend class FetchSessionCache;
  Kind kind_ = Kind::sessionless;
  ErrorCode error_ = ErrorCode::NONE;
  std::vector<FetchItem> items_;
  FetchSessionCache* cache_ = nullptr;
  std::shared_ptr<FetchSession> session_;  // keeps an evicted one alive until its last answer
  int32_t expected_epoch_ = 0;
  bool from_follower_ = false;
  bool uses_topic_ids_ = false;
};

struct FetchSessionRequest {
  int32_t session_id = kNoFetchSession;
  int32_t session_epoch = kFetchEpochFinal;
  bool from_follower = false;
  bool uses_topic_ids = false;
  std::span<const FetchItem> items;
  std::span<const FetchKey> forgotten;
};

// The sessions of the connections of one shard. Ids of different shards differ, so that a client whose new
// connection comes to another shard is told that its session is unknown and never gets somebody else's.
class FetchSessionCache {
 public:
  // `slots` is this shard's share of max.incremental.fetch.session.cache.slots.
  FetchSessionCache(Random& random, size_t shard, size_t shard_count, size_t slots,
                    Duration eviction_age = seconds(120));

  FetchContext begin(const FetchSessionRequest& request, Instant now);

  // Drops a session; its client is told at its next request.
  void forget(int32_t id) { remove(id); }

  size_t size() const { return sessions_.size(); }
  size_t partitions() const { return partitions_; }
  uint64_t evictions() const { return evictions_; }
  std::shared_ptr<FetchSession> find(int32_t id) const;
  void assert_invariants() const;

 private:
  friend class FetchContext;
  using LastUsed = std::pair<Instant, int32_t>;
  using Worth = std::tuple<bool, size_t, int32_t>;  // privileged, partitions, id: the least goes first

  FetchContext begin_incremental(const FetchSessionRequest& request, Instant now);
  // The id of a new session with these partitions, or kNoFetchSession where there is no slot for it.
  int32_t create(bool privileged, bool uses_topic_ids, std::span<const FetchItem> items,
                 std::span<const FetchNews> answers, Instant now);
  bool make_room(bool privileged, size_t partitions, Instant now);
  void touch(FetchSession& session, Instant now);
  void remove(int32_t id);
  int32_t new_id();
  static Worth worth(const FetchSession& session) {
    return {session.privileged_, session.cached_size_, session.id_};
  }

  Dice dice_;
  int32_t first_id_;
  int32_t id_count_;
  size_t slots_;
  Duration eviction_age_;
  std::map<int32_t, std::shared_ptr<FetchSession>> sessions_;
  std::set<LastUsed> last_used_;
  std::set<Worth> evictable_by_all_;
  std::set<Worth> evictable_by_privileged_;
  size_t partitions_ = 0;
  uint64_t evictions_ = 0;
};

}  // namespace ksim::broker
