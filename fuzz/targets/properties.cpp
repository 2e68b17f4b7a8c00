// server.properties: a refusal is one line, and what is accepted has a value of the right type under every name, for
// the node and for its topics.

#include "core/apps/configuration.h"
#include "core/base/properties.h"
#include "core/metadata/config.h"
#include "core/metadata/config_def.h"
#include "core/metadata/server_config.h"
#include "core/node/quorum_options.h"
#include "fuzz/target.h"

namespace ksim::fuzz {
namespace {

constexpr std::string_view kCombined =
    "process.roles=broker,controller\n"
    "node.id=1\n"
    "controller.quorum.voters=2@b:9093,1@a:9093\n"
    "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
    "advertised.listeners=PLAINTEXT://a.example:9092\n"
    "controller.listener.names=CONTROLLER\n"
    "log.dirs=/d1, /d2\n";
constexpr std::string_view kBroker =
    "process.roles = broker\n"
    "node.id = 7\n"
    "controller.quorum.voters = 1@a:9093\n"
    "listeners = IN://h:9092,OUT://:9094\n"
    "listener.security.protocol.map = IN:PLAINTEXT,OUT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
    "inter.broker.listener.name : IN\n"
    "controller.listener.names=CONTROLLER\n"
    "# a comment\n"
    "log.dirs=\\\n  d\n"
    "http.listener=localhost:9094\n"
    "max.connections.per.ip.overrides=127.0.0.1:5,h:7\n";
constexpr std::string_view kTopic =
    "cleanup.policy=compact,delete\nretention.ms=-1\nmin.cleanable.dirty.ratio=0.5e-1\ncompression.type=zstd\n"
    "leader.replication.throttled.replicas=0:1,1:2\nmessage.timestamp.type=LogAppendTime\nsegment.bytes=1048576\n";

constexpr std::string_view kFixedWords[] = {"true",    "false",     "PLAINTEXT",     "SSL",        "CONTROLLER", "://",
                                            ":",       ",",         "=",             "1@a:9093",   "\\u00e9",   "\\ud83d\\ude00",
                                            "[::1]",   "localhost", "compact",       "delete",     "zstd",       "LogAppendTime",
                                            "1e308",   "-0.0",      "0.00000000001", "9223372036854775807",      "*"};

void is_one_line(const Error& error) {
  must(!error.message.empty(), "a refusal without a word");
  must(error.message.find('\n') == std::string::npos, "a refusal of more than one line: " + error.message);
}

// One of the names' values, by its type.
void read_values(const ServerConfig& config) {
  for (const ConfigDef& def : broker_config_defs()) {
    static_cast<void>(config.text(def.name));
    if (!config.value(def.name)) continue;
    switch (def.type) {
      case ConfigType::boolean:
        static_cast<void>(config.boolean(def.name));
        break;
      case ConfigType::int16:
      case ConfigType::int32:
      case ConfigType::int64:
        static_cast<void>(config.integer(def.name));
        break;
      case ConfigType::list:
        static_cast<void>(config.list(def.name));
        break;
      default:
        break;
    }
  }
}

void check_node(const ServerConfig& config) {
  must(config.is_broker() || config.is_controller(), "a node without a role");
  must(config.node_id() >= 0, "a node without an id");
  must(!config.voters().empty(), "a quorum without voters");
  must(!config.log_dirs().empty() && !config.metadata_log_dir().empty(), "a node without a directory");
  must(!config.is_broker() || !config.advertised_listeners().empty(), "a broker that advertises nothing");
  must(!config.is_controller() || !config.controller_listeners().empty(), "a controller that listens nowhere");
  for (const ListenerEndpoint& listener : config.listeners())
    must(config.protocol_of(listener.name).has_value(), "a listener without a protocol");
  static_cast<void>(config.http_listener());
  read_values(config);
  must(!describe(config).empty(), "nothing is said of a node");
  static_cast<void>(node::quorum_options(config, node::derived_cluster_id(config), Uuid{1, 2}));
}

// Settings of a topic on that node, as they are and changed one by one.
void check_topic(const ServerConfig& server, const PropertyMap& properties) {
  const ConfigsImage none;
  const ConfigView view{none, server};
  const ConfigMap settings(properties.begin(), properties.end());
  const auto checked = check_topic_configs(settings);
  if (!checked.ok()) is_one_line(checked.error());
  const ConfigMap* const own = checked.ok() ? &settings : nullptr;
  const TopicConfig topic = effective_topic_config(view, own);
  must(topic.cleanup_compact || topic.cleanup_delete || settings.contains("cleanup.policy") ||
           server.given("log.cleanup.policy"),
       "a topic that is never cleaned");
  must(topic.min_insync_replicas >= 1 && topic.segment_bytes > 0, "a topic with impossible settings");
  static_cast<void>(describe_topic_configs(view, own, nullptr));
  static_cast<void>(describe_broker_configs(view, server.node_id(), nullptr));
  ConfigMap changing;
  for (const auto& [name, value] : properties) {
    for (const ConfigOp op : {ConfigOp::set, ConfigOp::append, ConfigOp::subtract, ConfigOp::remove}) {
      const auto done = apply_config_op(view, ConfigResource::topic("orders"), changing, op, name, value);
      if (!done.ok()) is_one_line(done.error());
    }
    static_cast<void>(apply_config_op(view, ConfigResource::broker(1), changing, ConfigOp::set, name, value));
  }
  for (const auto& resource : {ConfigResource::topic("orders"), ConfigResource::broker(1), ConfigResource::cluster_default()})
    static_cast<void>(check_config_resource(resource, changing, true));
}

// As kbroker takes it, from its command line and its environment; no file is looked at.
void start_with(const PropertyMap& properties, bool environment) {
  KbrokerArguments arguments;
  std::vector<std::string> variables;
  for (const auto& [key, value] : properties) {
    if (!environment) arguments.overrides.push_back(key + "=" + value);
    if (environment) variables.push_back("KAFKA_" + key + "=" + value);
  }
  std::vector<const char*> pointers;
  for (const std::string& variable : variables) pointers.push_back(variable.c_str());
  pointers.push_back(nullptr);
  std::vector<std::string> warnings;
  const auto loaded = load_config(arguments, pointers.data(), {"host.example"}, warnings);
  if (loaded.ok())
    check_node(*loaded);
  else
    is_one_line(loaded.error());
}

class PropertiesTarget final : public FuzzTarget {
 public:
  PropertiesTarget() {
    words_.assign(std::begin(kFixedWords), std::end(kFixedWords));
    for (const ConfigDef& def : broker_config_defs()) words_.push_back(def.name);
    for (const ConfigDef& def : topic_config_defs()) words_.push_back(def.name);
  }

