#include "core/base/hooks.h"

#include <array>

namespace ksim {
namespace {

struct Row {
  std::string_view name;
  std::string_view text;
};
constexpr std::array<Row, kMarkCount> kMarks{{
#define KSIM_MARK(identifier, name, text) {name, text},
#include "core/base/marks.inc"
#undef KSIM_MARK
}};
constexpr std::array<Row, kSiteCount> kSites{{
#define KSIM_BUGGIFY(identifier, name, text) {name, text},
#include "core/base/buggify.inc"
#undef KSIM_BUGGIFY
}};

}  // namespace

std::string_view mark_name(Mark mark) { return kMarks.at(static_cast<size_t>(mark)).name; }
std::string_view mark_text(Mark mark) { return kMarks.at(static_cast<size_t>(mark)).text; }
std::string_view site_name(Site site) { return kSites.at(static_cast<size_t>(site)).name; }
std::string_view site_text(Site site) { return kSites.at(static_cast<size_t>(site)).text; }

}  // namespace ksim
