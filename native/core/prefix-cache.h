#pragma once

#include <llama.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "core/context.h"

namespace guard {

// What a sequence held when it was done with, in memory of its own: attention does not visit it.
struct KeptPrefix {
  std::vector<llama_token> tokens;  // of all its positions
  State state;                      // of those from `skip` on
  int32_t shared = -1;              // the sequence that holds the first `skip` of them
  int32_t skip = 0;

  size_t cells() const { return tokens.size() - static_cast<size_t>(skip); }
};

// How many of the first `most` tokens are the same.
size_t CommonLength(const std::vector<llama_token>& a, const std::vector<llama_token>& b, size_t most);

// What done sequences held, for texts that begin like one of them to go on from. The only list of it: nobody
// else says what is kept.
class PrefixCache {
 public:
  // `most`: cells kept in all.
  explicit PrefixCache(size_t most) : most_(most) {}

  // Whether so many cells could be kept, if everything else were forgotten.
  bool Fits(size_t cells) const { return cells <= most_; }
  // Keeps it and forgets, for its room, what was used least recently.
  void Keep(KeptPrefix prefix);
  // Takes out what has most of the beginning of `tokens`, if that is more than `longer_than`; of equal ones
  // the least recently used. With `shared`, only what shares with that sequence: the rest needs more cells.
  std::optional<KeptPrefix> Take(const std::vector<llama_token>& tokens, size_t most, size_t longer_than,
                                 int32_t shared);
  // Forgets what shares with a sequence that is about to change.
  void ForgetSharing(int32_t shared);
  void Clear();

 private:
  const size_t most_;
  size_t cells_ = 0;
  std::list<KeptPrefix> kept_;  // least recently used first
};

}  // namespace guard
