#pragma once
// Followers: one fiber for each (leader, fetcher) of a shard, which fetches what this shard's replicas lack
// from that leader and brings it to their logs (rules D48-D56, W17-W19).

#include <map>
#include <memory>
#include <string>

#include "core/broker/fetch_session_client.h"
#include "core/broker/partition.h"
#include "core/broker/replica_manager.h"
#include "core/io/scope.h"
#include "core/rpc/connection.h"
#include "core/wire/messages/fetch.h"

namespace ksim::broker {

struct FetcherOptions {
  int32_t own_id = -1;
  int32_t fetchers = 1;                   // num.replica.fetchers, for each shard
  Duration wait_max = milliseconds(500);  // replica.fetch.wait.max.ms
  int32_t min_bytes = 1;                  // replica.fetch.min.bytes
  int32_t max_bytes = 1 << 20;            // replica.fetch.max.bytes, a partition
  int32_t response_max_bytes = 10 << 20;  // replica.fetch.response.max.bytes
  Duration backoff = milliseconds(1000);  // replica.fetch.backoff.ms
  Duration socket_timeout = seconds(30);  // replica.socket.timeout.ms
  std::string listener;                   // inter.broker.listener.name
};

class ReplicaFetcher {
 public:
  ReplicaFetcher(const Env& env, const FetcherOptions& options, Endpoint leader,
                 const int64_t& own_broker_epoch, uint64_t& bytes_in);

  void start(uint64_t entity);
  // None waits.
  void add(const std::shared_ptr<Partition>& partition);
  void remove(const PartitionKey& key);
  // For good, of one that follows nothing: it waits for its leader no longer. A write is still brought to its
  // end.
  void retire();
  void cancel() { scope_.cancel(); }
  void join() { scope_.join(); }  // waits
  bool ended() const { return scope_.empty(); }
  size_t size() const { return followed_.size(); }
  // Records that the leader has and this broker lacks, at the last answers; of the partition with most.
  int64_t max_lag() const;

 private:
  struct Followed {
    std::shared_ptr<Partition> partition;
    int32_t leader_epoch = -1;
    Instant ready_at;          // after an error
    Duration refused_for{0};   // how long it was put off when the leader last refused; 0: it did not
    bool parked = false;       // fenced: until the next leader epoch (rule D54)
    bool start_known = false;  // the leader was asked where its log starts
    int64_t lag = 0;
  };
  using Wanted = std::map<FetchKey, FetchAsk>;
  // While it lives the fiber waits for the leader, and for nothing else.
  class Asking {
   public:
    explicit Asking(bool& asking) : asking_(asking) { asking_ = true; }
    ~Asking() { asking_ = false; }

   private:
    bool& asking_;
  };

  void loop();
  // What a replica appended while it led may wait for a flush that flush.messages asks for (Kafka's leader
  // flushes before it can become a follower). To fetch on from its end tells the new leader that it is kept.
  void settle(const std::vector<PartitionKey>& unsettled);
  // A blank log must not be fetched to before it begins where its leader's does: a fetch tells the leader
  // that all below is there.
  void find_starts(const std::vector<PartitionKey>& blank);
  void find_start(const PartitionKey& key);
  template <class Request>
  auto call(const Request& request, Duration patience);
  // What can be fetched now; the instant at which there may be more, if there is nothing; and what must not
  // be fetched before the leader was asked where it starts, or before a flush.
  Wanted wanted(Instant& next, std::vector<PartitionKey>& blank, std::vector<PartitionKey>& unsettled);
  void fetch(const Wanted& wanted);
  bool connect();
  wire::FetchRequest make_request(const FetchSessionClient::Request& session, int16_t version,
                                  wire::Arena& arena) const;
  void take(const wire::FetchResponse& response, const Wanted& wanted);
  void take_partition(const FetchKey& key, const FetchAsk& ask, const wire::FetchResponsePartitionData& data);
  Result<void> append(Partition& partition, const FetchAsk& ask,
                      const wire::FetchResponsePartitionData& data);
  void out_of_range(const std::shared_ptr<Partition>& partition, const FetchAsk& ask);
  Result<int64_t> leader_offset(const Partition& partition, int32_t leader_epoch, int64_t timestamp);
  void delay(const PartitionKey& key);
  // The leader may not have heard yet that it leads: it is asked again soon at first.
  void delay_refused(Followed& followed);
  void delay_all();

  const Env& env_;
  const FetcherOptions& options_;
  Endpoint leader_;
  const int64_t& own_broker_epoch_;
  uint64_t& bytes_in_;
  std::map<PartitionKey, Followed> followed_;
  std::optional<FetchKey> served_;  // the last partition that brought records
  FetchSessionClient session_;
  std::unique_ptr<rpc::RpcConnection> connection_;
  bool asking_ = false;
  bool retired_ = false;
  Condition changed_;
  Scope scope_;
};

// All fetchers of a shard.
class ReplicaFetchers final : public FollowerFetching {
 public:
  ReplicaFetchers(const Env& env, FetcherOptions options) : env_(env), options_(std::move(options)) {}

  void stop();  // waits
  void set_broker_epoch(int64_t epoch) { broker_epoch_ = epoch; }

  void follow(const std::shared_ptr<Partition>& partition, const BrokerRegistration& leader) override;
  void unfollow(const PartitionKey& key) override;
  void end_idle() override;
  uint64_t bytes_in() const { return bytes_in_; }
  int64_t max_lag() const;

 private:
  struct Place {
    int32_t leader_id = -1;
    uint64_t index = 0;
    Endpoint endpoint;
    bool operator<(const Place& other) const {
      return std::tie(leader_id, index, endpoint) < std::tie(other.leader_id, other.index, other.endpoint);
    }
    bool operator==(const Place& other) const {
      return leader_id == other.leader_id && index == other.index && endpoint == other.endpoint;
    }
  };

  const Env& env_;
  FetcherOptions options_;
  int64_t broker_epoch_ = kUnknownBrokerEpoch;
  uint64_t bytes_in_ = 0;
  std::map<Place, std::unique_ptr<ReplicaFetcher>> fetchers_;
  std::vector<std::unique_ptr<ReplicaFetcher>> retired_;  // until their fibers have ended
  std::map<PartitionKey, Place> places_;
};

}  // namespace ksim::broker
