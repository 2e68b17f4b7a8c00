#include "sim/cli/remedies.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

using Edit = std::function<void(Plan&)>;

bool stops_nodes(const FaultPlan& fault) {
  static constexpr std::string_view kKinds[] = {"crash",     "power_loss",      "stop",
                                                "restart",   "rolling_restart", "restore_disk",
                                                "wipe_disk", "new_address",     "settings"};
  return std::find(std::begin(kKinds), std::end(kKinds), fault.kind) != std::end(kKinds);
}

TopicPlan* topic_of(Plan& plan, const std::string& partition) {
  const std::string topic = partition.substr(0, partition.rfind('-'));
  for (TopicPlan& one : plan.topics) {
    if (one.name == topic) return &one;
  }
  return nullptr;
}

// The topic's own, else the cluster's under its name there, else Kafka's default.
std::string in_force(const Plan& plan, const TopicPlan& topic, const std::string& key,
                     const std::string& cluster_key, const std::string& otherwise) {
  if (const auto own = topic.config.find(key); own != topic.config.end()) return own->second;
  const auto all = plan.cluster.config.find(cluster_key);
  return all == plan.cluster.config.end() ? otherwise : all->second;
}

int number(const std::string& text, int otherwise) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? value : otherwise;
}

class Maker {
 public:
  Maker(const Plan& plan, const Explanation& page) : plan_(plan), page_(page) {}

  Remedies make() {
    Plan copy = plan_;
    if (const TopicPlan* topic = topic_of(copy, page_.partition)) {
      if (!page_.subject.starts_with("partition ")) {
        add_durability(*topic);
      } else {
        add_availability(*topic);
      }
    }
    if (std::any_of(plan_.faults.begin(), plan_.faults.end(), stops_nodes))
      add("no restart", [](Plan& plan) { std::erase_if(plan.faults, stops_nodes); });
    const bool others = std::any_of(plan_.faults.begin(), plan_.faults.end(),
                                    [](const FaultPlan& fault) { return !stops_nodes(fault); });
    if (others) add("no faults at all", [](Plan& plan) { plan.faults.clear(); });
    return std::move(out_);
  }

 private:
  void add(std::string setting, const Edit& edit) {
    out_.settings.push_back(std::move(setting));
    edit(out_.plans.emplace_back(plan_));
  }

  // As a remedy, or among what is in force.
  void topic_setting(const TopicPlan& topic, const std::string& key, const std::string& cluster_key,
                     const std::string& otherwise, const std::string& wanted) {
    const std::string setting = key + "=" + wanted;
    if (in_force(plan_, topic, key, cluster_key, otherwise) == wanted) {
      out_.in_force.push_back(setting);
      return;
    }
    const Edit edit = [this, key, wanted](Plan& plan) {
      topic_of(plan, page_.partition)->config[key] = wanted;
    };
    together_.push_back(edit);
    add(setting, edit);
  }

  void add_acks(const TopicPlan& topic) {
    const auto weaker = [&](const ProducerPlan& producer) {
      const auto acks = producer.config.find("acks");
      return producer.topic == topic.name && acks != producer.config.end() && acks->second != "all" &&
             acks->second != "-1";
    };
    if (std::none_of(plan_.producers.begin(), plan_.producers.end(), weaker)) {
      out_.in_force.emplace_back("acks=all");
      return;
    }
    const Edit edit = [weaker](Plan& plan) {
      for (ProducerPlan& producer : plan.producers) {
        if (weaker(producer)) producer.config["acks"] = "all";
      }
    };
    // `weaker` names the topic by reference to this plan's, which outlives the edit.
    together_.push_back(edit);
    add("acks=all", edit);
  }

  void add_retries() {
    const auto gives_up = [](const ProducerPlan& producer) { return producer.config.contains("retries"); };
    if (std::none_of(plan_.producers.begin(), plan_.producers.end(), gives_up)) {
      out_.in_force.emplace_back("retries=2147483647");
      return;
    }
    add("retries=2147483647", [](Plan& plan) {
      for (ProducerPlan& producer : plan.producers) producer.config.erase("retries");
    });
  }

  void add_replication(const TopicPlan& topic) {
    const auto brokers = std::count_if(plan_.cluster.nodes.begin(), plan_.cluster.nodes.end(),
                                       [](const NodePlan& node) { return node.broker; });
    if (topic.replication >= brokers) {
      out_.in_force.push_back(fmt::format("replication={} (all brokers)", topic.replication));
      return;
    }
    add(fmt::format("replication={}", topic.replication + 1),
        [this](Plan& plan) { ++topic_of(plan, page_.partition)->replication; });
  }

  void add_durability(const TopicPlan& topic) {
    add_acks(topic);
    const int minimum = number(in_force(plan_, topic, "min.insync.replicas", "min.insync.replicas", "1"), 1);
    topic_setting(topic, "min.insync.replicas", "min.insync.replicas", "1",
                  std::to_string(std::max(minimum, std::min(minimum + 1, topic.replication))));
    topic_setting(topic, "flush.messages", "log.flush.interval.messages", "never", "1");
    topic_setting(topic, "unclean.leader.election.enable", "unclean.leader.election.enable", "false",
                  "false");
    const auto asks = [](const AdminPlan& admin) {
      return std::find(admin.calls.begin(), admin.calls.end(), "elect_leaders_unclean") != admin.calls.end();
    };
    if (std::any_of(plan_.admins.begin(), plan_.admins.end(), asks)) {
      const Edit edit = [asks](Plan& plan) { std::erase_if(plan.admins, asks); };
      together_.push_back(edit);
      add("nobody asks for unclean elections", edit);
    }
    add_replication(topic);
    add_retries();
    out_.in_force.emplace_back("eligible.leader.replicas.version=1");
    if (together_.size() > 1)
      add("all of these settings", [this](Plan& plan) {
        for (const Edit& edit : together_) edit(plan);
      });
  }

  void add_availability(const TopicPlan& topic) {
    topic_setting(topic, "unclean.leader.election.enable", "unclean.leader.election.enable", "false", "true");
    topic_setting(topic, "min.insync.replicas", "min.insync.replicas", "1", "1");
    add_replication(topic);
    const auto timeout = plan_.cluster.config.find("broker.session.timeout.ms");
    const int now = timeout == plan_.cluster.config.end() ? 9000 : number(timeout->second, 9000);
    add(fmt::format("broker.session.timeout.ms={}", now / 3), [now](Plan& plan) {
      plan.cluster.config["broker.session.timeout.ms"] = std::to_string(now / 3);
      plan.cluster.config["broker.heartbeat.interval.ms"] = std::to_string(now / 15);
    });
  }

  const Plan& plan_;
  const Explanation& page_;
  Remedies out_;
  std::vector<Edit> together_;
};

}  // namespace

Remedies remedies_for(const Plan& plan, const Explanation& page) { return Maker(plan, page).make(); }

}  // namespace ksim::sim
