// What controllers decide and answer: M5 to M8.

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/teller.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

std::string state_words(const PastState& state) {
  return fmt::format("{}, leader epoch {}, partition epoch {}, ISR {}{}",
                     state.leader < 0 ? std::string("nobody leads") : fmt::format("leader {}", state.leader),
                     state.leader_epoch, state.partition_epoch, set_text(state.isr),
                     state.elr.empty() ? "" : fmt::format(", ELR {}", set_text(state.elr)));
}

// Who became the active controller, and who ceased to be.
Result<void> tell_reigns(Tale& tale, int most) {
  TRY_ASSIGN(const std::vector<Fact> reigns, tale.facts("'controller.activated', 'controller.deactivated'",
                                                        fmt::format("at_ns <= {}", tale.at_ns()), most));
  for (const Fact& fact : reigns)
    tale.steps.add(
        Weight::cause, fact.at_ns, "controller", fact.node,
        fmt::format("node {} {} the active controller, epoch {}", fact.node,
                    fact.name == "controller.activated" ? "becomes" : "is no more", fact.number("epoch")));
  return {};
}

// Its life, as itself and the controller have it; only the last of it.
void tell_life(Tale& tale, int32_t node, int64_t look_back_ns) {
  tale.steps.add_troubles(tale.past, {node}, tale.since(look_back_ns), tale.at_ns());
}

// The last thing that the controller said of a broker before: fenced, unfenced, registered.
const PastNode* standing(const Past& past, int32_t node, int64_t at_ns) {
  const PastNode* last = nullptr;
  for (const PastNode& event : past.nodes) {
    if (event.at_ns > at_ns) break;
    const bool said = event.what.ends_with("fenced") || event.what.starts_with("registered");
    if (event.node == node && said) last = &event;
  }
  return last;
}

std::string standing_words(const PastNode& event) {
  const std::string reason = event.detail.empty() ? "" : fmt::format(" ({})", event.detail);
  if (event.what == "fenced")
    return fmt::format("the controller had fenced it at {}{}", seconds_text(event.at_ns), reason);
  if (event.what == "unfenced")
    return fmt::format("the controller had unfenced it at {}", seconds_text(event.at_ns));
  return fmt::format("it had registered at {} and was not unfenced since", seconds_text(event.at_ns));
}

// ---- M6 ----

struct Proposed {
  int64_t at_ns = 0;
  int32_t node = -1;
  int64_t leader_epoch = -1;
  int64_t partition_epoch = -1;
  Nodes isr;
};

