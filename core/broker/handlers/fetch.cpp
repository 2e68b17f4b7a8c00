// Fetch, of consumers and of followers (rules D25-D36).

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"
#include "core/broker/topic_metrics.h"

namespace ksim::broker {
namespace {

struct FetchAnswer {
  ErrorCode error = ErrorCode::NONE;  // found before any log was asked
  ReadResult read;
};

// In a fetch any epoch below 0 is one that is not there.
std::optional<int32_t> fetch_epoch_of(int32_t epoch) { return epoch_of(std::max(epoch, -1)); }

std::vector<FetchItem> items_of(const wire::FetchRequest& request, bool topic_ids) {
  std::vector<FetchItem> items;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      FetchItem& item = items.emplace_back();
      item.key.partition = partition.partition;
      if (topic_ids) {
        item.key.topic_id = topic.topic_id;
      } else {
        item.key.topic = topic.topic;
      }
      item.ask.fetch_offset = partition.fetch_offset;
      item.ask.log_start_offset = partition.log_start_offset;
      item.ask.max_bytes = partition.partition_max_bytes;
      item.ask.current_leader_epoch = fetch_epoch_of(partition.current_leader_epoch);
      item.ask.last_fetched_epoch = fetch_epoch_of(partition.last_fetched_epoch);
    }
  }
  return items;
}

std::vector<FetchKey> forgotten_of(const wire::FetchRequest& request, bool topic_ids) {
  std::vector<FetchKey> keys;
  for (const auto& topic : request.forgotten_topics_data) {
    for (int32_t partition : topic.partitions) {
      keys.push_back(topic_ids ? FetchKey{topic.topic_id, {}, partition}
                               : FetchKey{kZeroUuid, std::string(topic.topic), partition});
    }
  }
  return keys;
}

ReadParams params_of(const wire::FetchRequest& request, int16_t version) {
  ReadParams params;
  params.replica_id = version >= 15 ? request.replica_state.replica_id : request.replica_id;
  if (version >= 15) params.replica_epoch = request.replica_state.replica_epoch;
  if (params.is_follower()) {
    params.isolation = storage::FetchIsolation::log_end;
  } else if (request.isolation_level == 1) {
    params.isolation = storage::FetchIsolation::txn_committed;
  }
  // From version 11 on consumers name their rack and may read from followers.
  params.leader_only = params.is_follower() || version < 11;
  return params;
}

// Answers for all items of the session, in order.
std::vector<FetchAnswer> read_items(BrokerContext& context, const MetadataImage& image,
                                    const wire::FetchRequest& request, int16_t version,
                                    std::span<const FetchItem> items) {
  std::vector<FetchAnswer> answers(items.size());
  FetchRequestParts parts;
  parts.params = params_of(request, version);
  std::vector<size_t> places;
  for (size_t i = 0; i < items.size(); ++i) {
    const FetchKey& name = items[i].key;
    const auto key = version >= 13 ? find_partition(context, image, name.topic_id, name.partition)
                                   : find_partition(context, image, name.topic, name.partition);
    if (!key.ok()) {
      answers[i].error = key.error();
      continue;
    }
    ReadItem& item = parts.items.emplace_back();
    item.key = *key;
    item.ask.fetch_offset = items[i].ask.fetch_offset;
    item.ask.log_start_offset = items[i].ask.log_start_offset;
    item.ask.current_leader_epoch = items[i].ask.current_leader_epoch;
    item.ask.last_fetched_epoch = items[i].ask.last_fetched_epoch;
    item.ask.max_bytes = static_cast<uint64_t>(std::max(0, items[i].ask.max_bytes));
    places.push_back(i);
  }
  const auto limit = parts.params.is_follower()
                         ? int64_t{request.max_bytes}
                         : std::min<int64_t>(request.max_bytes, context.server.integer("fetch.max.bytes"));
  parts.max_bytes = static_cast<uint64_t>(std::max<int64_t>(0, limit));
  parts.min_bytes = std::min(static_cast<uint64_t>(std::max(0, request.min_bytes)), parts.max_bytes);
  const bool refused = places.size() < items.size();  // an error is answered at once (rule D30)
  parts.max_wait = milliseconds(refused ? 0 : std::max(0, request.max_wait_ms));
  std::vector<ReadResult> results = context.shards.fetch(std::move(parts));
  for (size_t i = 0; i < results.size(); ++i) answers[places[i]].read = std::move(results[i]);
  return answers;
}

FetchNews news_of(const FetchAnswer& answer) {
  FetchNews news;
  const ReadOutcome& outcome = answer.read.outcome;
  news.error = answer.error != ErrorCode::NONE ? answer.error : outcome.error;
  if (news.error != ErrorCode::NONE) return news;
  news.has_records = outcome.data.size_bytes > 0;
  news.diverging = outcome.diverging.has_value();
  news.high_watermark = outcome.high_watermark;
  news.log_start_offset = outcome.log_start_offset;
  return news;
}

struct Writing {
  int16_t version;
  bool read_committed;
  wire::Arena arena;
  rpc::FileTable files;
  std::vector<int32_t> leaders;
};

