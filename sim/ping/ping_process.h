#pragma once
// The simulator's own node: it says ping to every other node, answers theirs, keeps a journal of the answers
// on disk and passes word between its shards. It knows nothing of Kafka, and shows what a process needs: it
// is what the simulator itself is tested and measured with.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/io/scope.h"
#include "core/io/sync.h"
#include "sim/world.h"

namespace ksim::sim {

// What the world outside knows of all ping nodes: written by them, read by the run.
struct PingBoard {
  struct Row {
    uint64_t sent = 0;
    uint64_t answered = 0;
    uint64_t journalled = 0;               // answers whose journal entry was synced
    std::map<std::string, Instant> heard;  // peer -> the last answer, in the world's time
  };
  std::map<std::string, Row> rows;  // by node
};

struct PingSettings {
  std::string self;
  std::vector<std::string> peers;
  Duration interval = milliseconds(20);
  Duration patience = seconds(2);
  uint32_t payload_bytes = 300;
};

class PingProcess final : public Process {
 public:
  PingProcess(PingSettings settings, const std::vector<Env*>& shards, World& world, PingBoard& board);

  void run(size_t shard) override;
  void stop() override;

 private:
  struct Shard {
    explicit Shard(Env& e) : env(e), stopping(e.scheduler) {}
    Env& env;
    Condition stopping;
  };

  void recover(Env& env);
  void serve(Env& env);
  void answer(Env& env, Connection& connection);
  void ping(Env& env, const std::string& peer);
  // One question and its answer. False: the connection is of no more use.
  bool exchange(Env& env, Connection& connection, const std::string& peer, uint64_t n);
  void note(Env& env, const std::string& peer, uint64_t n);
  void keep_journal(Env& env);
  void pass_word(Env& env);

  PingSettings settings_;
  World& world_;
  PingBoard& board_;
  std::vector<std::unique_ptr<Shard>> shards_;
  FileRef journal_;
  uint64_t entries_ = 0;  // in the journal
  uint64_t synced_ = 0;
  bool stop_ = false;
};

}  // namespace ksim::sim
