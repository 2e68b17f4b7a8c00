#include "sim/runner/kafka_process.h"

#include "core/node/node.h"

namespace ksim::sim {
namespace {

class KafkaProcess final : public Process {
 public:
  KafkaProcess(node::NodeConfig config, const std::vector<Env*>& shards) : node_(std::move(config), shards) {}
  void run(size_t shard) override { node_.run(shard); }
  void stop() override { node_.stop(); }

 private:
  node::Node node_;
};

// What a process does whose configuration is refused: it says why and ends.
class RefusedProcess final : public Process {
 public:
  RefusedProcess(std::string why, Env& env) : why_(std::move(why)), env_(env) {}
  void run(size_t shard) override {
    if (shard == 0) env_.emit(LogLine{3, "config", why_});
  }
  void stop() override {}

 private:
  std::string why_;
  Env& env_;
};

}  // namespace

std::unique_ptr<Process> make_kafka_process(const std::string& properties, const Limits& limits,
                                            const std::vector<Env*>& shards) {
  std::vector<std::string> warnings;
  Result<ServerConfig> server = ServerConfig::parse_text(properties, warnings);
  if (!server.ok()) return std::make_unique<RefusedProcess>(to_string(server.error()), *shards[0]);
  return std::make_unique<KafkaProcess>(node::NodeConfig{std::move(server).value(), {}, {}, limits}, shards);
}

}  // namespace ksim::sim
