#include <fmt/format.h>

#include "sim/plan/plan.h"
#include "sim/plan/words.h"

namespace ksim::sim {
namespace {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string inline_table(const std::map<std::string, std::string>& entries) {
  std::string out = "{";
  for (const auto& [key, value] : entries) {
    out += fmt::format("{} {} = {}", out.size() > 1 ? "," : "", in_quotes(key), in_quotes(value));
  }
  return out + (entries.empty() ? "}" : " }");
}

class Lines {
 public:
  void text(std::string_view key, std::string_view value) { line(key, in_quotes(value)); }
  void number(std::string_view key, uint64_t value) { line(key, std::to_string(value)); }
  void flag(std::string_view key, bool value) { line(key, value ? "true" : "false"); }
  void duration(std::string_view key, Duration value) { text(key, format_duration(value)); }
  void table(std::string_view key, const std::map<std::string, std::string>& entries) {
    if (!entries.empty()) line(key, inline_table(entries));
  }
  void texts(std::string_view key, const std::vector<std::string>& values) {
    std::string list;
    for (const std::string& value : values) list += (list.empty() ? "" : ", ") + in_quotes(value);
    line(key, "[" + list + "]");
  }
  void header(std::string_view name) { out += fmt::format("\n{}\n", name); }
  void line(std::string_view key, std::string_view value) { out += fmt::format("{} = {}\n", key, value); }
  std::string out;
};

void print_fault(Lines& to, const FaultPlan& fault) {
  to.header("[[fault]]");
  to.text("kind", fault.kind);
  if (!fault.target.empty()) to.text("target", fault.target);
  if (fault.trigger.at) to.duration("at", *fault.trigger.at);
  if (!fault.trigger.when.empty()) {
    to.text("when", fault.trigger.when);
    if (!fault.trigger.subject.empty()) to.text("subject", fault.trigger.subject);
    to.number("nth", fault.trigger.nth);
    to.duration("delay", fault.trigger.delay);
    if (fault.trigger.at_latest) to.duration("at_latest", *fault.trigger.at_latest);
  }
  if (fault.lasts) to.duration("lasts", *fault.lasts);
  for (const auto& [key, value] : fault.parameters) to.text(key, value);
}

void print_workload(Lines& to, const WorkloadPlan& workload) {
  to.header("[[workload]]");
  to.text("kind", workload.kind);
  to.text("name", workload.name);
  if (!workload.topic.empty()) to.text("topic", workload.topic);
  to.duration("starts", workload.starts);
  to.duration("interval", workload.interval);
  for (const auto& [key, value] : workload.parameters) to.text(key, value);
}

}  // namespace

std::string machine_name(const NodePlan& node) {
  return fmt::format("{}-{}", node.broker ? "broker" : "controller", node.id);
}

std::string print_plan(const Plan& plan) {
  Lines to;
  to.text("scenario", plan.scenario);
  if (!plan.about.empty()) to.text("about", plan.about);
  // TOML's integers have 63 bits.
  to.text("seed", std::to_string(plan.seed));
  to.duration("duration", plan.duration);
  to.duration("settle", plan.settle);
  to.text("limits", plan.limits);
  to.texts("buggify", plan.buggify);
  if (plan.limits != "production") {
    to.header("[sizes]");
    plan.sizes.fields(
        [&](std::string_view name, int64_t value) { to.number(name, static_cast<uint64_t>(value)); });
  }
  if (!plan.cluster.config.empty()) {
    to.header("[cluster]");
    to.table("config", plan.cluster.config);
  }
  for (const NodePlan& node : plan.cluster.nodes) {
    to.header("[[cluster.node]]");
    to.number("id", static_cast<uint64_t>(node.id));
    to.line("roles", node.broker && node.controller ? "[\"broker\", \"controller\"]"
                     : node.broker                  ? "[\"broker\"]"
                                                    : "[\"controller\"]");
    to.number("shards", node.shards);
    if (!node.rack.empty()) to.text("rack", node.rack);
    to.table("config", node.config);
  }
  for (const TopicPlan& topic : plan.topics) {
    to.header("[[topic]]");
    to.text("name", topic.name);
    to.number("partitions", static_cast<uint64_t>(topic.partitions));
    to.number("replication", static_cast<uint64_t>(topic.replication));
    to.table("config", topic.config);
  }
  for (const ProducerPlan& producer : plan.producers) {
    to.header("[[producer]]");
    to.text("name", producer.name);
    to.text("topic", producer.topic);
    if (!producer.also.empty()) to.texts("also", producer.also);
    to.duration("starts", producer.starts);
    to.duration("interval", producer.interval);
    to.number("burst", producer.burst);
    to.number("records", producer.records);
    to.number("record_bytes", producer.record_bytes);
    if (producer.large_every > 0) to.number("large_every", producer.large_every);
    to.flag("keyed", producer.keyed);
    if (producer.renew_every > 0) to.number("renew_every", producer.renew_every);
    to.table("config", producer.config);
  }
  for (const ConsumerPlan& consumer : plan.consumers) {
    to.header("[[consumer]]");
    to.text("name", consumer.name);
    to.text("topic", consumer.topic);
    if (!consumer.also.empty()) to.texts("also", consumer.also);
    to.duration("starts", consumer.starts);
    to.duration("interval", consumer.interval);
    to.number("latest_every", consumer.latest_every);
    if (consumer.seek_every > 0) to.number("seek_every", consumer.seek_every);
    to.table("config", consumer.config);
  }
  for (const RawDriverPlan& driver : plan.raw_drivers) {
    to.header("[[raw_driver]]");
    to.text("name", driver.name);
    to.text("topic", driver.topic);
    to.duration("starts", driver.starts);
    to.duration("interval", driver.interval);
  }
  for (const AdminPlan& admin : plan.admins) {
    to.header("[[admin]]");
    to.text("name", admin.name);
    to.text("topic", admin.topic);
    to.duration("starts", admin.starts);
    to.duration("interval", admin.interval);
    to.texts("calls", admin.calls);
  }
  for (const WorkloadPlan& workload : plan.workloads) print_workload(to, workload);
  for (const FaultPlan& fault : plan.faults) print_fault(to, fault);
  to.header("[network]");
  to.text("latency", plan.network.latency);
  to.duration("retransmission_timeout", plan.network.retransmission_timeout);
  to.header("[disk]");
  to.text("latency", plan.disk.latency);
  to.number("capacity_bytes", plan.disk.capacity_bytes);
  to.header("[explore]");
  to.text("policy", plan.explore.policy);
  to.number("change_points", plan.explore.change_points);
  to.text("micro_seed", std::to_string(plan.explore.micro_seed));
  return to.out;
}

}  // namespace ksim::sim
