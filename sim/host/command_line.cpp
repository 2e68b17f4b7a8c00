#include "sim/host/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "core/base/nearest.h"

namespace ksim::host {
namespace {

Failure<Error> bad(std::string message) { return fail(ErrorCode::INVALID_REQUEST, std::move(message)); }

// "--seed -1" is a bad number, not an option "-1": the value is joined to the option that wants it.
std::vector<std::string> joined(const std::vector<std::string>& arguments) {
  constexpr std::string_view kNumbers[] = {"--seed", "--seeds", "--jobs", "--time"};
  std::vector<std::string> out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    out.push_back(arguments[i]);
    const bool number =
        std::find(std::begin(kNumbers), std::end(kNumbers), arguments[i]) != std::end(kNumbers);
    if (number && i + 1 < arguments.size() && arguments[i + 1].size() > 1 && arguments[i + 1][0] == '-' &&
        arguments[i + 1][1] != '-') {
      out.back() += "=" + arguments[++i];
    }
  }
  return out;
}

// An option that there is not, and what may have been meant.
std::optional<std::string> unknown_option(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::string name = arguments[i].substr(0, arguments[i].find('='));
    if (name == "--") return std::nullopt;
    const bool value = i > 0 && (arguments[i - 1] == "--set" || arguments[i - 1] == "--record" ||
                                 arguments[i - 1] == "--plan");
    if (value || !name.starts_with("--") || std::find(known.begin(), known.end(), name) != known.end())
      continue;
    return "no option \"" + name + "\"" + did_you_mean(name, known);
  }
  return std::nullopt;
}

// The texts as they were typed; checked one by one for messages of our own.
struct Typed {
  std::optional<std::string> seed, seeds, jobs, time;
  std::vector<std::string> settings;
};

Result<void> read_jobs(const Typed& typed, size_t& into) {
  if (!typed.jobs) return {};
  const std::optional<uint64_t> jobs = parse_seed(*typed.jobs);
  if (!jobs || *jobs < 1 || *jobs > 1024) return bad("--jobs " + *typed.jobs + ": a number from 1 to 1024");
  into = *jobs;
  return {};
}

Result<void> read_time(const Typed& typed, std::optional<int64_t>& into) {
  if (!typed.time) return {};
  into = parse_time(*typed.time);
  if (!into) return bad("--time " + *typed.time + ": expected how long, such as 40s, 10m or 2h");
  return {};
}

Result<void> read_settings(const Typed& typed, std::vector<std::pair<std::string, std::string>>& into) {
  for (const std::string& setting : typed.settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) return bad("--set " + setting + ": expected key=value");
    into.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return {};
}

// What commands with seeds have in common.
template <class Wanted>
Result<void> read_common(const Typed& typed, Wanted& into) {
  if (typed.seeds) {
    into.seeds = parse_seeds(*typed.seeds);
    if (!into.seeds) {
      return bad("--seeds " + *typed.seeds +
                 ": expected FIRST..LAST, the smaller first, two seeds from 0 to 18446744073709551615");
    }
  }
  TRY(read_jobs(typed, into.jobs));
  return read_settings(typed, into.settings);
}

Result<void> read_numbers(const Typed& typed, ScenarioCommand& into) {
  into.seed = typed.seed;
  return read_common(typed, into);
}

Result<void> read_numbers(const Typed& typed, SwarmCommand& into) {
  TRY(read_common(typed, into));
  TRY(read_time(typed, into.time_ns));
  if (into.seeds && into.time_ns) return bad("give --seeds or --time, not both");
  return {};
}

Result<void> read_numbers(const Typed& typed, MatrixCommand& into) {
  if (typed.seeds) {
    const std::optional<uint64_t> seeds = parse_seed(*typed.seeds);
    if (!seeds || *seeds < 1 || *seeds > 1'000'000)
      return bad("--seeds " + *typed.seeds + ": how many of each cell, a number from 1 to 1000000");
    into.seeds = *seeds;
  }
  if (into.json && into.markdown) return bad("give --json or --markdown, not both");
  if (into.out.empty())
    return bad("--out is empty: expected a path to which .sqlite, .csv and .html are put");
  return read_jobs(typed, into.jobs);
}

