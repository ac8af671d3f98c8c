#pragma once

#include <llama.h>

#include <atomic>
#include <cstdint>
#include <vector>

// llama.cpp as far as native/core calls it, over cells that remember the tokens: what a position gives is a
// digest of everything before it. So a test knows what each request must say, whatever was shared, kept,
// offloaded or failed in between. What llama.cpp asserts is asserted here.
namespace stub {

constexpr int32_t kVocabulary = 97;
constexpr int32_t kHeads = 3;

// What the last position of these tokens says, `kHeads` numbers.
std::vector<float> Digest(const std::vector<llama_token>& tokens);

// What goes wrong, and how often; [any thread].
struct Faults {
  std::atomic<uint32_t> decode_every{0};      // every so many decodes fail, in one of five ways; 0: none
  std::atomic<uint32_t> cells_fail_after{0};  // so many removals from the cells from now, one throws; 0: none
};
Faults& faults();

}  // namespace stub