void fill_partition(const FetchItem& item, FetchAnswer& answer, const FetchNews& news,
                    wire::FetchResponsePartitionData& data, Writing& writing) {
  ReadOutcome& outcome = answer.read.outcome;
  data.partition_index = item.key.partition;
  data.error_code = code(news.error);
  data.high_watermark = -1;
  if (news.error != ErrorCode::NONE) {
    if (answer.error == ErrorCode::NONE) data.aborted_transactions.reset();  // a log's answer, as Kafka's
    if (answer.read.leader.leader_id >= 0 && writing.version >= 16) {
      data.current_leader.leader_id = answer.read.leader.leader_id;
      data.current_leader.leader_epoch = answer.read.leader.leader_epoch;
      writing.leaders.push_back(answer.read.leader.leader_id);
    }
    return;
  }
  data.high_watermark = outcome.high_watermark;
  data.last_stable_offset = outcome.last_stable_offset;
  data.log_start_offset = outcome.log_start_offset;
  if (outcome.diverging) {
    data.diverging_epoch.epoch = outcome.diverging->epoch;
    data.diverging_epoch.end_offset = outcome.diverging->end_offset;
  }
  if (writing.read_committed) {
    const auto aborted = writing.arena.make_array<wire::AbortedTransaction>(outcome.data.aborted.size());
    for (size_t i = 0; i < aborted.size(); ++i) {
      aborted[i].producer_id = outcome.data.aborted[i].producer_id;
      aborted[i].first_offset = outcome.data.aborted[i].first_offset;
    }
    data.aborted_transactions = aborted;
  } else {
    data.aborted_transactions.reset();
  }
  if (outcome.data.size_bytes > 0) data.records = writing.files.add(std::move(outcome.data.slices));
}

// Partitions of one topic that follow each other stand under one topic entry.
void fill_topics(std::span<const FetchItem> items, std::vector<FetchAnswer>& answers,
                 const std::vector<FetchNews>& news, const std::vector<size_t>& sent,
                 wire::FetchResponse& response, Writing& writing) {
  const auto same_topic = [&](size_t a, size_t b) {
    return items[a].key.topic_id == items[b].key.topic_id && items[a].key.topic == items[b].key.topic;
  };
  std::vector<std::pair<size_t, size_t>> runs;  // of `sent`: first, length
  for (size_t i = 0; i < sent.size(); ++i) {
    if (i > 0 && same_topic(sent[i - 1], sent[i])) {
      ++runs.back().second;
    } else {
      runs.emplace_back(i, 1);
    }
  }
  response.responses = writing.arena.make_array<wire::FetchableTopicResponse>(runs.size());
  for (size_t r = 0; r < runs.size(); ++r) {
    const auto [first, length] = runs[r];
    wire::FetchableTopicResponse& topic = response.responses[r];
    topic.topic = items[sent[first]].key.topic;
    topic.topic_id = items[sent[first]].key.topic_id;
    topic.partitions = writing.arena.make_array<wire::FetchResponsePartitionData>(length);
    for (size_t i = 0; i < length; ++i) {
      const size_t place = sent[first + i];
      fill_partition(items[place], answers[place], news[place], topic.partitions[i], writing);
    }
  }
}

void count(BrokerContext& context, const MetadataImage& image, const ReadParams& params,
           std::span<const FetchItem> items, const std::vector<FetchAnswer>& answers,
           const std::vector<FetchNews>& news) {
  for (size_t i = 0; i < answers.size(); ++i) {
    const uint64_t size_bytes = answers[i].read.outcome.data.size_bytes;
    if (params.is_follower()) {
      context.topic_metrics.replication_bytes_out += size_bytes;
      continue;
    }
    const FetchKey& key = items[i].key;
    const TopicRef topic = key.topic.empty() ? image.topic(key.topic_id) : image.topic(key.topic);
    if (topic == nullptr) continue;
    TopicCounts& counts = context.topic_metrics.of(topic->name);
    ++counts.fetch_requests;
    counts.bytes_out += size_bytes;
    if (news[i].error != ErrorCode::NONE) ++counts.failed_fetches;
  }
}

}  // namespace

void handle_fetch(BrokerContext& context, const wire::FetchRequest& request, IncomingRequest& incoming,
                  ResponseSlot slot) {
  const int16_t version = incoming.context.version;
  const bool topic_ids = version >= 13;
  const std::vector<FetchItem> items = items_of(request, topic_ids);
  const std::vector<FetchKey> forgotten = forgotten_of(request, topic_ids);
  FetchSessionRequest session;
  session.session_id = request.session_id;
  session.session_epoch = request.session_epoch;
  session.from_follower = params_of(request, version).is_follower();
  session.uses_topic_ids = topic_ids;
  session.items = items;
  session.forgotten = forgotten;
  if (context.env.buggify(Site::fetch_session_forgotten, 5))
    context.fetch_sessions.forget(request.session_id);
  FetchContext fetch = context.fetch_sessions.begin(session, context.env.now());

  wire::FetchResponse response;
  std::vector<FetchAnswer> answers;
  std::vector<FetchNews> news;
  const MetadataImageRef image = context.image();
  if (fetch.error() == ErrorCode::NONE) {
    answers = read_items(context, *image, request, version, fetch.items());
    for (const FetchAnswer& answer : answers) news.push_back(news_of(answer));
    count(context, *image, params_of(request, version), fetch.items(), answers, news);
  }
  const FetchContext::Outcome outcome = fetch.finish(news, context.env.now());
  response.error_code = code(outcome.error);
  response.session_id = outcome.session_id;
  std::vector<size_t> sent;
  for (size_t i = 0; i < outcome.include.size(); ++i) {
    if (outcome.include[i]) sent.push_back(i);
  }
  Writing writing{version, request.isolation_level == 1, {}, {}, {}};
  fill_topics(fetch.items(), answers, news, sent, response, writing);
  if (version >= 16 && !session.from_follower) {
    response.node_endpoints = leader_endpoints<wire::FetchResponseNodeEndpoint>(
        *image, incoming.context.connection->listener, writing.leaders, writing.arena);
  }
  slot.respond(response, std::move(writing.files));
}

}  // namespace ksim::broker
