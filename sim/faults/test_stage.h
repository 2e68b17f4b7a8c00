#pragma once
// Three machines and their disks, on which tests let faults act: the stage of them, and who is told of them.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/faults/schedule.h"
#include "sim/test_world.h"

namespace ksim::sim {

// The world begins at this instant; the times of these tests count from it.
inline constexpr Instant kBegin = Instant{} + seconds(1);
inline Instant at(Duration d) { return kBegin + d; }

struct Row {
  std::string kind;
  Instant began;
  std::optional<Instant> ended;
  std::string effect;
  bool took_effect = true;
  std::string cause = {};
};

// Three machines that write and sync a file and count how often they could.
class FaultsTest : public testing::Test, public FaultStage, public FaultTeller {
 protected:
  struct Life {
    uint64_t rounds = 0;
    uint64_t errors = 0;
    uint32_t starts = 0;
    bool found_file = false;
    uint64_t found_bytes = 0;
    WallTime wall{0};
    Instant local{0};
    uint64_t dialled = 0;  // connections
    uint64_t refused = 0;
    uint64_t short_of = 0;  // descriptors
    Duration slowest{0};    // round
  };

  FaultsTest() {
    for (const char* name : {"a", "b", "c"}) nodes.push_back(&test.node(name));
  }

  FaultPlan fault(std::string kind, std::string target, Duration begins, std::optional<Duration> lasts,
                  std::map<std::string, std::string> parameters = {}) {
    FaultPlan plan;
    plan.kind = std::move(kind);
    plan.target = std::move(target);
    plan.trigger.at = at(begins) - Instant{};
    plan.lasts = lasts;
    plan.parameters = std::move(parameters);
    return plan;
  }
  void begin(std::vector<FaultPlan> of) {
    plans = std::move(of);
    schedule.emplace(*this, plans, *this);
    for (SimNode* node : nodes) start(*node);
    schedule->start();
  }
  void until(Duration when) { test.world().run_until(at(when)); }
  void heal() { schedule->heal(); }
  uint64_t rounds(const char* name) { return lives[name].rounds; }
  // The row of a kind whose words have this.
  Row row_with(std::string_view words) const {
    for (const Row& row : rows) {
      if (row.effect.find(words) != std::string::npos) return row;
    }
    ADD_FAILURE() << "no fault says: " << words;
    return {};
  }

  virtual void live(const std::string&, Env& env, Life& life) {
    ++life.starts;
    const auto found = env.disk.stat("f");
    life.found_file = found.ok();
    life.found_bytes = found.ok() ? found->size_bytes : 0;
    const auto file = env.disk.open("f", Open::create);
    for (uint64_t offset = 0;; offset += 8) {
      env.sleep(milliseconds(10));
      life.wall = env.clock.wall();
      life.local = env.clock.now();
      uint8_t into[8];
      const bool good = file.ok() && write_fully(**file, offset, as_bytes("12345678")).ok() &&
                        read_fully(**file, offset, into).ok() && (*file)->sync(SyncMode::all).ok();
      ++(good ? life.rounds : life.errors);
    }
  }

  // ---- FaultStage ----
  World& world() override { return test.world(); }
  std::vector<SimNode*> resolve(const std::string& target, uint64_t) override {
    asked.insert(target);
    if (target == "all") return nodes;
    if (target == "any") return {nodes.front()};
    SimNode* node = test.world().find(target);
    return node == nullptr ? std::vector<SimNode*>{} : std::vector<SimNode*>{node};
  }
  void start(SimNode& node) override {
    if (node.kept_down() || node.alive()) return;
    if (node.running()) return test.world().later(node.key(), [this, &node] { start(node); });
    Life& life = lives[node.name()];
    node.start(FunctionProcess::factory([this, &life, &node](Env& env) { live(node.name(), env, life); }));
  }
  void crash(SimNode& node) override {
    node.crash();
    schedule->died(node);
  }
  void power_loss(const std::vector<SimNode*>& lost) override {
    for (SimNode* node : lost) node->power_loss();
  }
  void replace_disk(SimNode& node, const DiskCopy& copy) override {
    node.power_loss();
    node.replace_disk(copy);
  }
  bool move(SimNode& node) override { return moved.insert(node.name()).second; }
  void configure(SimNode& node, const Properties& settings) override { configured[node.name()] = settings; }
  void stop(SimNode& node) override { node.stop(); }
  bool take_back(SimNode& node) override { return gave_up.contains(node.name()); }
  std::vector<SimNode*> others(const SimNode& node, bool) override {
    std::vector<SimNode*> rest = nodes;
    std::erase(rest, &node);
    return rest;
  }
  void damaged(SimNode& node) override { spoilt.insert(node.name()); }
  std::string role_of(const SimNode&) override { return {}; }

  // ---- FaultTeller ----
  int64_t fault_began(const FaultPlan& plan, const std::string&, const std::string& cause,
                      const std::string& effect) override {
    rows.push_back({plan.kind, test.world().now(), std::nullopt, effect, true, cause});
    return static_cast<int64_t>(rows.size());
  }
  void fault_missed(const FaultPlan& plan, const std::string&, const std::string&,
                    const std::string& why) override {
    rows.push_back({plan.kind, test.world().now(), test.world().now(), why, false});
  }
  void fault_ended(int64_t row, const std::string& what) override {
    Row& ended = rows[static_cast<size_t>(row - 1)];
    ended.ended = test.world().now();
    ended.effect += "; " + what;
  }

  TestWorld test;
  std::vector<SimNode*> nodes;
  std::map<std::string, Life> lives;
  std::map<std::string, Properties> configured;
  std::set<std::string> asked;  // targets
  std::set<std::string> moved;
  std::set<std::string> gave_up;  // a log directory
  std::set<std::string> spoilt;
  std::vector<FaultPlan> plans;
  std::vector<Row> rows;
  std::optional<FaultSchedule> schedule;
};

inline bool says(const Row& row, std::string_view words) {
  return row.effect.find(words) != std::string::npos;
}

}  // namespace ksim::sim
