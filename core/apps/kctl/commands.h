#pragma once
// Each adds its part of the command line. Options live as long as the parsed invocation.

namespace CLI {
class App;
}

namespace ksim::kctl {

struct Invocation;

void add_topic_commands(CLI::App& kctl, Invocation& invocation);
void add_config_commands(CLI::App& kctl, Invocation& invocation);
void add_produce_command(CLI::App& kctl, Invocation& invocation);
void add_consume_command(CLI::App& kctl, Invocation& invocation);
void add_offsets_command(CLI::App& kctl, Invocation& invocation);
void add_cluster_commands(CLI::App& kctl, Invocation& invocation);
void add_elect_commands(CLI::App& kctl, Invocation& invocation);
void add_dump_log_command(CLI::App& kctl, Invocation& invocation);
void add_bench_commands(CLI::App& kctl, Invocation& invocation);
void add_record_command(CLI::App& kctl, Invocation& invocation);
void add_completion_command(CLI::App& kctl, Invocation& invocation);

}  // namespace ksim::kctl
