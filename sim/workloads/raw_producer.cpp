#include "sim/workloads/raw_producer.h"

#include <algorithm>

#include "core/record/builder.h"
#include "core/wire/messages/init_producer_id.h"

namespace ksim::sim {
namespace {

constexpr int32_t kTimeoutMs = 3'000;
constexpr size_t kRemembered = 8;  // batches; brokers remember five (rule D15)
constexpr uint32_t kMostAttempts = 60;

}  // namespace

RawProducer::RawProducer(RawWire& wire) : wire_(wire), forger_session_(wire.state().next_session++) {
  // Its records are to be nowhere, so there is no order to hold them to.
  wire_.state().observer.on_session({forger_session_, wire_.client(), -1, false, 5});
  for (int32_t p = 0; p < wire_.topic().partitions; ++p) lanes_.emplace_back().partition = p;
}

void RawProducer::act() {
  Lane& lane = lanes_[wire_.dice().below(lanes_.size())];
  static_cast<void>(given_up_after_loss(lane));
  if (lane.producer_id == kNoProducerId && !begin_producer(lane)) return;
  const uint64_t choice = wire_.dice().below(100);
  if (lane.open || lane.acknowledged.empty() || choice < 40) return send_next(lane);
  if (choice < 44) {
    static_cast<void>(begin_epoch(lane));
  } else if (choice < 46) {
    lane.producer_id = kNoProducerId;
  } else {
    forge(lane);
  }
}

// A leader may remember less than it has acknowledged: nothing is certain of the next sequence then.
bool RawProducer::given_up_after_loss(Lane& lane, int32_t epoch) {
  const uint64_t losses = losses_of(lane);
  if (losses == lane.losses && !forgotten(lane) && !replaced(lane, epoch)) return false;
  lane.losses = losses;
  if (lane.open) give_up(lane);
  lane.producer_id = kNoProducerId;
  return true;
}

const PartitionTruth* RawProducer::truth_of(const Lane& lane) {
  return wire_.state().observer.view().partition(wire_.partition_id(lane.partition));
}

uint64_t RawProducer::losses_of(const Lane& lane) {
  const PartitionTruth* truth = truth_of(lane);
  return truth == nullptr ? 0 : truth->unclean.size() + truth->destroyed.size();
}

// A replica has come whose log begins above the oldest batch that a broker would remember.
bool RawProducer::forgotten(const Lane& lane) {
  const PartitionTruth* truth = truth_of(lane);
  return truth != nullptr && !lane.acknowledged.empty() &&
         lane.acknowledged.front().offset < truth->forgotten_below;
}

// An unclean election has replaced who acknowledged the last batch, so that whoever leads in `epoch` need not
// have it. A loss that was counted before tells nothing of it: who was replaced may not have heard of that,
// and acknowledge on.
bool RawProducer::replaced(const Lane& lane, int32_t epoch) {
  const PartitionTruth* truth = truth_of(lane);
  if (truth == nullptr || lane.acknowledged.empty()) return false;
  const int32_t acknowledged_in = lane.acknowledged.back().leader_epoch;
  return std::any_of(truth->unclean.begin(), truth->unclean.end(), [&](const UncleanElection& unclean) {
    return acknowledged_in < unclean.leader_epoch && unclean.leader_epoch <= epoch;
  });
}

int64_t RawProducer::log_start(const Lane& lane, int32_t broker) {
  const PartitionTruth* truth = truth_of(lane);
  if (truth == nullptr) return 0;
  const auto start = truth->start.find(broker);
  return start == truth->start.end() ? 0 : start->second;
}

void RawProducer::finish() {
  for (Lane& lane : lanes_) {
    if (lane.open) settle(*lane.open, Outcome::unknown, ErrorCode::NETWORK_EXCEPTION, -1);
    lane.open.reset();
  }
}

// An id from the cluster, or one that nobody gave out: a broker takes any sequence of a producer that it does
// not know (rule D15), also one that soon begins again at 0.
bool RawProducer::begin_producer(Lane& lane) {
  lane.former_epoch = kNoProducerEpoch;
  if (wire_.dice().below(3) == 0) {
    lane.producer_id =
        (int64_t{1} << 40) + int64_t{wire_.number()} * 1'000'000 + static_cast<int64_t>(++invented_ids_);
    lane.epoch = static_cast<int16_t>(wire_.dice().below(100));
    begin_session(lane);
    lane.next_sequence =
        wire_.dice().below(2) == 0 ? INT32_MAX - 2 : static_cast<int32_t>(wire_.dice().below(1'000));
    return true;
  }
  if (!wire_.learn()) return false;
  const std::vector<int32_t> brokers = wire_.named();
  if (brokers.empty()) return false;
  rpc::RpcConnection* const link = wire_.broker(brokers[wire_.dice().below(brokers.size())]);
  if (link == nullptr) return false;
  wire::InitProducerIdRequest request;
  request.transactional_id.reset();
  request.transaction_timeout_ms = INT32_MAX;
  const auto reply = wire_.ask(*link, request, wire::InitProducerIdRequest::kMaxVersion);
  if (!reply || (*reply)->error_code != 0) return false;
  lane.producer_id = (*reply)->producer_id;
  lane.epoch = (*reply)->producer_epoch;
  begin_session(lane);
  return true;
}

bool RawProducer::begin_epoch(Lane& lane) {
  if (lane.epoch == INT16_MAX) return false;
  lane.former_epoch = lane.epoch++;
  begin_session(lane);
  return true;
}

void RawProducer::begin_session(Lane& lane) {
  lane.session = wire_.state().next_session++;
  lane.sent = 0;
  lane.next_sequence = 0;
  lane.attempts = 0;
  lane.acknowledged.clear();
  wire_.state().observer.on_session({lane.session, wire_.client(), -1, true, 1});
}

// A leader of which it is known what it may have lost.
std::optional<RawProducer::Where> RawProducer::leader_of(Lane& lane) {
  if (!wire_.learn()) return std::nullopt;
  auto target = wire_.target(lane.partition);
  if (!target) return std::nullopt;
  rpc::RpcConnection* const link = wire_.broker(target->leader);
  if (link == nullptr) return std::nullopt;
  // To find it took its time; and whether it was elected uncleanly the controller may have to say yet.
  const PartitionTruth* truth = truth_of(lane);
  if (truth != nullptr && target->epoch > truth->claim.leader_epoch) return std::nullopt;
  if (given_up_after_loss(lane, target->epoch)) return std::nullopt;
  const int32_t leader = target->leader;
  return Where{*link, std::move(*target), leader};
}

int64_t RawProducer::wall_ms() {
  const int64_t now_ms = wire_.env().clock.wall().ms();
  newest_ms_ = std::max(newest_ms_, now_ms);
  return now_ms;
}

ByteBuffer RawProducer::build(const Lane& lane, int16_t epoch, int32_t first_sequence,
                              const std::vector<RecordId>& ids, int64_t timestamp_ms) const {
  BatchOptions options;
  options.producer_id = lane.producer_id;
  options.producer_epoch = epoch;
  options.base_sequence = first_sequence;
  BatchBuilder builder(options);
  for (RecordId id : ids) {
    uint8_t value[sizeof(RecordId) + 8] = {};
    store_be(value, id);
    builder.append({timestamp_ms, std::nullopt, Bytes(value), {}});
  }
  return builder.build();
}

std::optional<RawProducer::Answer> RawProducer::produce(rpc::RpcConnection& link, std::string_view topic,
                                                        int32_t partition, Bytes records, int16_t acks) {
  wire::PartitionProduceData data;
  data.index = partition;
  data.records.bytes = records;
  data.records.is_null = records.empty();
  wire::TopicProduceData of_topic;
  of_topic.name = topic;
  of_topic.partition_data = std::span(&data, 1);
  wire::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = kTimeoutMs;
  request.topic_data = std::span(&of_topic, 1);
  const auto reply = wire_.ask(link, request, wire_.any_version<wire::ProduceRequest>());
  if (!reply || (*reply)->responses.empty() || (*reply)->responses[0].partition_responses.empty())
    return std::nullopt;
  const wire::PartitionProduceResponse& answer = (*reply)->responses[0].partition_responses[0];
  return Answer{error_code_of(answer.error_code), answer.base_offset, answer.current_leader.leader_id,
                answer.current_leader.leader_epoch};
}

// ---- good batches ----

void RawProducer::send_next(Lane& lane) {
  const auto where = leader_of(lane);
  if (!where) return;
  if (!lane.open) {
    Batch batch;
    batch.first_sequence = lane.next_sequence;
    const size_t count = 1 + wire_.dice().below(3);
    for (size_t i = 0; i < count; ++i) {
      const RecordId id = make_record_id(lane.session, ++lane.sent);
      const SendOp op{lane.session,
                      wire_.partition_id(lane.partition),
                      id,
                      wire_.state().world.now(),
                      {},
                      Outcome::pending,
                      ErrorCode::NONE,
                      -1,
                      0,
                      -1};
      batch.ids.push_back(id);
      batch.ops.push_back(op);
      batch.numbers.push_back(wire_.state().send_invoked(wire_.client(), op));
    }
    batch.bytes = build(lane, lane.epoch, batch.first_sequence, batch.ids, wall_ms());
    lane.open = std::move(batch);
    lane.attempts = 0;
  }
  push(lane, *where);
}

// Sends the open batch, as often as it takes.
void RawProducer::push(Lane& lane, const Where& where) {
  std::optional<Answer> answer;
  ForgedRequest fact =
      wire_.forgery(where.target, where.broker, "a batch whose sequence is the next", "D15",
                    {ErrorCode::NONE, ErrorCode::NOT_ENOUGH_REPLICAS,
                     ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, ErrorCode::REQUEST_TIMED_OUT});
  fact.newest_ms = newest_ms_;
  const bool judged = wire_.in_epoch(where.link, where.target, ErrorCode::NONE, fact, [&](ForgedRequest& f) {
    answer = produce(where.link, wire_.topic().name, lane.partition, lane.open->bytes);
    if (answer) f.answer = answer->error;
    return answer.has_value();
  });
  const bool refused = answer && !is_retriable(answer->error) && answer->error != ErrorCode::NONE;
  if (answer && answer->error == ErrorCode::NONE) {
    settle(*lane.open, Outcome::ok, ErrorCode::NONE, answer->offset);
    lane.open->leader_epoch = where.target.epoch;
    lane.next_sequence = add_sequence(lane.next_sequence, static_cast<int32_t>(lane.open->ids.size()));
    lane.acknowledged.push_back(std::move(*lane.open));
    if (lane.acknowledged.size() > kRemembered) lane.acknowledged.pop_front();
    lane.open.reset();
  } else if (++lane.attempts > kMostAttempts || (judged && refused)) {
    give_up(lane);
  }
}

void RawProducer::settle(Batch& batch, Outcome outcome, ErrorCode error, int64_t offset) {
  batch.offset = offset;
  for (size_t i = 0; i < batch.ops.size(); ++i) {
    SendOp& op = batch.ops[i];
    op.completed = wire_.state().world.now();
    op.outcome = outcome;
    op.error = error;
    op.offset = offset < 0 ? -1 : offset + static_cast<int64_t>(i);
    wire_.state().send_completed(wire_.client(), batch.numbers[i], op);
  }
}

void RawProducer::give_up(Lane& lane) {
  settle(*lane.open, Outcome::unknown, ErrorCode::REQUEST_TIMED_OUT, -1);
  lane.open.reset();
  lane.producer_id = kNoProducerId;
}

}  // namespace ksim::sim
