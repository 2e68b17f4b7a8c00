// Recorded runs in which cells were changed: each is explained and made a page of, or refused in one line.
// Explanations of violations come of rows that no run has made.

#include <charconv>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "fuzz/target.h"
#include "sim/explain/explain.h"
#include "sim/faults/all.h"
#include "sim/history/sqlite.h"
#include "sim/report/report.h"
#include "sim/runner/runner.h"

namespace ksim::fuzz {
namespace {

// It loses what it has acknowledged, and has an outage.
constexpr std::string_view kPlan = R"toml(
duration = "6s"
settle = "60s"
[cluster]
brokers = 3
controllers = 1
config = { "broker.session.timeout.ms" = 1000, "broker.heartbeat.interval.ms" = 200 }
[[topic]]
name = "orders"
partitions = 1
replication = 3
config = { "min.insync.replicas" = 1, "unclean.leader.election.enable" = true }
[[producer]]
name = "producer"
topic = "orders"
interval = "150ms"
config = { acks = "1" }
[[consumer]]
name = "consumer"
topic = "orders"
interval = "500ms"
[[fault]]
kind = "power_loss"
target = "leader(orders-0)"
at = "4s"
lasts = "1s"
)toml";

// One of each family, with what its message may say.
constexpr std::pair<std::string_view, std::string_view> kViolations[] = {
    {"R1", "record 0000010000000001 is committed at offset 1, but leader 2 ends at 1"},
    {"R2", "all is quiet, yet leader 1 holds [0..1 epoch 0 crc 0000004d] and ISR member 2 [0..1 epoch 1]"},
    {"R3", "broker 1 and broker 2 append in epoch 1"},
    {"R4", "served up to offset 9, before 12"},
    {"R5", "consumer was handed offset 3 with other bytes"},
    {"R6", "the high watermark moved: broker 3 is in the ISR or ELR [1,2], but its log ends at 0"},
    {"R7", "broker 2 keeps [3..4 epoch 1], but was told that epoch 0 ends at 3"},
    {"R8", "follower 2 of broker 1 has lagged"},
    {"P1", "record 0000010000000002 stands at offset 3 and at offset 1"},
    {"P2", "record 0000010000000002 was acknowledged at offset 1, where nothing is committed (up to 1)"},
    {"P3", "producer waits for 30 s"},
    {"K1", "consumer skipped from 2 to 9"},
    {"S1", "node 2: offsets go back from 9 to 3"},
    {"S3", "node 1: epoch 2 begins at 4, in the log at 5"},
    {"S5", "node 1: its log keeps a segment up to offset 5"},
    {"M1", "nodes 101 and 102 lead in epoch 3"},
    {"M2", "node 101 lost offset 3 of epoch 1"},
    {"M4", "nodes 1 and 2 differ at offset 7"},
    {"M5", "topic orders was shown by broker 1"},
    {"M6", "broker 2 left the ISR [1,2] in epoch 1"},
    {"M7", "controller 101 has fenced broker 2 for its silence"},
    {"M8", "controller 101 answered broker 1 in epoch 1"},
    {"Q1", "broker 1 answered producer"},
    {"L", "healed, and given all the time that healing may take, yet its ISR is [1,2]"},
    {"X1", "an add was acknowledged at 5, and the counter ends at 3"},
    {"ASSERT", "broker 1: it was checked"},
    {"DISK", "node 1: it is no such file"}};

constexpr std::string_view kTexts[] = {"",
                                       "1",
                                       "1,2,3",
                                       "[1,2]",
                                       "-1",
                                       "broker-1",
                                       "orders-0",
                                       "orders",
                                       "a-b-7",
                                       "'",
                                       "\"",
                                       "{}",
                                       "{\"leader\":1}",
                                       "ok",
                                       "unknown",
                                       "send",
                                       "read",
                                       "crashed",
                                       "started",
                                       "power loss",
                                       "truncation",
                                       "0000010000000001",
                                       "leader 9999999999 of [99999999999..",
                                       "\xff"};

class RecordingTarget final : public FuzzTarget {
 public:
  RecordingTarget() : image_(recorded()) {
    sim::Database database = sim::Database::open(image_).value();
    sim::Query columns(
        database,
        "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'");
    while (columns.next()) columns_.emplace_back(columns.text(0), columns.text(1));
  }

  Bounds bounds() const override {
    Bounds bounds;
    bounds.input_bytes = 1024;
    bounds.allocation_mib = 64;
    bounds.seconds = 10;
    bounds.smoke_mutations = 80;
    return bounds;
  }

  // Lines "TABLE COLUMN ROW VALUE". A value is #NUMBER, 'TEXT, @ROW for what stands there, or - for NULL.
  void run(Bytes input) override {
    sim::Database database = sim::Database::copy(image_).value();
    const std::string text(as_text(input));
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      change(database, text.substr(at, end - at));
      at = end + 1;
    }
    sim::Question violation;
    violation.violation = 1 + static_cast<int64_t>(hash_bytes(input) % std::size(kViolations));
    sim::Question record;
    record.record = "0000010000000001";
    sim::Question partition;
    partition.partition = "orders-0";
    for (const sim::Question& question : {violation, hash_bytes(input) % 2 == 0 ? record : partition}) {
      const Result<sim::Explanation> page = sim::explain(database, question);
      if (!page.ok()) {
        is_refused(page.error());
        continue;
      }
      must(!sim::to_text(*page, 100).empty(), "a page without words");
      must(nlohmann::json::accept(sim::to_json(*page)), "a page that is no JSON");
    }
    const Result<std::string> page = sim::run_page(database, {"run.sqlite", {}, {}, {}});
    if (!page.ok()) is_refused(page.error());
  }

