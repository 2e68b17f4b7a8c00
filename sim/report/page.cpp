#include "sim/report/page.h"

#include "sim/report/page_text.h"
#include "sim/report/report.h"
#include "sim/report/run_data.h"

namespace ksim::sim {

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string script_json(const nlohmann::ordered_json& value) {
  const std::string text = value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {  // only in strings
      out += "\\u003c";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string whole_page(std::string_view title, std::string_view body, std::string_view script,
                       const nlohmann::ordered_json& data) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      // Whatever a record or a plan says, nothing is loaded from anywhere.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n<title>";
  out += html_text(title);
  out.append("</title>\n<style>\n").append(k_style_css).append("</style>\n</head>\n<body>\n").append(body);
  out.append("<script type=\"application/json\" id=\"data\">")
      .append(script_json(data))
      .append("</script>\n");
  out.append("<script>\n/*\n").append(k_d3_license).append("*/\n").append(k_d3).append("\n</script>\n");
  out.append("<script>\n").append(k_base_js).append(script).append("</script>\n</body>\n</html>\n");
  return out;
}

Result<Recorded> what_recorded(Database& database) {
  bool run = false, message = false, swarm = false, matrix = false;
  Query names(database, "SELECT name FROM sqlite_master WHERE type = 'table'");
  while (names.next()) {
    run = run || names.text(0) == "partition_state";
    message = message || names.text(0) == "message";
    swarm = swarm || names.text(0) == "swarm";
    matrix = matrix || names.text(0) == "matrix";
  }
  TRY(names.end());
  if (run && message) return Recorded::run;
  if (swarm) return Recorded::campaign;
  if (matrix) return Recorded::matrix;
  return fail(
      ErrorCode::INVALID_REQUEST,
      "holds no run, no campaign and no matrix: what can be reported is a file of ksim scenario --record, of "
      "ksim swarm or of ksim matrix");
}

Result<std::string> run_page(Database& database, const RunPage& page) {
  TRY_ASSIGN(const nlohmann::ordered_json data, run_data(database, page));
  const auto& run = data["run"];
  const std::string title =
      run["scenario"].get<std::string>() + ", seed " + run["seed"].get<std::string>() + " · ksim";
  std::string script;
  script.append(k_filter_js).append(k_model_js).append(k_diagram_js).append(k_charts_js).append(k_run_js);
  return whole_page(title, k_run_html, script, data);
}

Result<std::string> campaign_page(Database& database, const CampaignPage& page) {
  TRY_ASSIGN(const nlohmann::ordered_json data, campaign_data(database, page));
  std::string script;
  script.append(k_speed_js).append(k_campaign_js);
  return whole_page(page.file + " · ksim", k_campaign_html, script, data);
}

}  // namespace ksim::sim
