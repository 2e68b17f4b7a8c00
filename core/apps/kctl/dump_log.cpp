// kctl dump-log.

#include <CLI/CLI.hpp>
#include <filesystem>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/apps/kctl/log_dump/log_dump.h"

namespace ksim::kctl {
namespace {

struct DumpLogOptions {
  std::vector<std::string> paths;
  bool summary = false;
  bool batches = false;
  bool records = false;
  bool deep = false;
  bool metadata = false;
};

class OutputSink final : public DumpSink {
 public:
  explicit OutputSink(Output& output) : output_(output) {}

  void show(const Json& json, const std::string& text) override {
    if (output_.json()) return output_.document(json);
    output_.line(text);
  }
  void problem(const std::string& file, const std::string& what) override {
    ++problems_;
    if (output_.json()) {
      Json json = dump_object(file, "problem");
      json["what"] = what;
      return output_.document(json);
    }
    output_.line(coloured(fmt::format("PROBLEM {}: {}", file, what), Style::bad, output_.colours()));
  }
  int64_t problems() const { return problems_; }

 private:
  Output& output_;
  int64_t problems_ = 0;
};

int dump_log(Session& session, const DumpLogOptions& options) {
  OutputSink sink(session.output);
  for (const std::string& given : options.paths) {
    std::error_code error;
    std::filesystem::path absolute = std::filesystem::absolute(given, error).lexically_normal();
    if (!absolute.has_filename()) absolute = absolute.parent_path();
    DumpOptions how;
    how.deep = options.deep;
    how.metadata = options.metadata;
    const bool is_directory = std::filesystem::is_directory(absolute, error);
    how.detail = options.records                                   ? Detail::records
                 : options.batches                                 ? Detail::batches
                 : options.summary || is_directory || options.deep ? Detail::summary
                                                                   : Detail::batches;
    const auto dumped = dump_path(session.env.disk, absolute.string(), how, sink);
    if (!dumped.ok() && dumped.error().code == ErrorCode::INVALID_REQUEST)
      return session.bad_input(dumped.error().message);
    if (!dumped.ok()) return session.failed("reading", dumped.error());
  }
  if (sink.problems() == 0) {
    if (options.deep && !session.output.json()) session.output.line("no problem found");
    return kDone;
  }
  return session.failed(
      fmt::format("{} found; files of a broker that runs may be half written, a stopped one's should not be",
                  counted(sink.problems(), "problem")));
}

}  // namespace

void add_dump_log_command(CLI::App& kctl, Invocation& invocation) {
  CLI::App& command = add_command(
      kctl, "dump-log", "what files of a broker hold, and whether they agree; reads, never writes",
      "  kctl dump-log /var/lib/kbroker                         a line for each file\n"
      "  kctl dump-log --deep /var/lib/kbroker                  verify: exit code 1 if something does not "
      "agree\n"
      "  kctl dump-log --records orders-0/00000000000000000000.log\n"
      "  kctl dump-log --records --json __cluster_metadata-0 | jq 'select(.type == \"TopicRecord\")'\n\n"
      "It knows log directories, partitions, segments (.log), indexes (.index, .timeindex, .txnindex), "
      "producer\n"
      "snapshots (.snapshot), checkpoints, partition.metadata, meta.properties, quorum-state, and snapshots "
      "of the\n"
      "metadata log (.checkpoint), of this broker and of Apache Kafka. --deep verifies checksums, offsets, "
      "epochs,\n"
      "records, indexes against the log, the leader epoch file against the batches, producers and "
      "checkpoints.");
  const auto options = std::make_shared<DumpLogOptions>();
  command.add_option("path", options->paths, "see below")->required()->type_name("FILE|DIRECTORY...");
  auto* summary = command.add_flag("--summary", options->summary, "a line for each file; so for directories");
  auto* batches =
      command.add_flag("--batches", options->batches, "a line for each batch; so for single files")
          ->excludes(summary);
  command.add_flag("--records", options->records, "records, too")->excludes(summary)->excludes(batches);
  command.add_flag("--deep", options->deep, "verify");
  command.add_flag("--metadata", options->metadata,
                   "values are records of the metadata log, wherever the file lies");
  runs(command, invocation, options, dump_log);
}

}  // namespace ksim::kctl
