#include "sim/workloads/workload.h"

#include <fmt/format.h>

#include "core/base/hash.h"

namespace ksim::sim {

Workload::Workload(Cluster& cluster, RunObserver& observer, const Plan& plan)
    : cluster_(cluster), state_(plan, observer, cluster.world(), cluster.bootstrap()) {
  state_.controllers = cluster.controllers();
}

Workload::~Workload() = default;

void Workload::start() {
  const Plan& plan = state_.plan;
  if (plan.topics.empty()) {
    state_.topics_ready = true;
    return;
  }
  admin_ = &cluster_.add_client("admin");
  for (const ProducerPlan& producer : plan.producers)
    producers_.push_back(&cluster_.add_client(producer.name));
  for (const ConsumerPlan& consumer : plan.consumers)
    consumers_.push_back(&cluster_.add_client(consumer.name));
  for (const RawDriverPlan& driver : plan.raw_drivers)
    raw_drivers_.push_back(&cluster_.add_client(driver.name));
  state_.producers_open = static_cast<uint32_t>(producers_.size() + raw_drivers_.size());
  cluster_.on_exit = [this](SimNode& node) {
    if (&node == admin_) state_.world.later(hash_text("workload.start"), [this] { start_clients(); });
  };
  admin_->start(admin_process(state_));
}

void Workload::start_clients() {
  const Plan& plan = state_.plan;
  for (size_t i = 0; i < producers_.size(); ++i)
    producers_[i]->start(producer_process(state_, plan.producers[i]));
  for (size_t i = 0; i < consumers_.size(); ++i) {
    consumers_[i]->start(consumer_process(state_, plan.consumers[i], static_cast<uint32_t>(i + 1)));
  }
  for (size_t i = 0; i < raw_drivers_.size(); ++i) {
    raw_drivers_[i]->start(raw_driver_process(state_, plan.raw_drivers[i], static_cast<uint32_t>(i + 1)));
  }
}

std::optional<Workload::Behind> Workload::reader_behind(bool for_good) const {
  for (size_t i = 0; i < state_.plan.consumers.size(); ++i) {
    const TopicPlan* topic = state_.topic(state_.plan.consumers[i].topic);
    for (int32_t p = 0; p < topic->partitions; ++p) {
      const auto id = state_.observer.names().find(topic->name, p);
      const PartitionTruth* truth = id ? state_.observer.view().partition(*id) : nullptr;
      if (truth == nullptr || truth->committed.empty()) continue;
      const auto position = state_.positions.find({static_cast<uint32_t>(i + 1), *id});
      const bool begun = position != state_.positions.end();
      if (begun && position->second >= truth->committed_end()) continue;
      if (for_good && state_.observer.view().offline_permitted(*id)) continue;
      return Behind{*id, fmt::format("{} is {}, {} is committed", state_.plan.consumers[i].name,
                                     begun ? fmt::format("at {}", position->second) : "nowhere yet",
                                     truth->committed_end())};
    }
  }
  return std::nullopt;
}

}  // namespace ksim::sim
