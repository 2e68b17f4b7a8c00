// The text of scenarios and plans: a refusal names the place, and a plan that was drawn is printed as the text of the
// same plan.

#include "fuzz/target.h"
#include "sim/host/files.h"
#include "sim/plan/plan.h"
#include "sim/plan/storm.h"
#include "sim/runner/check_plan.h"
#include "sim/workloads/all.h"

namespace ksim::fuzz {
namespace {

constexpr std::string_view kName = "input";

constexpr std::string_view kWords[] = {
    "[cluster]",     "[[topic]]",      "[[producer]]",  "[[consumer]]",  "[[raw_driver]]", "[[admin]]",
    "[[workload]]",  "[[fault]]",      "[network]",     "[disk]",        "[explore]",      "[sizes]",
    "brokers",       "controllers",    "shards",        "racks",         "config",         "name",
    "partitions",    "replication",    "topic",         "count",         "burst",          "records",
    "record_bytes",  "interval",       "kind",          "target",        "at",             "when",
    "subject",       "nth",            "delay",         "at_latest",     "lasts",          "seed",
    "micro_seed",
    "duration",      "settle",         "limits",        "\"tiny\"",      "buggify",        "draws",
    "\"storm\"",     "= 1",            "= \"1s\"",      "= { between = [1, 4] }",          "= { one_of = [1, \"a\"] }",
    "{ between = [\"1s\", \"2s\"] }",  "\"crash\"",     "\"all\"",       "\"here\"",       "\"leader(orders-0)\"",
    "= 1979-05-27",  "= 1e3",          "= inf",         "= [[[]]]",      "\"\"\"",         "= 0x7fffffffffffffff"};

class PlanTarget final : public FuzzTarget {
 public:
  PlanTarget() : vocabulary_(sim::plan_vocabulary()) {}

  Bounds bounds() const override {
    Bounds bounds;
    bounds.input_bytes = 12 << 10;
    bounds.allocation_mib = 64;
    bounds.seconds = 5;
    bounds.smoke_mutations = 250;
    return bounds;
  }

  void run(Bytes input) override {
    const std::string text(as_text(input));
    const std::string name(kName);
    const bool is_plan = sim::names_its_seed(text);
    const auto plan =
        is_plan ? sim::parse_plan(text, name, {}, vocabulary_) : sim::draw_plan(text, name, 7, {}, vocabulary_);
    if (!plan.ok()) {
      must(plan.error().code == ErrorCode::INVALID_REQUEST, "an error of another kind");
      return is_one_line(plan.error().message);
    }
    if (const auto wrong = sim::what_is_wrong(*plan, name, true)) is_one_line(*wrong);
    const std::string printed = sim::print_plan(*plan);
    const auto again = sim::parse_plan(printed, name, {}, vocabulary_);
    must(again.ok(), "a plan that was printed is refused: " + (again.ok() ? "" : again.error().message));
    must(sim::print_plan(*again) == printed, "a plan comes back as another one");
    must(sim::what_is_wrong(*again, name, true).has_value() == sim::what_is_wrong(*plan, name, true).has_value(),
         "a plan is wrong only before or after it was printed");
  }

  std::vector<ByteBuffer> corpus() override {
    std::vector<ByteBuffer> inputs;
    for (const std::string& file : host::list_files(KSIM_SCENARIO_DIR, ".toml")) {
      const auto text = host::read_text(std::string(KSIM_SCENARIO_DIR "/") + file);
      if (text.ok()) inputs.push_back(without_comments(*text));
    }
    for (uint64_t seed = 1; seed <= 10; ++seed)
      inputs.push_back(to_buffer(as_bytes(sim::print_plan(sim::draw_storm(seed, vocabulary_)))));
    return inputs;
  }

  void mutate(ByteBuffer& input, size_t most, Mutation& mutation) override {
    mutate_text(input, most, kWords, mutation);
  }

 private:
  static void is_one_line(const std::string& message) {
    must(message.starts_with(kName), "a refusal that names no place: " + message);
    must(message.find('\n') == std::string::npos, "a refusal of more than one line: " + message);
  }
  static ByteBuffer without_comments(const std::string& text) {
    ByteBuffer kept;
    bool at_start = true;
    bool in_comment = false;
    for (const char c : text) {
      if (at_start) in_comment = c == '#';
      at_start = c == '\n';
      if (!in_comment) kept.push_back(static_cast<uint8_t>(c));
    }
    return kept;
  }

  sim::Vocabulary vocabulary_;
};

}  // namespace

std::unique_ptr<FuzzTarget> make_plan_target() { return std::make_unique<PlanTarget>(); }

}  // namespace ksim::fuzz
