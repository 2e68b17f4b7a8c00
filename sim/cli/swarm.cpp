// ksim swarm: workers over the processors run scenario after scenario, seed after seed. What fails is grouped
// by its cause and recorded; one run in fifty is repeated in another process.

#include "sim/swarm/swarm.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "core/base/hooks.h"
#include "sim/cli/commands.h"
#include "sim/cli/swarm_report.h"
#include "sim/cli/trials.h"
#include "sim/host/children.h"
#include "sim/host/files.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"

namespace ksim::sim {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kSaveEveryNs = 10 * kSecondNs;
constexpr uint64_t kMostRecordings = 20;  // by one worker
constexpr host::SeedRange kDefaultSeeds{1, 100};

struct Member {
  Source source;
  host::ScenarioCommand command;
};

// What a worker answers: how long it took, where it recorded the run, and what came of it.
struct HiveAnswer {
  SwarmTimes times;
  std::string recording;
  SeedResult result;
};

ByteBuffer encode(const HiveAnswer& answer) {
  ByteBuffer out(sizeof(SwarmTimes));
  std::memcpy(out.data(), &answer.times, sizeof(SwarmTimes));
  out.insert(out.end(), answer.recording.begin(), answer.recording.end());
  out.push_back(0);
  const ByteBuffer words = answer.result.encode();
  out.insert(out.end(), words.begin(), words.end());
  return out;
}

std::optional<HiveAnswer> decode_answer(Bytes words) {
  if (words.size() < sizeof(SwarmTimes)) return std::nullopt;
  HiveAnswer answer;
  std::memcpy(&answer.times, words.data(), sizeof(SwarmTimes));
  words = words.subspan(sizeof(SwarmTimes));
  const auto zero = std::find(words.begin(), words.end(), uint8_t{0});
  if (zero == words.end()) return std::nullopt;
  const auto size = static_cast<size_t>(zero - words.begin());
  answer.recording = as_text(words.first(size));
  std::optional<SeedResult> result = SeedResult::decode(words.subspan(size + 1));
  if (!result) return std::nullopt;
  answer.result = std::move(*result);
  return answer;
}

class Hive {
 public:
  Hive(const host::SwarmCommand& command, std::vector<Member> members, Swarm swarm)
      : command_(command), members_(std::move(members)), swarm_(std::move(swarm)) {}

  const Swarm& swarm() const { return swarm_; }
  int64_t real_ns() const { return host::real_ns() - began_ns_; }
  uint64_t fresh_runs() const { return swarm_.runs() - runs_before_; }

  // False: interrupted.
  bool run() {
    host::FarmOptions farm;
    farm.count = swarm_jobs(swarm_.plan().runs());
    farm.workers = command_.jobs == 0 ? host::processors() : command_.jobs;
    farm.batch = 4;
    farm.patience_ns = kRunPatienceNs;
    if (command_.time_ns) farm.until_ns = began_ns_ + *command_.time_ns;
    farm.begin = [this] {
      host::keep_memory();
      memory_ = std::make_unique<RunMemory>();
    };
    farm.brief = [this](uint64_t job) {
      return to_buffer(as_bytes(to_string(swarm_.lineage_of(swarm_job(job).number))));
    };
    farm.work = [this](uint64_t job, Bytes brief) {
      return work(swarm_job(job), parse_lineage(as_text(brief)).value());
    };
    farm.done = [this](uint64_t job, Bytes words) { return done(swarm_job(job), words); };
    farm.died = [this](uint64_t job, int code) { return died(swarm_job(job), code); };
    farm.tick = [this] { tick(); };
    const bool whole = host::run_farm(farm);
    if (host::is_terminal(2)) host::write_error("\r\033[K");
    explain_differences();
    return whole;
  }

  Result<void> save() {
    swarm_.real_ms = since_began_ms();
    TRY_ASSIGN(const std::string image, swarm_.image());
    saved_ns_ = host::real_ns();
    return host::write_whole(command_.campaign, image);
  }

 private:
  const Member& member(uint64_t number) const { return members_[swarm_.plan().turn_of(number)]; }

  // ---- in a worker ----
  ByteBuffer work(SwarmJob job, const Lineage& lineage) {
    if (job.recheck ? swarm_.rechecked(job.number) : swarm_.has(job.number)) return {};
    const bool own = std::find(own_.begin(), own_.end(), job.number) != own_.end();
    const Member& of = member(job.number);
    if (job.recheck && own) return encode({{}, {}, run_elsewhere(of, lineage)});
    const int64_t from_ns = host::real_ns();
    const int64_t from_cpu_ns = host::cpu_ns();
    HiveAnswer answer{{}, {}, run_seed(of.source, of.command, lineage, *memory_)};
    answer.times.real_us = static_cast<uint64_t>(host::real_ns() - from_ns) / 1000;
    answer.times.cpu_us = static_cast<uint64_t>(host::cpu_ns() - from_cpu_ns) / 1000;
    if (job.recheck) return encode(answer);
    own_.push_back(job.number);
    const SeedResult& result = answer.result;
    if (!result.holds && !result.simulator_fault && recorded_ < kMostRecordings)
      answer.recording = record(of, lineage);
    return encode(answer);
  }

