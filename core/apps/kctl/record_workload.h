#pragma once
// What 'kctl record' lets clients do, and notes down: producers that send, consumers that assign and poll.

#include <map>
#include <string>
#include <vector>

#include "core/apps/kctl/history.h"
#include "core/apps/kctl/session.h"
#include "core/io/random.h"
#include "core/io/scope.h"

namespace ksim::kctl {

struct WorkloadPlan {
  std::vector<TopicPartition> partitions;
  int32_t producers = 3;
  int32_t consumers = 2;
  double sends_per_second = 100;  // of all producers together
  client::ProducerConfig producer;
  client::ConsumerConfig consumer;
};

// One run. Everything it waits for is on fibers of `scope`.
class Workload {
 public:
  Workload(Session& session, const WorkloadPlan& plan, History& history);

  // Until the deadline or a signal; then every operation that is open is ended.
  void run(Deadline deadline);
  // Reads every partition from its beginning to where it ends now. False: it could not in time.
  bool poll_everything(Deadline deadline);

  int64_t acknowledged() const { return acknowledged_; }
  int64_t not_written() const { return not_written_; }
  int64_t unknown() const { return unknown_; }
  int64_t polled() const { return polled_; }

 private:
  void produce(int32_t process, Deadline deadline);
  void send_some(int32_t process, client::Producer& producer, Dice& dice, int64_t count);
  void consume(int32_t process, Deadline deadline);
  void assign_some(int32_t process, client::Consumer& consumer, Dice& dice, bool first);
  // False: the consumer is of no use any more.
  bool poll_once(int32_t process, client::Consumer& consumer);
  void assign(int32_t process, client::Consumer& consumer, const std::vector<TopicPartition>& partitions,
              bool from_beginning);
  Duration time() const { return session_.env.now() - started_; }

  Session& session_;
  const WorkloadPlan& plan_;
  History& history_;
  Instant started_;
  int64_t next_value_ = 1;
  int64_t acknowledged_ = 0;
  int64_t not_written_ = 0;
  int64_t unknown_ = 0;
  int64_t polled_ = 0;
};

}  // namespace ksim::kctl
