#include "sim/runner/runner.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/plan/words.h"
#include "sim/runner/cluster.h"
#include "sim/runner/kafka_process.h"
#include "sim/workloads/workload.h"

namespace ksim::sim {
namespace {

constexpr Duration kQuietStep = milliseconds(500);

WorldSetup world_setup(const Plan& plan) {
  WorldSetup setup;
  setup.seed = plan.explore.micro_seed;
  setup.exploration.order = plan.explore.policy == "fifo"            ? Order::fifo
                            : plan.explore.policy == "change_points" ? Order::few_changes
                                                                     : Order::random;
  setup.net = NetProfile::named(plan.network.latency).value_or(NetProfile::rack());
  setup.net.give_up = plan.network.retransmission_timeout;
  setup.active_sites.resize(kSiteCount);
  for (size_t i = 0; i < kSiteCount; ++i) {
    const auto name = site_name(static_cast<Site>(i));
    setup.active_sites[i] = std::find(plan.buggify.begin(), plan.buggify.end(), name) != plan.buggify.end();
  }
  return setup;
}

class Run {
 public:
  Run(const Plan& plan, const RunRequest& options, RunMemory& memory)
      : plan_(plan),
        options_(options),
        world_(world_setup(plan), memory),
        observer_(peek_, {options.checkers, !options.record_path.empty()}),
        cluster_(world_, plan_, observer_, peek_, make_kafka_process),
        workload_(cluster_, observer_, plan_) {
    if (options.trace != nullptr) world_.trace(options.trace);
    for (const TopicPlan& topic : plan_.topics) {
      const auto min_insync = topic.config.find("min.insync.replicas");
      const auto unclean = topic.config.find("unclean.leader.election.enable");
      observer_.view().promise(
          topic.name,
          {topic.replication, min_insync == topic.config.end() ? 1 : std::stoi(min_insync->second),
           unclean != topic.config.end() && unclean->second == "true"});
    }
    faults_.resize(plan_.faults.size());
    cluster_.on_mark = [this](Mark mark, SimNode&) { marked(mark); };
  }

  RunSummary play() {
    cluster_.start_all();
    workload_.start();
    if (options_.faults) schedule_faults();
    world_.run_until(Instant{} + plan_.duration);
    workload_.finish();
    healing_ = true;
    heal();
    settle();
    workload_.stop_readers();
    step();
    return sum_up();
  }

 private:
  struct FaultState {
    uint32_t seen = 0;  // of its mark
    bool begun = false;
    bool over = false;
    int64_t row = 0;
    std::unique_ptr<ActiveFault> active;
  };

  uint64_t fault_key(size_t i) const { return mix64(hash_text(plan_.faults[i].kind), i); }

  void schedule_faults() {
    for (size_t i = 0; i < plan_.faults.size(); ++i) {
      const FaultTrigger& trigger = plan_.faults[i].trigger;
      if (!trigger.at) continue;
      world_.at(Instant{} + *trigger.at, fault_key(i), [this, i] { begin(i); });
    }
  }

  void marked(Mark mark) {
    if (!options_.faults || healing_) return;
    for (size_t i = 0; i < plan_.faults.size(); ++i) {
      const FaultTrigger& trigger = plan_.faults[i].trigger;
      if (trigger.when != mark_name(mark) || ++faults_[i].seen != trigger.nth) continue;
      // Effective before that fiber's next seam operation if there is no delay.
      world_.at(world_.now() + trigger.delay, fault_key(i), [this, i] { begin(i); });
    }
  }

  std::string cause(const FaultTrigger& trigger) const {
    if (trigger.at) return "at " + format_duration(*trigger.at);
    return fmt::format("on {} #{}{}", trigger.when, trigger.nth,
                       trigger.delay.ns > 0 ? " after " + format_duration(trigger.delay) : "");
  }

