// --seeds: many seeds over worker processes that keep their memory from seed to seed.

#include "sim/campaign/campaign.h"

#include <memory>

#include <fmt/format.h>

#include "sim/cli/commands.h"
#include "sim/host/farm.h"
#include "sim/host/scramble.h"
#include "sim/host/terminal.h"

namespace ksim::sim {
namespace {

class Progress {
 public:
  explicit Progress(uint64_t total)
      : total_(total), live_(host::is_terminal(2)), began_ns_(host::real_ns()) {}
  ~Progress() {
    if (live_) host::write_error("\r\033[K");
  }

  // On a terminal some times a second; elsewhere at every tenth of the way.
  void tell(const Campaign& campaign) {
    const uint64_t done = campaign.seeds();
    if (live_) {
      host::write_error("\r\033[K" + line(campaign));
    } else if (total_ >= 10 && done * 10 / total_ > tenths_) {
      tenths_ = done * 10 / total_;
      host::write_error(line(campaign) + "\n");
    }
  }
  bool live() const { return live_; }
  int64_t real_ns() const { return host::real_ns() - began_ns_; }

 private:
  std::string line(const Campaign& campaign) const {
    const int64_t ms = std::max<int64_t>(real_ns() / 1'000'000, 1);
    const uint64_t tenths = campaign.seeds() * 10'000 / static_cast<uint64_t>(ms);
    return fmt::format("{} of {} seeds, {}.{} seeds/s, {} violated, {} simulator faults", campaign.seeds(),
                       total_, tenths / 10, tenths % 10, campaign.violated(), campaign.broken());
  }

  uint64_t total_;
  bool live_;
  int64_t began_ns_;
  uint64_t tenths_ = 0;
};

// What a worker's or a verified run's words mean.
SeedResult read_result(uint64_t seed, Bytes words) {
  if (std::optional<SeedResult> result = SeedResult::decode(words)) return std::move(*result);
  SeedResult result;
  result.seed = seed;
  result.simulator_fault = true;
  result.complaint = "a worker's answer cannot be read";
  return result;
}

SeedResult broken(uint64_t seed, std::string complaint) {
  SeedResult result;
  result.seed = seed;
  result.simulator_fault = true;
  result.complaint = std::move(complaint);
  return result;
}

// One seed twice, in two processes.
SeedResult verify_seed(const Source& source, const host::ScenarioCommand& command, uint64_t seed) {
  const Result<Plan> plan = source.plan({seed, {}});
  if (!plan.ok()) return broken(seed, plan.error().message);
  const Verified verified = verify(*plan, command, [](RunSummary& summary) {
    const ByteBuffer words = SeedResult::of(summary).encode();
    return std::string(words.begin(), words.end());
  });
  return verified.difference.empty() ? read_result(seed, as_bytes(verified.outcome))
                                     : broken(seed, verified.difference);
}

// False: interrupted.
bool run_each(const Source& source, const host::ScenarioCommand& command, uint64_t count, Campaign& campaign,
              Progress& progress) {
  const host::SeedRange seeds = *command.seeds;
  std::unique_ptr<RunMemory> memory;  // of a worker
  host::FarmOptions farm;
  farm.count = count;
  farm.workers = command.jobs == 0 ? host::processors() : command.jobs;
  if (command.verify) {
    farm.workers = std::max<size_t>(farm.workers / 2, 1);  // each has two processes run
    farm.batch = 1;
  }
  farm.begin = [&] {
    if (command.verify) return;
    host::keep_memory();
    memory = std::make_unique<RunMemory>();
  };
  farm.work = [&](uint64_t job, Bytes) {
    const uint64_t seed = seeds.first + job;
    return (command.verify ? verify_seed(source, command, seed)
                           : run_seed(source, command, {seed, {}}, *memory))
        .encode();
  };
  farm.done = [&](uint64_t job, Bytes words) {
    campaign.add(read_result(seeds.first + job, words));
    if (!progress.live()) progress.tell(campaign);
    return true;
  };
  farm.died = [&](uint64_t job, const host::Death& death) {
    campaign.add(broken(seeds.first + job, to_string(death)));
    return true;
  };
  if (progress.live()) farm.tick = [&] { progress.tell(campaign); };
  return host::run_farm(farm);
}

}  // namespace

SeedResult run_seed(const Source& source, const host::ScenarioCommand& command, const Lineage& lineage,
                    RunMemory& memory) {
  const Result<Plan> plan = source.plan(lineage);
  if (!plan.ok()) return broken(lineage.seed, plan.error().message);
  const RunRequest request{!command.no_faults, !command.no_checkers, false, nullptr};
  SeedResult result = SeedResult::of(run_guarded(*plan, request, memory));
  result.seed = lineage.seed;
  if (request.faults) result.plan_faults(*plan);
  return result;
}

int run_campaign(const Source& source, const host::ScenarioCommand& command) {
  const uint64_t more = command.seeds->last - command.seeds->first;
  const uint64_t count = more == ~0ULL ? more : more + 1;
  Campaign campaign(command.scenario);
  int64_t real_ns = 0;
  bool whole = true;
  {
    Progress progress(count);
    whole = run_each(source, command, count, campaign, progress);
    real_ns = progress.real_ns();
  }
  const std::string repeat = repeat_command(command, source);
  host::write_out(command.json ? campaign.render_json(real_ns, repeat) + "\n"
                               : campaign.render(real_ns, repeat, host::wants_colour(1)));
  if (whole) return campaign.exit_code();
  host::write_error(fmt::format("ksim: interrupted after {} of {} seeds\n", campaign.seeds(), count));
  return kInterrupted;
}

}  // namespace ksim::sim
