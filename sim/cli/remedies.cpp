#include "sim/cli/remedies.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include <fmt/format.h>

#include "sim/explain/features.h"

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

// Of every node.
std::string cluster_value(const Plan& plan, const std::string& key, const std::string& otherwise) {
  for (const NodePlan& node : plan.cluster.nodes) {
    if (const auto own = node.config.find(key); own != node.config.end()) return own->second;
  }
  const auto all = plan.cluster.config.find(key);
  return all == plan.cluster.config.end() ? otherwise : all->second;
}

void set_everywhere(Plan& plan, const std::string& key, const std::string& value) {
  for (NodePlan& node : plan.cluster.nodes) node.config.erase(key);
  plan.cluster.config[key] = value;
}

bool sends_to(const ProducerPlan& producer, const std::string& topic) {
  return producer.topic == topic ||
         std::find(producer.also.begin(), producer.also.end(), topic) != producer.also.end();
}

class Maker {
 public:
  Maker(const Plan& plan, const Explanation& page) : plan_(plan), page_(page) {}

  Remedies make() {
    Plan copy = plan_;
    if (const TopicPlan* topic = topic_of(copy, page_.partition)) {
      if (page_.about == Explanation::About::outage) {
        add_availability(*topic);
      } else {
        add_durability(*topic);
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
      return sends_to(producer, topic.name) && acks != producer.config.end() && acks->second != "all" &&
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
    add_elr();
    if (together_.size() > 1)
      add("all of these settings", [this](Plan& plan) {
        for (const Edit& edit : together_) edit(plan);
      });
  }

  void add_elr() {
    constexpr const char* kFeatures = "bootstrap.features";
    const std::string features = cluster_value(plan_, kFeatures, "");
    if (elr_on(features)) {
      out_.in_force.emplace_back("eligible.leader.replicas.version=1");
      return;
    }
    const ElrChange change = with_elr(features);
    const Edit edit = [change](Plan& plan) { set_everywhere(plan, kFeatures, change.features); };
    together_.push_back(edit);
    add(change.setting, edit);
  }

  bool blames(std::string_view setting) const {
    return std::find(page_.blamed.begin(), page_.blamed.end(), setting) != page_.blamed.end();
  }

  // A third of what it is, and of the outage, whichever is less: so that it tells.
  int64_t sooner(int64_t now_ms, int64_t least_ms) const {
    constexpr int64_t kNsPerMs = 1'000'000;
    return std::max(std::min(now_ms, page_.waited_ns / kNsPerMs) / 3, std::min(least_ms, now_ms));
  }

  // What the page blames must be among what is tried.
  void add_blamed(const TopicPlan& topic) {
    if (blames("replica.lag.time.max.ms")) {
      const int now = number(cluster_value(plan_, "replica.lag.time.max.ms", ""), 30'000);
      // A follower's fetch may not wait for longer.
      const int waits = number(cluster_value(plan_, "replica.fetch.wait.max.ms", ""), 500);
      const std::string wanted = std::to_string(sooner(now, waits));
      add("replica.lag.time.max.ms=" + wanted,
          [wanted](Plan& plan) { set_everywhere(plan, "replica.lag.time.max.ms", wanted); });
    }
    if (!blames("request.timeout.ms")) return;
    int now = 0;
    for (const ProducerPlan& producer : plan_.producers) {
      const auto own = producer.config.find("request.timeout.ms");
      if (sends_to(producer, topic.name))
        now = std::max(now, own == producer.config.end() ? 30'000 : number(own->second, 30'000));
    }
    const std::string wanted = std::to_string(sooner(now, 100));
    add("request.timeout.ms=" + wanted, [wanted, &topic](Plan& plan) {
      for (ProducerPlan& producer : plan.producers) {
        if (sends_to(producer, topic.name)) producer.config["request.timeout.ms"] = wanted;
      }
    });
  }

  void add_availability(const TopicPlan& topic) {
    topic_setting(topic, "unclean.leader.election.enable", "unclean.leader.election.enable", "false", "true");
    topic_setting(topic, "min.insync.replicas", "min.insync.replicas", "1", "1");
    add_replication(topic);
    const int now = number(cluster_value(plan_, "broker.session.timeout.ms", ""), 9000);
    add(fmt::format("broker.session.timeout.ms={}", now / 3), [now](Plan& plan) {
      set_everywhere(plan, "broker.session.timeout.ms", std::to_string(now / 3));
      set_everywhere(plan, "broker.heartbeat.interval.ms", std::to_string(now / 15));
    });
    add_blamed(topic);
  }

  const Plan& plan_;
  const Explanation& page_;
  Remedies out_;
  std::vector<Edit> together_;
};

}  // namespace

Remedies remedies_for(const Plan& plan, const Explanation& page) { return Maker(plan, page).make(); }

}  // namespace ksim::sim
