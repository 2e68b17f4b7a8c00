// --seeds: many seeds over worker processes that keep their memory from seed to seed.

#include "sim/campaign/campaign.h"

#include <memory>

#include <fmt/format.h>

#include "sim/cli/commands.h"
#include "sim/host/children.h"
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

// One seed in a worker: both runs of it with --verify.
SeedResult run_seed(const Source& source, const host::ScenarioCommand& command, uint64_t seed,
                    RunMemory& memory) {
  SeedResult result;
  result.seed = seed;
  const Result<Plan> plan = source.plan(seed);
  if (!plan.ok()) {
    result.simulator_fault = true;
    result.complaint = plan.error().message;
    return result;
  }
  const RunRequest request{!command.no_faults, !command.no_checkers, {}, nullptr};
  result = SeedResult::of(run_guarded(*plan, request, memory));
  result.seed = seed;
  return result;
}

int verify_each(const Source& source, const host::ScenarioCommand& command) {
  int worst = kHolds;
  for (uint64_t seed = command.seeds->first;; ++seed) {
    const Result<Plan> plan = source.plan(seed);
    if (!plan.ok()) return refuse(plan.error().message);
    worst = std::max(worst, run_verify(*plan, command));
    if (seed == command.seeds->last) return worst;
  }
}

}  // namespace

int run_campaign(const Source& source, const host::ScenarioCommand& command) {
  if (command.verify) return verify_each(source, command);
  const host::SeedRange seeds = *command.seeds;
  const uint64_t more = seeds.last - seeds.first;
  const uint64_t count = more == ~0ULL ? more : more + 1;
  const std::string repeat = repeat_command(command);
  Campaign campaign(command.scenario);
  std::unique_ptr<RunMemory> memory;  // of a worker
  int64_t real_ns = 0;
  {
    Progress progress(count);
    host::FarmOptions farm;
    farm.count = count;
    farm.workers = command.jobs == 0 ? host::processors() : command.jobs;
    farm.begin = [&] {
      host::keep_memory();
      memory = std::make_unique<RunMemory>();
    };
    farm.work = [&](uint64_t job) { return run_seed(source, command, seeds.first + job, *memory).encode(); };
    farm.done = [&](uint64_t job, Bytes words) {
      std::optional<SeedResult> result = SeedResult::decode(words);
      if (!result) {
        result.emplace();
        result->seed = seeds.first + job;
        result->simulator_fault = true;
        result->complaint = "a worker's answer cannot be read";
      }
      campaign.add(std::move(*result));
      if (!progress.live()) progress.tell(campaign);
      return true;
    };
    farm.died = [&](uint64_t job, int code) {
      SeedResult result;
      result.seed = seeds.first + job;
      result.simulator_fault = true;
      result.complaint = fmt::format("the process died (code {})", code);
      campaign.add(std::move(result));
      return true;
    };
    farm.tick = [&] { progress.tell(campaign); };
    host::run_farm(farm);
    real_ns = progress.real_ns();
  }
  host::write_out(command.json ? campaign.render_json(real_ns, repeat) + "\n"
                               : campaign.render(real_ns, repeat, host::wants_colour(1)));
  return campaign.exit_code();
}

}  // namespace ksim::sim
