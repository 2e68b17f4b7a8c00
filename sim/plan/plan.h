#pragma once
// A Plan is everything a run depends on, as plain data: run(Plan) is a function. `ksim scenario --print-plan`
// prints it as TOML and `--plan FILE` runs such a file. A scenario is the same notation in which a value may
// be left to the seed: `{ between = [1, 4] }` or `{ one_of = ["random", "fifo"] }`.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/limits.h"
#include "core/base/result.h"
#include "core/base/units.h"

namespace ksim::sim {

using Properties = std::map<std::string, std::string>;  // Kafka's keys

// Where something of a plan stands in its text: of the table "fault.0", say, and of its keys, "fault.0.at".
struct Place {
  uint32_t line = 0;  // 0: nowhere, it was given by --set
  uint32_t column = 0;
};

struct NodePlan {
  int32_t id = 0;
  bool broker = true;
  bool controller = false;
  uint32_t shards = 1;
  std::string rack;   // empty: none
  Properties config;  // over the cluster's
  std::string path;   // of its table
};

// "broker-1", "controller-101".
std::string machine_name(const NodePlan& node);

struct ClusterPlan {
  std::vector<NodePlan> nodes;
  Properties config;  // server.properties of every node
};

struct TopicPlan {
  std::string name;
  int32_t partitions = 1;
  int32_t replication = 1;
  Properties config;
  std::string path;
};

constexpr uint32_t kLargeTimes = 25;

struct ProducerPlan {
  std::string name;
  std::string topic;
  std::vector<std::string> also;  // topics that it sends to as well: each burst goes to one of all
  Properties config;     // producer configuration: acks, enable.idempotence, linger.ms, ...
  Duration starts{0};    // after the topics exist
  Duration interval{0};  // mean time between two bursts
  uint32_t burst = 1;    // mean count of records sent at once; those without a key go to one partition
  uint32_t records = 0;  // 0: until the workload's end
  uint32_t record_bytes = 100;
  uint32_t large_every = 0;  // every n-th record is kLargeTimes as long; 0: none
  bool keyed = false;
  uint32_t renew_every = 0;  // after so many records it is closed and another producer goes on; 0: never
  std::string path;
};

struct ConsumerPlan {
  std::string name;
  std::string topic;
  std::vector<std::string> also;  // topics that it reads as well
  Properties config;
  Duration starts{0};
  Duration interval{0};  // between two polls
  // Every n-th poll asks ListOffsets(latest) of one partition as well; 0: never.
  uint32_t latest_every = 10;
  uint32_t seek_every = 0;  // every n-th poll is followed by a seek, and some that bring nothing; 0: never
  std::string path;
};

// A client that speaks the wire by itself and says what no good client says (sim/workloads/raw_driver.h).
struct RawDriverPlan {
  std::string name;
  std::string topic;
  Duration starts{0};
  Duration interval{0};  // mean time between two of its deeds
  std::string path;
};

// What an administrator may do (sim/workloads/admin_churn.cpp).
constexpr std::string_view kAdminCalls[] = {"delete_records", "create_partitions",     "alter_configs",
                                            "elect_leaders",  "elect_leaders_unclean", "delete_topics"};

// An administrator that does one of its calls after the other, drawn by its dice.
struct AdminPlan {
  std::string name;
  std::string topic;
  Duration starts{0};
  Duration interval{0};            // mean time between two calls
  std::vector<std::string> calls;  // of kAdminCalls; one that comes twice is drawn twice as often
  std::string path;
};

// A fault's target: the node that reached the mark on which it hangs, or that is meant by the predicate. Or a
// replica of the partition which that is about: "leader(here)", "follower(here)", "outsider(here)"; where it
// is about none, the node again.
constexpr std::string_view kHere = "here";
inline bool is_here(std::string_view target) { return target == kHere || target.ends_with("(here)"); }

// A client of one of the kinds of sim/workloads/all.cpp.
struct WorkloadPlan {
  std::string kind;
  std::string name;   // by default its kind's
  std::string topic;  // empty: none
  Duration starts{0};
  Duration interval{0};  // mean time between two of its deeds
  std::map<std::string, std::string> parameters;
  std::string path;
};

// When a fault begins: at a time, or on the n-th time that a mark is reached, or a predicate over the whole
// cluster begins to hold, a moment later. What has not come about by `at_latest` is not awaited any longer.
struct FaultTrigger {
  std::optional<Duration> at;
  std::string when;     // a mark's name, which has a dot, or a predicate's
  std::string subject;  // counts only where it is about this ("orders-0"); empty: about anything
  uint32_t nth = 1;
  Duration delay{0};
  std::optional<Duration> at_latest;  // only with `when`; "here" is then any node
};

struct FaultPlan {
  std::string kind;
  std::string target;  // "broker-1", "leader(orders-0)", "controller", "all", ...
  FaultTrigger trigger;
  std::optional<Duration> lasts;  // none: until the run heals everything
  std::map<std::string, std::string> parameters;
  std::string path;
};

struct NetworkPlan {
  std::string latency = "datacenter";             // a named table: local, datacenter, regional, wide
  Duration retransmission_timeout = seconds(60);  // after which a sender's kernel gives a connection up
};

struct DiskPlan {
  std::string latency = "ssd";  // none, ssd, cloud, spinning
  uint64_t capacity_bytes = 0;  // 0: unlimited
};

struct ExplorePlan {
  std::string policy = "random";  // random, change_points, fifo
  uint32_t change_points = 3;
  uint64_t micro_seed = 0;
};

struct Plan {
  std::string scenario;
  std::string about;
  uint64_t seed = 1;
  Duration duration = seconds(30);  // of workload and faults
  Duration settle = seconds(120);   // how long healing may take
  std::string limits = "production";
  Limits sizes;                      // drawn where limits are tiny, unless given in [sizes]
  std::vector<std::string> buggify;  // active sites
  ClusterPlan cluster;
  std::vector<TopicPlan> topics;
  std::vector<ProducerPlan> producers;
  std::vector<ConsumerPlan> consumers;
  std::vector<RawDriverPlan> raw_drivers;
  std::vector<AdminPlan> admins;
  std::vector<WorkloadPlan> workloads;
  std::vector<FaultPlan> faults;
  NetworkPlan network;
  DiskPlan disk;
  ExplorePlan explore;

