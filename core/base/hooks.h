#pragma once
// What core tells a simulator of its delicate moments, and where it asks for rare paths. In production the
// pointer in Env is null: one test of a pointer, nothing else.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ksim {

enum class Mark : uint16_t {
#define KSIM_MARK(identifier, name, text) identifier,
#include "core/base/marks.inc"
#undef KSIM_MARK
  count_,
};
constexpr size_t kMarkCount = static_cast<size_t>(Mark::count_);
std::string_view mark_name(Mark mark);
std::string_view mark_text(Mark mark);

enum class Site : uint16_t {
#define KSIM_BUGGIFY(identifier, name, text) identifier,
#include "core/base/buggify.inc"
#undef KSIM_BUGGIFY
  count_,
};
constexpr size_t kSiteCount = static_cast<size_t>(Site::count_);
std::string_view site_name(Site site);
std::string_view site_text(Site site);

class Hooks {
 public:
  virtual ~Hooks() = default;
  // `subject` names what it happened to: "orders-3", "__cluster_metadata-0", a node.
  virtual void reached(Mark mark, std::string_view subject) = 0;
  // True if the rare path is to be taken now; `per_mille` is its probability where the site is active.
  virtual bool buggify(Site site, uint32_t per_mille) = 0;
};

inline void reached(Hooks* hooks, Mark mark, std::string_view subject) {
  if (hooks != nullptr) hooks->reached(mark, subject);
}
inline bool buggify(Hooks* hooks, Site site, uint32_t per_mille) {
  return hooks != nullptr && hooks->buggify(site, per_mille);
}

}  // namespace ksim
