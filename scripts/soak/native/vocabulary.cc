// libFuzzer: native/core/vocabulary-check.cc, which reads a GGUF's vocabulary, over any bytes at any places.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/vocabulary-check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kPlaces = 3 * 6;
  if (size < kPlaces) return 0;
  static const int file = memfd_create("vocabulary", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  guard::VocabularyPlace place;
  place.path = path;
  place.longest = 64;
  place.most_added = 8;
  guard::GgufArrayPlace* places[] = {&place.tokens, &place.types, &place.merges};
  for (guard::GgufArrayPlace* one : places) {
    uint16_t numbers[3];
    std::memcpy(numbers, data, sizeof(numbers));
    data += sizeof(numbers);
    size -= sizeof(numbers);
    *one = {numbers[0], numbers[1], numbers[2]};
  }
  if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  for (const guard::VocabularyProblem& problem : guard::CheckVocabulary(place)) {
    if (problem.array.empty() || problem.what.empty()) std::abort();
  }
  return 0;
}
