// The heat map: one page that needs no other file and no script. A cell leads to its witness, which is shown
// where the address names it; filters are boxes, and rules of the style that look at them.

#include <algorithm>

#include <fmt/format.h>

#include "sim/matrix/render.h"
#include "sim/report/page.h"

namespace ksim::sim {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --ink: #1c2024; --paper: #ffffff; --rule: #d5d9de; --faint: #5f6972;
  --never: rgb(34 150 84 / .16); --loss: 214 124 0; --within: #c81e2c; --none: rgb(120 130 140 / .14); }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --paper: #15181b; --rule: #343a40; --faint: #98a2ab;
  --never: rgb(52 190 110 / .20); --loss: 245 160 40; --none: rgb(150 160 170 / .14); } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 76rem; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.35rem; margin: 0 0 .3rem; } p { margin: .4rem 0; max-width: 60rem; }
.wide { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 2px; margin: 1rem 0; }
th { font-weight: 600; text-align: left; padding: .2rem .55rem; white-space: nowrap; }
tbody th { font-weight: 400; font-variant-numeric: tabular-nums; }
td { padding: 0; border-radius: 3px; min-width: 6.2rem; }
td > a, td > span { display: block; padding: .28rem .55rem; color: inherit; text-decoration: none; white-space: nowrap; }
td > a:hover, td > a:focus, td:has(section:target) > a { outline: 2px solid currentColor; border-radius: 3px; }
td small { color: var(--faint); margin-left: .35rem; }
.never { background: var(--never); } .permitted { background: rgb(var(--loss) / calc(.12 + var(--rate) * .0048)); }
.permitted small { color: inherit; opacity: .75; }
.within { background: var(--within); color: #fff; } .within small { color: #fff; }
.unavailable, .rejected, .open { background: var(--none); color: var(--faint); }
form { display: flex; flex-wrap: wrap; gap: .35rem 1.2rem; margin: .7rem 0; align-items: center; }
form > span { display: flex; flex-wrap: wrap; gap: .3rem .4rem; align-items: center; } form b { font-weight: 600; }
label { display: flex; align-items: center; gap: .3rem; padding: .15rem .5rem; border-radius: 3px; cursor: pointer; }
label:not([class]) { border: 1px solid var(--rule); } label:has(:not(:checked)) { opacity: .55; text-decoration: line-through; }
input { margin: 0; } button { font: inherit; padding: .1rem .7rem; } :focus-visible { outline: 2px solid currentColor; }
section { display: none; visibility: visible; } section:target { display: block; position: fixed; inset: auto 0 0 0; max-height: 60vh; z-index: 1;
  overflow: auto; background: var(--paper); color: var(--ink); border-top: 3px solid var(--rule); padding: .8rem 1.2rem 1.2rem; }
section h2 { font-size: 1rem; margin: 0 0 .4rem; } section .close { float: right; color: inherit; padding: .2rem .4rem; }
body:has(section:target) { padding-bottom: 62vh; }
td > a { scroll-margin: 4rem; }
pre { white-space: pre-wrap; background: var(--none); padding: .5rem .7rem; border-radius: 3px; margin: .4rem 0; }
pre.command { user-select: all; } .against { border-left: 3px solid var(--within); padding-left: .7rem; }
summary { cursor: pointer; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem .9rem; max-width: 60rem; }
dt { font-weight: 600; } dd { margin: 0; }
@media (max-width: 640px) { body { margin-top: 1rem; padding: 0 .6rem; } th { padding: .2rem .3rem; } td { min-width: 5.4rem; }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: .3rem; } label { min-height: 1.9rem; } }
)css";

// In words for somebody who has not read its scenario.
std::string_view story_of(MatrixFault fault) {
  switch (fault) {
    case MatrixFault::leader_crash:
      return "the process of a leader dies and comes back; what it has written survives, but another broker "
             "leads on from what it has";
    case MatrixFault::power_loss_all:
      return "every machine loses its power at the same instant, and with it all that was not synced";
    case MatrixFault::rack_loss:
      return "two racks of three are cut off, one after the other, and leave the ISR; the last one loses its "
             "power, and one that has missed what it acknowledged is reached again";
    case MatrixFault::partition:
      return "a leader is cut off from the cluster, and its clients still reach it";
    case MatrixFault::slow_disk:
      return "disks crawl; followers fall out of the ISR and come back";
    case MatrixFault::isr_loss:
      return "a rack is cut off and leaves the ISR; all the others lose their power, and the one that lags "
             "behind is reached again first";
    case MatrixFault::rolling_restart:
      return "every broker is stopped in order and started again, one after the other";
  }
  return {};
}

