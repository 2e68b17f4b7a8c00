#pragma once
// Several replicas and the messages between them. Nothing happens by itself: the caller delivers, drops,
// ticks, performs disk operations and pulls plugs. Every step is judged by the Checker.

#include "core/raft/harness/checker.h"
#include "core/raft/harness/replica.h"

namespace ksim::raft {

struct Flight {  // a message under way
  uint64_t number = 0;
  int32_t from = kNoNode;
  int32_t to = kNoNode;
  uint64_t correlation = 0;
  uint64_t incarnation = 0;  // of the node that asked
  std::variant<Request, Response> what;
};
std::string describe(const Flight& flight);

class Cluster {
 public:
  // `log` takes a line for all that happens; may be null.
  Cluster(uint64_t seed, std::string* log) : seed_(seed), log_(log) {}

  void add(NodeConfig config);
  std::map<int32_t, std::unique_ptr<Replica>>& replicas() { return replicas_; }
  Replica& replica(int32_t id);
  Checker& checker() { return checker_; }
  bool auto_disk = true;  // disk operations are done as soon as they are asked for

  void start(int32_t id);
  void crash(int32_t id);
  void lose_power(int32_t id, size_t keep);
  void step(int32_t id, Input input);
  // Moves one node's clock, ticking it at each of its deadlines.
  void advance(int32_t id, Duration by);
  // Moves one node's clock to its next deadline.
  void advance_to_deadline(int32_t id);
  // Performs, or acknowledges, the node's next disk operation; false if there is nothing to do.
  bool disk(int32_t id);

  std::vector<Flight>& flights() { return flights_; }
  void deliver(size_t index);
  void drop(size_t index);
  void duplicate(size_t index) { flights_.push_back(renumbered(flights_[index])); }

  void note(int32_t id, const std::string& text);

 private:
  struct Ticket {
    int32_t asker = kNoNode;
    uint64_t correlation = 0;
    uint64_t incarnation = 0;
  };
  uint64_t draw(int32_t id) { return mix64(seed_, static_cast<uint64_t>(id), ++draws_[id]); }
  Flight renumbered(Flight flight);
  void drain(int32_t id);
  void release(Replica& replica, Outward outward);
  void fill(Replica& replica, Response& response) const;

  uint64_t seed_;
  std::string* log_;
  Checker checker_;
  std::map<int32_t, std::unique_ptr<Replica>> replicas_;
  std::map<int32_t, uint64_t> draws_;
  std::map<int32_t, uint64_t> incarnations_;
  std::map<std::pair<int32_t, uint64_t>, Ticket> tickets_;  // by (node asked, ticket)
  std::vector<Flight> flights_;
  uint64_t last_flight_ = 0;
  uint64_t last_ticket_ = 0;
};

}  // namespace ksim::raft
