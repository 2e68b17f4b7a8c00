#pragma once
// The half of a raw driver that reads: fetches, offset queries and epoch queries with forged leader epochs,
// sessions, topic ids, positions and replica ids. Rules D25 to D36, D40, D57, D58.

#include "core/wire/messages/fetch.h"
#include "sim/workloads/raw_wire.h"

namespace ksim::sim {

class RawReader {
 public:
  // `reader` is its number among the consumers of the run.
  RawReader(RawWire& wire, uint32_t reader) : wire_(wire), reader_(reader) {}
  void act();

 private:
  struct Ask {  // a fetch of one partition
    int32_t current_leader_epoch = -1;
    int32_t last_fetched_epoch = -1;
    int64_t offset = 0;
    int32_t replica_id = -1;
    int64_t replica_epoch = -1;
    int32_t session_id = 0;
    int32_t session_epoch = -1;
    std::optional<Uuid> topic_id;  // another one than the topic's
    std::string_view topic;        // another one than the topic's
    int32_t max_bytes = 4'096;
    int16_t version = wire::FetchRequest::kMaxVersion;
  };
  struct Answer {
    ErrorCode error = ErrorCode::NONE;  // of the partition, or of the whole
    int64_t value = -1;                 // an offset; of a fetch the session
    int32_t epoch = -1;
  };
  struct Where {
    rpc::RpcConnection& link;
    RawTarget target;
    int32_t broker;
    ErrorCode standing;  // what that broker says of leading: NONE or NOT_LEADER_OR_FOLLOWER
  };

  std::optional<Where> pick(bool leader);
  std::optional<rpc::Reply<wire::FetchResponse>> send_fetch(const Where& where, const Ask& ask);
  std::optional<Answer> fetch(const Where& where, const Ask& ask);
  std::optional<Answer> list_offsets(const Where& where, int32_t epoch, int64_t timestamp, bool twice);
  std::optional<Answer> epoch_end(const Where& where, int32_t current_epoch, int32_t epoch);
  template <class Send>
  void expect(const Where& where, std::string text, std::string_view rule, std::vector<ErrorCode> permitted,
              Send send, std::optional<int64_t> offset = {});

  void forged_epoch();
  void follower_reads();
  void out_of_range();
  void false_follower();
  void unknown_names();
  void sessions();
  void odd_queries();
  void honest_read();
  void honest_latest();

  // Whether a broker has been the same incarnation for long, so that its registration is settled.
  bool is_settled(int32_t broker);

  struct Known {
    uint32_t incarnation = 0;
    Instant since;
  };
  RawWire& wire_;
  uint32_t reader_;
  std::map<int32_t, Known> known_;
};

}  // namespace ksim::sim
