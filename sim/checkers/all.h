#pragma once
// The checkers of this directory. A new one is a file here, a line in this header and a row in all.cpp.

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sim/checkers/checker.h"

namespace ksim::sim {

class ClusterView;
class Verdicts;

struct CheckerKind {
  std::string_view code;
  std::unique_ptr<Checker> (*make)(const ClusterView& view, Verdicts& verdicts);
};
std::span<const CheckerKind> checker_kinds();

std::unique_ptr<Checker> make_one_quorum_leader(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_logs_match(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_committed_metadata_stays(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_images_agree(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_topic_calls_linearize(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_partition_states(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_controller_acts(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_answers_are_committed(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_committed_survives(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_replicas_agree(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_one_appender(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_latest_never_back(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_served_is_committed(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_isr_holds_committed(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_epoch_ends(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_laggards_leave(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_offsets_increase(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_loaded_is_rebuilt(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_durable_is_durable(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_damage_stays(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_settings_hold(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_deletion_is_done(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_deleted_topics_go(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_exactly_once(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_success_is_in_the_log(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_sends_end_in_time(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_no_gap_without_loss(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_position_is_continuous(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_epoch_never_back(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_polls_keep_to_their_limit(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_rests_are_kept(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_seeks_arrive(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_calls_are_repeated(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_forgeries_refused(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_nobody_asks_in_a_loop(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_everything_completes(const ClusterView& view, Verdicts& verdicts);
std::unique_ptr<Checker> make_counter_counts(const ClusterView& view, Verdicts& verdicts);

}  // namespace ksim::sim
