#pragma once
// A node's static configuration: a server.properties file, checked as a whole.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/limits.h"
#include "core/base/properties.h"
#include "core/base/result.h"
#include "core/metadata/features.h"
#include "core/metadata/image.h"

namespace ksim {

struct QuorumVoter {
  int32_t id = -1;
  std::string host;
  uint16_t port = 0;
};

// Immutable once parsed and given its limits.
class ServerConfig {
 public:
  // Fails with one line that names key, value and what is allowed. Unknown keys are kept and add a line to
  // `warnings`; keys that start with "listener.name." belong to one listener and are kept silently.
  static Result<ServerConfig> parse(const PropertyMap& properties, std::vector<std::string>& warnings);
  static Result<ServerConfig> parse_text(std::string_view properties, std::vector<std::string>& warnings);
  // Nothing given: every value is its default. For tests and for parts that run without a node.
  ServerConfig() = default;

  // ---- values by name; the name must be one of broker_configs.inc ----
  // As given in the file.
  std::optional<std::string_view> given(std::string_view name) const;
  // As given, else the default; null if there is neither.
  std::optional<std::string_view> value(std::string_view name) const;
  int64_t integer(std::string_view name) const;  // int16, int32, int64; must have a value
  bool boolean(std::string_view name) const;
  std::string_view text(std::string_view name) const;  // "" if null
  std::vector<std::string_view> list(std::string_view name) const;
  const PropertyMap& properties() const { return given_; }
  // Not from the file: the node's maker gives them.
  const Limits& limits() const { return limits_; }
  void set_limits(const Limits& limits) { limits_ = limits; }

  // ---- what follows from several of them ----
  int32_t node_id() const { return node_id_; }
  bool is_broker() const { return is_broker_; }
  bool is_controller() const { return is_controller_; }
  const std::vector<ListenerEndpoint>& listeners() const { return listeners_; }
  // What a broker registers: advertised.listeners, else its listeners without those of the controller. An
  // empty host stands for the machine's own name.
  const std::vector<ListenerEndpoint>& advertised_listeners() const { return advertised_; }
  // What a controller registers.
  const std::vector<ListenerEndpoint>& controller_listeners() const { return controller_listeners_; }
  const std::vector<std::string>& controller_listener_names() const { return controller_listener_names_; }
  const std::string& inter_broker_listener_name() const { return inter_broker_listener_name_; }
  std::optional<SecurityProtocol> protocol_of(std::string_view listener_name) const;
  const std::vector<QuorumVoter>& voters() const { return voters_; }
  // Where /metrics and the like are served; none if the key is empty.
  std::optional<ListenerEndpoint> http_listener() const;
  // With which an empty cluster begins.
  FeatureLevels bootstrap_features() const;
  // log.dirs, else log.dir.
  std::vector<std::string> log_dirs() const;
  std::string metadata_log_dir() const;  // the first log directory unless given

 private:
  Result<void> check_values(std::vector<std::string>& warnings);
  Result<void> derive_roles();
  Result<void> derive_listeners();
  Result<void> check_listeners() const;
  Result<void> check_together() const;

  PropertyMap given_;
  Limits limits_;
  int32_t node_id_ = -1;
  bool is_broker_ = false;
  bool is_controller_ = false;
  std::vector<ListenerEndpoint> listeners_;
  std::vector<ListenerEndpoint> advertised_;
  std::vector<ListenerEndpoint> controller_listeners_;
  std::vector<std::string> controller_listener_names_;
  std::string inter_broker_listener_name_;
  std::map<std::string, SecurityProtocol, std::less<>> protocols_;
  std::vector<QuorumVoter> voters_;
};

std::string_view to_string(SecurityProtocol protocol);
std::optional<SecurityProtocol> parse_security_protocol(std::string_view text);

}  // namespace ksim