Nodes sorted(Nodes nodes) {
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

// The proposal that a change follows: the last one of that very ISR, of who leads if there is one.
const Proposed* followed(const std::vector<Proposed>& proposals, const PastState& before,
                         const PastState& now) {
  const Proposed* found = nullptr;
  for (const Proposed& one : proposals) {
    if (sorted(one.isr) != sorted(now.isr)) continue;
    if (found == nullptr || one.node == before.leader || found->node != before.leader) found = &one;
  }
  return found;
}

// It was of an older state, and of which.
Result<std::string> stale_words(Tale& tale, const Proposed& taken, const PastState& before) {
  TRY_ASSIGN(const std::vector<Asked> sent,
             tale.asked(fmt::format("api = 'AlterPartition' AND client IN ('broker-{0}', 'controller-{0}') "
                                    "AND arrived_ns BETWEEN {1} AND {2}",
                                    taken.node, taken.at_ns, tale.at_ns()),
                        1));
  std::string text = fmt::format(
      " Broker {} had proposed that ISR at {}, as leader of epoch {} and on top of partition epoch {}",
      taken.node, seconds_text(taken.at_ns), taken.leader_epoch, taken.partition_epoch);
  if (!sent.empty())
    text += fmt::format(", and asked the controller for it last at {}", seconds_text(sent.back().asked_ns));
  return text +
         (taken.node != before.leader ? fmt::format(". It leads no more (broker {} does)", before.leader)
          : taken.leader_epoch < before.leader_epoch
              ? fmt::format(". But leader epoch {} had begun since", before.leader_epoch)
              : fmt::format(". But the partition had come to partition epoch {} since",
                            before.partition_epoch)) +
         ": the controller had to refuse it.";
}

// A change of leader, ISR or ELR that nobody had asked for so, or that is none.
Result<void> tell_change(Tale& tale, const PastState& before, const PastState& now) {
  const std::string of_partition =
      fmt::format("subject = {} AND at_ns <= {}", sql_text(tale.page.partition), now.at_ns);
  TRY_ASSIGN(const std::optional<Fact> told, tale.last_fact("'partition.changed'", of_partition));
  const int32_t controller = told ? told->node : -1;
  TRY_ASSIGN(const std::vector<Fact> facts, tale.facts("'isr.proposed'", of_partition, 60));
  std::vector<Proposed> proposals;
  for (const Fact& fact : facts)
    proposals.push_back({fact.at_ns, fact.node, fact.number("leader_epoch"), fact.number("partition_epoch"),
                         fact.nodes("isr")});
  const Proposed* taken = followed(proposals, before, now);
  for (size_t i = 0; i < proposals.size(); ++i) {
    const Proposed& one = proposals[i];
    if (&one != taken && i + 6 < proposals.size()) continue;
    tale.steps.add(
        &one == taken ? Weight::spine : Weight::cause, one.at_ns, "proposed", one.node,
        fmt::format("broker {} proposes the ISR {}, as leader of epoch {} and on top of partition epoch {}",
                    one.node, set_text(one.isr), one.leader_epoch, one.partition_epoch));
  }
  std::string text =
      fmt::format("Controller {} changed {} at {}: {}. It stood at: {}.", controller, tale.page.partition,
                  seconds_text(now.at_ns), state_words(now), state_words(before));
  if (tale.wrong.kind == "stale_incarnation") {
    const int32_t member = number_behind(tale.violation.message, {"broker "});
    text += fmt::format(
        " Broker {} had registered anew since its leader saw it caught up: what the leader had proposed "
        "{}was about the process before, whose disk may have held more.",
        member, taken == nullptr ? "" : fmt::format("at {} ", seconds_text(taken->at_ns)));
    tell_life(tale, member, kLookBackNs);
  } else if (tale.wrong.kind == "stale_proposal" && taken != nullptr) {
    TRY_ASSIGN(const std::string stale, stale_words(tale, *taken, before));
    text += stale;
  } else if (tale.wrong.kind == "stale_proposal") {
    text += fmt::format(" No leader had proposed that set: the last that broker {} had proposed {}.",
                        before.leader,
                        proposals.empty() ? std::string("is not recorded")
                                          : fmt::format("was {} at {}", set_text(proposals.back().isr),
                                                        seconds_text(proposals.back().at_ns)));
  } else if (tale.wrong.kind == "last_member_left") {
    const int32_t member = before.isr.empty() ? -1 : before.isr.front();
    text += fmt::format(" Broker {} was the last member and had to stay: nobody is left who may be elected.",
                        member);
    if (const PastNode* last = standing(tale.past, member, now.at_ns))
      text += fmt::format(" Of broker {}: {}.", member, standing_words(*last));
  } else {
    text += fmt::format(" That must not be: {}.",
                        tale.violation.message.substr(0, tale.violation.message.find(" (leader ")));
  }
  tale.spine(now.at_ns, "decided", controller,
             fmt::format("controller {} decides: {}", controller, state_words(now)));
  tale.found(now.at_ns, controller, text);
  tale.steps.add_troubles(tale.past, before.isr, tale.since(kLookBackNs / 3), tale.at_ns());
  return {};
}

// A member, or a leader, that may not be one by what the controller itself knows.
Result<void> tell_unfit(Tale& tale) {
  // The controller tells of a decision a little after it has published it.
  const int64_t told_ns = tale.at_ns() + 1'000'000;
  const int32_t node = number_behind(tale.violation.message, {"broker "});
  const PastState* now = tale.past.state_at(told_ns);
  TRY_ASSIGN(const std::optional<Fact> controller, tale.active_controller(tale.at_ns()));
  const PastNode* said = standing(tale.past, node, told_ns);
  if (now == nullptr || said == nullptr) return {};
  TRY_ASSIGN(
      const std::optional<Fact> own,
      tale.last_fact("'broker.state_changed'", fmt::format("node = {} AND at_ns <= {}", node, told_ns)));
  const bool stops = own && own->text("state").ends_with("SHUTDOWN") && own->at_ns < now->at_ns;
  const bool lost_directory = tale.says("without the directory of its replica");
  const std::string stands = lost_directory ? std::string("the log directory of its replica had failed")
                             : stops ? fmt::format("it had begun to stop at {}", seconds_text(own->at_ns))
                                     : standing_words(*said);
  const PastState* before = tale.past.state_before(now->at_ns);
  const bool put_in = said->at_ns < now->at_ns ||
                      (before != nullptr && contains(now->isr, node) && !contains(before->isr, node));
  const int32_t decided_by = controller ? controller->node : -1;
  const std::string as = tale.wrong.kind == "unfit_leader" ? "as its leader" : "in its ISR";
  std::string text;
  if (put_in) {
    text = fmt::format("Controller {} {} {} at {} with broker {} {} ({}), although {}.", decided_by,
                       before == nullptr ? "created" : "changed", tale.page.partition,
                       seconds_text(now->at_ns), node, as, state_words(*now), stands);
  } else {
    const std::string why = said->what == "fenced"
                                ? fmt::format("fenced broker {}{}", node,
                                              said->detail.empty() ? "" : fmt::format(" ({})", said->detail))
                                : fmt::format("registered broker {} anew", node);
    text = fmt::format(
        "Controller {} {} at {} and left it {} of {} ({}), where that very change had to take it away.",
        decided_by, why, seconds_text(said->at_ns),
        tale.wrong.kind == "unfit_leader" ? "the leader" : "in the ISR", tale.page.partition,
        state_words(*now));
  }
  const int64_t at = put_in ? now->at_ns : said->at_ns;
  tale.spine(at, "decided", decided_by,
             put_in ? fmt::format("controller {} decides: {}", decided_by, state_words(*now))
                    : fmt::format("controller {} decides: broker {} is {}", decided_by, node, said->what));
  tale.found(at, decided_by, text);
  tell_life(tale, node, 2 * kLookBackNs);
  return {};
}

// A minimum that was altered, and replicas that stay eligible all the same.
Result<void> tell_eligible(Tale& tale, const PastState* now) {
  const int64_t offset = number_behind(tale.violation.message, {"was altered at offset "});
  TRY_ASSIGN(
      const std::optional<Fact> written,
      tale.last_fact(
          "'log.appended'",
          fmt::format(
              "subject = '{}' AND at_ns <= {} AND json_extract(detail, '$.fetched_epoch') < 0 AND "
              "json_extract(detail, '$.base_offset') <= {} AND json_extract(detail, '$.end_offset') > {}",
              kMetadataPartition, tale.at_ns(), offset, offset)));
  TRY_ASSIGN(const std::optional<Fact> active, tale.active_controller(tale.at_ns()));
  const int32_t controller = written ? written->node : active ? active->node : -1;
  const int64_t at = written ? written->at_ns : tale.at_ns();
  tale.spine(at, "decided", controller,
             fmt::format("controller {} alters min.insync.replicas, offset {} of the metadata log",
                         controller, offset));
  tale.found(at, controller,
             fmt::format("Controller {} altered min.insync.replicas at {} and left {} as it was ({}): {}.",
                         controller, seconds_text(at), tale.page.partition,
                         now == nullptr ? "unknown" : state_words(*now), tale.violation.message));
  return {};
}

// A registration as if after a stop in order.
Result<void> tell_registration(Tale& tale) {
  const int32_t node = number_behind(tale.violation.subject, {"broker "});
  const int64_t ended =
      static_cast<int64_t>(number_behind(tale.violation.message, {"ended at "})) * 1'000'000;
  TRY_ASSIGN(const std::optional<Fact> told,
             tale.last_fact("'broker.registered'",
                            fmt::format("subject = 'broker-{}' AND at_ns <= {}", node, tale.at_ns())));
  const PastNode* end = nullptr;
  for (const PastNode& event : tale.past.nodes) {
    const bool of_process = event.what == "crashed" || event.what == "power_lost" || event.what == "wiped" ||
                            event.what == "stopped";
    if (event.node == node && of_process && event.at_ns < tale.at_ns() &&
        event.at_ns / 1'000'000 <= ended / 1'000'000)
      end = &event;
  }
  const int32_t controller = told ? told->node : -1;
  std::string text = fmt::format(
      "Controller {} registered broker {} at {} as one that had stopped in order, and so kept its place in "
      "ISR and ELR.",
      controller, node, seconds_text(tale.at_ns()));
  if (end != nullptr) {
    text += fmt::format(
        " The process that was registered before, in broker epoch {}, had ended at {}: {}. Its disk has no "
        "marker of a stop in order with that epoch.",
        number_behind(tale.violation.message, {"in its epoch "}), seconds_text(end->at_ns),
        end->what == "stopped" ? "it was stopped before it came to leave that" : node_words(end->what));
  }
  text += " It may have lost what it had not synced.";
  tale.spine(tale.at_ns(), "registered", controller,
             fmt::format("controller {} registers broker {} as stopped in order", controller, node));
  tale.found(tale.at_ns(), controller, text);
  tell_life(tale, node, 2 * kLookBackNs);
  return {};
}

// ---- M7 ----

// What the controller knew of a broker, and has done or left undone.
Result<void> tell_session_of(Tale& tale, int32_t controller, int32_t node) {
  TRY_ASSIGN(
      const std::optional<Fact> heard,
      tale.last_fact("'broker.heard'", fmt::format("subject = 'broker-{}' AND node = {} AND at_ns <= {}",
                                                   node, controller, tale.at_ns())));
  TRY_ASSIGN(const std::optional<Fact> active,
             tale.last_fact("'controller.activated'",
                            fmt::format("node = {} AND at_ns <= {}", controller, tale.at_ns())));
  std::string text;
  if (tale.wrong.kind == "fenced_too_early") {
    text = fmt::format("Controller {} fenced broker {} at {} for its silence.", controller, node,
                       seconds_text(tale.at_ns()));
  } else if (tale.wrong.kind == "left_fenced") {
    text = fmt::format(
        "Controller {} had broker {} fenced still at {}, though it had said that it is ready for work.",
        controller, node, seconds_text(tale.at_ns()));
  } else {
    text = fmt::format("Controller {} decided something at {} and had not fenced broker {}.", controller,
                       seconds_text(tale.at_ns()), node);
  }
  if (heard) {
    text += fmt::format(
        " It had last heard from it at {}, {} before{}", seconds_text(heard->at_ns),
        lasting_text(tale.at_ns() - heard->at_ns),
        heard->number("wants_fence") == 0
            ? fmt::format(
                  ": ready for work, with the metadata up to offset {}; it is registered at offset {}",
                  heard->number("metadata_offset"), heard->number("broker_epoch"))
            : "");
    text += ".";
    tale.steps.add(Weight::spine, heard->at_ns, "heard", controller,
                   fmt::format("controller {} hears from broker {}{}", controller, node,
                               heard->number("wants_fence") == 0 ? ", which is ready for work" : ""));
  } else {
    TRY_ASSIGN(const std::optional<Fact> by_another,
               tale.last_fact("'broker.heard'",
                              fmt::format("subject = 'broker-{}' AND at_ns <= {}", node, tale.at_ns())));
    text += " It had never heard from it itself";
    text += !by_another ? std::string(", nor has any controller.")
                        : fmt::format("; controller {} had, the last time at {}.", by_another->node,
                                      seconds_text(by_another->at_ns));
  }
  if (active)
    text += fmt::format(" It is active since {} (epoch {}){}.", seconds_text(active->at_ns),
                        active->number("epoch"),
                        tale.wrong.kind == "fenced_too_early" && (!heard || heard->at_ns < active->at_ns)
                            ? fmt::format(", for {}: a new controller gives everybody that time anew",
                                          lasting_text(tale.at_ns() - active->at_ns))
                            : "");
  if (const PastNode* down = tale.past.down_at(node, tale.at_ns()))
    text += fmt::format(" Broker {} is down since {} ({}).", node, seconds_text(down->at_ns), down->what);
  Query timeout(tale.database, "SELECT value FROM config WHERE name = 'broker.session.timeout.ms' LIMIT 1");
  if (timeout.next()) text += fmt::format(" broker.session.timeout.ms is {}.", timeout.text(0));
  tale.spine(tale.at_ns(), "decided", controller,
             tale.wrong.kind == "fenced_too_early"
                 ? fmt::format("controller {} fences broker {}", controller, node)
                 : fmt::format("controller {} decides, and leaves broker {} as it is", controller, node));
  tale.found(tale.at_ns(), controller, text);
  tell_life(tale, node, 2 * kLookBackNs);
  return tell_reigns(tale, 4);
}

// A partition that somebody may lead, and that the controller leaves as it is.
Result<void> tell_left(Tale& tale, int32_t controller) {
  const int32_t node = number_behind(tale.violation.message, {"though broker "});
  const PastState* now = tale.past.state_at(tale.at_ns());
  const PastNode* said = standing(tale.past, node, tale.at_ns());
  if (now == nullptr) return {};
  const bool back = said != nullptr && said->at_ns > now->at_ns;
  const int64_t at = back ? said->at_ns : now->at_ns;
  const bool leaderless = tale.wrong.kind == "left_leaderless";
  std::string text =
      leaderless
          ? fmt::format("Nobody leads {} since {} ({}), and broker {} may.", tale.page.partition,
                        seconds_text(now->at_ns), state_words(*now), node)
          : fmt::format("Broker {} is the first replica of {}, in sync, and does not lead ({} since {}).",
                        node, tale.page.partition, state_words(*now), seconds_text(now->at_ns));
  if (back)
    text += fmt::format(" Broker {} {} at {}: then controller {} had to elect it, with that very change.",
                        node, said->what == "unfenced" ? "was unfenced" : "registered",
                        seconds_text(said->at_ns), controller);
  if (!back)
    text += fmt::format(" Controller {} has decided other things since, and elected nobody.", controller);
  tale.spine(at, "decided", controller,
             back ? fmt::format("controller {} decides: broker {} is {}", controller, node, said->what)
                  : fmt::format("controller {} decides: {}", controller, state_words(*now)));
  tale.found(at, controller, text);
  tale.steps.add_states(tale.past, tale.since(2 * kLookBackNs), tale.at_ns());
  tell_life(tale, node, 2 * kLookBackNs);
  return tell_reigns(tale, 4);
}

// What a broker took over from an answer of a controller.
Result<void> tell_taken(Tale& tale) {
  const std::string_view kind = tale.wrong.kind;
  const int32_t broker =
      number_behind(tale.violation.message + " " + tale.violation.subject, {"leader ", "broker "});
  const std::string_view api = kind == "ids_of_another"        ? "AllocateProducerIds"
                               : kind == "isr_never_committed" ? "AlterPartition"
                                                               : "BrokerRegistration";
  TRY_ASSIGN(const std::vector<Fact> answers,
             tale.facts("'controller.answered'",
                        fmt::format("at_ns BETWEEN {} AND {} AND json_extract(detail, '$.api') = '{}'",
                                    tale.since(kLookBackNs), tale.at_ns(), api),
                        4));
  for (const Fact& fact : answers)
    tale.steps.add(Weight::cause, fact.at_ns, "answered", fact.node,
                   fmt::format("controller {} answers {}, decided in epoch {}, resting on offset {}",
                               fact.node, api, fact.number("epoch"), fact.number("offset")));
  std::string text = fmt::format("Broker {} took it over at {}: {}.", broker, seconds_text(tale.at_ns()),
                                 tale.violation.message);
  if (kind == "ids_of_another") {
    TRY_ASSIGN(const std::vector<Fact> blocks,
               tale.facts("'broker.producer_ids'", fmt::format("at_ns <= {}", tale.at_ns()), 6));
    std::string given;
    for (const Fact& fact : blocks) {
      const std::string what =
          fmt::format("{} to {}", fact.number("first"), fact.number("first") + fact.number("count") - 1);
      given += fmt::format("{}{} to broker {}", given.empty() ? "" : ", ", what, fact.node);
      tale.steps.add(Weight::cause, fact.at_ns, "ids", fact.node,
                     fmt::format("broker {} is given the producer ids {}", fact.node, what));
    }
    text += fmt::format(" Given were, the last ones: {}.", given);
  }
  const Fact* answer = answers.empty() ? nullptr : &answers.back();
  if (answer == nullptr) {
    tale.found(tale.at_ns(), broker, text + fmt::format(" No controller had answered a {} then.", api));
    return {};
  }
  text += fmt::format(
      " The answer before it was that of controller {} at {} ({}, decided in epoch {}, resting on offset "
      "{}).",
      answer->node, seconds_text(answer->at_ns), api, answer->number("epoch"), answer->number("offset"));
  tale.spine(tale.at_ns(), "taken over", broker, tale.violation.message);
  tale.found(answer->at_ns, answer->node, text);
  return {};
}

}  // namespace