  Bounds bounds() const override {
    Bounds bounds;
    bounds.input_bytes = 2048;
    bounds.allocation_mib = 4;
    bounds.seconds = 2;
    bounds.smoke_mutations = 600;
    return bounds;
  }

  void run(Bytes input) override {
    const auto properties = parse_properties(as_text(input));
    if (!properties.ok()) return is_one_line(properties.error());
    std::vector<std::string> warnings;
    const auto config = ServerConfig::parse(*properties, warnings);
    if (config.ok())
      check_node(*config);
    else
      is_one_line(config.error());
    for (const std::string& warning : warnings)
      must(warning.find('\n') == std::string::npos, "a warning of more than one line");
    check_topic(config.ok() ? *config : ServerConfig(), *properties);
    start_with(*properties, false);
    start_with(*properties, true);
  }

  std::vector<ByteBuffer> corpus() override {
    std::vector<ByteBuffer> inputs;
    for (const std::string_view text : {kCombined, kBroker, kTopic}) inputs.push_back(to_buffer(as_bytes(text)));
    std::string all(kCombined);
    for (const ConfigDef& def : broker_config_defs()) {
      if (!def.default_value || def.default_value->empty() || all.size() > 1800) continue;
      all.append(def.name).append("=").append(*def.default_value).append("\n");
    }
    inputs.push_back(to_buffer(as_bytes(all)));
    std::string topic;
    for (const ConfigDef& def : topic_config_defs())
      if (def.default_value) topic.append(def.name).append("=").append(*def.default_value).append("\n");
    inputs.push_back(to_buffer(as_bytes(topic)));
    return inputs;
  }

  void mutate(ByteBuffer& input, size_t most, Mutation& mutation) override {
    mutate_text(input, most, words_, mutation);
  }

 private:
  std::vector<std::string_view> words_;
};

}  // namespace

std::unique_ptr<FuzzTarget> make_properties_target() { return std::make_unique<PropertiesTarget>(); }

}  // namespace ksim::fuzz
