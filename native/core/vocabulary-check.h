#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace guard {

// An array of a GGUF's metadata: where its elements lie in the file.
struct GgufArrayPlace {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t count = 0;
};

struct VocabularyPlace {
  std::string path;
  GgufArrayPlace tokens;
  GgufArrayPlace types;
  GgufArrayPlace merges;
  // UTF-16 units of the longest token allowed.
  uint64_t longest = 0;
  // Control and user-defined tokens allowed.
  uint64_t most_added = 0;
};

struct VocabularyProblem {
  std::string array;  // tokens, types or merges
  uint64_t index = 0;
  std::string what;   // as NativeVocabularyProblem in lib/binding/binding.ts has it
  std::string bytes;  // the element's beginning
  int32_t type = 0;   // of a token
};

// Everything that llama.cpp asserts about a vocabulary, and what its merges rest on: each array's first
// problem, in the order tokens, types, merges. Merges are looked at where the tokens are sound.
std::vector<VocabularyProblem> CheckVocabulary(const VocabularyPlace& place);

}  // namespace guard
