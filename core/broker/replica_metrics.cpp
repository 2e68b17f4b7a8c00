#include "core/broker/replica_metrics.h"

#include <algorithm>

namespace ksim::broker {
namespace {

struct Counts {
  int64_t partitions = 0;
  int64_t leaders = 0;
  int64_t under_replicated = 0;
  int64_t under_min_isr = 0;
  int64_t at_min_isr = 0;
  int64_t offline = 0;
};

void count_leader(const Partition& partition, Counts& counts) {
  ++counts.leaders;
  const PartitionIsr& isr = partition.isr();
  const auto in_sync = static_cast<int32_t>(isr.committed_isr().size());
  const int32_t wanted = isr.effective_min_isr(partition.settings().min_isr);
  if (isr.committed_isr().size() < isr.replicas().size()) ++counts.under_replicated;
  if (in_sync < wanted) ++counts.under_min_isr;
  if (in_sync == wanted) ++counts.at_min_isr;
}

void collect_log(const Partition& partition, MetricsSnapshot& into) {
  const storage::Log& log = *partition.log();
  const MetricLabels labels{{"partition", std::to_string(partition.index())}, {"topic", partition.topic()}};
  into.gauge("kafka_log_log_size", "Bytes of the log's segments.", static_cast<int64_t>(log.size_bytes()),
             labels);
  into.gauge("kafka_log_log_logstartoffset", "First offset of the log.", log.log_start_offset(), labels);
  into.gauge("kafka_log_log_logendoffset", "Offset of the next record.", log.log_end_offset(), labels);
}

}  // namespace

void collect_replicas(const ReplicaManager& manager, MetricsSnapshot& into) {
  Counts counts;
  counts.offline = static_cast<int64_t>(manager.offline_count());
  for (const auto& [key, partition] : manager.partitions()) {
    ++counts.partitions;
    if (!partition->online()) {
      ++counts.offline;
      continue;
    }
    if (partition->is_leader()) count_leader(*partition, counts);
    collect_log(*partition, into);
  }
  const auto gauge = [&](const char* name, const char* help, int64_t value) {
    into.gauge(std::string("kafka_server_replicamanager_") + name, help, value);
  };
  gauge("partitioncount", "Replicas on this broker.", counts.partitions);
  gauge("leadercount", "Partitions this broker leads.", counts.leaders);
  gauge("underreplicatedpartitions", "Led partitions with replicas out of sync.", counts.under_replicated);
  gauge("underminisrpartitioncount", "Led partitions below min.insync.replicas.", counts.under_min_isr);
  gauge("atminisrpartitioncount", "Led partitions just at min.insync.replicas.", counts.at_min_isr);
  gauge("offlinereplicacount", "Replicas whose log directory has failed.", counts.offline);
  into.counter("kafka_server_replicamanager_isrshrinks_total", "In-sync replicas removed.",
               manager.isr_shrinks());
  into.counter("kafka_server_replicamanager_isrexpands_total", "In-sync replicas added.",
               manager.isr_expands());
  const auto waiting = [&](const char* operation, size_t size) {
    into.gauge("kafka_server_delayedoperationpurgatory_purgatorysize", "Requests that wait.",
               static_cast<int64_t>(size), {{"delayedoperation", operation}});
  };
  waiting("Produce", manager.waiting_produces());
  waiting("Fetch", manager.waiting_fetches());
}

}  // namespace ksim::broker