Result<void> tell_partition_state(Tale& tale) {
  if (tale.wrong.kind == "clean_registration") return tell_registration(tale);
  if (tale.page.partition.empty()) return tell_reigns(tale, 2);
  const PastState* now = tale.past.state_at(tale.at_ns());
  const PastState* before = now == nullptr ? nullptr : tale.past.state_before(now->at_ns);
  const int64_t from = tale.since(kLookBackNs);
  for (const PastState& state : tale.past.states) {
    if (state.at_ns >= from && state.at_ns < tale.at_ns())
      tale.steps.add(Weight::context, state.at_ns, "decided", -1,
                     "the controller decides: " + state_words(state));
  }
  TRY(tell_reigns(tale, 2));
  if (tale.wrong.kind == "unfit_member" || tale.wrong.kind == "unfit_leader") return tell_unfit(tale);
  if (tale.wrong.kind == "placement") {
    TRY_ASSIGN(const std::optional<Fact> controller, tale.active_controller(tale.at_ns()));
    // Of the last topic of that name; the controller tells of it a little after it has published it.
    const PastState* made = nullptr;
    for (const PastState& state : tale.past.states) {
      if (state.partition_epoch == 0 && state.at_ns <= tale.at_ns() + 1'000'000) made = &state;
    }
    if (made == nullptr) return {};
    const int32_t node = controller ? controller->node : -1;
    tale.spine(made->at_ns, "decided", node, "the controller places it: " + state_words(*made));
    tale.found(made->at_ns, node,
               fmt::format("Controller {} placed {} at {} ({}): {}.", node, tale.page.partition,
                           seconds_text(made->at_ns), state_words(*made), tale.violation.message));
    tale.steps.add_troubles(tale.past, tale.replicas(), from, tale.at_ns());
    return {};
  }
  if (tale.wrong.kind == "elr_kept") return tell_eligible(tale, now);
  if (before != nullptr) return tell_change(tale, *before, *now);
  return {};
}

