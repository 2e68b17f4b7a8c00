#include "sim/cli/hive.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "sim/cli/swarm_report.h"
#include "sim/cli/trials.h"
#include "sim/host/files.h"
#include "sim/host/scramble.h"

namespace ksim::sim {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kSaveEveryNs = 10 * kSecondNs;
constexpr int64_t kTellEveryNs = 10 * kSecondNs;    // where nobody sees how a line changes
constexpr int64_t kRedrawEveryNs = kSecondNs / 10;  // on a terminal
constexpr uint64_t kMostRecordings = 20;            // of a session, for each worker it has

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

}  // namespace

Hive::Hive(const host::SwarmCommand& command, std::vector<Member> members, Swarm swarm, host::FileLock lock)
    : command_(command),
      members_(std::move(members)),
      swarm_(std::move(swarm)),
      lock_(std::move(lock)),
      workers_(command.jobs == 0 ? host::processors() : command.jobs),
      runs_before_(swarm_.runs()),
      failures_before_(swarm_.failures()),
      differences_before_(swarm_.differences().size()),
      ms_before_(swarm_.real_ms) {}

bool Hive::run() {
  bool whole = run_jobs(swarm_jobs(swarm_.plan().runs()), swarm_job, true);
  // A short campaign has not come to its first repetition.
  const auto number = swarm_.rechecks() == 0 ? worth_a_recheck() : std::nullopt;
  if (whole && number) {
    const auto again = [number](uint64_t) { return SwarmJob{*number, true}; };
    whole = run_jobs(1, again, false);
  }
  if (host::is_terminal(2)) host::write_error("\r\033[K");
  // To explain them takes a while, in which nobody notes that it is interrupted.
  if (!swarm_.differences().empty()) static_cast<void>(save());
  explain_differences();
  return whole;
}

bool Hive::run_jobs(uint64_t count, const Jobs& job_of, bool in_time) {
  host::FarmOptions farm;
  farm.count = count;
  farm.workers = workers_;
  farm.batch = 4;
  farm.patience_ns = kRunPatienceNs;
  if (in_time && command_.time_ns) farm.until_ns = began_ns_ + *command_.time_ns;
  farm.begin = [this] {
    lock_.let_go();
    host::keep_memory();
    memory_ = std::make_unique<RunMemory>();
  };
  farm.known = [&](uint64_t job) { return known(job_of(job)); };
  farm.apart = [&](uint64_t job) { return job_of(job).recheck; };
  farm.brief = [&](uint64_t job) { return brief(job_of(job)); };
  farm.work = [&](uint64_t job, Bytes words) { return work(job_of(job), words); };
  farm.done = [&](uint64_t job, Bytes words) { return done(job_of(job), words); };
  farm.died = [&](uint64_t job, const host::Death& death) { return died(job_of(job), death); };
  farm.recovered = [&](uint64_t job, const host::Death& death) {
    swarm_.add_died_once(job_of(job).number, to_string(death));
  };
  farm.tick = [this] { tick(); };
  return host::run_farm(farm);
}

// A failure: whoever repeats it wants to see it again. Else that of the first fifty, as always.
std::optional<uint64_t> Hive::worth_a_recheck() const {
  for (const auto& [number, failure] : swarm_.failed()) {
    if (swarm_.ended(number)) return number;
  }
  const uint64_t usual = swarm_job(kRunsToRecheck).number;
  if (swarm_.ended(usual)) return usual;
  for (uint64_t number = 0; number < kRunsToRecheck; ++number) {
    if (swarm_.ended(number)) return number;
  }
  return std::nullopt;
}

bool Hive::known(SwarmJob job) const {
  return job.recheck ? swarm_.rechecked(job.number) : swarm_.has(job.number);
}

// What run it is, and whether it is recorded if it fails.
ByteBuffer Hive::brief(SwarmJob job) {
  const bool records = !job.recheck && recorded_ < kMostRecordings * workers_;
  ByteBuffer words = {static_cast<uint8_t>(records)};
  const std::string lineage = to_string(swarm_.lineage_of(job.number));
  words.insert(words.end(), lineage.begin(), lineage.end());
  return words;
}

ByteBuffer Hive::work(SwarmJob job, Bytes brief) {
  const bool records = brief[0] != 0;
  const Lineage lineage = parse_lineage(as_text(brief.subspan(1))).value();
  const Member& of = member(job.number);
  const int64_t from_ns = host::real_ns();
  const int64_t from_cpu_ns = host::cpu_ns();
  HiveAnswer answer{{}, {}, run_seed(of.source, of.command, lineage, *memory_)};
  answer.times.real_us = static_cast<uint64_t>(host::real_ns() - from_ns) / 1000;
  answer.times.cpu_us = static_cast<uint64_t>(host::cpu_ns() - from_cpu_ns) / 1000;
  const SeedResult& result = answer.result;
  if (records && !result.holds && !result.simulator_fault) answer.recording = record(job.number, lineage);
  return encode(answer);
}

