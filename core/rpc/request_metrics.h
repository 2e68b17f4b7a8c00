#pragma once
// What one shard counts of its connections and requests (kafka.network:type=RequestMetrics and
// kafka.server:type=socket-server-metrics). Memory is bounded by the table of apis.

#include <map>
#include <memory>

#include "core/metrics/histogram.h"
#include "core/metrics/snapshot.h"
#include "core/wire/api_table.h"

namespace ksim::rpc {

// Times in microseconds. A request that nobody answers (acks=0) counts until its turn on the connection
// comes.
struct ApiMetrics {
  Histogram total_time;           // from the whole request to the last byte of the answer
  Histogram local_time;           // the handler, with what it waits for; a long poll is in here
  Histogram remote_time;          // from the handler's end to the answer: acknowledgement by other replicas
  Histogram response_queue_time;  // until answers before it had left
  Histogram response_send_time;
  Histogram request_bytes;
  Histogram response_bytes;
};

class RequestMetrics {
 public:
  ApiMetrics& of(const wire::ApiInfo& api);
  void opened(const std::string& listener) { ++listeners_[listener].opened; }
  void closed(const std::string& listener) { ++listeners_[listener].closed; }
  void refused(const std::string& listener) { ++listeners_[listener].refused; }

  void collect(MetricsSnapshot& into, Instant now) const;

 private:
  struct ListenerCounts {
    uint64_t opened = 0;
    uint64_t closed = 0;
    uint64_t refused = 0;
  };
  std::map<int16_t, std::unique_ptr<ApiMetrics>> apis_;
  std::map<std::string, ListenerCounts> listeners_;
};

}  // namespace ksim::rpc
