#include "core/client/fake_cluster.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace ksim::client::testing {

using rpc::IncomingRequest;
using rpc::ResponseSlot;

FakeCluster::FakeCluster(const Env& environment, size_t broker_count, std::string name)
    : env(environment), host(std::move(name)) {
  for (size_t i = 0; i < broker_count; ++i)
    brokers_.push_back(std::make_unique<FakeBroker>(*this, static_cast<int32_t>(i)));
}
FakeCluster::~FakeCluster() = default;

void FakeCluster::stop() {
  for (const auto& broker : brokers_) broker->server().stop();
}

Endpoint FakeCluster::endpoint(size_t broker) const { return brokers_[broker]->server().local(); }

rpc::HandlerTable& FakeCluster::handlers(size_t broker) { return brokers_[broker]->handlers(); }

FakeBroker::FakeBroker(FakeCluster& cluster, int32_t id) : cluster_(cluster), id_(id) {
  handlers_.on<wire::ApiVersionsRequest>(
      [this](const wire::ApiVersionsRequest&, IncomingRequest& request, ResponseSlot slot) {
        wire::ApiVersionsResponse response;
        response.api_keys = served_versions(handlers_, rpc::ListenerKind::broker, request.arena);
        slot.respond(response);
      });
  handlers_.on<wire::InitProducerIdRequest>(
      [this](const wire::InitProducerIdRequest&, IncomingRequest&, ResponseSlot slot) {
        wire::InitProducerIdResponse response;
        response.producer_id = cluster_.next_producer_id++;
        response.producer_epoch = 0;
        slot.respond(response);
      });
  handlers_.on<wire::MetadataRequest>(
      [this](const auto& m, IncomingRequest& in, ResponseSlot slot) { metadata(m, in, std::move(slot)); });
  handlers_.on<wire::ProduceRequest>(
      [this](const auto& m, IncomingRequest& in, ResponseSlot slot) { produce(m, in, std::move(slot)); });
  handlers_.on<wire::FetchRequest>(
      [this](const auto& m, IncomingRequest& in, ResponseSlot slot) { fetch(m, in, std::move(slot)); });
  handlers_.on<wire::ListOffsetsRequest>([this](const auto& m, IncomingRequest& in, ResponseSlot slot) {
    list_offsets(m, in, std::move(slot));
  });
  handlers_.on<wire::OffsetForLeaderEpochRequest>(
      [this](const auto& m, IncomingRequest& in, ResponseSlot slot) { epochs(m, in, std::move(slot)); });
  rpc::RpcServerConfig config;
  config.bind = {cluster.host, static_cast<uint16_t>(9092 + id)};
  server_ = std::make_unique<rpc::RpcServer>(cluster.env, config, handlers_);
  EXPECT_TRUE(server_->start().ok());
}

FakePartition* FakeBroker::find(int32_t index) {
  if (index < 0 || static_cast<size_t>(index) >= cluster_.partitions.size()) return nullptr;
  return &cluster_.partitions[static_cast<size_t>(index)];
}

