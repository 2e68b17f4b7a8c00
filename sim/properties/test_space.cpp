#include "sim/properties/test_space.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/base/hooks.h"
#include "sim/plan/tiny.h"
#include "sim/plan/words.h"

namespace ksim::sim::properties {
namespace {

constexpr Duration kBegin = milliseconds(1000);  // the topics exist by about then
constexpr Duration kStep = milliseconds(20);
constexpr const char* kLasts[] = {"20ms", "100ms", "300ms", "800ms", "2s"};

// Moments between two steps of a protocol.
constexpr const char* kMarks[] = {"",
                                  "produce.appended",
                                  "leader.became",
                                  "follower.became",
                                  "isr.shrink_proposed",
                                  "isr.shrunk",
                                  "isr.expand_proposed",
                                  "isr.expanded",
                                  "log.truncated",
                                  "log.rolled",
                                  "vote.granted",
                                  "raft.elected",
                                  "raft.flushed",
                                  "controller.activated",
                                  "controller.appended",
                                  "broker.fenced",
                                  "broker.unfenced"};

Duration duration_of(const std::string& word) {
  const auto duration = parse_duration(word);
  ENSURE(duration.has_value());
  return *duration;
}
int32_t number_of(const std::string& word) { return std::atoi(word.c_str()); }

void set_or_leave(Properties& config, const std::string& key, const std::string& word) {
  if (word.empty()) {
    config.erase(key);
  } else {
    config[key] = word;
  }
}

ConsumerPlan reader(std::string name, Duration starts, Duration interval) {
  ConsumerPlan consumer;
  consumer.name = std::move(name);
  consumer.topic = "orders";
  consumer.starts = starts;
  consumer.interval = interval;
  consumer.latest_every = 5;
  consumer.config = {{"auto.offset.reset", "earliest"}, {"fetch.max.wait.ms", "100"}};
  return consumer;
}

// What every space has, before its knobs are turned.
Plan bare_plan(uint16_t seed) {
  Plan plan;
  plan.scenario = "property";
  plan.seed = seed;
  plan.explore.micro_seed = seed;
  plan.network.retransmission_timeout = seconds(5);
  plan.cluster.config = {
      {"broker.session.timeout.ms", "1000"},         {"broker.heartbeat.interval.ms", "200"},
      {"replica.lag.time.max.ms", "1000"},           {"replica.fetch.wait.max.ms", "100"},
      {"controller.quorum.fetch.timeout.ms", "800"}, {"controller.quorum.election.timeout.ms", "400"}};
  TopicPlan topic;
  topic.name = "orders";
  plan.topics.push_back(topic);
  return plan;
}

ProducerPlan producer(size_t number) {
  ProducerPlan producer;
  producer.name = fmt::format("producer-{}", number);
  producer.topic = "orders";
  producer.interval = milliseconds(40);
  producer.record_bytes = 40;
  producer.config = {{"acks", "all"},
                     {"enable.idempotence", "true"},
                     {"request.timeout.ms", "800"},
                     {"delivery.timeout.ms", "60000"},
                     {"retry.backoff.ms", "20"},
                     {"linger.ms", "0"}};
  return producer;
}

void set_sizes(Plan& plan, const std::string& word) {
  const Sizes sizes = sizes_of(word);
  for (int32_t i = 0; i < sizes.brokers; ++i) {
    NodePlan node;
    node.id = i + 1;
    plan.cluster.nodes.push_back(std::move(node));
  }
  plan.topics.front().replication = sizes.replication;
  plan.topics.front().config["min.insync.replicas"] = std::to_string(sizes.min_insync);
}

void set_controllers(Plan& plan, const std::string& word) {
  for (int32_t i = 0; i < number_of(word); ++i) {
    NodePlan node;
    node.id = i + 101;
    node.broker = false;
    node.controller = true;
    plan.cluster.nodes.push_back(std::move(node));
  }
}

}  // namespace

Sizes sizes_of(const std::string& word) {
  ENSURE(word.size() == 5 && word[1] == '/' && word[3] == '/');
  return {word[0] - '0', word[2] - '0', word[4] - '0'};
}

int32_t min_insync_of(const Plan& plan) {
  return number_of(plan.topics.front().config.at("min.insync.replicas"));
}

Space::Space() {
  duration({"2s", "3s", "4s"});
  sizes({"1/1/1", "2/2/1", "2/2/2", "3/2/1", "3/3/1", "3/3/2", "4/3/2"});
  controllers({"1", "3"});
  knob("producers", {"1", "2", "3"}, [](Plan& plan, const std::string& word) {
    for (int32_t i = 1; i <= number_of(word); ++i) plan.producers.push_back(producer(static_cast<size_t>(i)));
    plan.consumers.push_back(reader("early", Duration{0}, milliseconds(20)));
    plan.consumers.push_back(reader("late", plan.duration, milliseconds(5)));
  });
  knob("partitions", {"1", "2", "4"},
       [](Plan& plan, const std::string& word) { plan.topics.front().partitions = number_of(word); });
  knob("burst", {"1", "3", "8"}, [](Plan& plan, const std::string& word) {
    for (ProducerPlan& one : plan.producers) one.burst = static_cast<uint32_t>(number_of(word));
  });
  knob("interval", {"100ms", "40ms", "15ms"}, [](Plan& plan, const std::string& word) {
    for (ProducerPlan& one : plan.producers) one.interval = duration_of(word);
  });
  knob("shards", {"1", "2", "3"}, [](Plan& plan, const std::string& word) {
    for (NodePlan& node : plan.cluster.nodes) node.shards = static_cast<uint32_t>(number_of(word));
  });
  knob("network", {"local", "datacenter", "regional"},
       [](Plan& plan, const std::string& word) { plan.network.latency = word; });
  knob("disk", {"none", "ssd", "spinning"},
       [](Plan& plan, const std::string& word) { plan.disk.latency = word; });
  knob("policy", {"fifo", "random", "change_points"},
       [](Plan& plan, const std::string& word) { plan.explore.policy = word; });
  knob("limits", {"production", "tiny"}, [](Plan& plan, const std::string& word) {
    plan.limits = word;
    if (word != "tiny") return;
    plan.sizes = tiny_limits(plan.seed);
    add_tiny_settings(plan.seed, plan.cluster.config);
  });
  producers("linger.ms", {"0", "20"});
  producers("batch.size", {"", "200"});
  producers("max.in.flight.requests.per.connection", {"1", "5"});
}

Space& Space::knob(const std::string& what, Words words, std::function<void(Plan&, const std::string&)> set) {
  const auto found =
      std::find_if(knobs_.begin(), knobs_.end(), [&](const Knob& one) { return one.what == what; });
  if (found == knobs_.end()) {
    knobs_.push_back({what, std::move(words), std::move(set)});
  } else {
    *found = {what, std::move(words), std::move(set)};
  }
  return *this;
}
Space& Space::sizes(Words words) { return knob("sizes", std::move(words), set_sizes); }
Space& Space::controllers(Words words) { return knob("controllers", std::move(words), set_controllers); }
Space& Space::duration(Words words) {
  return knob("duration", std::move(words),
              [](Plan& plan, const std::string& word) { plan.duration = kBegin + duration_of(word); });
}
Space& Space::cluster(const std::string& key, Words words) {
  return knob(key, std::move(words),
              [key](Plan& plan, const std::string& word) { set_or_leave(plan.cluster.config, key, word); });
}
Space& Space::topic(const std::string& key, Words words) {
  return knob(key, std::move(words), [key](Plan& plan, const std::string& word) {
    set_or_leave(plan.topics.front().config, key, word);
  });
}
Space& Space::producers(const std::string& key, Words words) {
  return knob(key, std::move(words), [key](Plan& plan, const std::string& word) {
    for (ProducerPlan& one : plan.producers) set_or_leave(one.config, key, word);
  });
}

Space& Space::fault(const std::string& kind, Words targets, std::map<std::string, std::string> parameters) {
  kinds_.push_back({kind, std::move(targets), std::move(parameters)});
  return *this;
}
Space& Space::kills(Words targets) {
  for (const char* kind : {"crash", "pause", "stop", "partition", "reset"}) fault(kind, targets);
  return *this;
}
Space& Space::troubles(Words targets) {
  fault("partition_one_way", targets, {{"direction", "in"}});
  fault("partition_one_way", targets, {{"direction", "out"}});
  fault("clog", targets);
  fault("late_bytes", targets, {{"extra", "700ms"}});
  fault("stall_disk", targets);
  fault("slow_timer", targets, {{"up_to", "400ms"}});
  return fault("suspend", targets);
}
Space& Space::most_faults(size_t count) {
  most_faults_ = count;
  return *this;
}
Space& Space::on_marks() {
  on_marks_ = true;
  return *this;
}
Space& Space::trim(std::function<void(Plan&)> change) {
  trims_.push_back(std::move(change));
  return *this;
}

FaultPlan Space::fault_plan(const FaultSketch& sketch) const {
  const Kind& kind = kinds_[sketch.kind];
  FaultPlan fault;
  fault.kind = kind.name;
  fault.target = kind.targets[sketch.target % kind.targets.size()];
  fault.parameters = kind.parameters;
  fault.lasts = duration_of(kLasts[sketch.lasts]);
  if (sketch.mark == 0) {
    fault.trigger.at = kBegin + kStep * sketch.at;
  } else {
    fault.trigger.when = kMarks[sketch.mark];
    fault.trigger.nth = sketch.at % 32U + 1U;
    if (sketch.at % 2 == 0) fault.target = kHere;
  }
  return fault;
}

Plan Space::plan(const Sketch& sketch) const {
  Plan plan = bare_plan(sketch.seed);
  for (size_t i = 0; i < knobs_.size(); ++i) knobs_[i].set(plan, knobs_[i].words[sketch.knobs[i]]);
  for (const FaultSketch& fault : sketch.faults) plan.faults.push_back(fault_plan(fault));
  for (const auto& trim : trims_) trim(plan);
  return plan;
}

Sketch Space::draw(rc::Random random, int size) const {
  const auto below = [&](size_t n) { return static_cast<uint8_t>(random.split().next() % n); };
  Sketch sketch;
  for (const Knob& one : knobs_) sketch.knobs.push_back(below(one.words.size()));
  sketch.seed = static_cast<uint16_t>(random.split().next());
  const size_t most = kinds_.empty() ? 0 : 1 + most_faults_ * static_cast<size_t>(size) / 100;
  const size_t faults = most == 0 ? 0 : 1 + below(std::min(most, most_faults_));
  for (size_t i = 0; i < faults; ++i) {
    FaultSketch fault;
    fault.kind = below(kinds_.size());
    fault.target = below(kinds_[fault.kind].targets.size());
    fault.at = below(150);
    fault.lasts = below(std::size(kLasts));
    if (on_marks_ && below(2) == 0) fault.mark = below(std::size(kMarks));
    sketch.faults.push_back(fault);
  }
  return sketch;
}

rc::Gen<Sketch> Space::sketches() const {
  const auto drawn = [this](const rc::Random& random, int size) {
    return rc::shrinkable::just(draw(random, size));
  };
  return rc::gen::shrink(rc::Gen<Sketch>(drawn),
                         [this](const Sketch& sketch) { return rc::seq::fromContainer(smaller(sketch)); });
}

std::vector<Sketch> Space::smaller(const Sketch& sketch) const {
  std::vector<Sketch> all;
  const auto attempt = [&](auto change) {
    Sketch changed = sketch;
    change(changed);
    if (changed != sketch) all.push_back(std::move(changed));
  };
  // Without faults: all, halves, quarters and so on down to single ones.
  const size_t faults = sketch.faults.size();
  for (size_t chunk = faults; chunk > 0; chunk /= 2) {
    for (size_t at = 0; at < faults; at += chunk) {
      attempt([&](Sketch& s) {
        const auto begin = s.faults.begin() + static_cast<ptrdiff_t>(at);
        s.faults.erase(begin, begin + static_cast<ptrdiff_t>(std::min(chunk, faults - at)));
      });
    }
  }
  // With the plainest words, in the same way.
  for (size_t chunk = knobs_.size(); chunk > 0; chunk /= 2) {
    for (size_t at = 0; at < knobs_.size(); at += chunk) {
      attempt([&](Sketch& s) {
        const auto begin = s.knobs.begin() + static_cast<ptrdiff_t>(at);
        std::fill(begin, begin + static_cast<ptrdiff_t>(std::min(chunk, knobs_.size() - at)), uint8_t{0});
      });
    }
  }
  for (size_t i = 0; i < knobs_.size(); ++i) {
    for (uint8_t word = 1; word < sketch.knobs[i]; ++word) attempt([&](Sketch& s) { s.knobs[i] = word; });
  }
  for (size_t i = 0; i < faults; ++i) {
    const auto weaken = [&](auto change) { attempt([&](Sketch& s) { change(s.faults[i]); }); };
    weaken([](FaultSketch& f) { f.kind = 0; });
    weaken([](FaultSketch& f) { f.target = 0; });
    weaken([](FaultSketch& f) { f.lasts = 0; });
    weaken([](FaultSketch& f) { f.lasts = static_cast<uint8_t>(std::max(f.lasts - 1, 0)); });
    weaken([](FaultSketch& f) { f.mark = 0; });
    for (const int at : {0, 25, 50, 100}) {
      weaken([at](FaultSketch& f) { f.at = static_cast<uint8_t>(std::min<int>(f.at, at)); });
    }
  }
  attempt([](Sketch& s) { s.seed = 0; });
  return all;
}

std::string Space::text(const Sketch& sketch) const {
  std::string text;
  for (size_t i = 0; i < knobs_.size(); ++i) {
    const std::string& word = knobs_[i].words[sketch.knobs[i]];
    if (sketch.knobs[i] > 0 || knobs_[i].what == "sizes")
      text +=
          fmt::format("{}{}={}", text.empty() ? "" : ", ", knobs_[i].what, word.empty() ? "default" : word);
  }
  for (const FaultPlan& fault : plan(sketch).faults) {
    text += fmt::format("\n  {} of {} {}, for {}", fault.kind, fault.target,
                        fault.trigger.at ? "at " + format_duration(*fault.trigger.at)
                                         : fmt::format("on {} #{}", fault.trigger.when, fault.trigger.nth),
                        fault.lasts ? format_duration(*fault.lasts) : "ever");
  }
  return text;
}

}  // namespace ksim::sim::properties
