#include "core/prefix-cache.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace guard {

size_t CommonLength(const std::vector<llama_token>& a, const std::vector<llama_token>& b, size_t most) {
  const auto end = a.begin() + static_cast<ptrdiff_t>(std::min({most, a.size(), b.size()}));
  return static_cast<size_t>(std::distance(a.begin(), std::mismatch(a.begin(), end, b.begin()).first));
}

void PrefixCache::Keep(KeptPrefix prefix) {
  const size_t cells = prefix.cells();
  if (!Fits(cells)) return;
  kept_.push_back(std::move(prefix));
  for (cells_ += cells; cells_ > most_; kept_.pop_front()) cells_ -= kept_.front().cells();
}

std::optional<KeptPrefix> PrefixCache::Take(const std::vector<llama_token>& tokens, size_t most,
                                            size_t longer_than, int32_t shared) {
  auto found = kept_.end();
  for (auto it = kept_.begin(); it != kept_.end(); ++it) {
    if (shared >= 0 && it->shared != shared) continue;
    const size_t length = CommonLength(tokens, it->tokens, most);
    if (length <= longer_than) continue;
    longer_than = length;
    found = it;
  }
  if (found == kept_.end()) return std::nullopt;
  std::optional<KeptPrefix> taken(std::move(*found));
  cells_ -= taken->cells();
  kept_.erase(found);
  return taken;
}

void PrefixCache::ForgetSharing(int32_t shared) {
  for (auto it = kept_.begin(); it != kept_.end();) {
    if (it->skip == 0 || it->shared != shared) {
      ++it;
      continue;
    }
    cells_ -= it->cells();
    it = kept_.erase(it);
  }
}

void PrefixCache::Clear() {
  kept_.clear();
  cells_ = 0;
}

}  // namespace guard