  // In a process that has run nothing yet: this one has run the seed itself.
  static SeedResult run_elsewhere(const Member& of, const Lineage& lineage) {
    host::Child child([&](host::Outlet& outlet) {
      RunMemory memory;
      outlet.write(run_seed(of.source, of.command, lineage, memory).encode());
      return 0;
    });
    ByteBuffer words;
    for (Bytes piece = child.read(); !piece.empty(); piece = child.read())
      words.insert(words.end(), piece.begin(), piece.end());
    return SeedResult::decode(words).value_or(SeedResult{});
  }

  // The path of the recording; empty if it could not be made.
  std::string record(const Member& of, const Lineage& lineage) {
    const Result<Plan> plan = of.source.plan(lineage);
    if (!plan.ok()) return {};
    const RunRequest request{true, true, true, nullptr};
    const RunSummary summary = run_guarded(*plan, request, *memory_);
    std::string base = command_.campaign;
    if (base.ends_with(".sqlite")) base.resize(base.size() - 7);
    const std::string path = fmt::format("{}.{}.{}.sqlite", base, plan->scenario, to_string(lineage));
    if (summary.recording.empty() || host::why_not_replaceable(path, kSqliteMagic)) return {};
    ++recorded_;
    return host::write_whole(path, summary.recording).ok() ? path : std::string();
  }

  // ---- in the parent ----
  bool done(SwarmJob job, Bytes words) {
    if (words.empty()) return true;  // known from before
    std::optional<HiveAnswer> answer = decode_answer(words);
    if (!answer) {
      swarm_.add_dead(job.number, SwarmOutcome::died, "a worker's answer cannot be read");
    } else if (job.recheck) {
      swarm_.add_recheck(job.number, answer->result.digest);
    } else {
      answer->times.ended_ms = since_began_ms();
      swarm_.add(job.number, answer->result, std::move(answer->recording), answer->times);
    }
    return !command_.until_failure || (swarm_.failures() == 0 && swarm_.differences().empty());
  }

  bool died(SwarmJob job, int code) {
    if (!job.recheck) {
      const bool hung = code == host::kHung;
      swarm_.add_dead(job.number, hung ? SwarmOutcome::hung : SwarmOutcome::died,
                      hung ? fmt::format("no end within {} s", kRunPatienceNs / kSecondNs)
                           : fmt::format("the process died (code {})", code));
    }
    return !command_.until_failure;
  }

  void tick() {
    const int64_t now = host::real_ns();
    // Should it fail, the last one says so.
    if (now - saved_ns_ > kSaveEveryNs) static_cast<void>(save());
    const bool live = host::is_terminal(2);
    const int64_t pause = live ? kSecondNs / 10 : 30 * kSecondNs;
    if (now - told_ns_ < pause) return;
    told_ns_ = now;
    host::write_error(live ? "\r\033[K" + progress() : progress() + "\n");
  }

  // The campaign, not this session of it.
  uint64_t since_began_ms() const { return ms_before_ + static_cast<uint64_t>(real_ns() / 1'000'000); }

  std::string progress() const {
    const double seconds = std::max(static_cast<double>(real_ns()) / 1e9, 0.001);
    const double rate = static_cast<double>(fresh_runs()) / seconds;
    std::string left;
    if (command_.time_ns) {
      left = fmt::format(" · {} s left", std::max<int64_t>(0, *command_.time_ns - real_ns()) / kSecondNs);
    } else if (swarm_.plan().last_seed && rate > 0) {
      left = fmt::format(" of {} · {:.0f} s left", swarm_.plan().runs(),
                         static_cast<double>(swarm_.plan().runs() - swarm_.runs()) / rate);
    }
    if (swarm_.plan().guided) left += fmt::format(" · {} plans kept", swarm_.kept());
    return fmt::format("{} runs{} · {:.1f} seeds/s · {} failures of {} causes", swarm_.runs(), left, rate,
                       swarm_.failures(), swarm_.causes().size());
  }

  // Which event was the first to differ. If two fresh processes agree, it depends on what ran before.
  void explain_differences() {
    constexpr size_t kMost = 3;
    size_t explained = 0;
    for (const auto& [number, why] : std::map<uint64_t, std::string>(swarm_.differences())) {
      if (!why.empty() || explained++ == kMost) continue;
      const Result<Plan> plan = member(number).source.plan(swarm_.lineage_of(number));
      if (!plan.ok()) continue;
      const Verified twice = verify(*plan, member(number).command, [](RunSummary&) { return std::string(); });
      swarm_.explain(number, twice.difference.empty()
                                 ? "two fresh processes do the same: it depends on what a process ran before"
                                 : twice.difference);
    }
  }

