#include "core/broker/alter_partition_manager.h"

#include "core/wire/arena.h"

namespace ksim::broker {
namespace {

constexpr Duration kAlterPartitionRetry = milliseconds(50);
// Where alter_partition.held and .late are active: long enough for a broker to come back, and for a replica
// to lag.
constexpr Duration kHeld = milliseconds(1500);
constexpr Duration kAgain = milliseconds(900);
constexpr Duration kLate = milliseconds(1200);

// The request for what is in flight; arrays live in the arena. Topics and partitions in the order of keys.
wire::AlterPartitionRequest make_request(const std::map<PartitionKey, IsrProposal>& proposals,
                                         int32_t broker_id, int64_t broker_epoch, wire::Arena& arena) {
  wire::AlterPartitionRequest request;
  request.broker_id = broker_id;
  request.broker_epoch = broker_epoch;
  size_t topics = 0;
  std::map<Uuid, size_t> sizes;
  for (const auto& [key, proposal] : proposals) topics += ++sizes[key.topic_id] == 1 ? 1 : 0;
  request.topics = arena.make_array<wire::AlterPartitionRequestTopicData>(topics);
  size_t at = 0;
  for (const auto& [topic_id, size] : sizes) {
    request.topics[at].topic_id = topic_id;
    request.topics[at++].partitions = arena.make_array<wire::AlterPartitionRequestPartitionData>(size);
  }
  at = 0;
  size_t place = 0;
  for (const auto& [key, proposal] : proposals) {
    if (request.topics[at].topic_id != key.topic_id) {
      ++at;
      place = 0;
    }
    wire::AlterPartitionRequestPartitionData& data = request.topics[at].partitions[place++];
    data.partition_index = key.index;
    data.leader_epoch = proposal.leader_epoch;
    data.partition_epoch = proposal.partition_epoch;
    data.leader_recovery_state = 0;  // RECOVERED (rule D37)
    data.new_isr_with_epochs = arena.make_array<wire::BrokerState>(proposal.isr.size());
    for (size_t i = 0; i < proposal.isr.size(); ++i) {
      data.new_isr_with_epochs[i].broker_id = proposal.isr[i].broker_id;
      data.new_isr_with_epochs[i].broker_epoch = proposal.isr[i].broker_epoch;
    }
  }
  return request;
}

}  // namespace

const std::map<PartitionKey, IsrProposal>& AlterPartitionQueue::take() {
  ENSURE(sent_.empty(), "one AlterPartition in flight");
  sent_.swap(unsent_);
  return sent_;
}

std::vector<std::pair<PartitionKey, IsrAnswer>> AlterPartitionQueue::answered(
    const wire::AlterPartitionResponse& response) {
  std::vector<std::pair<PartitionKey, IsrAnswer>> answers;
  for (const auto& topic : response.topics) {
    for (const auto& data : topic.partitions) {
      const auto found = sent_.find({topic.topic_id, data.partition_index});
      if (found == sent_.end()) continue;
      IsrAnswer answer;
      answer.number = found->second.number;
      answer.error = error_code_of(data.error_code);
      answer.leader_epoch = data.leader_epoch;
      answer.partition_epoch = data.partition_epoch;
      answer.isr.assign(data.isr.begin(), data.isr.end());
      answers.emplace_back(found->first, std::move(answer));
      sent_.erase(found);
    }
  }
  failed();
  return answers;
}

void AlterPartitionQueue::failed() {
  for (auto& [key, proposal] : sent_) unsent_.emplace(key, std::move(proposal));
  sent_.clear();
}

void AlterPartitionManager::start() {
  scope_.spawn("alter-partition", [this] { loop(); });
}

void AlterPartitionManager::submit(const PartitionKey& key, const IsrProposal& proposal) {
  queue_.submit(key, proposal);
  submitted_.notify_one();
}

void AlterPartitionManager::loop() {
  for (;;) {
    while (!queue_.has_unsent()) static_cast<void>(submitted_.wait(Instant::never(), "isr changes"));
    if (!send_all()) env_.sleep(kAlterPartitionRetry);
  }
}

// A request of a connection that was given up may be read when the one that was sent in its place has long
// been decided.
void AlterPartitionManager::send_again_later(const std::map<PartitionKey, IsrProposal>& proposals) {
  scope_.spawn("alter-partition-again", [this, proposals, epoch = identity_.broker_epoch()] {
    env_.sleep(kAgain);
    wire::Arena arena;
    static_cast<void>(
        channel_.call(make_request(proposals, identity_.broker_id, epoch, arena), env_.after(kAgain)));
  });
}

bool AlterPartitionManager::send_all() {
  wire::Arena arena;
  const auto& proposals = queue_.take();
  const auto request = make_request(proposals, identity_.broker_id, identity_.broker_epoch(), arena);
  if (env_.buggify(Site::alter_partition_again, 200)) send_again_later(proposals);
  env_.dawdle(Site::alter_partition_held, 100, kHeld);
  // Without an end: the change stays pending until the controller has decided it.
  auto reply = channel_.call(request, Instant::never());
  env_.dawdle(Site::alter_partition_late, 100, kLate);
  // The controller may then be asked again for what it has done already, and says so.
  const bool lost = env_.buggify(Site::alter_partition_lost, 100);
  if (lost || !reply.ok() || error_code_of((*reply)->error_code) != ErrorCode::NONE) {
    env_.reached(Mark::alter_partition_failed, env_.group.name());
    queue_.failed();
    return false;
  }
  for (const auto& [key, answer] : queue_.answered(**reply)) answer_(key, answer);
  return true;
}

}  // namespace ksim::broker
