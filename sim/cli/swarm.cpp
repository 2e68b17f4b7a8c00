// ksim swarm: workers over the processors run scenario after scenario, seed after seed. What fails is grouped
// by its cause and recorded; one run in fifty is repeated in a process of its own.

#include "sim/swarm/swarm.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "sim/cli/campaign_file.h"
#include "sim/cli/commands.h"
#include "sim/cli/hive.h"
#include "sim/cli/swarm_report.h"
#include "sim/host/file_lock.h"
#include "sim/host/files.h"
#include "sim/host/terminal.h"

namespace ksim::sim {
namespace {

constexpr host::SeedRange kDefaultSeeds{1, 100};

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
    const auto same = std::find_if(members.begin(), members.end(), [&](const Member& other) {
      return other.source.text == member.source.text;
    });
    if (same != members.end()) {
      const std::string& other = same->command.scenario;
      return fail(ErrorCode::INVALID_REQUEST,
                  other == name
                      ? name + " is named twice"
                      : fmt::format("{} and {} are the same scenario: name one of them", other, name));
    }
    members.push_back(std::move(member));
  }
  return members;
}

SwarmPlan plan_of(const host::SwarmCommand& command, const std::vector<Member>& members) {
  SwarmPlan plan;
  for (const Member& member : members) {
    plan.scenarios.push_back(member.command.scenario);
    plan.texts.push_back(fmt::format("{:016x}", hash_text(member.source.text)));
  }
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

// How a campaign is another one than what is asked for; empty: it is not.
std::string what_is_other(const SwarmPlan& before, const SwarmPlan& plan) {
  if (before.build != plan.build) return "another build of ksim";
  if (before.scenarios != plan.scenarios) return "other scenarios";
  for (size_t i = 0; i < plan.texts.size(); ++i) {
    if (i >= before.texts.size() || before.texts[i] != plan.texts[i])
      return "another text of " + plan.scenarios[i];
  }
  if (before.settings != plan.settings) return "other settings";
  if (before.first_seed != plan.first_seed) return "other seeds";
  if (before.guided != plan.guided) return "another way (--guided)";
  if (before.favoured != plan.favoured) return "other turns";
  return {};
}

// What is there to go on from. Errors: what else is in that file.
Result<Swarm> begin(const host::SwarmCommand& command, const SwarmPlan& plan) {
  const Result<std::string> image = host::read_text(command.campaign);
  if (!image.ok() || image->empty()) return Swarm(plan);
  const auto refused = [](const std::string& what) { return fail(ErrorCode::INVALID_REQUEST, what); };
  // Only a campaign is replaced, and none is gone on from that cannot be read.
  constexpr const char* kElsewhere = ": give another --campaign, or move that file away";
  if (command.fresh) {
    const Result<void> campaign = check_campaign(command.campaign, *image);
    if (!campaign.ok()) return refused(campaign.error().message + kElsewhere);
    return Swarm(plan);
  }
  Result<Swarm> known = load_campaign(command.campaign, *image);
  if (!known.ok()) return refused(known.error().message + kElsewhere);
  if (const std::string other = what_is_other(known->plan(), plan); !other.empty()) {
    return refused(fmt::format("{} is a campaign of {}: give another --campaign, or --fresh to replace it",
                               command.campaign, other));
  }
  known->continue_to(plan.last_seed);
  return known;
}

}  // namespace

int run_swarm(const host::SwarmCommand& command) {
  Result<host::FileLock> lock = host::FileLock::take(command.campaign);
  if (!lock.ok()) return refuse("--campaign " + lock.error().message);
  if (const auto why = host::why_not_replaceable(command.campaign, kSqliteMagic))
    return refuse("--campaign " + *why);
  Result<std::vector<Member>> members = load_members(command);
  if (!members.ok()) return refuse(members.error().message);
  const SwarmPlan plan = plan_of(command, *members);
  Result<Swarm> swarm = begin(command, plan);
  if (!swarm.ok()) return refuse(swarm.error().message);
  Hive hive(command, std::move(*members), std::move(*swarm), std::move(*lock));
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