std::string spaced(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

// ---- filters ----

// The values of a setting that rows differ in, in the order of the rows.
std::vector<std::string> values_of(const Matrix& matrix, const std::string& name) {
  std::vector<std::string> values;
  for (const Cell& cell : matrix.cells()) {
    const std::string value = value_of(cell, name);
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
  }
  return values;
}

// "s0-1": the second value of the first setting that varies. What is shown of it has this class, and its box
// this id.
std::string filter_name(size_t setting, size_t value) { return fmt::format("s{}-{}", setting, value); }

std::string classes_of(const Matrix& matrix, const std::vector<std::string>& names, size_t cell) {
  std::string classes;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::vector<std::string> values = values_of(matrix, names[i]);
    const auto at = std::find(values.begin(), values.end(), value_of(matrix.cells()[cell], names[i]));
    classes += (i == 0 ? "" : " ") + filter_name(i, static_cast<size_t>(std::distance(values.begin(), at)));
  }
  return classes;
}

struct Filters {
  std::string style;
  std::string form;

  void box(const std::string& id, const std::string& rule, const std::string& text,
           const std::string& look = {}) {
    style += fmt::format("body:has(#{}:not(:checked)) {}\n", id, rule);
    form += fmt::format("<label{}><input type=checkbox id={} checked>{}</label>", look, id, html_text(text));
  }
};

Filters filters_of(const Matrix& matrix) {
  Filters filters;
  filters.form = "<form method=dialog aria-label=Filters>\n";
  const auto group = [&](const std::string& name) {
    filters.form += fmt::format("<span role=group aria-label=\"{0}\"><b>{0}</b>", html_text(name));
  };
  const std::vector<std::string> names = varying(matrix);
  for (size_t i = 0; i < names.size(); ++i) {
    group(names[i]);
    const std::vector<std::string> values = values_of(matrix, names[i]);
    for (size_t value = 0; value < values.size(); ++value)
      filters.box(filter_name(i, value), fmt::format(".{} {{ display: none; }}", filter_name(i, value)),
                  values[value]);
    filters.form += "</span>\n";
  }
  const std::vector<MatrixFault>& faults = matrix.dimensions().faults;
  if (faults.size() > 1) {
    group("fault");
    for (size_t f = 0; f < faults.size(); ++f)
      filters.box(fmt::format("f{}", f), fmt::format(".f{} {{ display: none; }}", f),
                  spaced(to_string(faults[f])));
    filters.form += "</span>\n";
  }
  group("outcome");
  constexpr std::pair<Verdict, std::string_view> kOutcomes[] = {
      {Verdict::never, "never lost"},
      {Verdict::permitted, "lost only beyond the fault budget of the settings"},
      {Verdict::within, "lost within the budget: against the contract"},
      {Verdict::unavailable, "no writes: nothing was acknowledged"},
      {Verdict::rejected, "rejected: Kafka refuses these settings"}};
  for (const auto& [verdict, words] : kOutcomes) {
    bool there = verdict <= Verdict::within;  // what the page is about is named also where it is not met
    for (size_t cell = 0; cell < matrix.cells().size(); ++cell)
      there = there || matrix.verdict(cell) == verdict;
    if (!there) continue;
    filters.box(fmt::format("v-{}", to_string(verdict)),
                fmt::format("td.{} {{ visibility: hidden; }}", to_string(verdict)), std::string(words),
                fmt::format(" class={} style=\"--rate:40\"", to_string(verdict)));
  }
  filters.form += "</span>\n<button type=reset>Show all</button>\n</form>\n";
  return filters;
}

// ---- the table ----

// The command that repeats a run, and the one that explains it.
std::string commands_of(const std::string& again) {
  std::string why = again;
  constexpr std::string_view kVerb = "scenario";
  why.replace(why.find(kVerb), kVerb.size(), "explain");
  return fmt::format("<pre class=command>{}</pre>\n<pre class=command>{}</pre>\n", html_text(again),
                     html_text(why));
}

// All of a cell's worst run.
std::string section(const Matrix& matrix, size_t cell) {
  const CellResult& result = matrix.result(cell);
  if (!result.worst) return {};
  const Expected wanted = expected(matrix.cells()[cell]);
  std::string out = fmt::format("<section id=c{0}><a class=close href=\"#k{0}\">close</a><h2>{1}</h2>\n",
                                cell, html_text(name_of(matrix, cell)));
  if (const std::string wrong = matrix.contradiction(cell); !wrong.empty()) {
    out += fmt::format("<p class=against><b>Contradicts the contract:</b> {}</p>\n", html_text(wrong));
    if (const uint64_t seed = result.first_violated; seed != 0)
      out += commands_of(witness_command(matrix.cells()[cell], seed));
  }
  const Interval interval = result.loss_interval();
  out += fmt::format(
      "<p>By the contract {}: {}.<br>{} runs, the fault took effect in {}{}; {} lose records ({}, 95% "
      "between {} and {}); {} acknowledged, {} lost, {} of them permitted; {} duplicated, {} reordered; "
      "writes "
      "to a partition waited {} in a run.</p>\n",
      to_string(wanted.promise), html_text(wanted.why), result.runs.size(), result.struck,
      result.all_struck() ? "" : ", of which the percentage is", result.lossy,
      html_text(percent(result.loss_rate())), html_text(percent(interval.from)),
      html_text(percent(interval.to)), result.acknowledged, result.lost, result.permitted, result.duplicated,
      result.reordered, waited(result));
  out += fmt::format("<p>The worst run, seed {}:</p>\n", *result.worst) + commands_of(matrix.witness(cell));
  if (!result.story.empty())
    out += "<p>What happened in it:</p>\n<pre>" + html_text(result.story) + "</pre>\n";
  return out + "</section>";
}

