#pragma once
// The producer of the public API (org.apache.kafka.clients.producer.KafkaProducer, without transactions).

#include <functional>
#include <memory>

#include "core/client/network.h"
#include "core/client/producer_core.h"

namespace ksim::client {

// Called once for each record, on the producer's fiber: it must not wait.
using SendCallback = std::function<void(const SendResult&)>;

// What send() gives: the result when there is one. Copies speak of the same record; outlives the producer.
class SendHandle {
 public:
  bool done() const { return state_->result.has_value(); }
  // Waits; empty at the deadline.
  std::optional<SendResult> wait(Deadline deadline) const;
  SendResult wait() const { return *wait(Instant::never()); }

 private:
  friend class Producer;
  struct State final : Delivery {
    explicit State(Scheduler& scheduler) : changed(scheduler) {}
    void complete(const SendResult& r) override;
    std::optional<SendResult> result;
    SendCallback callback;
    Condition changed;
  };
  std::shared_ptr<State> state_;
};

// Belongs to one shard; several fibers may send at the same time. close() must have returned, or the fiber
// group have been killed, before it is destroyed. `env` must outlive it.
class Producer {
 public:
  // INVALID_CONFIG as ProducerConfig::validate().
  static Result<std::unique_ptr<Producer>> create(const Env& env, ProducerConfig config);
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;
  ~Producer();

  // Copies the record and returns as soon as it has a place in a batch, which may take up to max.block.ms:
  // for metadata, then for memory. What fails before that is a handle that is done, not written.
  SendHandle send(const ProducerRecord& record, SendCallback callback = {});
  // Waits until every record sent before has its result (rule G10). False at the deadline.
  bool flush(Deadline deadline);
  // Takes no more records, finishes those it has until the deadline, gives up the rest, ends its fibers.
  void close(Deadline deadline);

  // Partitions of the topic, asked for if need be; TIMEOUT after max.block.ms.
  Result<int32_t> partition_count(std::string_view topic);
  // Unset until the first batch was sent with idempotence.
  ProducerIdAndEpoch producer_id() const { return core_.producer(); }
  const MetadataCache& metadata() const { return network_.metadata(); }

 private:
  Producer(const Env& env, ProducerConfig config);

  Result<void> await_topic(std::string_view topic, std::optional<int32_t> partition, Deadline deadline);
  Result<void> append(const ProducerRecord& record, const DeliveryRef& delivery, Deadline deadline);
  void run();
  bool send_ready(Instant now, Deadline& next_check);
  void send_request(int32_t node, const ConnectionPtr& connection, std::vector<ProduceAttempt> attempts);
  void send_unanswered(int32_t node, const ConnectionPtr& connection,
                       const std::vector<ProduceAttempt>& attempts);
  void ask_producer_id(Instant now, Deadline& next_check);
  void deliver();
  void wake();

  ProducerConfig config_;
  const Env& env_;
  ClientNetwork network_;
  ProducerCore core_;
  std::map<int32_t, std::weak_ptr<rpc::RpcConnection>> drained_over_;  // by node
  Semaphore memory_;
  int32_t memory_waiters_ = 0;
  bool asking_producer_id_ = false;
  int32_t producer_id_failures_ = 0;
  Instant producer_id_not_before_;
  bool closing_ = false;
  bool closed_ = false;
  bool woken_ = false;
  Condition work_;       // for the sender
  Condition delivered_;  // batches were completed
  Scope scope_;
};

}  // namespace ksim::client
