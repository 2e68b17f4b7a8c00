#include "sim/workloads/raw_reader.h"

#include <fmt/format.h>

#include "core/wire/messages/list_offsets.h"
#include "core/wire/messages/offset_for_leader_epoch.h"

namespace ksim::sim {
namespace {

constexpr int64_t kLatest = -1;
constexpr int64_t kEarliest = -2;
constexpr int32_t kNobody = 4'711;          // no broker has this id
constexpr int16_t kTopicIdsFrom = 13;       // versions of Fetch
constexpr int16_t kFollowersSince = 11;     // consumers may read from followers
constexpr Duration kSettled = seconds(20);  // longer than any registration takes
constexpr Duration kShortBracket = milliseconds(50);

}  // namespace

void RawReader::act() {
  for (int32_t broker : wire_.named()) static_cast<void>(is_settled(broker));
  switch (wire_.dice().below(10)) {
    case 0:
    case 1:
    case 2:
      return forged_epoch();
    case 3:
      return follower_reads();
    case 4:
      return out_of_range();
    case 5:
      return false_follower();
    case 6:
      return unknown_names();
    case 7:
      return sessions();
    case 8:
      return odd_queries();
    default:
      return wire_.dice().below(2) == 0 ? honest_read() : honest_latest();
  }
}

std::optional<RawReader::Where> RawReader::pick(bool leader) {
  if (!wire_.learn()) return std::nullopt;
  const auto partitions = static_cast<uint64_t>(wire_.topic().partitions);
  auto target = wire_.target(static_cast<int32_t>(wire_.dice().below(partitions)));
  if (!target) return std::nullopt;
  int32_t broker = target->leader;
  if (!leader) broker = target->replicas[wire_.dice().below(target->replicas.size())];
  rpc::RpcConnection* const link = wire_.broker(broker);
  if (link == nullptr) return std::nullopt;
  const ErrorCode standing = broker == target->leader ? ErrorCode::NONE : ErrorCode::NOT_LEADER_OR_FOLLOWER;
  return Where{*link, std::move(*target), broker, standing};
}

// ---- requests ----

std::optional<rpc::Reply<wire::FetchResponse>> RawReader::send_fetch(const Where& where, const Ask& ask) {
  wire::FetchPartition partition;
  partition.partition = where.target.partition;
  partition.current_leader_epoch = ask.current_leader_epoch;
  partition.last_fetched_epoch = ask.last_fetched_epoch;
  partition.fetch_offset = ask.offset;
  partition.partition_max_bytes = ask.max_bytes;
  wire::FetchTopic topic;
  topic.topic = ask.topic.empty() ? std::string_view(wire_.topic().name) : ask.topic;
  topic.topic_id = ask.topic_id.value_or(wire_.topic_id());
  topic.partitions = std::span(&partition, 1);
  wire::FetchRequest request;
  if (ask.version >= 15) {
    request.replica_state.replica_id = ask.replica_id;
    request.replica_state.replica_epoch = ask.replica_epoch;
  } else {
    request.replica_id = ask.replica_id;
  }
  request.max_wait_ms = 0;
  request.max_bytes = 1 << 20;
  request.session_id = ask.session_id;
  request.session_epoch = ask.session_epoch;
  request.topics = std::span(&topic, 1);
  return wire_.ask(where.link, request, ask.version);
}

std::optional<RawReader::Answer> RawReader::fetch(const Where& where, const Ask& ask) {
  const auto reply = send_fetch(where, ask);
  if (!reply) return std::nullopt;
  Answer answer;
  answer.error = error_code_of((*reply)->error_code);
  answer.value = (*reply)->session_id;
  if (answer.error == ErrorCode::NONE && !(*reply)->responses.empty() &&
      !(*reply)->responses[0].partitions.empty())
    answer.error = error_code_of((*reply)->responses[0].partitions[0].error_code);
  return answer;
}

std::optional<RawReader::Answer> RawReader::list_offsets(const Where& where, int32_t epoch, int64_t timestamp,
                                                         bool twice) {
  wire::ListOffsetsPartition partitions[2];
  for (auto& partition : partitions) {
    partition.partition_index = where.target.partition;
    partition.current_leader_epoch = epoch;
    partition.timestamp = timestamp;
  }
  wire::ListOffsetsTopic topic;
  topic.name = wire_.topic().name;
  topic.partitions = std::span(partitions, twice ? 2U : 1U);
  wire::ListOffsetsRequest request;
  request.replica_id = -1;
  request.topics = std::span(&topic, 1);
  const auto reply = wire_.ask(where.link, request, wire_.any_version<wire::ListOffsetsRequest>(5));
  if (!reply || (*reply)->topics.empty() || (*reply)->topics[0].partitions.empty()) return std::nullopt;
  const auto& answer = (*reply)->topics[0].partitions[0];
  return Answer{error_code_of(answer.error_code), answer.offset, answer.leader_epoch};
}

std::optional<RawReader::Answer> RawReader::epoch_end(const Where& where, int32_t current_epoch,
                                                      int32_t epoch) {
  wire::OffsetForLeaderPartition partition;
  partition.partition = where.target.partition;
  partition.current_leader_epoch = current_epoch;
  partition.leader_epoch = epoch;
  wire::OffsetForLeaderTopic topic;
  topic.topic = wire_.topic().name;
  topic.partitions = std::span(&partition, 1);
  wire::OffsetForLeaderEpochRequest request;
  request.replica_id = -1;
  request.topics = std::span(&topic, 1);
  const auto reply = wire_.ask(where.link, request, wire_.any_version<wire::OffsetForLeaderEpochRequest>(3));
  if (!reply || (*reply)->topics.empty() || (*reply)->topics[0].partitions.empty()) return std::nullopt;
  const auto& answer = (*reply)->topics[0].partitions[0];
  return Answer{error_code_of(answer.error_code), answer.end_offset, answer.leader_epoch};
}

// `send` returns the answer to the forged request, if there was one.
template <class Send>
void RawReader::expect(const Where& where, std::string text, std::string_view rule,
                       std::vector<ErrorCode> permitted, Send send, std::optional<int64_t> offset) {
  ForgedRequest forged =
      wire_.forgery(where.target, where.broker, std::move(text), rule, std::move(permitted));
  forged.permitted_offset = offset;
  static_cast<void>(
      wire_.in_epoch(where.link, where.target, where.standing, std::move(forged), [&](ForgedRequest& fact) {
        const std::optional<Answer> answer = send();
        if (!answer) return false;
        fact.answer = answer->error;
        fact.offset = answer->value;
        return true;
      }));
}

// ---- forgeries ----

// Rules D31 and D58: the epoch comes first, also at a broker that does not lead.
void RawReader::forged_epoch() {
  const auto where = pick(wire_.dice().below(3) != 0);
  if (!where) return;
  const int32_t now = where->target.epoch;
  const uint64_t kind = wire_.dice().below(3);
  int32_t epoch = -1;
  std::string_view word = "no";
  ErrorCode right = where->standing;
  if (kind == 0 && now > 0) {
    epoch = static_cast<int32_t>(wire_.dice().below(static_cast<uint64_t>(now)));
    word = "an older";
    right = ErrorCode::FENCED_LEADER_EPOCH;
  } else if (kind == 1) {
    epoch = now + 1 + static_cast<int32_t>(wire_.dice().below(5));
    word = "a newer";
    right = ErrorCode::UNKNOWN_LEADER_EPOCH;
  }
  const auto text = [&](std::string_view api) { return fmt::format("{} with {} leader epoch", api, word); };
  std::vector<ErrorCode> permitted{right};
  switch (wire_.dice().below(3)) {
    case 0:
      return expect(*where, text("ListOffsets"), "D31", std::move(permitted),
                    [&] { return list_offsets(*where, epoch, kEarliest, false); });
    case 1:
      return expect(*where, text("OffsetForLeaderEpoch"), "D58", std::move(permitted),
                    [&] { return epoch_end(*where, epoch, 0); });
    default: {
      if (epoch < 0 && where->standing != ErrorCode::NONE) return;  // it may be read from
      Ask ask;
      ask.current_leader_epoch = epoch;
      ask.version = wire_.any_version<wire::FetchRequest>(9);
      if (epoch < 0) permitted.push_back(ErrorCode::OFFSET_OUT_OF_RANGE);  // where the log starts above 0
      return expect(*where, text("Fetch"), "D31", std::move(permitted), [&] { return fetch(*where, ask); });
    }
  }
}

// Before version 11 only leaders are read from.
void RawReader::follower_reads() {
  const auto where = pick(false);
  if (!where || where->standing == ErrorCode::NONE) return;
  Ask ask;
  ask.version = wire_.any_version<wire::FetchRequest>(9, kFollowersSince - 1);
  ask.current_leader_epoch = wire_.dice().below(2) == 0 ? where->target.epoch : -1;
  expect(*where, "an old consumer's Fetch at a follower", "D31", {ErrorCode::NOT_LEADER_OR_FOLLOWER},
         [&] { return fetch(*where, ask); });
}

void RawReader::out_of_range() {
  const auto where = pick(true);
  if (!where) return;
  Ask ask;
  ask.current_leader_epoch = where->target.epoch;
  ask.version = wire_.any_version<wire::FetchRequest>(12);
  std::string_view text = "Fetch far beyond the log's end";
  std::string_view rule = "D28";
  switch (wire_.dice().below(3)) {
    case 0:
      ask.offset = int64_t{1} << 40;
      break;
    case 1:
      ask.offset = -5;
      text = "Fetch of a negative offset";
      break;
    default:
      ask.last_fetched_epoch = where->target.epoch + 3;
      text = "Fetch that claims to have read an epoch to come";
      rule = "D32";
  }
  expect(*where, std::string(text), rule, {ErrorCode::OFFSET_OUT_OF_RANGE},
         [&] { return fetch(*where, ask); });
}

bool RawReader::is_settled(int32_t broker) {
  const ClusterView& view = wire_.state().observer.view();
  if (!view.has_node(broker)) return false;
  const uint32_t incarnation = view.node(broker).incarnation;
  const Instant now = wire_.state().world.now();
  const auto [known, fresh] = known_.try_emplace(broker, Known{incarnation, now});
  if (known->second.incarnation != incarnation) known->second = {incarnation, now};
  return !fresh && now - known->second.since > kSettled && view.node(broker).up;
}

// Fetches in the name of a follower (rule D40). It never claims the epoch that the follower really has: such
// a forgery is believed, and only authorization keeps it out.
void RawReader::false_follower() {
  const auto where = pick(true);
  if (!where) return;
  Ask ask;
  if (wire_.dice().below(2) == 0) {
    const bool names_epoch = wire_.dice().below(2) == 0;
    ask.replica_id = kNobody;
    ask.version = wire_.any_version<wire::FetchRequest>(9);
    if (names_epoch) ask.current_leader_epoch = where->target.epoch;
    return expect(*where, "Fetch of a follower that is no replica", "D40",
                  {names_epoch ? ErrorCode::UNKNOWN_LEADER_EPOCH : ErrorCode::NOT_LEADER_OR_FOLLOWER},
                  [&] { return fetch(*where, ask); });
  }
  const int32_t replica = where->target.replicas[wire_.dice().below(where->target.replicas.size())];
  if (replica == where->target.leader || !is_settled(replica)) return;
  ask.replica_id = replica;
  ask.replica_epoch = 0;  // no registration is the metadata log's first record
  ask.version = wire_.any_version<wire::FetchRequest>(15);
  ask.current_leader_epoch = where->target.epoch;
  const Instant began = wire_.state().world.now();
  // Fenced brokers have no epoch to compare with.
  const auto stands = [&] {
    return wire_.leads(where->link, where->target) == ErrorCode::NONE && wire_.learn_from(where->link) &&
           wire_.is_named(replica);
  };
  if (!stands()) return;
  const auto answer = fetch(*where, ask);
  if (!answer || !stands() || !is_settled(replica)) return;
  if (wire_.state().world.now() - began > kShortBracket) return;
  ForgedRequest forged =
      wire_.forgery(where->target, where->broker, fmt::format("Fetch as broker {} of a past epoch", replica),
                    "D40", {ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::OFFSET_OUT_OF_RANGE});
  forged.answer = answer->error;
  wire_.judge(std::move(forged));
}

void RawReader::unknown_names() {
  const auto where = pick(true);
  if (!where) return;
  Ask ask;
  if (wire_.dice().below(2) == 0) {
    ask.topic_id = wire_.dice().uuid();
    ask.version = wire_.any_version<wire::FetchRequest>(kTopicIdsFrom);
    return expect(*where, "Fetch of an unknown topic id", "D60", {ErrorCode::UNKNOWN_TOPIC_ID},
                  [&] { return fetch(*where, ask); });
  }
  ask.topic = "no-such-topic";
  ask.version = wire_.any_version<wire::FetchRequest>(wire::FetchRequest::kMinVersion, kTopicIdsFrom - 1);
  expect(*where, "Fetch of an unknown topic", "D60", {ErrorCode::UNKNOWN_TOPIC_OR_PARTITION},
         [&] { return fetch(*where, ask); });
}

// Rule D25. Sessions belong to the connection's broker, whatever it leads.
void RawReader::sessions() {
  const auto where = pick(wire_.dice().below(2) == 0);
  if (!where) return;
  const auto session = [&](int32_t id, int32_t epoch, int16_t version, std::string_view text,
                           std::optional<ErrorCode> right) -> std::optional<Answer> {
    Ask ask;
    ask.session_id = id;
    ask.session_epoch = epoch;
    ask.version = version;
    const auto reply = send_fetch(*where, ask);
    if (!reply) return std::nullopt;
    const Answer answer{error_code_of((*reply)->error_code), (*reply)->session_id, -1};
    if (right) {  // a session may be gone at any time (rule D27)
      ForgedRequest forged = wire_.forgery(where->target, where->broker, std::string(text), "D25",
                                           {*right, ErrorCode::FETCH_SESSION_ID_NOT_FOUND});
      forged.answer = answer.error;
      wire_.judge(std::move(forged));
    }
    return answer;
  };
  const int16_t by_id = wire_.any_version<wire::FetchRequest>(kTopicIdsFrom);
  const int16_t by_name = wire_.any_version<wire::FetchRequest>(7, kTopicIdsFrom - 1);
  if (!session(INT32_MAX, 3, by_id, "Fetch in a session that is not there",
               ErrorCode::FETCH_SESSION_ID_NOT_FOUND))
    return;
  const auto begun = session(0, 0, by_id, "", std::nullopt);
  if (!begun || begun->error != ErrorCode::NONE || begun->value == 0) return;
  const auto id = static_cast<int32_t>(begun->value);
  const auto is = [](const std::optional<Answer>& answer, ErrorCode error) {
    return answer && answer->error == error;
  };
  if (!is(session(id, 5, by_id, "Fetch with a skipped session epoch", ErrorCode::INVALID_FETCH_SESSION_EPOCH),
          ErrorCode::INVALID_FETCH_SESSION_EPOCH))
    return;
  if (!is(session(id, 1, by_name, "Fetch by name in a session of topic ids",
                  ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR),
          ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR))
    return;
  if (!is(session(id, 1, by_id, "Fetch with the next session epoch", ErrorCode::NONE), ErrorCode::NONE))
    return;
  static_cast<void>(
      session(id, 1, by_id, "Fetch with a repeated session epoch", ErrorCode::INVALID_FETCH_SESSION_EPOCH));
  static_cast<void>(session(id, -1, by_id, "", std::nullopt));
}

void RawReader::odd_queries() {
  const auto where = pick(true);
  if (!where) return;
  if (wire_.dice().below(2) == 0) {
    return expect(*where, "ListOffsets that names a partition twice", "D57", {ErrorCode::INVALID_REQUEST},
                  [&] { return list_offsets(*where, where->target.epoch, kEarliest, true); });
  }
  expect(
      *where, "OffsetForLeaderEpoch of an epoch to come", "D58", {ErrorCode::NONE},
      [&] { return epoch_end(*where, where->target.epoch, where->target.epoch + 3); }, -1);
}

// ---- what a good client could ask as well: other checkers judge it ----

void RawReader::honest_read() {
  const auto where = pick(true);
  if (!where) return;
  const auto end = list_offsets(*where, -1, kLatest, false);
  if (!end || end->error != ErrorCode::NONE) return;
  Ask ask;
  ask.offset = static_cast<int64_t>(wire_.dice().below(static_cast<uint64_t>(end->value) + 1));
  ask.version = wire_.any_version<wire::FetchRequest>();
  RunObserver& observer = wire_.state().observer;
  const PartitionId id = wire_.partition_id(where->target.partition);
  const int64_t call = observer.on_call_invoked(wire_.client(), "poll", to_string(observer.names().name(id)),
                                                wire_.state().world.now(), reader_);
  const auto reply = send_fetch(*where, ask);
  const bool answered = reply && !(*reply)->responses.empty() && !(*reply)->responses[0].partitions.empty();
  const ErrorCode error = !answered ? ErrorCode::NETWORK_EXCEPTION
                                    : error_code_of((*reply)->responses[0].partitions[0].error_code);
  observer.on_call_completed(call, wire_.state().world.now(),
                             error == ErrorCode::NONE ? Outcome::ok : Outcome::failed, error, ask.offset);
  if (error != ErrorCode::NONE) return;
  const wire::FetchResponsePartitionData& data = (*reply)->responses[0].partitions[0];
  observer.on_position({reader_, id, ask.offset, "seek", wire_.state().world.now()});
  BatchCursor batches(data.records.bytes);
  BatchView batch;
  for (auto whole = batches.next(batch); whole.ok() && *whole; whole = batches.next(batch)) {
    // A leader does not look into what it serves: every reader does, and stops in front of damage.
    if (!batch.check().ok()) return;
    RecordCursor records(batch);
    RecordView record;
    for (auto more = records.next(record); more.ok() && *more; more = records.next(record)) {
      if (record.offset < ask.offset || batch.is_control()) continue;
      Consumed fact{reader_, id, record.offset, batch.leader_epoch(), 0, 0, wire_.state().world.now(), -1};
      if (record.value && record.value->size() >= sizeof(RecordId))
        fact.record = load_be<uint64_t>(record.value->data());
      fact.content_hash = content_hash(record.key, record.value, record.headers);
      fact.timestamp_ms = record.timestamp_ms;
      observer.on_consumed(fact);
    }
  }
}

void RawReader::honest_latest() {
  const auto where = pick(true);
  if (!where) return;
  const Instant asked = wire_.state().world.now();
  const PartitionId id = wire_.partition_id(where->target.partition);
  RunObserver& observer = wire_.state().observer;
  const int64_t call =
      observer.on_call_invoked(wire_.client(), "list_offsets", to_string(observer.names().name(id)), asked);
  const auto end = list_offsets(*where, where->target.epoch, kLatest, false);
  const bool known = end && end->error == ErrorCode::NONE;
  observer.on_call_completed(call, wire_.state().world.now(), known ? Outcome::ok : Outcome::failed,
                             end ? end->error : ErrorCode::NETWORK_EXCEPTION, known ? end->value : -1);
  if (!known) return;
  // A leader that is deposed and does not know it answers as it did before; nobody can blame it.
  const PartitionTruth* truth = observer.view().partition(id);
  if (truth == nullptr || truth->claim.leader_epoch != where->target.epoch) return;
  observer.on_latest({reader_, id, end->value, asked, wire_.state().world.now()});
}

}  // namespace ksim::sim
