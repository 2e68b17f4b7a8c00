// The heat map: one page that needs no other file and no script. A cell leads to its witness, which is shown
// where the address names it.

#include <algorithm>

#include <fmt/format.h>

#include "sim/matrix/render.h"
#include "sim/report/page.h"

namespace ksim::sim {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --ink: #1c2024; --paper: #ffffff; --rule: #d5d9de; --faint: #667079;
  --never: rgb(34 150 84 / .16); --loss: 214 124 0; --within: #c81e2c; --none: rgb(120 130 140 / .14); }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --paper: #15181b; --rule: #343a40; --faint: #98a2ab;
  --never: rgb(52 190 110 / .20); --loss: 245 160 40; --none: rgb(150 160 170 / .14); } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.35rem; margin: 0 0 .3rem; } p { margin: .4rem 0; max-width: 60rem; }
.wide { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 2px; margin: 1rem 0; }
th { font-weight: 600; text-align: left; padding: .2rem .55rem; white-space: nowrap; }
tbody th { font-weight: 400; font-variant-numeric: tabular-nums; }
td { padding: 0; border-radius: 3px; min-width: 6.2rem; }
td a, td span { display: block; padding: .28rem .55rem; color: inherit; text-decoration: none; white-space: nowrap; }
td a:hover, td a:focus { outline: 2px solid currentColor; border-radius: 3px; }
td small { color: var(--faint); margin-left: .35rem; }
.never { background: var(--never); } .permitted { background: rgb(var(--loss) / calc(.12 + var(--rate) * .0048)); }
.permitted small { color: inherit; opacity: .75; }
.within { background: var(--within); color: #fff; } .within small { color: #fff; }
.unavailable, .rejected, .open { background: var(--none); color: var(--faint); }
.legend span { display: inline-block; padding: .15rem .5rem; border-radius: 3px; margin-right: .6rem; }
section { display: none; } section:target { display: block; position: fixed; inset: auto 0 0 0; max-height: 60vh;
  overflow: auto; background: var(--paper); border-top: 3px solid var(--rule); padding: .8rem 1.2rem 1.2rem; }
section h2 { font-size: 1rem; margin: 0 0 .4rem; } section .close { float: right; color: inherit; }
body:has(section:target) { padding-bottom: 62vh; }
pre { overflow-x: auto; white-space: pre-wrap; background: var(--none); padding: .5rem .7rem; border-radius: 3px; margin: .4rem 0; }
)css";

double rate_percent(const CellResult& result) {
  return result.runs.empty()
             ? 0
             : 100 * static_cast<double>(result.lossy) / static_cast<double>(result.runs.size());
}

std::string square(const Matrix& matrix, size_t cell) {
  const CellResult& result = matrix.result(cell);
  const Verdict verdict = matrix.verdict(cell);
  if (verdict == Verdict::rejected) return "<td class=rejected><span>rejected</span>";
  if (result.runs.empty()) return "<td class=open><span>not run</span>";
  const std::string open = fmt::format("<a href=\"#c{}\">", cell);
  if (verdict == Verdict::unavailable) return "<td class=unavailable>" + open + "no writes</a>";
  if (verdict == Verdict::never)
    return fmt::format("<td class=never>{}never<small>{}</small></a>", open,
                       waited(result) == "0.0 s" ? "" : "waits " + waited(result));
  const Interval interval = result.loss_rate();
  return fmt::format("<td class={} style=\"--rate:{:.0f}\">{}{}<small>{:.0f}–{:.0f}</small></a>",
                     to_string(verdict), rate_percent(result), open, percent(rate_percent(result) / 100),
                     100 * interval.from, 100 * interval.to);
}

std::string section(const Matrix& matrix, size_t cell) {
  const CellResult& result = matrix.result(cell);
  if (!result.worst) return {};
  const Expected wanted = expected(matrix.cells()[cell]);
  std::string out = fmt::format("<section id=c{}><a class=close href=\"#top\">close</a><h2>{}</h2>\n", cell,
                                html_text(name_of(matrix, cell)));
  if (const std::string wrong = matrix.contradiction(cell); !wrong.empty())
    out += fmt::format("<p><b>Contradicts the contract:</b> {}</p>\n", html_text(wrong));
  const Interval interval = result.loss_rate();
  out += fmt::format(
      "<p>By the contract {}: {}.<br>{} runs, {} lose records ({}, 95% between {} and {}); {} acknowledged, "
      "{} "
      "lost, {} of them permitted; {} duplicated, {} reordered; writes to a partition waited {} in a "
      "run.</p>\n",
      to_string(wanted.promise), html_text(wanted.why), result.runs.size(), result.lossy,
      html_text(percent(rate_percent(result) / 100)), html_text(percent(interval.from)),
      html_text(percent(interval.to)), result.acknowledged, result.lost, result.permitted, result.duplicated,
      result.reordered, waited(result));
  out += fmt::format("<p>The worst run, seed {}:</p>\n<pre>{}</pre>\n", *result.worst,
                     html_text(matrix.witness(cell)));
  if (!result.story.empty()) out += "<pre>" + html_text(result.story) + "</pre>\n";
  return out + "</section>\n";
}

}  // namespace

std::string render_matrix_html(const Matrix& matrix) {
  std::string out(kMatrixHtmlHead);
  const std::vector<std::string> names = varying(matrix);
  const std::vector<MatrixFault>& faults = matrix.dimensions().faults;
  out += fmt::format(
      "</title>\n<meta charset=utf-8><meta name=viewport content=\"width=device-width\">\n<style>{}</style>\n"
      "<h1 id=top>Which settings lose data, under which faults</h1>\n<p>{} cells, {} runs of simulated Kafka "
      "clusters, each repeatable from its seed{}{}. Every number is the part of the runs in which "
      "acknowledged "
      "records were lost, beside its 95% interval. Choose a cell for its worst run: the command that repeats "
      "it, "
      "and what was lost.</p>\n",
      kStyle, matrix.cells().size(), matrix.runs(), constant(matrix).empty() ? "" : "; ", constant(matrix));
  out +=
      "<p class=legend><span class=never>never lost</span><span class=permitted style=\"--rate:40\">lost "
      "only "
      "beyond the fault budget of the settings</span><span class=within>lost within the budget: against the "
      "contract</span><span class=unavailable>no writes: nothing was acknowledged</span></p>\n";
  out += "<div class=wide><table><thead><tr>";
  for (const std::string& name : names) out += "<th>" + html_text(name);
  for (const MatrixFault fault : faults) {
    std::string name(to_string(fault));
    std::replace(name.begin(), name.end(), '_', ' ');
    out += "<th>" + name;
  }
  out += "</thead>\n<tbody>\n";
  for (size_t row = 0; row < matrix.cells().size(); row += faults.size()) {
    out += "<tr>";
    for (const std::string& name : names) out += "<th>" + html_text(value_of(matrix.cells()[row], name));
    for (size_t f = 0; f < faults.size(); ++f) out += square(matrix, row + f);
    out += "\n";
  }
  out += "</tbody></table></div>\n";
  for (const std::string& line : contradictions(matrix))
    out += "<p><b>Contradiction:</b> " + html_text(line) + "</p>\n";
  for (size_t cell = 0; cell < matrix.cells().size(); ++cell) out += section(matrix, cell);
  return out;
}

}  // namespace ksim::sim
