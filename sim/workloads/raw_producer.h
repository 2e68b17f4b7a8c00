#pragma once
// The half of a raw driver that produces. For each partition it is an idempotent producer of its own, whose
// good batches it repeats until they are acknowledged; between them it sends what no good producer sends:
// repeated, skipped and old sequences, batches of a former epoch, spoilt batches. Rules D7 to D16.

#include <deque>

#include "sim/workloads/raw_wire.h"

namespace ksim::sim {

class RawProducer {
 public:
  explicit RawProducer(RawWire& wire);
  // One deed; it may be that nothing could be done.
  void act();
  // What is open ends as unknown.
  void finish();

 private:
  struct Batch {
    int32_t first_sequence = 0;
    std::vector<RecordId> ids;
    std::vector<SendOp> ops;
    std::vector<int64_t> numbers;  // of the ops at the observer
    ByteBuffer bytes;
    int64_t offset = -1;
    int32_t leader_epoch = -1;  // in which it was acknowledged, or an earlier one
  };
  // A producer of one partition. A new epoch, or a new producer id, is a new session.
  struct Lane {
    int32_t partition = 0;
    int64_t producer_id = kNoProducerId;
    int16_t epoch = 0;
    uint32_t session = 0;
    uint64_t sent = 0;
    int32_t next_sequence = 0;
    int16_t former_epoch = kNoProducerEpoch;  // of the same id
    std::deque<Batch> acknowledged;           // of this epoch, oldest first
    std::optional<Batch> open;                // sent, and nobody knows what became of it
    uint32_t attempts = 0;
    uint64_t losses = 0;  // that its partition has suffered
  };
  // What a broker said of one batch.
  struct Answer {
    ErrorCode error = ErrorCode::NONE;
    int64_t offset = -1;
    int32_t leader = -1;  // the hint of rule D23
    int32_t leader_epoch = -1;
  };
  struct Where {
    rpc::RpcConnection& link;
    RawTarget target;
    int32_t broker;
  };
  enum class Forgery : uint8_t {
    repeat,
    repeat_after_reconnect,
    other_contents,
    skipped,
    too_old,
    longer,
    former_epoch,
    epoch_leap,
    spoilt_crc,
    base_offset,
    control,
    no_sequence,
    append_time,
    far_future,
    two_batches,
    nothing,
    odd_acks,
    transactional,
    unknown_partition,
    unknown_topic,
    not_the_leader,
    unanswered,
    count_,
  };

  bool begin_producer(Lane& lane);
  bool begin_epoch(Lane& lane);
  void begin_session(Lane& lane);
  std::optional<Where> leader_of(Lane& lane);
  ByteBuffer build(const Lane& lane, int16_t epoch, int32_t first_sequence, const std::vector<RecordId>& ids,
                   int64_t timestamp_ms) const;
  int64_t wall_ms();
  std::optional<Answer> produce(rpc::RpcConnection& link, std::string_view topic, int32_t partition,
                                Bytes records, int16_t acks = -1);

  // ---- good batches ----
  void send_next(Lane& lane);
  void push(Lane& lane, const Where& where);
  void settle(Batch& batch, Outcome outcome, ErrorCode error, int64_t offset);
  void give_up(Lane& lane);
  // `epoch`: of the leader that is to be asked.
  bool given_up_after_loss(Lane& lane, int32_t epoch = -1);
  const PartitionTruth* truth_of(const Lane& lane);
  uint64_t losses_of(const Lane& lane);
  bool forgotten(const Lane& lane);
  bool replaced(const Lane& lane, int32_t epoch);
  int64_t log_start(const Lane& lane, int32_t broker);  // of the broker's replica

  // ---- forged ones ----
  void forge(Lane& lane);
  void repeat(Lane& lane, const Where& where, bool reconnect);
  void refused_sequence(Lane& lane, const Where& where, Forgery kind);
  void spoilt(Lane& lane, const Where& where, Forgery kind);
  void elsewhere(Lane& lane, const Where& where, Forgery kind);
  void not_the_leader(Lane& lane, const Where& where);
  void unanswered(Lane& lane, const Where& where);
  // New ids of records that must not be written.
  std::vector<RecordId> forged_ids(size_t count);
  // Sends a batch of forged records and has the answer judged. `is_fresh`: they were not sent before.
  void try_forged(const Lane& lane, const Where& where, const std::vector<RecordId>& ids, ByteBuffer bytes,
                  int16_t acks, ForgedRequest forged);

  RawWire& wire_;
  std::vector<Lane> lanes_;
  uint32_t forger_session_ = 0;
  uint64_t forged_records_ = 0;
  uint64_t invented_ids_ = 0;
  int64_t newest_ms_ = 0;  // the latest time that its records stated, but for those that state a false one
};

}  // namespace ksim::sim