  const host::SwarmCommand& command_;
  std::vector<Member> members_;
  Swarm swarm_;
  std::unique_ptr<RunMemory> memory_;
  std::vector<uint64_t> own_;  // what this worker has run
  uint64_t recorded_ = 0;
  int64_t began_ns_ = host::real_ns();
  int64_t saved_ns_ = host::real_ns();
  int64_t told_ns_ = host::real_ns();
  uint64_t runs_before_ = swarm_.runs();
  uint64_t ms_before_ = swarm_.real_ms;
};

Result<std::vector<Member>> load_members(const host::SwarmCommand& command) {
  std::vector<Member> members;
  std::vector<std::string> names = command.scenarios.empty() ? scenario_names() : command.scenarios;
  for (const std::string& name : names) {
    Member member;
    member.command.scenario = name;
    member.command.settings = command.settings;
    TRY_ASSIGN(member.source, load_source(member.command));
    if (member.source.is_plan)
      return fail(ErrorCode::INVALID_REQUEST, name + ": names its own seed: a swarm draws seeds");
    TRY(member.source.plan({command.seeds.value_or(kDefaultSeeds).first, {}}));
    members.push_back(std::move(member));
  }
  return members;
}

SwarmPlan plan_of(const host::SwarmCommand& command, const std::vector<Member>& members) {
  SwarmPlan plan;
  for (const Member& member : members) plan.scenarios.push_back(member.command.scenario);
  for (const auto& [key, value] : command.settings) plan.settings.push_back(key + "=" + value);
  const host::SeedRange seeds = command.seeds.value_or(kDefaultSeeds);
  plan.first_seed = seeds.first;
  const bool endless = !command.seeds && (command.time_ns || command.until_failure);
  if (!endless) plan.last_seed = seeds.last;
  plan.build = build_of_program();
  plan.guided = command.guided;
  // The one that draws all of a run finds most in the same time; it is no story that somebody asked for.
  constexpr std::string_view kStorm = "storm";
  if (command.scenarios.empty() && endless && plan.scenarios.size() > 1 &&
      std::find(plan.scenarios.begin(), plan.scenarios.end(), kStorm) != plan.scenarios.end())
    plan.favoured = kStorm;
  return plan;
}

// What is there to go on from. Errors: what another campaign has in that file.
Result<Swarm> begin(const host::SwarmCommand& command, const SwarmPlan& plan) {
  if (command.fresh) return Swarm(plan);
  const Result<std::string> text = host::read_text(command.campaign);
  if (!text.ok()) return Swarm(plan);
  TRY_ASSIGN(Swarm known, Swarm::load(*text));
  SwarmPlan before = known.plan();
  const char* const other = before.build != plan.build             ? "another build of ksim"
                            : before.scenarios != plan.scenarios   ? "other scenarios"
                            : before.settings != plan.settings     ? "other settings"
                            : before.first_seed != plan.first_seed ? "other seeds"
                            : before.guided != plan.guided         ? "another way (--guided)"
                            : before.favoured != plan.favoured     ? "other turns"
                                                                   : nullptr;
  if (other != nullptr) {
    return fail(ErrorCode::INVALID_REQUEST,
                fmt::format("{} is a campaign of {}: give another --campaign, or --fresh to replace it",
                            command.campaign, other));
  }
  known.continue_to(plan.last_seed);
  return known;
}

}  // namespace

int run_swarm(const host::SwarmCommand& command) {
  if (const auto why = host::why_not_replaceable(command.campaign, kSqliteMagic))
    return refuse("--campaign " + *why);
  Result<std::vector<Member>> members = load_members(command);
  if (!members.ok()) return refuse(members.error().message);
  const SwarmPlan plan = plan_of(command, *members);
  Result<Swarm> swarm = begin(command, plan);
  if (!swarm.ok()) return refuse(swarm.error().message);
  Hive hive(command, std::move(*members), std::move(*swarm));
  const bool whole = hive.run();
  const int64_t real_ns = hive.real_ns();
  const Result<void> saved = hive.save();
  const SwarmSession session{command.campaign, real_ns, hive.fresh_runs()};
  host::write_out(command.json ? render_swarm_json(hive.swarm(), session) + "\n"
                               : render_swarm(hive.swarm(), session, host::wants_colour(1)));
  if (!saved.ok()) {
    host::write_error("ksim: --campaign " + saved.error().message + "\n");
    return kSimulatorFault;
  }
  if (whole) return hive.swarm().exit_code();
  host::write_error(fmt::format("ksim: interrupted; the same command goes on from {}\n", command.campaign));
  return kInterrupted;
}

}  // namespace ksim::sim
