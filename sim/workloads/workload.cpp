#include "sim/workloads/workload.h"

#include <fmt/format.h>

#include "core/base/hash.h"
#include "sim/workloads/all.h"

namespace ksim::sim {

Workload::Workload(Cluster& cluster, RunObserver& observer, const Plan& plan)
    : cluster_(cluster), state_(plan, observer, cluster.world(), cluster.bootstrap()) {
  state_.controllers = cluster.controllers();
  state_.brokers = cluster.broker_endpoints();
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
  for (const AdminPlan& admin : plan.admins) admins_.push_back(&cluster_.add_client(admin.name));
  for (const WorkloadPlan& other : plan.workloads) others_.push_back(&cluster_.add_client(other.name));
  state_.producers_open =
      static_cast<uint32_t>(producers_.size() + raw_drivers_.size() + admins_.size() + others_.size());
  cluster_.on_exit = [this](SimNode& node) {
    if (&node == admin_) state_.world.later(hash_text("workload.start"), [this] { start_clients(); });
  };
  cluster_.start_client(*admin_, admin_process(state_), true);
}

void Workload::start_clients() {
  const Plan& plan = state_.plan;
  state_.clients_began = state_.world.now();
  for (size_t i = 0; i < producers_.size(); ++i)
    cluster_.start_client(*producers_[i], producer_process(state_, plan.producers[i]));
  for (size_t i = 0; i < consumers_.size(); ++i)
    cluster_.start_client(*consumers_[i], consumer_process(state_, plan.consumers[i]));
  for (size_t i = 0; i < raw_drivers_.size(); ++i)
    cluster_.start_client(*raw_drivers_[i], raw_driver_process(state_, plan.raw_drivers[i]));
  for (size_t i = 0; i < admins_.size(); ++i)
    cluster_.start_client(*admins_[i], churn_process(state_, plan.admins[i]));
  for (size_t i = 0; i < others_.size(); ++i) {
    const WorkloadPlan& other = plan.workloads[i];
    cluster_.start_client(*others_[i], find_workload(other.kind)->make(state_, other));
  }
}

std::string Workload::producer_waits() const {
  for (const auto& [name, waits] : state_.unproven) {
    if (!waits.empty()) return waits;
  }
  return {};
}

void Workload::stop_readers() {
  state_.readers_stop = true;
  state_.observer.on_readers_stop();
}

std::optional<Workload::Behind> Workload::reader_behind(bool for_good) const {
  if (state_.readers_stop) return std::nullopt;
  for (size_t i = 0; i < state_.plan.consumers.size(); ++i) {
    const ConsumerPlan& plan = state_.plan.consumers[i];
    const auto reader = state_.readers.find(plan.name);
    for (const auto& [topic, p] : state_.partitions_of(plan)) {
      const auto id = state_.observer.names().find(topic, p);
      const PartitionTruth* truth = id ? state_.observer.view().partition(*id) : nullptr;
      if (truth == nullptr || truth->committed.empty()) continue;
      const auto position = state_.positions.find({reader == state_.readers.end() ? 0 : reader->second, *id});
      const bool begun = position != state_.positions.end();
      // One that is further than all there is, or than all that its epoch has, has not heard yet that what it
      // had read is gone.
      if (begun && position->second.next == truth->committed_end() &&
          position->second.next <= truth->end_of_epoch(position->second.epoch))
        continue;
      if (for_good && state_.observer.view().offline_permitted(*id)) continue;
      return Behind{*id, fmt::format("{} is {}, {} is committed", plan.name,
                                     begun ? fmt::format("at {} in epoch {}", position->second.next,
                                                         position->second.epoch)
                                           : "nowhere yet",
                                     truth->committed_end())};
    }
  }
  return std::nullopt;
}

}  // namespace ksim::sim
