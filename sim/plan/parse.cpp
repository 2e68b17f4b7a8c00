#include <algorithm>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "core/base/hooks.h"
#include "sim/plan/check_whole.h"
#include "sim/plan/drawing.h"
#include "sim/plan/plan.h"
#include "sim/plan/section.h"
#include "sim/plan/tiny.h"
#include "sim/plan/words.h"

namespace ksim::sim {
namespace {

void note_places(const toml::node& node, const std::string& path, std::map<std::string, Place>& places) {
  const toml::source_position at = node.source().begin;
  if (at.line > 0 && !path.empty()) places[path] = {at.line, at.column};
  const std::string within = path.empty() ? path : path + ".";
  if (const toml::table* table = node.as_table()) {
    for (const auto& [key, value] : *table) note_places(value, within + std::string(key.str()), places);
  } else if (const toml::array* array = node.as_array()) {
    for (size_t i = 0; i < array->size(); ++i) note_places((*array)[i], within + std::to_string(i), places);
  }
}

// ---- the plan ----

void read_node(Section& from, NodePlan& node) {
  from.number("id", node.id, 0, 100'000);
  std::vector<std::string> roles = {"broker"};
  from.texts("roles", roles);
  node.broker = std::count(roles.begin(), roles.end(), "broker") > 0;
  node.controller = std::count(roles.begin(), roles.end(), "controller") > 0;
  if (!node.broker && !node.controller)
    from.complain("roles", "roles: expected \"broker\", \"controller\" or both");
  from.number("shards", node.shards, 1, 64);
  from.text("rack", node.rack);
  from.properties("config", node.config);
}

uint32_t shards_of(Section& cluster, int32_t node, uint64_t seed, Complaint& complaint) {
  const toml::node* shards = cluster.get("shards");
  if (shards == nullptr) return 1;
  std::unique_ptr<toml::node> value;
  if (const toml::table* table = shards->as_table()) {
    value = drawn(*table, fmt::format("cluster.shards.{}", node), seed, complaint);
    shards = value.get();
  }
  const auto number = shards == nullptr ? std::nullopt : shards->value_exact<int64_t>();
  if (!number || *number < 1 || *number > 64) {
    cluster.complain("shards", "cluster.shards: expected a number from 1 to 64");
    return 1;
  }
  return static_cast<uint32_t>(*number);
}

void read_cluster(Section& from, Plan& plan, Complaint& complaint) {
  ClusterPlan& cluster = plan.cluster;
  uint32_t brokers = 0;
  uint32_t controllers = 0;
  bool combined = false;
  std::vector<std::string> racks;
  from.number("brokers", brokers, 0, 1000);
  from.number("controllers", controllers, 0, 99);
  from.flag("combined", combined);
  from.texts("racks", racks);
  from.properties("config", cluster.config);
  const auto add = [&](int32_t id, bool broker, bool controller, size_t nth) {
    NodePlan node{id, broker, controller, shards_of(from, id, plan.seed, complaint), {}, {}, from.path()};
    if (broker && !racks.empty()) node.rack = racks[nth % racks.size()];
    cluster.nodes.push_back(std::move(node));
  };
  for (uint32_t i = 0; i < brokers; ++i)
    add(static_cast<int32_t>(i + 1), true, combined && i < controllers, i);
  for (uint32_t i = combined ? brokers : 0; i < controllers; ++i)
    add(static_cast<int32_t>(i + 101), false, true, i);
  from.tables("node", [&](Section& section) {
    NodePlan node;
    node.path = section.path();
    read_node(section, node);
    cluster.nodes.push_back(std::move(node));
  });
}

constexpr int64_t kMostRecordBytes = 64LL << 20;

template <class T>
void add_counted(std::vector<T>& into, const T& one, uint32_t count) {
  for (uint32_t i = 1; i <= count && into.size() <= kMostClients; ++i) {
    into.push_back(one);
    if (count > 1) into.back().name += "-" + std::to_string(i);
  }
}

void read_workload(Section& from, Plan& plan) {
  from.tables("topic", [&](Section& section) {
    TopicPlan topic;
    topic.path = section.path();
    section.text("name", topic.name);
    section.number("partitions", topic.partitions, 1, 100'000);
    section.number("replication", topic.replication, 1, 1000);
    section.properties("config", topic.config);
    if (topic.name.empty()) section.complain("name", "topic: a name is missing");
    plan.topics.push_back(std::move(topic));
  });
  from.tables("producer", [&](Section& section) {
    ProducerPlan producer;
    producer.name = "producer";
    producer.interval = milliseconds(10);
    producer.path = section.path();
    uint32_t count = 1;
    section.text("name", producer.name);
    section.text("topic", producer.topic);
    section.texts("also", producer.also);
    section.number("count", count, 0, 10'000);
    section.duration("starts", producer.starts);
    section.duration("interval", producer.interval);
    section.number("burst", producer.burst, 1, 10'000);
    section.number("records", producer.records, 0);
    section.number("record_bytes", producer.record_bytes, 8, kMostRecordBytes);
    section.number("large_every", producer.large_every, 0);
    section.flag("keyed", producer.keyed);
    section.number("renew_every", producer.renew_every, 0);
    section.properties("config", producer.config);
    add_counted(plan.producers, producer, count);
  });
  from.tables("consumer", [&](Section& section) {
    ConsumerPlan consumer;
    consumer.name = "consumer";
    consumer.interval = milliseconds(50);
    consumer.path = section.path();
    uint32_t count = 1;
    section.text("name", consumer.name);
    section.text("topic", consumer.topic);
    section.texts("also", consumer.also);
    section.number("count", count, 0, 10'000);
    section.duration("starts", consumer.starts);
    section.duration("interval", consumer.interval);
    section.number("latest_every", consumer.latest_every, 0);
    section.number("seek_every", consumer.seek_every, 0);
    section.properties("config", consumer.config);
    add_counted(plan.consumers, consumer, count);
  });
  from.tables("raw_driver", [&](Section& section) {
    RawDriverPlan driver{"raw-driver", {}, {}, milliseconds(50), section.path()};
    uint32_t count = 1;
    section.text("name", driver.name);
    section.text("topic", driver.topic);
    section.number("count", count, 0, 10'000);
    section.duration("starts", driver.starts);
    section.duration("interval", driver.interval);
    add_counted(plan.raw_drivers, driver, count);
  });
}

void read_admins(Section& from, Plan& plan) {
  const std::vector<std::string> known(std::begin(kAdminCalls), std::end(kAdminCalls));
  from.tables("admin", [&](Section& section) {
    AdminPlan admin{"administrator", {}, {}, seconds(1), known, section.path()};
    uint32_t count = 1;
    section.text("name", admin.name);
    section.text("topic", admin.topic);
    section.number("count", count, 0, 10'000);
    section.duration("starts", admin.starts);
    section.duration("interval", admin.interval);
    section.texts("calls", admin.calls);
    if (admin.calls.empty()) section.complain("calls", "admin.calls: there are none");
    for (const std::string& call : admin.calls) {
      if (std::find(known.begin(), known.end(), call) == known.end())
        section.complain("calls",
                         fmt::format("admin.calls: no call \"{}\"{}", call, did_you_mean(call, known)));
    }
    add_counted(plan.admins, admin, count);
  });
}

// What a kind of fault or workload takes beside what all of them do.
void read_parameters(Section& section, const std::vector<std::string_view>& names,
                     std::map<std::string, std::string>& parameters) {
  for (std::string_view name : names) static_cast<void>(section.get(name));
  for (std::string_view name : names) {
    const toml::node* node = section.raw().get(name);
    if (node == nullptr) continue;
    if (const auto text = node->value_exact<std::string>()) {
      parameters[std::string(name)] = *text;
    } else if (const auto number = node->value_exact<int64_t>()) {
      parameters[std::string(name)] = std::to_string(*number);
    } else {
      section.wrong(*node, name, "a string or a number");
    }
  }
}

// The word of that kind; null: there is none, and the section has been told.
template <class Word>
const Word* find_word(Section& section, const std::vector<Word>& words, std::string_view what,
                      const std::string& kind) {
  const auto word = std::find_if(words.begin(), words.end(), [&](const Word& w) { return w.kind == kind; });
  if (word != words.end()) return &*word;
  std::vector<std::string> kinds;
  for (const Word& known : words) kinds.emplace_back(known.kind);
  const std::string meant = did_you_mean(kind, kinds);
  section.complain("kind", fmt::format("{0}.kind: no {0} \"{1}\"{2}", what, kind,
                                       meant.empty() ? fmt::format("; see ksim list {}s", what) : meant));
  static_cast<void>(section.rest());
  return nullptr;
}

void read_own_workload(Section& section, Plan& plan, const Vocabulary& words) {
  WorkloadPlan workload;
  workload.path = section.path();
  workload.interval = seconds(1);
  uint32_t count = 1;
  section.text("kind", workload.kind);
  workload.name = workload.kind;
  section.text("name", workload.name);
  section.text("topic", workload.topic);
  section.number("count", count, 0, 10'000);
  section.duration("starts", workload.starts);
  section.duration("interval", workload.interval);
  const WorkloadWord* word = find_word(section, words.workloads, "workload", workload.kind);
  if (word == nullptr) return;
  read_parameters(section, word->parameters, workload.parameters);
  add_counted(plan.workloads, workload, count);
}

// Marks have a dot in their names, predicates have none.
void check_when(Section& section, const FaultTrigger& trigger, const Vocabulary& words) {
  if (trigger.when.empty()) return;
  std::vector<std::string> marks;
  for (size_t i = 0; i < kMarkCount; ++i) marks.emplace_back(mark_name(static_cast<Mark>(i)));
  const std::vector<std::string> predicates(words.predicates.begin(), words.predicates.end());
  const auto has = [&](const std::vector<std::string>& known) {
    return std::find(known.begin(), known.end(), trigger.when) != known.end();
  };
  if (has(marks) || has(predicates)) return;
  const bool mark = trigger.when.find('.') != std::string::npos;
  const std::string meant = did_you_mean(trigger.when, mark ? marks : predicates);
  section.complain("when", mark ? fmt::format("fault.when: no mark \"{}\"{}", trigger.when,
                                              meant.empty() ? "; see ksim list marks" : meant)
                                : fmt::format("fault.when: no predicate \"{}\"; there are {}{}", trigger.when,
                                              fmt::join(predicates, ", "), meant));
}

// Nothing where the key is not there.
std::optional<Duration> optional_duration(Section& section, std::string_view key) {
  std::optional<Duration> value;
  if (section.has(key)) section.duration(key, value.emplace());
  return value;
}

void read_fault(Section& section, Plan& plan, const Vocabulary& words) {
  FaultPlan fault;
  fault.path = section.path();
  section.text("kind", fault.kind);
  section.text("target", fault.target);
  fault.trigger.at = optional_duration(section, "at");
  section.text("when", fault.trigger.when);
  section.text("subject", fault.trigger.subject);
  section.number("nth", fault.trigger.nth, 1);
  section.duration("delay", fault.trigger.delay);
  fault.trigger.at_latest = optional_duration(section, "at_latest");
  fault.lasts = optional_duration(section, "lasts");
  if (fault.trigger.at.has_value() == !fault.trigger.when.empty()) {
    section.complain("kind", "fault: give either at = \"10s\" or when = \"a.mark\" or a predicate");
  }
  if (fault.trigger.when.empty() && !fault.trigger.subject.empty())
    section.complain("subject", "fault.subject: belongs to when");
  if (fault.trigger.when.empty() && fault.trigger.at_latest)
    section.complain("at_latest", "fault.at_latest: belongs to when");
  if (fault.trigger.when.empty() && is_here(fault.target))
    section.complain(
        "target",
        "fault.target: \"here\" is where a mark is reached, or a predicate holds: it belongs to when");
  check_when(section, fault.trigger, words);
  const FaultWord* word = find_word(section, words.faults, "fault", fault.kind);
  if (word == nullptr) return;
  read_parameters(section, word->parameters, fault.parameters);
  plan.faults.push_back(std::move(fault));
}

void one_of(Section& section, std::string_view key, const std::string& value,
            const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  section.complain(key, fmt::format("{}: \"{}\" is not one of {}", key, value, fmt::join(allowed, ", ")));
}

void read_buggify(Section& from, Plan& plan) {
  const toml::node* node = from.get("buggify");
  if (node == nullptr) return;
  if (node->value_or(std::string_view{}) == "drawn") {
    // Each site is active in a quarter of the runs.
    for (size_t i = 0; i < kSiteCount; ++i) {
      const std::string name(site_name(static_cast<Site>(i)));
      if (draw_below(plan.seed, "buggify." + name, 4) == 0) plan.buggify.push_back(name);
    }
    return;
  }
  from.texts("buggify", plan.buggify);
}

// Without `draw` the text is a plan's, and says everything itself.
Plan read_plan(const toml::table& table, bool draw, uint64_t seed, const std::string& name,
               const Vocabulary& words, std::map<std::string, Place> places, Complaint& complaint) {
  Plan plan;
  plan.places = std::move(places);
  plan.seed = seed;
  plan.scenario = name;
  plan.explore.micro_seed = mix64(seed, hash_text("explore.micro_seed"));
  Section root(table, {}, complaint);
  root.text("scenario", plan.scenario);
  root.text("about", plan.about);
  root.seed("seed", plan.seed);
  root.duration("duration", plan.duration);
  root.duration("settle", plan.settle);
  root.text("limits", plan.limits);
  one_of(root, "limits", plan.limits, {"production", "tiny"});
  if (draw && plan.limits == "tiny") plan.sizes = tiny_limits(plan.seed);
  root.table("sizes", [&](Section& section) {
    plan.sizes.fields([&](std::string_view key, int64_t& value) { section.number(key, value, 1); });
  });
  read_buggify(root, plan);
  root.table("cluster", [&](Section& section) { read_cluster(section, plan, complaint); });
  read_workload(root, plan);
  read_admins(root, plan);
  root.tables("workload", [&](Section& section) { read_own_workload(section, plan, words); });
  root.tables("fault", [&](Section& section) { read_fault(section, plan, words); });
  root.table("network", [&](Section& section) {
    section.text("latency", plan.network.latency);
    one_of(section, "latency", plan.network.latency, {"local", "datacenter", "regional", "wide"});
    section.duration("retransmission_timeout", plan.network.retransmission_timeout);
  });
  root.table("disk", [&](Section& section) {
    section.text("latency", plan.disk.latency);
    one_of(section, "latency", plan.disk.latency, {"none", "ssd", "cloud", "spinning"});
    section.number("capacity_bytes", plan.disk.capacity_bytes, 0);
  });
  root.table("explore", [&](Section& section) {
    section.text("policy", plan.explore.policy);
    one_of(section, "policy", plan.explore.policy, {"random", "change_points", "fifo"});
    section.number("change_points", plan.explore.change_points, 0);
    section.seed("micro_seed", plan.explore.micro_seed);
  });
  root.finish();
  if (draw && plan.limits == "tiny") add_tiny_settings(plan.seed, plan.cluster.config);
  check_whole(plan, [&](const std::string& path, std::string what) {
    complaint.at(plan.place_of(path), std::move(what));
  });
  return plan;
}

Result<Plan> make(std::string_view text, const std::string& name, std::optional<uint64_t> seed,
                  const std::vector<Setting>& settings, const Vocabulary& words) {
  Complaint complaint(name);
  toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    complaint.at(parsed.error().source(), std::string(parsed.error().description()));
    return fail(ErrorCode::INVALID_REQUEST, complaint.text());
  }
  toml::table& table = parsed.table();
  std::map<std::string, Place> places;
  note_places(table, {}, places);
  if (seed) put_under(table, *seed, words, complaint);
  for (const Setting& setting : settings) {
    std::string why;
    if (!apply_setting(table, setting, why)) return fail(ErrorCode::INVALID_REQUEST, why);
  }
  if (seed && table.contains("seed")) {
    complaint.at(table.get("seed")->source(),
                 "seed: a scenario is drawn with the seed of the command line (--seed)");
  }
  if (seed) draw_all(table, *seed, complaint);
  std::string scenario = name;
  if (const size_t slash = scenario.rfind('/'); slash != std::string::npos)
    scenario = scenario.substr(slash + 1);
  if (scenario.ends_with(".toml")) scenario.resize(scenario.size() - 5);
  for (char& c : scenario) {
    if (!is_plain_name({&c, 1})) c = '_';
  }
  if (scenario.empty()) scenario = "_";
  scenario.resize(std::min<size_t>(scenario.size(), 200));
  Plan plan =
      read_plan(table, seed.has_value(), seed.value_or(1), scenario, words, std::move(places), complaint);
  if (complaint.any()) return fail(ErrorCode::INVALID_REQUEST, complaint.text());
  return plan;
}

}  // namespace

Place Plan::place_of(std::string path) const {
  for (;;) {
    if (const auto found = places.find(path); found != places.end()) return found->second;
    const size_t dot = path.rfind('.');
    if (dot == std::string::npos) return {};
    path.resize(dot);
  }
}

Result<Plan> draw_plan(std::string_view text, const std::string& name, uint64_t seed,
                       const std::vector<Setting>& settings, const Vocabulary& words) {
  return make(text, name, seed, settings, words);
}

Result<Plan> parse_plan(std::string_view text, const std::string& name, const std::vector<Setting>& settings,
                        const Vocabulary& words) {
  return make(text, name, std::nullopt, settings, words);
}

bool names_its_seed(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  return parsed && parsed.table().contains("seed");
}

}  // namespace ksim::sim
