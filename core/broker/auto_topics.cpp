#include "core/broker/auto_topics.h"

#include "core/wire/arena.h"
#include "core/wire/messages/create_topics.h"

namespace ksim::broker {

void AutoTopicCreation::start() {
  scope_.spawn("auto-topics", [this] { loop(); });
}

void AutoTopicCreation::request(const std::string& topic) {
  if (in_flight_.contains(topic) || !wanting_.insert(topic).second) return;
  env_.reached(Mark::topic_auto_create, topic);
  wanted_.notify_one();
}

void AutoTopicCreation::loop() {
  for (;;) {
    while (wanting_.empty()) static_cast<void>(wanted_.wait(Instant::never(), "auto topics"));
    in_flight_.swap(wanting_);
    wire::Arena arena;
    wire::CreateTopicsRequest request;
    request.timeout_ms = static_cast<int32_t>(server_.integer("request.timeout.ms"));
    request.topics = arena.make_array<wire::CreatableTopic>(in_flight_.size());
    size_t at = 0;
    for (const std::string& name : in_flight_) {
      wire::CreatableTopic& topic = request.topics[at++];
      topic.name = name;
      topic.num_partitions = static_cast<int32_t>(server_.integer("num.partitions"));
      topic.replication_factor = static_cast<int16_t>(server_.integer("default.replication.factor"));
    }
    // Whatever the answer, the topic is there or the client asks again.
    static_cast<void>(channel_.call(request, env_.after(milliseconds(request.timeout_ms))));
    in_flight_.clear();
  }
}

}  // namespace ksim::broker
