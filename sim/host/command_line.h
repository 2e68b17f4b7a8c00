#pragma once
// What a person asked ksim to do.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace ksim::host {

struct SeedRange {
  uint64_t first = 1;
  uint64_t last = 1;  // included
};

struct ScenarioCommand {
  std::string scenario;  // a name or the path of a .toml file; empty with a plan
  std::optional<std::string> plan_file;
  std::optional<std::string> seed;  // as typed: a number, perhaps with mutations
  std::optional<SeedRange> seeds;
  size_t jobs = 0;  // 0: one a processor
  bool verify = false;
  std::vector<std::pair<std::string, std::string>> settings;  // --set key=value
  std::optional<std::string> record;
  bool print_plan = false;
  bool no_faults = false;
  bool no_checkers = false;
  bool json = false;
};

struct ListCommand {
  std::string what;  // scenarios, faults, checkers, marks; empty: all of them
};

struct CheckCommand {
  std::string file;  // a history of clients; "-" is standard input
};

struct ExportCommand {
  std::string history;  // a recorded run, whose clients' history is wanted
};

struct SwarmCommand {
  std::vector<std::string> scenarios;  // names or files; none: all there are
  std::optional<SeedRange> seeds;
  std::optional<int64_t> time_ns;
  bool until_failure = false;
  bool guided = false;
  size_t jobs = 0;  // 0: one a processor
  std::vector<std::pair<std::string, std::string>> settings;
  std::string campaign = "swarm.sqlite";
  bool fresh = false;
  bool json = false;
};

// What is wanted of one run: of a scenario's seed, or of a plan.
struct RunChoice {
  std::string scenario;
  std::optional<std::string> plan_file;
  std::optional<std::string> seed;
  std::vector<std::pair<std::string, std::string>> settings;
};

struct ShrinkCommand {
  RunChoice run;
  std::optional<std::string> out;  // a file; none: standard output
  std::optional<int64_t> time_ns;
  std::optional<std::string> of;      // what must go on (sim/cli/outcome.h); none: the first there is
  std::optional<std::string> outage;  // what is not longer is none, "5s"
  size_t jobs = 0;                    // 0: one a processor
};

struct BisectCommand {
  std::vector<std::string> plans;     // two files
  std::optional<std::string> of;      // what is compared; none: the first in which they differ
  std::optional<std::string> outage;  // what is not longer is none, "5s"
  size_t jobs = 0;
  bool json = false;
};

// Dimensions as they were typed: values between commas; empty: not named.
struct MatrixCommand {
  std::string acks, min_insync, replication, unclean, flush, idempotence, faults;
  uint64_t seeds = 20;  // of each cell
  size_t jobs = 0;      // 0: one a processor
  std::string out = "matrix";
  bool fresh = false;
  bool cells = false;  // print each with all its numbers
  bool markdown = false;
  bool json = false;
};

struct CoverageCommand {
  std::string campaign;
  bool json = false;
};

struct SqlCommand {
  std::string file;   // a recorded run or a campaign
  std::string query;  // one select; empty with `views`
  bool views = false;
  bool json = false;
};

struct ExplainCommand {
  RunChoice run;       // `scenario` may be a recorded run instead
  std::string of;      // "record:ID", "partition:NAME", "violation:N"; empty: what comes first
  bool trials = true;  // runs it again with other settings
  size_t jobs = 0;
  bool json = false;
};

struct ReportCommand {
  std::string file;  // a recorded run, a campaign or a matrix
  std::string out;
};

struct ReplayCommand {
  RunChoice run;
  std::optional<std::string> until;   // a moment, "12.4s"
  std::optional<std::string> broken;  // --break: a condition (sim/replay/condition.h)
  std::vector<std::string> logs;      // --log: "broker-2:replica=debug"
  std::vector<std::string> print;     // log, state, messages
  std::optional<std::string> diff;    // another plan
  bool json = false;
};

struct Command {
  std::optional<ScenarioCommand> scenario;
  std::optional<ListCommand> list;
  std::optional<CheckCommand> check;
  std::optional<ExportCommand> exported;
  std::optional<SwarmCommand> swarm;
  std::optional<CoverageCommand> coverage;
  std::optional<MatrixCommand> matrix;
  std::optional<ShrinkCommand> shrink;
  std::optional<BisectCommand> bisect;
  std::optional<SqlCommand> sql;
  std::optional<ExplainCommand> explained;
  std::optional<ReportCommand> report;
  std::optional<ReplayCommand> replay;
  std::string text;  // to be printed instead: help, version
};

// Errors: INVALID_REQUEST with a message of at most three lines.
Result<Command> parse_command_line(std::vector<std::string> arguments);

// A decimal number of 64 bits without sign; "first..last", both included, first not after last.
std::optional<uint64_t> parse_seed(const std::string& text);
std::optional<SeedRange> parse_seeds(const std::string& text);
// "40s", "10m", "2h": nanoseconds.
std::optional<int64_t> parse_time(const std::string& text);

}  // namespace ksim::host
