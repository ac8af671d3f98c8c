// In place of libFuzzer: runs a fuzzer's program over the files that are named, and a few changes of each.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int count, char** words) {
  constexpr int kChanges = 50;
  std::mt19937 random(1);
  size_t inputs = 0;
  for (int i = 1; i < count; ++i) {
    std::ifstream file(words[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "replay: cannot read %s\n", words[i]);
      return 1;
    }
    const std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    for (int change = 0; change <= kChanges; ++change, ++inputs) {
      std::vector<uint8_t> input = bytes;
      if (change > 0 && !input.empty()) {
        for (int k = 0; k < 3; ++k) input[random() % input.size()] = static_cast<uint8_t>(random());
        if (change % 2 == 0) input.resize(random() % input.size());
      }
      LLVMFuzzerTestOneInput(input.data(), input.size());
    }
  }
  std::printf("%zu\n", inputs);
  return 0;
}
