#pragma once
// The machines of a plan in a world: brokers and controllers under Kafka's node ids, and the machines of
// clients. It tells the observer what happens on them, and is the stage on which faults act.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/faults/fault.h"
#include "sim/observer/run_observer.h"
#include "sim/plan/plan.h"
#include "sim/runner/disk_peek.h"
#include "sim/world.h"

namespace ksim::sim {

// Makes the process of a broker or controller from its server.properties.
using NodeProcessMaker = std::function<std::unique_ptr<Process>(
    const std::string& properties, const Limits& limits, const std::vector<Env*>& shards)>;

// server.properties of a node of the plan, as text.
std::string server_properties(const Plan& plan, const NodePlan& node);

class Cluster final : public FaultStage, private WorldWatcher {
 public:
  Cluster(World& world, const Plan& plan, RunObserver& observer, WorldPeek& peek, NodeProcessMaker maker);

  ~Cluster() override;

  std::string properties_of(const NodePlan& node) const { return server_properties(plan_, node); }
  void start_all();
  SimNode& add_client(const std::string& name);
  // Once; when it dies and is started again, `factory` makes another process. So it does after a stop in
  // order, but where it has one thing to do and then is done, whoever asked it to stop.
  void start_client(SimNode& node, ProcessFactory factory, bool one_thing = false);
  std::map<int32_t, Endpoint> broker_endpoints() const;  // by id, where none has moved
  std::string bootstrap() const;                         // "broker-1:9092,broker-2:9092"
  std::string controllers() const;                       // "controller-101:9093,..."
  // The voter on the machine of that name; none: there is none. And whether that is where controllers listen.
  std::optional<int32_t> voter_of(std::string_view machine) const;
  bool is_for_quorum(const Endpoint& listener) const;
  std::string first_down() const;  // the name of a broker or controller; empty: all are up
  SimNode* by_id(int32_t id);      // of a broker or controller; null: there is none
  // Starts whatever is down and should not be.
  void revive();
  // Called on marks, after the observer was told.
  std::function<void(Mark, SimNode&, std::string_view)> on_mark;
  // Client machines whose process has come to its end by itself.
  std::function<void(SimNode&)> on_exit;
  // Machines whose process has died.
  std::function<void(SimNode&)> on_death;

  // ---- FaultStage ----
  World& world() override { return world_; }
  std::vector<SimNode*> resolve(const std::string& target, uint64_t fault) override;
  void start(SimNode& node) override;
  void crash(SimNode& node) override;
  void power_loss(const std::vector<SimNode*>& nodes) override;
  void replace_disk(SimNode& node, const DiskCopy& copy) override;
  bool move(SimNode& node) override;
  void configure(SimNode& node, const Properties& settings) override;
  void stop(SimNode& node) override;
  bool take_back(SimNode& node) override;
  std::vector<SimNode*> others(const SimNode& node, bool with_clients) override;
  void damaged(SimNode& node) override;
  std::string role_of(const SimNode& node) override;

 private:
  struct Machine {
    NodePlan plan;
    SimNode* node;
    std::string properties;
    bool wanted = false;   // to be started as soon as it is down
    uint16_t moves = 0;    // how often it was given another port
    uint32_t lost_in = 0;  // the last incarnation that has given up a log directory
  };
  struct Client {
    SimNode* node;
    ProcessFactory factory;  // none before its first start, and after it has come to its end
    bool wanted = false;
    bool one_thing = false;
  };

  // ---- WorldWatcher ----
  void event(SimNode& node, const Event& event) override;
  void reached(SimNode& node, Mark mark, std::string_view subject) override;
  void failed(SimNode& node, std::string_view fiber, std::string_view what) override;
  void exited(SimNode& node) override;

  Machine* machine(const SimNode& node);
  Client* client(const SimNode& node);
  bool* wanted(const SimNode& node);  // null: it cannot be started
  void launch(SimNode& node);
  void died(SimNode& node, NodeFault fault);
  std::vector<SimNode*> by_role(bool broker, bool controller);
  std::vector<SimNode*> clients_of(const std::string& word);
  enum class Role : uint8_t { leader, follower, outsider };
  std::vector<SimNode*> of_partition(const std::string& name, Role role);

  World& world_;
  const Plan& plan_;
  RunObserver& observer_;
  NodeProcessMaker maker_;
  std::map<int32_t, Machine> machines_;
  std::vector<Client> clients_;
  int32_t controller_ = -1;  // leads the quorum
  int32_t controller_epoch_ = -1;
};

}  // namespace ksim::sim
