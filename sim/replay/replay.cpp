#include "sim/replay/replay.h"

#include <algorithm>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

using Json = nlohmann::ordered_json;

double in_seconds(Instant at) { return static_cast<double>(at.ns) / 1e9; }

}  // namespace

Replay::Replay(ReplayOptions options, std::map<int32_t, std::string> names) : options_(std::move(options)) {
  for (auto& [id, name] : names) heard_.nodes[id].name = std::move(name);
  if (options_.stop_at) condition_.emplace(*options_.stop_at);
}

std::string Replay::name_of(int32_t node) const {
  const auto found = heard_.nodes.find(node);
  return found == heard_.nodes.end() ? std::string() : found->second.name;
}

bool Replay::follows(const Line& line) const {
  if (options_.json && options_.follow.empty() && !options_.messages) return line.kind != "message";
  return std::any_of(options_.follow.begin(), options_.follow.end(),
                     [&](const Follow& one) { return one.wants(line.machine, line.component, line.level); });
}

void Replay::tell(Line line, bool wanted) {
  if (stopped()) return;
  if (wanted || follows(line)) show(line);
  if (line.level == LogLevel::debug || options_.last == 0) return;
  last_.push_back(std::move(line));
  if (last_.size() > options_.last) last_.pop_front();
}

void Replay::show_json(const Json& object) const {
  options_.print(object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void Replay::show(const Line& line) const {
  if (options_.json) {
    Json object{{"at_ns", line.at.ns},
                {"kind", line.kind},
                {"machine", line.machine},
                {"component", line.component},
                {"level", level_name(line.level)},
                {"name", line.name},
                {"subject", line.subject},
                {"detail", line.detail}};
    if (!line.fields.empty()) object["fields"] = Json::parse(line.fields, nullptr, false);
    show_json(object);
    return;
  }
  std::string text = fmt::format("{:>12.6f} s  {:<5} {:<14} {}", in_seconds(line.at), level_name(line.level),
                                 line.machine, line.name);
  if (!line.subject.empty()) text += "  " + line.subject;
  if (!line.detail.empty()) text += "  " + line.detail;
  options_.print(text + "\n");
}

void Replay::on_event(const NodeEvent& note) {
  if (stopped()) return;
  heard_.on_event(note);
  const Event& event = *note.event;
  const Line line{note.at,
                  "event",
                  name_of(note.node),
                  event_module(event),
                  event_level(event),
                  std::string(event_name(event)),
                  event_subject(event, note.node),
                  fields_of(event),
                  options_.json ? event_json(event) : std::string()};
  tell(line, false);
  if (condition_) stop(note.at, condition_->on_event(note));
}

void Replay::on_node(int32_t node, NodeFault what, Instant at) {
  if (stopped()) return;
  heard_.on_node(node, what);
  tell({at, "node", name_of(node), "node", LogLevel::info, fmt::format("node.{}", to_string(what)), {}, {}},
       false);
}

void Replay::on_fault(const FaultRow& fault) {
  if (stopped()) return;
  heard_.on_fault(fault);
  const std::string_view name = !fault.took_effect ? "fault.missed"
                                : fault.ended      ? "fault.ended"
                                                   : "fault.began";
  const Line line{
      fault.ended.value_or(fault.began), "fault",     {}, "fault", LogLevel::warn, std::string(name),
      fault.kind + " " + fault.target,   fault.effect};
  // Whoever follows one of the machines wants to know what struck it.
  const std::string targets = ", " + fault.target + ",";
  const bool struck = std::any_of(options_.follow.begin(), options_.follow.end(), [&](const Follow& one) {
    return one.machine == "all" || targets.find(", " + one.machine + ",") != std::string::npos;
  });
  tell(line, struck);
}

void Replay::on_mark(Mark mark, const std::string& node, std::string_view subject, Instant at) {
  if (stopped()) return;
  tell({at, "mark", node, "mark", LogLevel::debug, std::string(mark_name(mark)), std::string(subject), {}},
       false);
  if (condition_) stop(at, condition_->on_mark(mark, node, subject));
}

void Replay::on_predicate(Predicate predicate, int32_t node, std::string_view subject, Instant at) {
  if (stopped()) return;
  tell({at, "predicate", name_of(node), "predicate", LogLevel::debug, std::string(predicate_name(predicate)),
        std::string(subject), "begins to hold"},
       false);
  if (condition_) stop(at, condition_->on_predicate(predicate, subject));
}

void Replay::on_violation(const Violation& violation, const std::vector<std::string>& story) {
  if (stopped()) return;
  const std::string what =
      fmt::format("{} in {}: {}", violation.checker, violation.subject, violation.message);
  tell({violation.at,
        "violation",
        {},
        "checker",
        LogLevel::error,
        "violation",
        violation.subject,
        violation.checker + ": " + violation.message},
       !options_.follow.empty());
  if (condition_)
    stop(violation.at, condition_->on_violation(fmt::format("{}\n{}", what, fmt::join(story, "\n"))));
}

void Replay::on_op(const OpRow& op) {
  if (stopped()) return;
  heard_.on_op(op);
  std::string detail(op.completed ? to_string(op.outcome) : "asked");
  if (op.completed && op.error != ErrorCode::NONE) detail += fmt::format(" {}", to_string(op.error));
  if (op.offset >= 0) detail += fmt::format(" offset={}", op.offset);
  if (op.record != 0) detail += fmt::format(" record={:016x}", op.record);
  const bool well = !op.completed || op.outcome == Outcome::ok;
  tell({op.completed.value_or(op.invoked), "call", op.client, "client",
        well ? LogLevel::debug : LogLevel::warn, fmt::format("call.{}", op.kind), op.partition,
        std::move(detail)},
       false);
}

void Replay::on_message(const MessageRow& message) {
  if (stopped()) return;
  std::string detail = fmt::format(
      "{} v{} {} correlation={} {} bytes", message.response ? "answer" : "request", message.version,
      message.dropped ? "dropped" : "arrived", message.correlation, message.size_bytes);
  detail += fmt::format(" sent={:.6f}", in_seconds(message.sent));
  const Line line{message.received.value_or(message.sent),
                  "message",
                  std::string(message.sender),
                  "message",
                  message.dropped ? LogLevel::info : LogLevel::debug,
                  std::string(message.api),
                  fmt::format("to {}", message.receiver),
                  std::move(detail)};
  if (options_.messages) {
    show(line);
  } else {
    tell(line, false);
  }
}

void Replay::stop(Instant at, const std::optional<std::string>& why) {
  if (!why || stopped()) return;
  stopped_by_ = *why;
  stopped_at_ = at;
  state_ = state_json(*view_, heard_, at);
  halt();
}

void Replay::on_end(Instant at, uint64_t events, uint64_t digest) {
  if (condition_ && !stopped()) return;  // it did not happen: there is nothing to show
  if (!stopped()) state_ = state_json(*view_, heard_, at);
  const Instant when = stopped() ? stopped_at_ : at;
  if (options_.json) {
    Json end{{"at_ns", when.ns},
             {"kind", "end"},
             {"stopped_by", stopped_by_},
             {"events", events},
             {"digest", fmt::format("{:016x}", digest)}};
    if (options_.state) end["state"] = state_;
    show_json(end);
    return;
  }
  if (options_.state && !last_.empty()) {
    options_.print("\nThe last of what happened\n");
    for (const Line& line : last_) show(line);
  }
  options_.print(fmt::format("\n{} at {:.6f} s, after {} events of the simulator{}{}\n",
                             stopped() || options_.until ? "Stopped" : "Ended", in_seconds(when), events,
                             stopped() ? ": " : "", stopped_by_));
  if (options_.state) options_.print("\n" + state_text(state_));
  options_.print(fmt::format("\ndigest {}{:016x}\n", stopped() || options_.until ? "so far " : "", digest));
  view_ = nullptr;
}

}  // namespace ksim::sim
