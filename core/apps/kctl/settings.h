#pragma once
// What every command is told: where the cluster is, how long to wait, and client properties under Kafka's
// names (-X, --config), which become the configurations of the house's clients.

#include <string>
#include <vector>

#include "core/base/properties.h"
#include "core/client/config.h"

namespace ksim::kctl {

class Settings {
 public:
  // What the command line gave, checked: INVALID_CONFIG with a sentence that names key, value and what is
  // allowed. Properties of the file come first, -X next, the options of their own last.
  struct Given {
    std::string bootstrap;                 // "host:port,host:port"; empty: not given
    std::string properties;                // text of the file
    std::vector<std::string> assignments;  // of -X: "key=value"
    int64_t timeout_ms = 10'000;
  };
  static Result<Settings> make(const Given& given);
  Settings() = default;

  const std::vector<Endpoint>& bootstrap() const { return bootstrap_; }
  Duration timeout() const { return milliseconds(timeout_ms_); }
  int64_t timeout_ms() const { return timeout_ms_; }
  // Keys of the file that no client knows; they are left out.
  const std::vector<std::string>& unknown_keys() const { return unknown_keys_; }

  client::AdminConfig admin() const;
  // `preset` is what the command's own options say; a property wins over it.
  client::ProducerConfig producer(client::ProducerConfig preset = {}) const;
  client::ConsumerConfig consumer(client::ConsumerConfig preset = {}) const;

 private:
  PropertyMap properties_;
  std::vector<Endpoint> bootstrap_;
  int64_t timeout_ms_ = 10'000;
  std::vector<std::string> unknown_keys_;
};

// "localhost:9092,[::1]:9093"; the port is 9092 if there is none.
Result<std::vector<Endpoint>> parse_endpoints(std::string_view text);

}  // namespace ksim::kctl
