// The batches that no good producer sends.

#include <algorithm>
#include <limits>

#include "sim/workloads/raw_producer.h"

namespace ksim::sim {
namespace {

constexpr size_t kBrokersRemember = 5;  // batches of a producer (rule D15)
constexpr int64_t kThreeDaysMs = 3 * 24 * 3'600'000LL;

void seal(ByteBuffer& batch) {
  store_be(batch.data() + BatchLayout::crc, BatchView(Bytes(batch)).computed_crc());
}
void set_attribute(ByteBuffer& batch, int16_t bit) {
  const int16_t attributes = BatchView(Bytes(batch)).attributes();
  store_be(batch.data() + BatchLayout::attributes, static_cast<int16_t>(attributes | bit));
  seal(batch);
}

}  // namespace

std::vector<RecordId> RawProducer::forged_ids(size_t count) {
  std::vector<RecordId> ids;
  for (size_t i = 0; i < count; ++i) ids.push_back(make_record_id(forger_session_, ++forged_records_));
  return ids;
}

void RawProducer::forge(Lane& lane) {
  const auto kind = static_cast<Forgery>(wire_.dice().below(static_cast<uint64_t>(Forgery::count_)));
  const auto where = leader_of(lane);
  if (!where) return;
  switch (kind) {
    case Forgery::repeat:
    case Forgery::repeat_after_reconnect:
      return repeat(lane, *where, kind == Forgery::repeat_after_reconnect);
    case Forgery::other_contents:
    case Forgery::skipped:
    case Forgery::too_old:
    case Forgery::longer:
    case Forgery::former_epoch:
    case Forgery::epoch_leap:
      return refused_sequence(lane, *where, kind);
    case Forgery::unknown_partition:
    case Forgery::unknown_topic:
      return elsewhere(lane, *where, kind);
    case Forgery::not_the_leader:
      return not_the_leader(lane, *where);
    case Forgery::unanswered:
      return unanswered(lane, *where);
    default:
      return spoilt(lane, *where, kind);
  }
}

void RawProducer::try_forged(const Lane& lane, const Where& where, const std::vector<RecordId>& ids,
                             ByteBuffer bytes, int16_t acks, ForgedRequest forged) {
  std::vector<SendOp> ops;
  std::vector<int64_t> numbers;
  for (RecordId id : ids) {
    ops.push_back({forger_session_,
                   wire_.partition_id(lane.partition),
                   id,
                   wire_.state().world.now(),
                   {},
                   Outcome::pending,
                   ErrorCode::NONE,
                   -1});
    numbers.push_back(wire_.state().send_invoked(wire_.client(), ops.back()));
  }
  forged.newest_ms = newest_ms_;
  std::optional<Answer> answer;
  bool sent = false;
  const bool judged =
      wire_.in_epoch(where.link, where.target, ErrorCode::NONE, forged, [&](ForgedRequest& fact) {
        sent = true;
        answer = produce(where.link, wire_.topic().name, lane.partition, bytes, acks);
        if (!answer) return false;
        fact.answer = answer->error;
        fact.offset = answer->offset;
        return true;
      });
  Outcome outcome = sent ? Outcome::unknown : Outcome::failed;
  int64_t offset = -1;
  if (answer && answer->error == ErrorCode::NONE) {
    // Taken for the repetition of another batch, it is not written, but by a later leader that lacks that
    // one.
    if (!forged.permitted_offset) {
      outcome = Outcome::ok;
      offset = answer->offset;
    } else if (judged) {
      outcome = Outcome::failed;
    }
  } else if (answer &&
             (answer->error == ErrorCode::NOT_ENOUGH_REPLICAS || answer->error == forged.permitted.front())) {
    outcome = Outcome::failed;
  }
  for (size_t i = 0; i < ops.size(); ++i) {
    ops[i].completed = wire_.state().world.now();
    ops[i].outcome = outcome;
    if (answer) ops[i].error = answer->error;
    if (offset >= 0) ops[i].offset = offset + static_cast<int64_t>(i);
    wire_.state().send_completed(wire_.client(), numbers[i], ops[i]);
  }
}

// A batch that the broker remembers is acknowledged where it stands, and not written again (rule D15a). Who
// was started since then, or has cut its log, knows the last one from a snapshot, and others from the log
// alone.
void RawProducer::repeat(Lane& lane, const Where& where, bool reconnect) {
  const size_t back = wire_.dice().below(std::min(lane.acknowledged.size(), kBrokersRemember));
  const Batch& batch = lane.acknowledged[lane.acknowledged.size() - 1 - back];
  rpc::RpcConnection* link = &where.link;
  if (reconnect) {
    wire_.hang_up(where.broker);
    link = wire_.broker(where.broker);
    if (link == nullptr || given_up_after_loss(lane, where.target.epoch)) return;
  }
  ForgedRequest forged =
      wire_.forgery(where.target, where.broker,
                    reconnect ? "a repeated batch on a new connection" : "a repeated batch", "D15a",
                    {ErrorCode::NONE, ErrorCode::NOT_ENOUGH_REPLICAS,
                     ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, ErrorCode::REQUEST_TIMED_OUT});
  forged.permitted_offset = batch.offset;
  forged.newest_ms = newest_ms_;
  std::optional<Answer> answer;
  const bool judged = wire_.in_epoch(*link, where.target, ErrorCode::NONE, forged, [&](ForgedRequest& fact) {
    answer = produce(*link, wire_.topic().name, lane.partition, batch.bytes);
    if (!answer) return false;
    if (back > 0 && batch.offset < log_start(lane, where.broker))
      fact.permitted.push_back(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    fact.answer = answer->error;
    fact.offset = answer->offset;
    return true;
  });
  // Whoever answered: with acks=all a success means that offset and no other, if nothing was lost meanwhile.
  if (judged || !answer || answer->error != ErrorCode::NONE) return;
  if (given_up_after_loss(lane, std::numeric_limits<int32_t>::max())) return;
  forged.answer = ErrorCode::NONE;
  forged.offset = answer->offset;
  wire_.judge(std::move(forged));
}

void RawProducer::refused_sequence(Lane& lane, const Where& where, Forgery kind) {
  const Batch& last = lane.acknowledged.back();
  const auto out_of_order = [&](std::string text) {
    return wire_.forgery(where.target, where.broker, std::move(text), "D15",
                         {ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode::NOT_ENOUGH_REPLICAS});
  };
  const auto send = [&](size_t count, int16_t epoch, int32_t first_sequence, ForgedRequest forged) {
    const std::vector<RecordId> ids = forged_ids(count);
    try_forged(lane, where, ids, build(lane, epoch, first_sequence, ids, wall_ms()), -1, std::move(forged));
  };
  switch (kind) {
    case Forgery::other_contents: {
      ForgedRequest forged =
          wire_.forgery(where.target, where.broker, "a repeated sequence with other records", "D15a",
                        {ErrorCode::NONE, ErrorCode::NOT_ENOUGH_REPLICAS,
                         ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, ErrorCode::REQUEST_TIMED_OUT});
      forged.permitted_offset = last.offset;
      return send(last.ids.size(), lane.epoch, last.first_sequence, std::move(forged));
    }
    case Forgery::skipped: {
      const int32_t gap = 1 + static_cast<int32_t>(wire_.dice().below(1'000));
      return send(1, lane.epoch, add_sequence(lane.next_sequence, gap), out_of_order("a skipped sequence"));
    }
    case Forgery::too_old: {
      if (lane.acknowledged.size() <= kBrokersRemember) return;
      const Batch& old = lane.acknowledged[lane.acknowledged.size() - 1 - kBrokersRemember];
      return send(old.ids.size(), lane.epoch, old.first_sequence,
                  out_of_order("the sequence of a batch that is no longer remembered"));
    }
    case Forgery::longer:
      return send(last.ids.size() + 1, lane.epoch, last.first_sequence,
                  out_of_order("a repeated sequence with one record more"));
    case Forgery::epoch_leap:
      if (lane.epoch > INT16_MAX - 3) return;
      return send(1, static_cast<int16_t>(lane.epoch + 3), 5,
                  out_of_order("a new producer epoch that does not begin at sequence 0"));
    default:
      if (lane.former_epoch == kNoProducerEpoch) return;
      return send(1, lane.former_epoch, lane.next_sequence,
                  wire_.forgery(where.target, where.broker, "a batch of a former producer epoch", "D15b",
                                {ErrorCode::INVALID_PRODUCER_EPOCH, ErrorCode::NOT_ENOUGH_REPLICAS}));
  }
}

// The broker gives records their time, and looks at no client's.
static bool appends_time(const TopicPlan& topic) {
  const auto type = topic.config.find("message.timestamp.type");
  return type != topic.config.end() && type->second == "LogAppendTime";
}

// Batches that are wrong in themselves (rules D7, D8, D11, D12). But for the fault they could be written.
void RawProducer::spoilt(Lane& lane, const Where& where, Forgery kind) {
  // With timestamps of its own a batch may claim append time: Apache Kafka looks at those.
  const int64_t timestamp = kind == Forgery::append_time
                                ? kNoTimestamp
                                : wall_ms() + (kind == Forgery::far_future ? kThreeDaysMs : 0);
  const std::vector<RecordId> ids = forged_ids(kind == Forgery::nothing ? 0 : 2);
  ByteBuffer bytes;
  if (!ids.empty()) bytes = build(lane, lane.epoch, lane.next_sequence, ids, timestamp);
  int16_t acks = -1;
  const auto demand = [&](std::string text, std::string_view rule, ErrorCode code) {
    return wire_.forgery(where.target, where.broker, std::move(text), rule,
                         {code, ErrorCode::NOT_ENOUGH_REPLICAS});
  };
  ForgedRequest forged;
  switch (kind) {
    case Forgery::spoilt_crc:
      bytes.back() ^= 0x40;
      forged = demand("a batch with a wrong checksum", "D11", ErrorCode::CORRUPT_MESSAGE);
      break;
    case Forgery::base_offset:
      store_be(bytes.data() + BatchLayout::base_offset, int64_t{7});
      forged = demand("a batch with a base offset", "D11", ErrorCode::INVALID_RECORD);
      break;
    case Forgery::control:
      set_attribute(bytes, BatchAttributes::control);
      forged = demand("a control batch", "D12", ErrorCode::INVALID_RECORD);
      break;
    case Forgery::no_sequence:
      store_be(bytes.data() + BatchLayout::base_sequence, kNoSequence);
      seal(bytes);
      forged = demand("a producer id without a sequence", "D12", ErrorCode::INVALID_RECORD);
      break;
    case Forgery::append_time:
      set_attribute(bytes, BatchAttributes::log_append_time);
      forged =
          demand("a batch without timestamps that claims append time", "D12", ErrorCode::INVALID_TIMESTAMP);
      break;
    case Forgery::far_future:
      if (appends_time(wire_.topic())) return;
      forged = demand("a record of the day after tomorrow", "D12", ErrorCode::INVALID_TIMESTAMP);
      break;
    case Forgery::two_batches: {
      const ByteBuffer once = bytes;
      bytes.insert(bytes.end(), once.begin(), once.end());
      forged = demand("two batches of one partition", "D7", ErrorCode::INVALID_RECORD);
      break;
    }
    case Forgery::odd_acks:
      acks = 2;
      forged = demand("acks=2", "D8", ErrorCode::INVALID_REQUIRED_ACKS);
      break;
    case Forgery::transactional:
      set_attribute(bytes, BatchAttributes::transactional);
      forged = demand("a transactional batch without a transactional id", "D7",
                      ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
      break;
    default:
      forged = demand("no batch at all", "D7", ErrorCode::INVALID_RECORD);
      break;
  }
  try_forged(lane, where, ids, std::move(bytes), acks, std::move(forged));
}

// Nothing of it can be written: there is no such partition.
void RawProducer::elsewhere(Lane& lane, const Where& where, Forgery kind) {
  const bool topic = kind == Forgery::unknown_topic;
  const ByteBuffer bytes = build(lane, lane.epoch, 0, forged_ids(1), wall_ms());
  ForgedRequest forged =
      wire_.forgery(where.target, where.broker, topic ? "a batch for no topic" : "a batch for no partition",
                    "D7", {ErrorCode::UNKNOWN_TOPIC_OR_PARTITION});
  static_cast<void>(
      wire_.in_epoch(where.link, where.target, ErrorCode::NONE, std::move(forged), [&](ForgedRequest& fact) {
        const auto answer =
            produce(where.link, topic ? "no-such-topic" : std::string_view(wire_.topic().name),
                    topic ? 0 : 9'999, bytes);
        if (answer) fact.answer = answer->error;
        return answer.has_value();
      }));
}

// Rules D10 and D23: a broker that follows says so, and who leads.
void RawProducer::not_the_leader(Lane& lane, const Where& where) {
  const int32_t broker = where.target.replicas[wire_.dice().below(where.target.replicas.size())];
  if (broker == where.target.leader) return;
  rpc::RpcConnection* const link = wire_.broker(broker);
  if (link == nullptr) return;
  // As what a good producer would send next: were it written here, it would be seen to be.
  const ByteBuffer bytes = build(lane, lane.epoch, lane.next_sequence, forged_ids(1), wall_ms());
  std::optional<Answer> answer;
  ForgedRequest forged = wire_.forgery(where.target, broker, "a batch for a partition that it does not lead",
                                       "D10", {ErrorCode::NOT_LEADER_OR_FOLLOWER});
  const bool judged = wire_.in_epoch(*link, where.target, ErrorCode::NOT_LEADER_OR_FOLLOWER,
                                     std::move(forged), [&](ForgedRequest& fact) {
                                       answer = produce(*link, wire_.topic().name, lane.partition, bytes);
                                       if (answer) fact.answer = answer->error;
                                       return answer.has_value();
                                     });
  if (!judged && (!answer || answer->error == ErrorCode::NONE)) {
    // It has come to lead meanwhile: the batch may be written, and what comes next is not known any more.
    if (lane.open) give_up(lane);
    lane.producer_id = kNoProducerId;
  }
  if (!judged || answer->leader_epoch != where.target.epoch) return;
  ForgedRequest hint =
      wire_.forgery(where.target, broker, "the leader named to a lost producer", "D23", {ErrorCode::NONE});
  hint.answer = ErrorCode::NONE;
  hint.permitted_offset = where.target.leader;
  hint.offset = answer->leader;
  wire_.judge(std::move(hint));
}

// With acks=0 an error ends the connection (rule D22).
void RawProducer::unanswered(Lane& lane, const Where& where) {
  wire_.hang_up(where.broker);
  rpc::RpcConnection* const link = wire_.broker(where.broker);
  if (link == nullptr || given_up_after_loss(lane, where.target.epoch)) return;
  if (wire_.leads(*link, where.target) != ErrorCode::NONE) return;
  const ByteBuffer bytes =
      build(lane, lane.epoch, add_sequence(lane.next_sequence, 77), forged_ids(1), wall_ms());
  wire::PartitionProduceData data;
  data.index = lane.partition;
  data.records.bytes = bytes;
  wire::TopicProduceData of_topic;
  of_topic.name = wire_.topic().name;
  of_topic.partition_data = std::span(&data, 1);
  wire::ProduceRequest request;
  request.acks = 0;
  request.timeout_ms = 1'000;
  request.topic_data = std::span(&of_topic, 1);
  if (!link->send_unanswered(request, wire_.env().after(seconds(5))).ok()) return;
  ForgedRequest forged =
      wire_.forgery(where.target, where.broker, "a skipped sequence with acks=0", "D22", {});
  forged.answer = wire_.leads(*link, where.target);
  wire_.judge(std::move(forged));
}

}  // namespace ksim::sim