void FakeBroker::metadata(const wire::MetadataRequest& request, IncomingRequest& in, ResponseSlot slot) {
  ++cluster_.metadata_requests;
  wire::MetadataResponse response;
  response.cluster_id = "fake";
  response.brokers = in.arena.make_array<wire::MetadataResponseBroker>(cluster_.brokers_.size());
  std::vector<Endpoint> endpoints;
  for (size_t i = 0; i < response.brokers.size(); ++i) endpoints.push_back(cluster_.endpoint(i));
  for (size_t i = 0; i < response.brokers.size(); ++i) {
    response.brokers[i].node_id = static_cast<int32_t>(i);
    response.brokers[i].host = endpoints[i].host;
    response.brokers[i].port = endpoints[i].port;
  }
  const auto asked = request.topics.value_or(std::span<wire::MetadataRequestTopic>{});
  response.topics = in.arena.make_array<wire::MetadataResponseTopic>(asked.size());
  for (size_t i = 0; i < asked.size(); ++i) {
    wire::MetadataResponseTopic& topic = response.topics[i];
    topic.name = asked[i].name;
    if (*asked[i].name != cluster_.topic) {
      topic.error_code = static_cast<int16_t>(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
      continue;
    }
    topic.topic_id = cluster_.topic_id;
    topic.partitions = in.arena.make_array<wire::MetadataResponsePartition>(cluster_.partitions.size());
    for (size_t p = 0; p < cluster_.partitions.size(); ++p) {
      topic.partitions[p].partition_index = static_cast<int32_t>(p);
      topic.partitions[p].leader_id = cluster_.partitions[p].leader;
      topic.partitions[p].leader_epoch = cluster_.partitions[p].epoch;
    }
  }
  slot.respond(response);
}

void FakeBroker::produce(const wire::ProduceRequest& request, IncomingRequest& in, ResponseSlot slot) {
  ++cluster_.produces;
  cluster_.produce_acks.push_back(request.acks);
  wire::ProduceResponse response;
  response.responses = in.arena.make_array<wire::TopicProduceResponse>(request.topic_data.size());
  bool lose = false;
  for (size_t t = 0; t < request.topic_data.size(); ++t) {
    const auto& data = request.topic_data[t].partition_data;
    response.responses[t].name = request.topic_data[t].name;
    response.responses[t].partition_responses =
        in.arena.make_array<wire::PartitionProduceResponse>(data.size());
    for (size_t p = 0; p < data.size(); ++p) {
      wire::PartitionProduceResponse& answer = response.responses[t].partition_responses[p];
      answer.index = data[p].index;
      FakePartition* const partition = find(data[p].index);
      ErrorCode error = cluster_.refuse_produce(data[p].index);
      if (partition == nullptr) error = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
      if (error == ErrorCode::NONE && partition->leader != id_) error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
      answer.error_code = static_cast<int16_t>(error);
      if (error == ErrorCode::NOT_LEADER_OR_FOLLOWER) {
        answer.current_leader = {partition->leader, partition->epoch};
      }
      if (error != ErrorCode::NONE) continue;
      const BatchView batch(data[p].records.bytes);
      EXPECT_TRUE(batch.check().ok());
      const auto verdict = partition->sequences.judge(batch, partition->end());
      answer.error_code = static_cast<int16_t>(verdict.error);
      if (verdict.error != ErrorCode::NONE) continue;
      answer.base_offset =
          verdict.duplicate_of >= 0 ? verdict.duplicate_of : partition->append(to_buffer(batch.bytes()));
      lose = lose || cluster_.lose_produce_answer(data[p].index);
    }
  }
  if (lose) return slot.close_connection("the test wants it");
  if (request.acks == 0) return slot.respond_nothing();
  slot.respond(response);
}

void FakeBroker::fetch(const wire::FetchRequest& request, IncomingRequest& in, ResponseSlot slot) {
  ++cluster_.fetches;
  wire::FetchResponse response;
  const bool full = request.session_epoch <= 0;
  if (full) {
    ++cluster_.full_fetches;
    session_ = {};
    if (request.session_epoch == 0) session_.id = next_session_++;
  } else if (request.session_id != session_.id || request.session_epoch != session_.epoch + 1) {
    response.error_code = static_cast<int16_t>(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    return slot.respond(response);
  } else {
    ++session_.epoch;
  }
  for (const wire::FetchTopic& topic : request.topics) {
    EXPECT_EQ(topic.topic_id, cluster_.topic_id);
    for (const wire::FetchPartition& partition : topic.partitions)
      session_.partitions[partition.partition] = partition;
  }
  for (const wire::ForgottenTopic& topic : request.forgotten_topics_data)
    for (const int32_t partition : topic.partitions) session_.partitions.erase(partition);
  response.session_id = session_.id;
  const Deadline deadline = cluster_.env.after(milliseconds(request.max_wait_ms));
  std::vector<wire::FetchResponsePartitionData> answers;
  std::vector<ByteBuffer> bodies(session_.partitions.size());
  for (;;) {
    answers.clear();
    bool found = full;
    for (const auto& [index, asked] : session_.partitions) {
      wire::FetchResponsePartitionData answer;
      answer.partition_index = index;
      FakePartition* const partition = find(index);
      ErrorCode error = cluster_.refuse_fetch(index);
      if (error == ErrorCode::NONE && partition->leader != id_) error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
      if (error == ErrorCode::NONE && asked.current_leader_epoch > partition->epoch)
        error = ErrorCode::UNKNOWN_LEADER_EPOCH;
      if (error == ErrorCode::NONE && asked.current_leader_epoch >= 0 &&
          asked.current_leader_epoch < partition->epoch)
        error = ErrorCode::FENCED_LEADER_EPOCH;
      if (error == ErrorCode::NONE &&
          (asked.fetch_offset < partition->log_start || asked.fetch_offset > partition->end()))
        error = ErrorCode::OFFSET_OUT_OF_RANGE;
      answer.error_code = static_cast<int16_t>(error);
      answer.high_watermark = partition->end();
      answer.last_stable_offset = partition->end();
      answer.log_start_offset = partition->log_start;
      ByteBuffer& body = bodies[answers.size()];
      body.clear();
      if (error == ErrorCode::NONE) {
        for (const ByteBuffer& batch : partition->batches) {
          if (BatchView(batch).last_offset() < asked.fetch_offset) continue;
          if (!body.empty() && body.size() + batch.size() > static_cast<size_t>(asked.partition_max_bytes))
            break;
          body.insert(body.end(), batch.begin(), batch.end());
        }
        answer.aborted_transactions = std::span<wire::AbortedTransaction>(partition->aborted);
      }
      answer.records.bytes = body;
      found = found || !body.empty() || error != ErrorCode::NONE;
      answers.push_back(answer);
    }
    if (found || cluster_.env.now() >= deadline) break;
    cluster_.env.sleep(milliseconds(10));
  }
  if (!full) {  // an incremental answer leaves out what has nothing to tell
    answers.erase(std::remove_if(answers.begin(), answers.end(),
                                 [](const auto& a) { return a.error_code == 0 && a.records.bytes.empty(); }),
                  answers.end());
  }
  if (!answers.empty()) {
    response.responses = in.arena.make_array<wire::FetchableTopicResponse>(1);
    response.responses[0].topic_id = cluster_.topic_id;
    response.responses[0].partitions = answers;
  }
  slot.respond(response);
}

void FakeBroker::list_offsets(const wire::ListOffsetsRequest& request, IncomingRequest& in,
                              ResponseSlot slot) {
  wire::ListOffsetsResponse response;
  response.topics = in.arena.make_array<wire::ListOffsetsTopicResponse>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& asked = request.topics[t].partitions;
    response.topics[t].name = request.topics[t].name;
    response.topics[t].partitions = in.arena.make_array<wire::ListOffsetsPartitionResponse>(asked.size());
    for (size_t p = 0; p < asked.size(); ++p) {
      wire::ListOffsetsPartitionResponse& answer = response.topics[t].partitions[p];
      answer.partition_index = asked[p].partition_index;
      FakePartition* const partition = find(asked[p].partition_index);
      if (partition == nullptr || partition->leader != id_) {
        answer.error_code = static_cast<int16_t>(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        continue;
      }
      answer.leader_epoch = partition->epoch;
      if (asked[p].timestamp == -1) answer.offset = partition->end();
      if (asked[p].timestamp == -2) answer.offset = partition->log_start;
      if (asked[p].timestamp < 0) continue;
      for (const ByteBuffer& batch : partition->batches) {
        RecordCursor records{BatchView(batch)};
        for (RecordView record; answer.offset < 0 && *records.next(record);) {
          if (record.timestamp_ms < asked[p].timestamp) continue;
          answer.offset = record.offset;
          answer.timestamp = record.timestamp_ms;
        }
      }
    }
  }
  slot.respond(response);
}

void FakeBroker::epochs(const wire::OffsetForLeaderEpochRequest& request, IncomingRequest& in,
                        ResponseSlot slot) {
  wire::OffsetForLeaderEpochResponse response;
  response.topics = in.arena.make_array<wire::OffsetForLeaderTopicResult>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& asked = request.topics[t].partitions;
    response.topics[t].topic = request.topics[t].topic;
    response.topics[t].partitions =
        in.arena.make_array<wire::OffsetForLeaderEpochResponseEpochEndOffset>(asked.size());
    for (size_t p = 0; p < asked.size(); ++p) {
      auto& answer = response.topics[t].partitions[p];
      answer.partition = asked[p].partition;
      FakePartition* const partition = find(asked[p].partition);
      if (partition == nullptr || partition->leader != id_) {
        answer.error_code = static_cast<int16_t>(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        continue;
      }
      answer.leader_epoch = asked[p].leader_epoch;
      const auto end = partition->epoch_ends.find(asked[p].leader_epoch);
      answer.end_offset = end == partition->epoch_ends.end() ? partition->end() : end->second;
    }
  }
  slot.respond(response);
}

}  // namespace ksim::client::testing