// One run: of a scenario's seed, or of a plan.
Result<void> read_choice(const Typed& typed, RunChoice& into) {
  if (into.plan_file && !into.scenario.empty()) return bad("give a scenario or --plan, not both");
  if (!into.plan_file && into.scenario.empty())
    return bad("which run? Give a scenario and --seed, or --plan FILE");
  if (into.plan_file && typed.seed) return bad("a plan has its seed: --plan goes without --seed");
  into.seed = typed.seed;
  return read_settings(typed, into.settings);
}

Result<void> check_together(const ScenarioCommand& command) {
  const bool planned = command.plan_file.has_value();
  if (planned && !command.scenario.empty()) return bad("give a scenario or --plan, not both");
  if (!planned && command.scenario.empty()) {
    return bad("which scenario? Give a name, a file, or --plan FILE (ksim list scenarios)");
  }
  if (command.seed && command.seeds) return bad("give --seed or --seeds, not both");
  if (planned && (command.seed || command.seeds))
    return bad("a plan has its seed: --plan goes without --seed");
  if (command.seeds && command.print_plan) return bad("--print-plan prints one plan: give --seed");
  if (command.print_plan && (command.json || command.record || command.verify))
    return bad("--print-plan runs nothing: it goes without --json, --record and --verify");
  if (command.seeds && command.record) return bad("--record keeps one run: give --seed");
  if (command.verify && command.record) return bad("--verify runs twice: record a run of its own");
  return {};
}

void add_dimensions(CLI::App& app, MatrixCommand& into) {
  const auto add = [&](const char* name, std::string& place, const char* text) {
    app.add_option(name, place, text)->check([](const std::string& value) {
      return value.empty() ? std::string("expected values between commas") : std::string();
    });
  };
  add("--acks", into.acks, "0,1,all: of the producers (default: all three)");
  add("--min-insync", into.min_insync, "1,2,3: min.insync.replicas (default: 1,2)");
  add("--replication", into.replication, "1,3,5: copies (default: 3)");
  add("--unclean", into.unclean, "on,off: unclean.leader.election.enable (default: off)");
  add("--flush", into.flush, "none,each: flush.messages unset, or 1 (default: none)");
  add("--idempotence", into.idempotence,
      "on,off: enable.idempotence (default: as Kafka has it, on only with acks=all)");
  add("--faults", into.faults,
      "leader_crash,power_loss_all,rack_loss,partition,slow_disk,isr_loss,rolling_restart (default: all; "
      "what each does: scenarios/matrix)");
}

Result<void> check_together(const ReplayCommand& command) {
  if (command.diff && (command.until || command.broken || !command.logs.empty() || !command.print.empty()))
    return bad("--diff runs both to where they part: it goes without --until, --break, --log and --print");
  for (const std::string& what : command.print) {
    if (what != "log" && what != "state" && what != "messages")
      return bad("--print " + what + ": there are log, state and messages");
  }
  return {};
}

}  // namespace

