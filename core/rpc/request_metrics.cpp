#include "core/rpc/request_metrics.h"

namespace ksim::rpc {

ApiMetrics& RequestMetrics::of(const wire::ApiInfo& api) {
  auto& entry = apis_[static_cast<int16_t>(api.key)];
  if (entry == nullptr) entry = std::make_unique<ApiMetrics>();
  return *entry;
}

void RequestMetrics::collect(MetricsSnapshot& into, Instant now) const {
  struct Row {
    const char* name;
    const char* help;
    MetricUnit unit;
    Histogram ApiMetrics::*histogram;
  };
  constexpr MetricUnit kTime = MetricUnit::microseconds_as_ms;
  static constexpr Row kRows[] = {
      {"kafka_network_requestmetrics_totaltimems", "From the request to the end of its answer.", kTime,
       &ApiMetrics::total_time},
      {"kafka_network_requestmetrics_localtimems", "In the handler, long polls included.", kTime,
       &ApiMetrics::local_time},
      {"kafka_network_requestmetrics_remotetimems", "Waiting for other replicas.", kTime,
       &ApiMetrics::remote_time},
      {"kafka_network_requestmetrics_responsequeuetimems", "Answers waiting for earlier answers.", kTime,
       &ApiMetrics::response_queue_time},
      {"kafka_network_requestmetrics_responsesendtimems", "Sending answers.", kTime,
       &ApiMetrics::response_send_time},
      {"kafka_network_requestmetrics_requestbytes", "Size of requests.", MetricUnit::none,
       &ApiMetrics::request_bytes},
      {"kafka_network_requestmetrics_responsebytes", "Size of answers.", MetricUnit::none,
       &ApiMetrics::response_bytes}};
  for (const auto& [key, api] : apis_) {
    const MetricLabels labels{{"request", std::string(wire::api_info(static_cast<wire::ApiKey>(key)).name)}};
    into.counter("kafka_network_requestmetrics_requests_total", "Requests.",
                 api->request_bytes.data(now).count, labels);
    for (const Row& row : kRows) {
      into.summary(row.name, row.help, ((*api).*row.histogram).data(now), row.unit, labels);
    }
  }
  for (const auto& [listener, counts] : listeners_) {
    const MetricLabels labels{{"listener", listener}};
    into.gauge("kafka_server_socket_server_metrics_connection_count", "Open connections.",
               static_cast<int64_t>(counts.opened - counts.closed), labels);
    into.counter("kafka_server_socket_server_metrics_connection_creation_total", "Connections accepted.",
                 counts.opened, labels);
    into.counter("kafka_server_socket_server_metrics_connection_close_total", "Connections closed.",
                 counts.closed, labels);
    into.counter("kafka_server_socket_server_metrics_connection_refused_total",
                 "Connections closed at once because of a limit.", counts.refused, labels);
  }
}

}  // namespace ksim::rpc