  std::vector<ByteBuffer> corpus() override {
    std::vector<ByteBuffer> inputs;
    for (const std::string_view text :
         {"", "partition_state isr 1 'x,y\n", "record lost 1 #1\nrecord permitted 1 #0\n",
          "event detail 9 '{\"leader\":true,\"high_watermark\":[1]}\n",
          "copy until_ns 1 @3\ncopy node 2 #7\n", "node_event at_ns 4 @1\nnode_event what 5 'crashed\n",
          "partition_state leader 2 #-1\n", "op completed_ns 9 -\n"})
      inputs.push_back(to_buffer(as_bytes(text)));
    return inputs;
  }

  void mutate(ByteBuffer& input, size_t most, Mutation& mutation) override {
    if (mutation.one_in(8)) return mutation.bytes(input, most);
    const auto& [table, column] = columns_[mutation.below(columns_.size())];
    std::string line =
        fmt::format("{} {} {} ", table, column, 1 + mutation.below(mutation.one_in(2) ? 30 : 1000));
    const uint64_t kind = mutation.below(8);
    if (kind < 4) {
      line += fmt::format("@{}", 1 + mutation.below(60));
    } else if (kind < 6) {
      line += fmt::format("#{}",
                          mutation.one_in(3) ? mutation.edge() : static_cast<int64_t>(mutation.below(8)) - 1);
    } else {
      line += kind == 6 ? fmt::format("'{}", kTexts[mutation.below(std::size(kTexts))]) : "-";
    }
    line += "\n";
    if (input.size() + line.size() <= most) input.insert(input.end(), line.begin(), line.end());
  }

 private:
  static std::string recorded() {
    sim::RunRequest request;
    request.record = true;
    sim::RunMemory memory;
    const sim::Plan plan = sim::draw_plan(kPlan, "recording", 1, {}, sim::fault_vocabulary()).value();
    const sim::RunSummary summary = sim::run_plan(plan, request, memory);
    must(summary.simulator_fault.empty(), summary.simulator_fault);
    sim::Database database = sim::Database::copy(summary.recording).value();
    int64_t number = 0;
    for (const auto& [checker, message] : kViolations) {
      ++number;
      const std::string subject = checker.starts_with("M") ? "__cluster_metadata-0" : "orders-0";
      must(database
               .run(fmt::format("INSERT INTO violation VALUES ({}, '{}', {}, '{}', '{}', 'what is promised', "
                                "'0000010000000001', {}, '     1.000000 s  it began')",
                                number, checker, 5'000'000'000 + number, subject, message, number % 4))
               .ok(),
           "a violation that is not taken");
    }
    return database.image().value();
  }

  void change(sim::Database& database, const std::string& line) const {
    std::string words[3];
    size_t at = 0;
    for (std::string& word : words) {
      const size_t end = std::min(line.find(' ', at), line.size());
      word = line.substr(at, end - at);
      at = std::min(end + 1, line.size());
    }
    const auto known = std::find(columns_.begin(), columns_.end(), std::pair(words[0], words[1]));
    const std::optional<int64_t> row = number_of(words[2]);
    const std::string value = line.substr(at);
    if (known == columns_.end() || !row || value.empty()) return;
    const std::optional<int64_t> number = number_of(value.substr(1));
    std::string set = "NULL";
    if (value[0] == '\'') set = quoted(value.substr(1));
    if (value[0] == '#' && number) set = std::to_string(*number);
    if (value[0] == '@' && number)
      set = fmt::format("(SELECT \"{}\" FROM {} WHERE rowid = {})", words[1], words[0], *number);
    // What the schema does not take stays as it is.
    static_cast<void>(
        database.run(fmt::format("UPDATE {} SET \"{}\" = {} WHERE rowid = {}", words[0], words[1], set, *row))
            .ok());
  }
  static std::optional<int64_t> number_of(std::string_view text) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
  }
  static std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text.substr(0, text.find('\0')))
      out += c == '\'' ? std::string("''") : std::string(1, c);
    return out + "'";
  }
  static uint64_t hash_bytes(Bytes bytes) {
    uint64_t hash = bytes.size();
    for (const uint8_t byte : bytes) hash = mix64(hash, byte);
    return hash;
  }
  static void is_refused(const Error& error) {
    must(error.code == ErrorCode::INVALID_REQUEST, "an error of another kind: " + error.message);
    must(!error.message.empty() && error.message.find('\n') == std::string::npos,
         "no refusal of one line: " + error.message);
  }

  std::string image_;
  std::vector<std::pair<std::string, std::string>> columns_;
};

}  // namespace

std::unique_ptr<FuzzTarget> make_recording_target() { return std::make_unique<RecordingTarget>(); }

}  // namespace ksim::fuzz