  void begin(size_t i) {
    FaultState& state = faults_[i];
    if (healing_ || state.begun) return;
    state.begun = true;
    const FaultPlan& plan = plan_.faults[i];
    const auto kind = find_fault(plan.kind);
    const std::vector<SimNode*> targets = cluster_.resolve(plan.target, fault_key(i));
    Began began = kind->begin(cluster_, plan, targets, fault_key(i));
    if (began.effect.empty()) return;
    world_.digest().fold(Fold::fault, fault_key(i), targets.size());
    state.row = observer_.on_fault(plan.kind, targets.empty() ? plan.target : join_names(targets),
                                   world_.now(), cause(plan.trigger), began.effect);
    state.active = std::move(began.active);
    if (plan.lasts) world_.at(world_.now() + *plan.lasts, mix64(fault_key(i), 1), [this, i] { end(i); });
  }

  void end(size_t i) {
    FaultState& state = faults_[i];
    if (!state.begun || state.over || state.row == 0) return;
    state.over = true;
    std::string what = state.active == nullptr ? std::string() : state.active->end(cluster_);
    state.active.reset();
    observer_.on_fault_ended(state.row, world_.now(), std::move(what));
  }

  void heal() {
    for (size_t i = 0; i < faults_.size(); ++i) end(i);
    cluster_.revive();
  }

  void step() { world_.run_until(world_.now() + kQuietStep); }

  // Every partition has its leader and full ISR, and all their logs end where the leader's does.
  bool replicas_quiet() const {
    const ClusterView& view = observer_.view();
    for (PartitionId id : view.partitions()) {
      const PartitionTruth& truth = *view.partition(id);
      const PartitionClaim& claim = truth.claim;
      if (claim.leader < 0 || static_cast<int32_t>(claim.isr.size()) < view.promise_of(id).replication)
        return false;
      const auto leader = truth.replicas.find(claim.leader);
      if (leader == truth.replicas.end() || leader->second == nullptr) continue;
      for (const auto& [node, log] : truth.replicas) {
        if (log != nullptr && log->end_offset() != leader->second->end_offset()) return false;
      }
      if (truth.committed_end() < leader->second->end_offset()) return false;
    }
    return true;
  }

  bool quiet() const {
    return cluster_.all_up() && workload_.producers_done() && !observer_.sends_pending() &&
           replicas_quiet() && workload_.readers_caught_up();
  }

  void settle() {
    const Instant limit = world_.now() + plan_.settle;
    while (world_.now() < limit && !world_.halted()) {
      step();
      cluster_.revive();
      if (quiet()) return;
    }
  }

  RunSummary sum_up() {
    if (!world_.livelock().empty()) {
      observer_.on_violation("LIVELOCK", world_.now(), "world", world_.livelock());
    }
    world_.digest().fold(Fold::run_end, 0, static_cast<uint64_t>(world_.now().ns));
    RunSummary summary = observer_.finish(world_.now());
    summary.scenario = plan_.scenario;
    summary.seed = plan_.seed;
    summary.digest = world_.digest().value();
    summary.events = world_.resumes();
    if (Recorder* recorder = observer_.recorder()) {
      for (const NodePlan& node : plan_.cluster.nodes) {
        recorder->config(fmt::format("node {}", node.id), "server.properties", cluster_.properties_of(node));
      }
      for (const TopicPlan& topic : plan_.topics) {
        for (const auto& [key, value] : topic.config) recorder->config("topic " + topic.name, key, value);
      }
      const RunHeader header{summary.scenario, summary.seed,    print_plan(plan_), summary.digest,
                             summary.ended,    summary.holds(), KSIM_VERSION};
      if (const Result<void> written = recorder->write(options_.record_path, header); !written.ok()) {
        summary.simulator_fault = written.error().message;
      }
    }
    return summary;
  }

  const Plan& plan_;
  const RunRequest& options_;
  WorldPeek peek_;
  World world_;
  RunObserver observer_;
  Cluster cluster_;
  Workload workload_;
  std::vector<FaultState> faults_;
  bool healing_ = false;
};

}  // namespace

RunSummary run_plan(const Plan& plan, const RunRequest& options, RunMemory& memory) {
  Run run(plan, options, memory);
  return run.play();
}

}  // namespace ksim::sim