std::optional<uint64_t> parse_seed(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_time(const std::string& text) {
  if (text.size() < 2) return std::nullopt;
  const std::optional<uint64_t> count = parse_seed(text.substr(0, text.size() - 1));
  const int64_t unit_s = text.back() == 's' ? 1 : text.back() == 'm' ? 60 : text.back() == 'h' ? 3600 : 0;
  if (!count || *count == 0 || *count > 1'000'000 || unit_s == 0) return std::nullopt;
  return static_cast<int64_t>(*count) * unit_s * 1'000'000'000;
}

std::optional<SeedRange> parse_seeds(const std::string& text) {
  const size_t dots = text.find("..");
  if (dots == std::string::npos) return std::nullopt;
  const std::optional<uint64_t> first = parse_seed(text.substr(0, dots));
  const std::optional<uint64_t> last = parse_seed(text.substr(dots + 2));
  if (!first || !last || *first > *last) return std::nullopt;
  return SeedRange{*first, *last};
}

Result<Command> parse_command_line(std::vector<std::string> arguments) {
  CLI::App app{
      "Runs whole Kafka clusters in one thread, in virtual time, under faults; repeats each run from its "
      "seed.",
      "ksim"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "ksim " KSIM_VERSION);
  ScenarioCommand scenario;
  ListCommand list;
  CheckCommand check;
  ExportCommand exported;
  SwarmCommand swarm;
  CoverageCommand coverage;
  ShrinkCommand shrink;
  BisectCommand bisect;
  Typed typed;

  CLI::App* run = app.add_subcommand("scenario", "run a scenario");
  run->add_option("SCENARIO", scenario.scenario, "a name (ksim list scenarios) or a .toml file");
  run->add_option("--plan", scenario.plan_file, "run a plan, as --print-plan prints it");
  run->add_option("--seed", typed.seed, "the seed (default 1)");
  run->add_option("--seeds", typed.seeds, "FIRST..LAST, both included: one run each");
  run->add_option("--jobs", typed.jobs, "worker processes for --seeds (default: one a processor)");
  run->add_flag("--verify", scenario.verify,
                "run twice in two processes and name the first event that differs");
  run->add_option("--set", typed.settings, "key=value: change a value of the scenario")
      ->allow_extra_args(false);
  run->add_option("--record", scenario.record, "write the history to this sqlite file");
  run->add_flag("--print-plan", scenario.print_plan, "print the plan of this seed and run nothing");
  run->add_flag("--no-faults", scenario.no_faults, "without the plan's faults");
  run->add_flag("--no-checkers", scenario.no_checkers, "without the checkers");
  run->add_flag("--json", scenario.json, "print one JSON object");

  CLI::App* show = app.add_subcommand("list", "list what there is");
  show->add_option("WHAT", list.what,
                   "scenarios, faults, workloads, checkers, marks, predicates or sites; all without it");

  CLI::App* judge = app.add_subcommand("check", "judge a history of what clients saw");
  judge->add_option("FILE", check.file, "one JSON object a line (sim/judge/HISTORY.md); - is standard input")
      ->required();

  CLI::App* write = app.add_subcommand("export", "write what a recorded run holds in another form");
  write->add_option("--history", exported.history, "RUN.sqlite: what its clients saw, as ksim check reads it")
      ->required();

  CLI::App* many = app.add_subcommand("swarm", "run many scenarios, seed after seed, and group what fails");
  many->add_option(
      "SCENARIO", swarm.scenarios,
      "names or .toml files (default: all scenarios; with --time or --until-failure and without --seeds "
      "storm, in which everything is drawn, then has three of four turns)");
  many->add_option("--seeds", typed.seeds, "FIRST..LAST of each scenario (default: 1..100)");
  many->add_option("--time", typed.time, "go on for so long: 40s, 10m, 2h");
  many->add_flag("--until-failure", swarm.until_failure, "go on until a run fails");
  many->add_flag("--guided", swarm.guided, "mutate the plans that brought something new");
  many->add_option("--jobs", typed.jobs, "worker processes (default: one a processor)");
  many->add_option("--set", typed.settings, "key=value: change a value of every scenario")
      ->allow_extra_args(false);
  many->add_option("--campaign", swarm.campaign,
                   "the file that keeps what was run and found; goes on from it (default: swarm.sqlite)");
  many->add_flag("--fresh", swarm.fresh, "begin anew, in the place of the campaign that the file has");
  many->add_flag("--json", swarm.json, "print one JSON object");

  MatrixCommand matrix;
  CLI::App* losses = app.add_subcommand("matrix", "which settings lose data, under which faults");
  add_dimensions(*losses, matrix);
  losses->add_option("--seeds", typed.seeds, "how many runs of each cell (default: 20)");
  losses->add_option("--jobs", typed.jobs, "worker processes (default: one a processor)");
  losses->add_option("--out", matrix.out,
                     "writes OUT.sqlite, from which it goes on, OUT.csv and OUT.html (default: matrix)");
  losses->add_flag("--fresh", matrix.fresh, "begin anew, whatever OUT.sqlite has");
  losses->add_flag("--cells", matrix.cells, "print every cell with all its numbers and its worst run");
  losses->add_flag("--markdown", matrix.markdown, "print the table for a document");
  losses->add_flag("--json", matrix.json, "print one JSON object");

  CLI::App* met = app.add_subcommand("coverage", "what a swarm has met, and what never");
  met->add_option("CAMPAIGN", coverage.campaign, "the file that ksim swarm keeps")->required();
  met->add_flag("--json", coverage.json, "print one JSON object");

  CLI::App* less = app.add_subcommand(
      "shrink", "make the plan of a run that fails, or loses records, as small as it goes");
  less->add_option("SCENARIO", shrink.run.scenario, "a name or a .toml file, with --seed");
  less->add_option("--seed", typed.seed, "the seed that does");
  less->add_option("--plan", shrink.run.plan_file, "the plan that does");
  less->add_option("--set", typed.settings, "key=value: change a value of the scenario")
      ->allow_extra_args(false);
  less->add_option("--of", shrink.of,
                   "what must go on: violation, or that of one checker by its code; loss, of acknowledged "
                   "records, permitted or not, by the same culprit; outage (default: the first of these that "
                   "there is)");
  less->add_option("--outage", shrink.outage,
                   "outage: a partition could not be written for more than this (default: 5s)");
  less->add_option("-o,--out", shrink.out, "write the plan to this file (default: print it)");
  less->add_option("--time", typed.time, "stop after so long with what there is: 40s, 10m, 2h");
  less->add_option("--jobs", typed.jobs, "worker processes (default: one a processor)");

  CLI::App* halves = app.add_subcommand(
      "bisect", "which settings make one plan fail, or lose records, and the other one not");
  halves->add_option("--plan", bisect.plans, "twice: two plans of the same run with different settings")
      ->allow_extra_args(false);
  halves->add_option("--of", bisect.of,
                     "what is compared: violation, or that of one checker by its code; loss, of acknowledged "
                     "records, permitted or not; outage (default: the first of these in which they differ)");
  halves->add_option("--outage", bisect.outage,
                     "outage: a partition could not be written for more than this (default: 5s)");
  halves->add_option("--jobs", typed.jobs, "worker processes (default: one a processor)");
  halves->add_flag("--json", bisect.json, "print one JSON object");

  SqlCommand sql;
  CLI::App* ask = app.add_subcommand("sql", "ask a recorded run or a campaign");
  ask->add_option("FILE", sql.file, "what --record or ksim swarm has written")->required();
  ask->add_option("QUERY", sql.query, "a select, as sqlite takes it");
  ask->add_flag("--views", sql.views, "what there is to ask");
  ask->add_flag("--json", sql.json, "print a list of JSON objects");

  ExplainCommand explained;
  bool no_trials = false;
  CLI::App* why =
      app.add_subcommand("explain", "why a record is lost, a partition was unavailable, a promise broken");
  why->add_option("RUN", explained.run.scenario, "a recorded run, or a scenario with --seed");
  why->add_option("--seed", typed.seed, "the seed of the scenario (default 1)");
  why->add_option("--plan", explained.run.plan_file, "a plan, as --print-plan prints it");
  why->add_option("--set", typed.settings, "key=value: change a value of the scenario")
      ->allow_extra_args(false);
  why->add_option(
      "--of", explained.of,
      "record:ID, partition:NAME or violation:N (default: the first violation, else the first lost record, "
      "else the partition that was unavailable longest)");
  why->add_flag("--no-trials", no_trials, "without running it again with other settings");
  why->add_option("--jobs", typed.jobs, "worker processes (default: one a processor)");
  why->add_flag("--json", explained.json, "print one JSON object");

  ReportCommand report;
  CLI::App* page = app.add_subcommand("report", "a recorded run, a campaign or a matrix as one HTML file");
  page->add_option("FILE", report.file, "what --record, ksim swarm or ksim matrix has written")->required();
  page->add_option("-o,--out", report.out, "write it to this file")->required();

  ReplayCommand replay;
  CLI::App* again =
      app.add_subcommand("replay", "run it again and look: stop, show the cluster, follow a node");
  again->add_option("SCENARIO", replay.run.scenario, "a name or a .toml file, with --seed");
  again->add_option("--seed", typed.seed, "the seed");
  again->add_option("--plan", replay.run.plan_file, "a plan, as --print-plan prints it");
  again->add_option("--set", typed.settings, "key=value: change a value of the scenario")
      ->allow_extra_args(false);
  again->add_option("--until", replay.until, "stop at this moment, such as 12.4s, and show the cluster");
  again->add_option(
      "--break", replay.broken,
      "stop where this happens: 'leader(orders-0) changes', 'isr(orders-0) changes', "
      "'controller changes', a mark, a predicate, 'violation'; '#3' behind it for the third time");
  again
      ->add_option(
          "--log", replay.logs,
          "NODE[:COMPONENT][=LEVEL]: what it says and does, as it comes; NODE may be a client or all, "
          "LEVEL is debug, info, warn or error (default: info)")
      ->allow_extra_args(false);
  again->add_option("--print", replay.print, "log, state or messages")->allow_extra_args(false);
  again->add_option("--diff", replay.diff, "another plan: where do the two runs part?");
  again->add_flag("--json", replay.json, "print JSON, one object a line");

  const CLI::App* chosen = nullptr;
  std::string there_are;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!arguments.empty() && command->get_name() == arguments[0]) chosen = command;
    there_are += (there_are.empty() ? "" : ", ") + command->get_name();
  }
  if (!arguments.empty() && !arguments[0].starts_with("-") && chosen == nullptr)
    return bad("no command \"" + arguments[0] + "\": there are " + there_are + " (ksim --help)");
  const auto unknown = chosen == nullptr ? std::nullopt : unknown_option(*chosen, arguments);
  if (unknown) return bad(*unknown + " (ksim --help)");
  arguments = joined(arguments);
  std::reverse(arguments.begin(), arguments.end());
  Command command;
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    command.text = (chosen.empty() ? app : *chosen.front()).help();
    return command;
  } catch (const CLI::CallForVersion& version) {
    command.text = std::string(version.what()) + "\n";
    return command;
  } catch (const CLI::ParseError& error) {
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    return bad(message + " (ksim --help)");
  }
  if (show->parsed()) {
    command.list = list;
    return command;
  }
  if (judge->parsed()) {
    command.check = check;
    return command;
  }
  if (write->parsed()) {
    command.exported = exported;
    return command;
  }
  if (losses->parsed()) {
    TRY(read_numbers(typed, matrix));
    command.matrix = std::move(matrix);
    return command;
  }
  if (met->parsed()) {
    command.coverage = coverage;
    return command;
  }
  if (less->parsed()) {
    TRY(read_choice(typed, shrink.run));
    TRY(read_time(typed, shrink.time_ns));
    TRY(read_jobs(typed, shrink.jobs));
    command.shrink = std::move(shrink);
    return command;
  }
  if (halves->parsed()) {
    if (bisect.plans.size() != 2) return bad("ksim bisect compares two plans: give --plan twice");
    TRY(read_jobs(typed, bisect.jobs));
    command.bisect = std::move(bisect);
    return command;
  }
  if (why->parsed()) {
    TRY(read_choice(typed, explained.run));
    TRY(read_jobs(typed, explained.jobs));
    explained.trials = !no_trials;
    command.explained = std::move(explained);
    return command;
  }
  if (ask->parsed()) {
    if (sql.views == !sql.query.empty()) return bad("give a query or --views: ksim sql FILE 'select ...'");
    command.sql = std::move(sql);
    return command;
  }
  if (page->parsed()) {
    command.report = std::move(report);
    return command;
  }
  if (again->parsed()) {
    TRY(read_choice(typed, replay.run));
    TRY(check_together(replay));
    command.replay = std::move(replay);
    return command;
  }
  if (many->parsed()) {
    TRY(read_numbers(typed, swarm));
    command.swarm = std::move(swarm);
    return command;
  }
  TRY(read_numbers(typed, scenario));
  TRY(check_together(scenario));
  command.scenario = std::move(scenario);
  return command;
}

}  // namespace ksim::host