// The path of the recording, which has the run's number: two scenarios may have one name. Empty if it could
// not be made.
std::string Hive::record(uint64_t number, const Lineage& lineage) {
  const Result<Plan> plan = member(number).source.plan(lineage);
  if (!plan.ok()) return {};
  const RunRequest request{true, true, true, nullptr};
  const RunSummary summary = run_guarded(*plan, request, *memory_);
  std::string base = command_.campaign;
  if (base.ends_with(".sqlite")) base.resize(base.size() - 7);
  const std::string path =
      fmt::format("{}.{}.{}.{}.sqlite", base, number, plan->scenario, to_string(lineage));
  if (summary.recording.empty() || host::why_not_replaceable(path, kSqliteMagic)) return {};
  return host::write_whole(path, summary.recording).ok() ? path : std::string();
}

bool Hive::done(SwarmJob job, Bytes words) {
  std::optional<HiveAnswer> answer = decode_answer(words);
  if (!answer) return died(job, {false, "a worker's answer cannot be read", {}});
  if (job.recheck) {
    swarm_.add_recheck(job.number, answer->result.digest);
  } else {
    if (!answer->recording.empty()) ++recorded_;
    answer->times.ended_ms = since_began_ms();
    swarm_.add(job.number, answer->result, std::move(answer->recording), answer->times);
  }
  return goes_on();
}

bool Hive::died(SwarmJob job, const host::Death& death) {
  const SwarmOutcome outcome = death.hung ? SwarmOutcome::hung : SwarmOutcome::died;
  if (job.recheck) {
    swarm_.add_dead_recheck(job.number, outcome, to_string(death));
  } else {
    swarm_.add_dead(job.number, outcome, to_string(death));
  }
  return goes_on();
}

// What earlier sessions found does not end this one.
bool Hive::goes_on() const {
  return !command_.until_failure ||
         (swarm_.failures() == failures_before_ && swarm_.differences().size() == differences_before_);
}

void Hive::tick() {
  const int64_t now = host::real_ns();
  // Should it fail, the last one says so.
  if (now - saved_ns_ > kSaveEveryNs) static_cast<void>(save());
  const bool live = host::is_terminal(2);
  if (now - told_ns_ < (live ? kRedrawEveryNs : kTellEveryNs)) return;
  told_ns_ = now;
  host::write_error(live ? "\r\033[K" + cut_line(progress(true), host::columns(2) - 1)
                         : progress(false) + "\n");
}

Result<void> Hive::save() {
  swarm_.real_ms = since_began_ms();
  TRY_ASSIGN(const std::string image, swarm_.image());
  saved_ns_ = host::real_ns();
  return host::write_whole(command_.campaign, image);
}

// Of the campaign, not of this session.
uint64_t Hive::since_began_ms() const { return ms_before_ + static_cast<uint64_t>(real_ns() / 1'000'000); }

std::string Hive::progress(bool bar) const {
  const double seconds = std::max(static_cast<double>(real_ns()) / 1e9, 0.001);
  const double rate = static_cast<double>(fresh_runs()) / seconds;
  const uint64_t runs = swarm_.runs();
  std::string front;
  std::string left;
  if (command_.time_ns) {
    front = progress_bar(static_cast<double>(real_ns()), static_cast<double>(*command_.time_ns));
    left = fmt::format(" · {} s left", std::max<int64_t>(0, *command_.time_ns - real_ns()) / kSecondNs);
  } else if (swarm_.plan().last_seed) {
    const uint64_t all = std::max(swarm_.plan().runs(), runs);
    front = progress_bar(static_cast<double>(runs), static_cast<double>(all));
    left = fmt::format(" of {}", all);
    if (rate > 0) left += fmt::format(" · {:.0f} s left", static_cast<double>(all - runs) / rate);
  }
  if (swarm_.plan().guided) left += fmt::format(" · {} plans kept", swarm_.kept());
  return fmt::format("{}{} runs{} · {:.1f} seeds/s · {} failures of {} causes", bar ? front : "", runs, left,
                     rate, swarm_.failures(), swarm_.causes().size());
}

// Which event was the first to differ. If two fresh processes agree, it depends on what ran before.
void Hive::explain_differences() {
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

}  // namespace ksim::sim