  std::map<std::string, Place> places;
  // Of a path, or of the innermost table around it that stands somewhere.
  Place place_of(std::string path) const;
};

// The words that a plan may use and that are defined elsewhere.
struct FaultWord {
  std::string_view kind;
  std::vector<std::string_view> parameters;
  bool clients = false;  // may strike the machines of clients as well
};
struct WorkloadWord {
  std::string_view kind;
  std::vector<std::string_view> parameters;
};
struct Vocabulary {
  std::vector<FaultWord> faults;
  std::vector<WorkloadWord> workloads;
  std::vector<std::string_view> predicates;  // that a fault may hang on
};

// One `--set key=value`; the key is a dotted path ("cluster.config.log.segment.bytes" does not work, quote
// it: cluster.config."log.segment.bytes"), numbers index arrays ("fault.0.at").
struct Setting {
  std::string key;
  std::string value;
};

// A scenario's text, drawn with a seed. `name` is shown in messages and becomes the plan's scenario unless
// the text names one. Errors: INVALID_REQUEST with "NAME:LINE:COLUMN: what is wrong".
Result<Plan> draw_plan(std::string_view text, const std::string& name, uint64_t seed,
                       const std::vector<Setting>& settings, const Vocabulary& words);
// A plan's text: nothing is left to the seed, which it names itself.
Result<Plan> parse_plan(std::string_view text, const std::string& name, const std::vector<Setting>& settings,
                        const Vocabulary& words);
std::string print_plan(const Plan& plan);
// True if the text is a plan rather than a scenario: it says which seed it is of.
bool names_its_seed(std::string_view text);

}  // namespace ksim::sim
