#include "sim/workloads/own_topic_clients.h"

#include <fmt/format.h>

#include "sim/workloads/client_config.h"

namespace ksim::sim {
namespace {

constexpr Duration kTryFor = seconds(5);
constexpr Duration kReadFor = milliseconds(5);
constexpr uint32_t kValues = 1'000'000;  // six digits

}  // namespace

Result<void> OwnTopicClients::start(const std::string& name) {
  TRY_ASSIGN(
      const client::ProducerConfig producing,
      producer_config({{"client.id", name}, {"acks", "all"}, {"max.block.ms", "200"}}, state_.bootstrap));
  TRY_ASSIGN(producer_, client::Producer::create(env_, producing));
  TRY_ASSIGN(const client::ConsumerConfig reading,
             consumer_config({{"client.id", name}, {"auto.offset.reset", "earliest"}}, state_.bootstrap));
  TRY_ASSIGN(consumer_, client::Consumer::create(env_, reading));
  std::vector<TopicPartition> all;
  for (int32_t index = 0; index < partitions_; ++index) all.push_back({topic_, index});
  consumer_->assign(all);
  return {};
}

client::SendHandle OwnTopicClients::send(int32_t partition) {
  value_ = fmt::format("{}", sent_++ % kValues);
  client::ProducerRecord record;
  record.topic = topic_;
  record.partition = partition;
  record.value = as_bytes(value_);
  return producer_->send(record);
}

bool OwnTopicClients::read(int32_t partition, const std::string& value, Duration patience) {
  const Deadline deadline = env_.after(patience);
  do {
    const auto records = consumer_->poll(std::min(deadline, env_.after(milliseconds(200))));
    if (!records.ok()) {
      env_.sleep(milliseconds(50));
      continue;
    }
    for (const client::ConsumerRecord& record : *records) {
      if (record.partition == partition && record.value && as_text(*record.value) == value) return true;
    }
  } while (env_.now() < deadline);
  return false;
}

void OwnTopicClients::act(int32_t partition) {
  static_cast<void>(send(partition));
  static_cast<void>(read(partition, {}, kReadFor));
}

std::string OwnTopicClients::try_out(int32_t partition) {
  const std::optional<client::SendResult> sent = send(partition).wait(env_.after(kTryFor));
  if (!sent) return "its producer is told nothing";
  if (sent->error != ErrorCode::NONE) return fmt::format("its producer is told {}", to_string(sent->error));
  return read(partition, value_, kTryFor)
             ? ""
             : fmt::format("its reader does not come to offset {}", sent->offset);
}

void OwnTopicClients::close() {
  if (consumer_ != nullptr) consumer_->close();
  if (producer_ != nullptr) producer_->close(env_.now());
}

}  // namespace ksim::sim
