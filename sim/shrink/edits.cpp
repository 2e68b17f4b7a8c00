#include "sim/shrink/edits.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "sim/plan/words.h"

namespace ksim::sim {
namespace {

// Half of it, down to `least`.
template <class T>
bool halve(T& value, T least) {
  const T half = std::max<T>(value / 2, least);
  if (half >= value) return false;
  value = half;
  return true;
}
bool halve(Duration& value, Duration least) {
  const Duration half = std::max(milliseconds(value.ms() / 2), least);
  if (half >= value) return false;
  value = half;
  return true;
}
template <class T>
bool set(T& value, const T& to) {
  if (value == to) return false;
  value = to;
  return true;
}

// What is done to the element of that name, if it is still there.
template <class T, class F>
std::function<bool(Plan&)> on(std::vector<T> Plan::*list, std::string name, F change) {
  return [list, name = std::move(name), change](Plan& plan) {
    for (T& element : plan.*list) {
      if (element.name == name) return change(element);
    }
    return false;
  };
}
// Faults have no names.
template <class F>
std::function<bool(Plan&)> on_fault(size_t place, F change) {
  return [place, change](Plan& plan) { return place < plan.faults.size() && change(plan.faults[place]); };
}

}  // namespace

std::vector<Edit> shorter(const Plan& plan) {
  std::vector<Edit> edits;
  for (const int64_t eighths : {1, 2, 4, 6, 7}) {
    const Duration wanted = milliseconds(plan.duration.ms() * eighths / 8);
    edits.push_back({fmt::format("{} long", format_duration(wanted)), [wanted](Plan& p) {
                       if (wanted >= p.duration || wanted < milliseconds(100)) return false;
                       p.duration = wanted;
                       return true;
                     }});
  }
  return edits;
}

std::vector<Edit> without_nodes(const Plan& plan) {
  std::vector<Edit> edits;
  for (const NodePlan& node : plan.cluster.nodes) {
    edits.push_back({"without " + machine_name(node), [id = node.id](Plan& p) {
                       return std::erase_if(p.cluster.nodes, [id](const NodePlan& n) { return n.id == id; }) >
                              0;
                     }});
  }
  // Its replicas go with it.
  for (const NodePlan& node : plan.cluster.nodes) {
    if (!node.broker) continue;
    edits.push_back(
        {"without " + machine_name(node) + " and a replica of each topic", [id = node.id](Plan& p) {
           for (TopicPlan& topic : p.topics) {
             if (--topic.replication < 1) return false;
           }
           return std::erase_if(p.cluster.nodes, [id](const NodePlan& n) { return n.id == id; }) > 0;
         }});
    edits.push_back({machine_name(node) + " has one shard", [id = node.id](Plan& p) {
                       for (NodePlan& n : p.cluster.nodes) {
                         if (n.id == id) return set(n.shards, 1U);
                       }
                       return false;
                     }});
  }
  edits.push_back({"without racks", [](Plan& p) {
                     bool any = false;
                     for (NodePlan& n : p.cluster.nodes) any = set(n.rack, std::string()) || any;
                     return any;
                   }});
  return edits;
}

std::vector<Edit> plainer(const Plan&) {
  return {
      {"production's sizes",
       [](Plan& p) {
         p.sizes = kProductionLimits;
         return set(p.limits, std::string("production"));
       }},
      {"fibers first come first served", [](Plan& p) { return set(p.explore.policy, std::string("fifo")); }},
      {"change points are three", [](Plan& p) { return set(p.explore.change_points, 3U); }},
      {"a local network", [](Plan& p) { return set(p.network.latency, std::string("local")); }},
      {"a disk that takes no time", [](Plan& p) { return set(p.disk.latency, std::string("none")); }},
      {"a disk without end", [](Plan& p) { return set(p.disk.capacity_bytes, uint64_t{0}); }}};
}

std::vector<Edit> weaker_workload(const Plan& plan) {
  std::vector<Edit> edits;
  for (const TopicPlan& topic : plan.topics) {
    edits.push_back({topic.name + " has one partition",
                     on(&Plan::topics, topic.name, [](TopicPlan& t) { return set(t.partitions, 1); })});
    edits.push_back({topic.name + " has half the partitions",
                     on(&Plan::topics, topic.name, [](TopicPlan& t) { return halve(t.partitions, 1); })});
    edits.push_back({topic.name + " has a replica less", on(&Plan::topics, topic.name, [](TopicPlan& t) {
                       return t.replication > 1 && set(t.replication, t.replication - 1);
                     })});
  }
  for (const ProducerPlan& producer : plan.producers) {
    const auto change = [&](std::string what, auto f) {
      edits.push_back({producer.name + " " + what, on(&Plan::producers, producer.name, f)});
    };
    change("begins at once", [](ProducerPlan& p) { return set(p.starts, Duration{}); });
    change("sends one record at a time", [](ProducerPlan& p) { return set(p.burst, 1U); });
    change("sends 8 bytes", [](ProducerPlan& p) { return set(p.record_bytes, 8U); });
    change("sends nothing large", [](ProducerPlan& p) { return set(p.large_every, 0U); });
    change("lives on", [](ProducerPlan& p) { return set(p.renew_every, 0U); });
    change("has no keys", [](ProducerPlan& p) { return set(p.keyed, false); });
    for (const uint32_t records : {1U, 2U, 4U, 8U, 16U, 32U, 64U, 128U}) {
      change(fmt::format("sends {} records", records), [records](ProducerPlan& p) {
        return (p.records == 0 || p.records > records) && set(p.records, records);
      });
    }
    change("sends half as often", [](ProducerPlan& p) {
      return p.records == 0 && p.interval < seconds(2) && set(p.interval, p.interval * 2);
    });
  }
  for (const ConsumerPlan& consumer : plan.consumers) {
    const auto change = [&](std::string what, auto f) {
      edits.push_back({consumer.name + " " + what, on(&Plan::consumers, consumer.name, f)});
    };
    change("begins at once", [](ConsumerPlan& c) { return set(c.starts, Duration{}); });
    change("asks no offsets", [](ConsumerPlan& c) { return set(c.latest_every, 0U); });
    change("seeks nowhere", [](ConsumerPlan& c) { return set(c.seek_every, 0U); });
  }
  for (const AdminPlan& admin : plan.admins) {
    for (const std::string& call : admin.calls) {
      edits.push_back({fmt::format("{} never calls {}", admin.name, call),
                       on(&Plan::admins, admin.name, [call](AdminPlan& a) {
                         if (a.calls.size() < 2) return false;
                         return std::erase(a.calls, call) > 0 && !a.calls.empty();
                       })});
    }
    edits.push_back({admin.name + " calls half as often", on(&Plan::admins, admin.name, [](AdminPlan& a) {
                       return a.interval < seconds(4) && set(a.interval, a.interval * 2);
                     })});
  }
  return edits;
}

std::vector<Edit> weaker_faults(const Plan& plan) {
  std::vector<Edit> edits;
  for (size_t i = 0; i < plan.faults.size(); ++i) {
    const FaultPlan& fault = plan.faults[i];
    const auto change = [&](std::string what, auto f) {
      edits.push_back({fmt::format("{} of {} {}", fault.kind, fault.target, what), on_fault(i, f)});
    };
    change("lasts 10ms", [](FaultPlan& f) {
      return f.lasts > milliseconds(10) && set(f.lasts, std::optional(milliseconds(10)));
    });
    change("lasts half as long", [](FaultPlan& f) { return f.lasts && halve(*f.lasts, milliseconds(1)); });
    change("without delay", [](FaultPlan& f) { return set(f.trigger.delay, Duration{}); });
    change("at the first time", [](FaultPlan& f) { return set(f.trigger.nth, 1U); });
    change("at half the count", [](FaultPlan& f) { return halve(f.trigger.nth, 1U); });
    change("wherever it is about", [](FaultPlan& f) { return set(f.trigger.subject, std::string()); });
    change("at a time", [](FaultPlan& f) {
      if (!f.trigger.at_latest) return false;
      const Duration latest = *f.trigger.at_latest;
      f.trigger = {};
      f.trigger.at = latest;
      return !is_here(f.target);
    });
    change("awaited", [](FaultPlan& f) { return set(f.trigger.at_latest, std::optional<Duration>()); });
    change("in half the time",
           [](FaultPlan& f) { return f.trigger.at && halve(*f.trigger.at, milliseconds(100)); });
    for (const auto& [name, value] : fault.parameters) {
      change("without " + name, [name = name](FaultPlan& f) { return f.parameters.erase(name) > 0; });
    }
  }
  return edits;
}

// ---- settings ----

std::vector<SettingPlace> settings_of(const Plan& plan) {
  std::vector<SettingPlace> places;
  const auto add = [&](const std::string& owner, const Properties& config) {
    for (const auto& [key, value] : config) places.push_back({owner, key});
  };
  add("cluster", plan.cluster.config);
  for (const NodePlan& node : plan.cluster.nodes) add(machine_name(node), node.config);
  for (const TopicPlan& topic : plan.topics) add("topic " + topic.name, topic.config);
  for (const ProducerPlan& producer : plan.producers) add(producer.name, producer.config);
  for (const ConsumerPlan& consumer : plan.consumers) add(consumer.name, consumer.config);
  return places;
}

Properties* settings_of_owner(Plan& plan, const std::string& owner) {
  if (owner == "cluster") return &plan.cluster.config;
  for (NodePlan& node : plan.cluster.nodes) {
    if (machine_name(node) == owner) return &node.config;
  }
  for (TopicPlan& topic : plan.topics) {
    if ("topic " + topic.name == owner) return &topic.config;
  }
  for (ProducerPlan& producer : plan.producers) {
    if (producer.name == owner) return &producer.config;
  }
  for (ConsumerPlan& consumer : plan.consumers) {
    if (consumer.name == owner) return &consumer.config;
  }
  return nullptr;
}

Plan without_setting(Plan plan, const SettingPlace& setting) {
  if (Properties* const config = settings_of_owner(plan, setting.owner)) config->erase(setting.key);
  return plan;
}

// ---- triggers ----

std::vector<FaultTrigger> triggers_near(const FaultSeen& fault, const std::vector<MarkSeen>& marks) {
  constexpr size_t kMost = 8;
  constexpr Duration kNear = seconds(1);
  std::vector<FaultTrigger> triggers;
  if (fault.nodes.size() != 1) return triggers;
  std::set<std::string_view> named;
  for (auto mark = marks.rbegin(); mark != marks.rend() && triggers.size() < kMost; ++mark) {
    if (mark->at > fault.began || mark->node != fault.nodes.front()) continue;
    if (fault.began - mark->at > kNear) break;
    if (!named.insert(mark->mark).second) continue;
    FaultTrigger trigger;
    trigger.when = mark->mark;
    trigger.nth = mark->nth;
    trigger.delay = fault.began - mark->at;
    triggers.push_back(std::move(trigger));
  }
  return triggers;
}

}  // namespace ksim::sim
