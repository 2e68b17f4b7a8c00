#include "sim/ping/ping_run.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "sim/faults/schedule.h"
#include "sim/history/recorder.h"
#include "sim/ping/ping_process.h"
#include "sim/plan/words.h"

namespace ksim::sim {
namespace {

WorldSetup world_setup(const Plan& plan) {
  WorldSetup setup;
  setup.seed = plan.explore.micro_seed;
  setup.exploration.order = plan.explore.policy == "fifo"            ? Order::fifo
                            : plan.explore.policy == "change_points" ? Order::few_changes
                                                                     : Order::random;
  setup.exploration.change_points = plan.explore.change_points;
  setup.net = NetProfile::named(plan.network.latency).value_or(NetProfile::rack());
  setup.net.give_up = plan.network.retransmission_timeout;
  setup.active_sites.resize(kSiteCount);
  for (size_t i = 0; i < kSiteCount; ++i) {
    const std::string_view name = site_name(static_cast<Site>(i));
    setup.active_sites[i] = std::find(plan.buggify.begin(), plan.buggify.end(), name) != plan.buggify.end();
  }
  return setup;
}

class PingRun final : private FaultStage, private FaultTeller, private WorldWatcher {
 public:
  PingRun(const Plan& plan, const RunRequest& request, RunMemory& memory)
      : plan_(plan),
        request_(request),
        world_(world_setup(plan), memory),
        faults_(*this, plan.faults, *this) {
    world_.trace(request.trace);
    world_.watch(this);
    for (const NodePlan& node : plan.cluster.nodes) {
      NodeSetup setup;
      setup.name = fmt::format("{}-{}", node.broker ? "broker" : "controller", node.id);
      setup.shards = node.shards;
      setup.disk = DiskProfile::named(plan.disk.latency).value_or(DiskProfile::ssd());
      if (plan.disk.capacity_bytes != 0) setup.disk.capacity_bytes = plan.disk.capacity_bytes;
      SimDice dice(world_.random(), SimStream::clock, hash_text(setup.name));
      setup.clock_start = seconds(static_cast<int64_t>(dice.between(10, 100'000)));
      setup.drift_ppb = static_cast<int32_t>(dice.below(200'001)) - 100'000;  // quartz: 100 ppm
      nodes_.push_back(&world_.add_node(setup));
    }
    summary_.marks.resize(kMarkCount);
    for (size_t i = 0; i < kMarkCount; ++i) summary_.marks[i].name = mark_name(static_cast<Mark>(i));
  }

  RunSummary play() {
    for (SimNode* node : nodes_) launch(*node);
    if (request_.faults) faults_.start();
    world_.run_until(Instant{} + plan_.duration);
    faults_.heal();
    healed_ = world_.now();
    settle();
    return sum_up();
  }

 private:
  // ---- FaultStage ----
  World& world() override { return world_; }
  std::vector<SimNode*> resolve(const std::string& target, uint64_t fault) override {
    if (target == "all" || target == "brokers") return nodes_;
    if (target == "any" || target == "any broker") {
      if (nodes_.empty()) return {};
      return {nodes_[below(world_.random().draw(SimStream::fault, fault, 0), nodes_.size())]};
    }
    SimNode* node = world_.find(target);
    return node == nullptr ? std::vector<SimNode*>{} : std::vector<SimNode*>{node};
  }
  void start(SimNode& node) override {
    if (node.kept_down()) return;
    if (node.alive()) {
      // As soon as it has stopped; exited() asks again.
      if (node.state() == SimNode::State::stopping) wanted_.insert(node.name());
      return;
    }
    // Its old process may not be buried yet, and this may be called from a fiber.
    world_.later(mix64(node.key(), node.incarnation()), [this, &node] {
      if (!node.running()) {
        launch(node);
      } else if (!node.alive()) {
        start(node);
      }
    });
  }
  void crash(SimNode& node) override {
    node.crash();
    faults_.died(node);
  }
  void power_loss(const std::vector<SimNode*>& nodes) override {
    for (SimNode* node : nodes) node->power_loss();
    for (SimNode* node : nodes) faults_.died(*node);
  }
  void replace_disk(SimNode& node, const DiskCopy& copy) override {
    node.power_loss();
    node.replace_disk(copy);
    faults_.died(node);
  }
  bool move(SimNode&) override { return false; }
  void configure(SimNode&, const Properties&) override {}
  void stop(SimNode& node) override { node.stop(); }
  bool take_back(SimNode&) override { return false; }  // they have none
  std::vector<SimNode*> others(const SimNode& node, bool) override {
    std::vector<SimNode*> others = nodes_;
    std::erase(others, &node);
    return others;
  }
  void damaged(SimNode&) override {}
  std::string role_of(const SimNode&) override { return {}; }

  // ---- FaultTeller ----
  int64_t fault_began(const FaultPlan& plan, const std::string& target, const std::string& cause,
                      const std::string& effect) override {
    ++summary_.counts.faults;
    summary_.timeline.push_back({world_.now(), "fault", plan.kind + " " + target, effect});
    summary_.faults.push_back({plan.kind, target, world_.now(), std::nullopt, cause, effect});
    return static_cast<int64_t>(summary_.faults.size());
  }
  void fault_missed(const FaultPlan& plan, const std::string& target, const std::string& cause,
                    const std::string& why) override {
    summary_.faults.push_back(
        {plan.kind, target, world_.now(), world_.now(), cause, "no effect: " + why, false});
  }
  void fault_ended(int64_t row, const std::string& what) override {
    FaultRow& fault = summary_.faults[static_cast<size_t>(row - 1)];
    fault.ended = world_.now();
    if (!what.empty()) fault.effect += "; " + what;
    summary_.timeline.push_back({world_.now(), "healed", fault.kind + " " + fault.target, what});
  }

  // ---- WorldWatcher ----
  void event(SimNode&, const Event&) override {}
  void reached(SimNode& node, Mark mark, std::string_view subject) override {
    MarkRow& row = summary_.marks[static_cast<size_t>(mark)];
    if (row.reached++ == 0) row.first = world_.now();
    if (request_.faults) faults_.reached(mark, node, subject);
  }
  void failed(SimNode& node, std::string_view fiber, std::string_view what) override {
    if (blames_simulator(what)) {
      summary_.simulator_fault = fmt::format("{}/{}: {}", node.name(), fiber, what);
    } else {
      violation("ASSERT", node.name(), fmt::format("{}: {}", fiber, what));
    }
  }
  void exited(SimNode& node) override {
    if (wanted_.erase(node.name()) > 0) start(node);
  }

  void violation(std::string code, std::string subject, std::string message) {
    summary_.violations.push_back({std::move(code), world_.now(), std::move(subject), std::move(message)});
  }

  void launch(SimNode& node) {
    PingSettings settings;
    settings.self = node.name();
    for (const SimNode* other : nodes_) {
      if (other != &node) settings.peers.push_back(other->name());
    }
    node.start([&](const std::vector<Env*>& shards) {
      return std::make_unique<PingProcess>(std::move(settings), shards, world_, board_);
    });
  }

  bool all_heard() {
    for (const SimNode* node : nodes_) {
      for (const SimNode* other : nodes_) {
        if (node != other && board_.rows[node->name()].heard[other->name()] <= healed_) return false;
      }
    }
    return true;
  }

  // Everybody hears everybody again, in bounded time.
  void settle() {
    const Instant limit = world_.now() + plan_.settle;
    while (world_.now() < limit && !world_.halted()) {
      for (SimNode* node : nodes_) {
        if (!node->alive()) start(*node);
      }
      world_.run_until(world_.now() + milliseconds(500));
      if (all_heard()) return;
    }
    if (!world_.livelock().empty()) {
      violation("LIVELOCK", "world", "fiber " + world_.livelock() + " ran on while time stood still");
    } else if (request_.checkers) {
      violation("L", "world",
                "not all nodes hear each other " + format_duration(plan_.settle) + " after healing");
    }
  }

  RunSummary sum_up() {
    world_.digest().fold(Fold::run_end, 0, static_cast<uint64_t>(world_.now().ns));
    for (const auto& [name, row] : board_.rows) {
      summary_.counts.sent += row.sent;
      summary_.counts.acknowledged += row.answered;
    }
    summary_.counts.unknown = summary_.counts.sent - summary_.counts.acknowledged;
    if (request_.checkers) {
      summary_.checkers.push_back({"L", "after healing every node hears every other", none("L")});
      summary_.checkers.push_back({"ASSERT", "messages arrive whole, synced entries stay", none("ASSERT")});
    }
    summary_.scenario = plan_.scenario;
    summary_.seed = plan_.seed;
    summary_.digest = world_.digest().value();
    summary_.ended = world_.now();
    summary_.events = world_.resumes();
    if (request_.record) record();
    return std::move(summary_);
  }

  bool none(std::string_view code) const {
    return std::none_of(summary_.violations.begin(), summary_.violations.end(),
                        [&](const ViolationRow& row) { return row.checker == code; });
  }

  void record() {
    Recorder recorder;
    for (const FaultRow& row : summary_.faults) recorder.fault(row);
    for (const ViolationRow& row : summary_.violations) recorder.violation(row);
    for (const MarkRow& row : summary_.marks) recorder.mark(row);
    const RunHeader header{summary_.scenario,
                           summary_.seed,
                           print_plan(plan_),
                           summary_.digest,
                           summary_.ended,
                           summary_.holds(),
                           {}};
    Result<std::string> image = recorder.image(header);
    if (!image.ok()) {
      summary_.simulator_fault = image.error().message;
    } else {
      summary_.recording = std::move(image).value();
    }
  }

  const Plan& plan_;
  const RunRequest& request_;
  RunSummary summary_;
  PingBoard board_;
  World world_;
  std::vector<SimNode*> nodes_;
  FaultSchedule faults_;
  std::set<std::string> wanted_;  // to be started as soon as they have stopped
  Instant healed_{0};
};

}  // namespace

RunSummary run_ping(const Plan& plan, const RunRequest& request, RunMemory& memory) {
  PingRun run(plan, request, memory);
  return run.play();
}

}  // namespace ksim::sim
