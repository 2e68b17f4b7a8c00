#pragma once
// Brokers for the tests of clients: real connections and messages, logs in memory, leaders as the test says.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/client/config.h"
#include "core/client/testing.h"
#include "core/record/builder.h"
#include "core/rpc/api_versions.h"
#include "core/rpc/server.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/init_producer_id.h"
#include "core/wire/messages/list_offsets.h"
#include "core/wire/messages/metadata.h"
#include "core/wire/messages/offset_for_leader_epoch.h"
#include "core/wire/messages/produce.h"

namespace ksim::client::testing {

struct FakePartition {
  int32_t leader = 0;
  int32_t epoch = 0;
  int64_t log_start = 0;
  std::vector<ByteBuffer> batches;  // with offsets and epochs
  std::vector<wire::AbortedTransaction> aborted;
  std::map<int32_t, int64_t> epoch_ends;  // for OffsetForLeaderEpoch
  SequenceModel sequences;

  int64_t end() const { return batches.empty() ? log_start : BatchView(batches.back()).next_offset(); }
  int64_t append(ByteBuffer batch) {
    BatchEditor editor(batch);
    const int64_t base = end();
    editor.set_base_offset(base);
    editor.set_leader_epoch(epoch);
    batches.push_back(std::move(batch));
    return base;
  }
  std::vector<std::string> values() const {
    std::vector<std::string> all;
    for (const ByteBuffer& batch : batches) {
      RecordCursor records{BatchView(batch)};
      for (RecordView record; *records.next(record);)
        all.emplace_back(as_text(record.value.value_or(Bytes{})));
    }
    return all;
  }
};

class FakeBroker;

class FakeCluster {
 public:
  FakeCluster(const Env& environment, size_t broker_count, std::string host = "brokers");
  ~FakeCluster();
  void stop();  // on a fiber, before the end
  Endpoint endpoint(size_t broker) const;
  std::vector<Endpoint> bootstrap() const { return {endpoint(0)}; }
  // To serve what the brokers do not serve by themselves.
  rpc::HandlerTable& handlers(size_t broker);
  size_t broker_count() const { return brokers_.size(); }

  const Env& env;
  const std::string host;
  Uuid topic_id{7, 7};
  std::string topic = "t";
  std::vector<FakePartition> partitions;
  int64_t next_producer_id = 1000;
  // What a Produce to that partition answers instead of appending; NONE: appends.
  std::function<ErrorCode(int32_t partition)> refuse_produce = [](int32_t) { return ErrorCode::NONE; };
  // After an append: true closes the connection instead of answering.
  std::function<bool(int32_t partition)> lose_produce_answer = [](int32_t) { return false; };
  std::function<ErrorCode(int32_t partition)> refuse_fetch = [](int32_t) { return ErrorCode::NONE; };
  int produces = 0;
  int fetches = 0;
  int metadata_requests = 0;
  int full_fetches = 0;
  std::vector<int16_t> produce_acks;

 private:
  friend class FakeBroker;
  std::vector<std::unique_ptr<FakeBroker>> brokers_;
};

class FakeBroker {
 public:
  FakeBroker(FakeCluster& cluster, int32_t id);
  rpc::RpcServer& server() { return *server_; }
  rpc::HandlerTable& handlers() { return handlers_; }

 private:
  void metadata(const wire::MetadataRequest& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot);
  void produce(const wire::ProduceRequest& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot);
  void fetch(const wire::FetchRequest& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot);
  void list_offsets(const wire::ListOffsetsRequest& request, rpc::IncomingRequest& in,
                    rpc::ResponseSlot slot);
  void epochs(const wire::OffsetForLeaderEpochRequest& request, rpc::IncomingRequest& in,
              rpc::ResponseSlot slot);
  FakePartition* find(int32_t index);
  // The session's partitions, as the client last named them.
  struct Session {
    int32_t id = 0;
    int32_t epoch = 0;
    std::map<int32_t, wire::FetchPartition> partitions;
  };

  FakeCluster& cluster_;
  int32_t id_;
  rpc::HandlerTable handlers_;
  std::unique_ptr<rpc::RpcServer> server_;
  Session session_;
  int32_t next_session_ = 100;
};

}  // namespace ksim::client::testing