Result<void> tell_controller(Tale& tale) {
  const int32_t controller = number_behind(tale.violation.message, {"controller "});
  const int32_t node = number_behind(tale.violation.subject, {"broker "});
  if (tale.page.partition.empty() && node >= 0) return tell_session_of(tale, controller, node);
  return tell_left(tale, controller);
}

// An answer of a controller, or what a broker took over from one.
Result<void> tell_answer(Tale& tale) {
  TRY(tell_reigns(tale, 6));
  if (!tale.says("rests on offset")) return tell_taken(tale);
  const int32_t node = number_behind(tale.violation.subject, {"controller "});
  const int64_t epoch = number_behind(tale.violation.message, {"decided in epoch "});
  const int64_t offset = number_behind(tale.violation.message, {"rests on offset "});
  const int64_t stands_epoch = number_behind(tale.violation.message, {"that record is of epoch "});
  const std::string api = tale.violation.message.substr(0, tale.violation.message.find(' '));
  const std::string of_node = fmt::format("subject = '{}' AND node = {}", kMetadataPartition, node);
  TRY_ASSIGN(
      const std::optional<Fact> written,
      tale.last_fact("'log.appended'",
                     of_node + fmt::format(" AND at_ns <= {} AND json_extract(detail, '$.leader_epoch') = {} "
                                           "AND json_extract(detail, '$.base_offset') <= {}",
                                           tale.at_ns(), epoch, offset)));
  TRY_ASSIGN(
      const std::vector<Fact> committed,
      tale.facts("'raft.high_watermark'",
                 of_node + fmt::format(" AND at_ns > {} AND json_extract(detail, '$.high_watermark') > {}",
                                       tale.at_ns(), offset),
                 100'000));
  std::string text = fmt::format(
      "Controller {} answered {} at {} with what it had decided in epoch {}, which rests on offset {} of the "
      "metadata log.",
      node, api, seconds_text(tale.at_ns()), epoch, offset);
  if (written) {
    text += fmt::format(" It had written that at {}", seconds_text(written->at_ns));
    tale.steps.add(Weight::spine, written->at_ns, "written", node,
                   fmt::format("controller {} writes its decision, offsets {} to {} of epoch {}", node,
                               written->number("base_offset"), written->number("end_offset") - 1, epoch));
    text += stands_epoch >= 0 ? "," : ".";
  }
  if (stands_epoch >= 0) {
    text += fmt::format(
        " {}what stands there is of epoch {}: that was decided anew since, and the answer had to be "
        "NOT_CONTROLLER.",
        written ? "and " : "But ", stands_epoch);
  } else {
    const int64_t end = number_behind(tale.violation.message, {"only what is below "});
    text += fmt::format(" The quorum had committed what is below {} then{}: the answer had to wait.", end,
                        committed.empty()
                            ? ", and this controller never saw it commit that record"
                            : fmt::format(", and that record at {}", seconds_text(committed.front().at_ns)));
    if (!committed.empty())
      tale.steps.add(Weight::cause, committed.front().at_ns, "committed", node,
                     fmt::format("the quorum commits it: its high watermark comes to {}",
                                 committed.front().number("high_watermark")));
  }
  tale.spine(tale.at_ns(), "answered", node, fmt::format("controller {} answers {}", node, api));
  tale.found(tale.at_ns(), node, text);
  tell_life(tale, node, kLookBackNs);
  return {};
}

}  // namespace ksim::sim