std::string square(const Matrix& matrix, size_t cell, size_t fault) {
  const CellResult& result = matrix.result(cell);
  const Verdict verdict = matrix.verdict(cell);
  if (verdict == Verdict::rejected)
    return fmt::format("<td class=\"rejected f{}\"><span>rejected</span>", fault);
  if (result.runs.empty()) return fmt::format("<td class=\"open f{}\"><span>not run</span>", fault);
  const std::string begin = fmt::format("<td class=\"{} f{}\" style=\"--rate:{:.0f}\">", to_string(verdict),
                                        fault, 100 * result.loss_rate());
  std::string text;
  if (verdict == Verdict::unavailable) {
    text = "no writes";
  } else if (verdict == Verdict::never) {
    text = fmt::format("never<small>{}</small>", waited(result) == "0.0 s" ? "" : "waits " + waited(result));
  } else if (result.lossy == 0) {
    text = "violated";
  } else {
    const Interval interval = result.loss_interval();
    text = fmt::format("{}<small>{:.0f}–{:.0f}</small>", html_text(percent(result.loss_rate())),
                       100 * interval.from, 100 * interval.to);
  }
  if (!result.all_struck())
    text += fmt::format("<small title=\"the fault took effect in {} of {} runs\">{}</small>", result.struck,
                        result.runs.size(), struck_part(result));
  const std::string opened = section(matrix, cell);
  if (opened.empty()) return begin + "<span>" + text + "</span>";
  return fmt::format("{}<a id=k{} href=\"#c{}\">{}</a>{}", begin, cell, cell, text, opened);
}

std::string table_of(const Matrix& matrix) {
  const std::vector<std::string> names = varying(matrix);
  const std::vector<MatrixFault>& faults = matrix.dimensions().faults;
  std::string out = "<div class=wide><table><thead><tr>";
  for (const std::string& name : names) out += "<th>" + html_text(name);
  for (size_t f = 0; f < faults.size(); ++f)
    out += fmt::format("<th class=f{} title=\"{}\">{}", f, html_text(story_of(faults[f])),
                       spaced(to_string(faults[f])));
  out += "</thead>\n<tbody>\n";
  for (size_t row = 0; row < matrix.cells().size(); row += faults.size()) {
    out += fmt::format("<tr class=\"{}\">", classes_of(matrix, names, row));
    for (const std::string& name : names) out += "<th>" + html_text(value_of(matrix.cells()[row], name));
    for (size_t f = 0; f < faults.size(); ++f) out += square(matrix, row + f, f);
    out += "\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace

std::string render_matrix_html(const Matrix& matrix) {
  const Filters filters = filters_of(matrix);
  const std::vector<std::string> wrong = contradictions(matrix);
  std::string out(kMatrixHtmlHead);
  out += fmt::format(
      "</title>\n<meta charset=utf-8><meta name=viewport "
      "content=\"width=device-width\">\n<style>{}{}</style>\n"
      "<body lang=en>\n<h1 id=top>Which settings lose data, under which faults</h1>\n<p>{} cells, {} runs of "
      "simulated Kafka clusters, each repeatable from its seed{}{}. {} cells lose records, {} contradict the "
      "contract. Every number is the part of the runs in which acknowledged records were lost, beside its "
      "95% interval; where the fault did not take effect in all of them, it is the part of those in which it "
      "did, and their number stands beside it. Choose a cell for its worst run: the commands that repeat and "
      "explain it, and what was lost.</p>\n",
      kStyle, filters.style, matrix.cells().size(), matrix.runs(), constant(matrix).empty() ? "" : "; ",
      constant(matrix), matrix.lossy_cells(), wrong.size());
  if (const uint64_t broken = matrix.simulator_faults(); broken > 0)
    out += fmt::format("<p class=against><b>{} runs failed in the simulator itself.</b></p>\n", broken);
  for (const std::string& line : wrong) {
    const size_t end = line.find('\n');
    const size_t command = line.find("scripts/");
    out += "<div class=against><p><b>Contradiction:</b> " + html_text(line.substr(0, end)) + "</p>\n";
    if (command != std::string::npos) out += commands_of(line.substr(command));
    out += "</div>\n";
  }
  out += filters.form + table_of(matrix);
  for (const std::string& line : missing_witnesses(matrix))
    out += "<p>No witness: " + html_text(line) + ".</p>\n";
  out += "<details><summary>What the faults do</summary><dl>\n";
  for (const MatrixFault fault : matrix.dimensions().faults)
    out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", spaced(to_string(fault)), html_text(story_of(fault)));
  return out + "</dl></details>\n</body>\n";
}

}  // namespace ksim::sim
