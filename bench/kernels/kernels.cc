// How fast a kernel multiplies, by shape: kernels NAME [short]. Prints lines of JSON: what the unit and the memory can do, then each
// shape's best of some rounds.
#include <cstdio>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "units.h"

namespace {

using namespace guard::kernels;

template <typename Block>
void Measure(const KernelOf<Block>& kernel, int64_t rows, int64_t length, int columns, int rounds) {
  const int64_t blocks = length / kBlock;
  const size_t bytes = PanelBytes<Block>(rows, blocks);
  const auto weights = Pages<Block>(bytes);
  std::vector<float> column(static_cast<size_t>(length));
  for (size_t i = 0; i < column.size(); ++i) column[i] = static_cast<float>(i % 37) - 18.0f;
  std::vector<char> packed(PackedBytes(kernel, blocks, columns));
  PackColumns(kernel, blocks, columns, 0, columns, packed.data(), [&](int) { return column.data(); });
  std::vector<float> product(static_cast<size_t>(rows * columns));
  const double seconds = Best(rounds, [&] {
    const WeightsOf<Block> matrix{weights.get(), rows, blocks};
    kernel.multiply(matrix, 0, Panels(rows), packed.data(), columns, product.data(), static_cast<size_t>(rows));
  });
  const double macs = static_cast<double>(rows * length) * columns / seconds;
  std::printf("{\"rows\":%d,\"length\":%d,\"columns\":%d,\"macs\":%.4g,\"bytes\":%.4g}\n", static_cast<int>(rows),
              static_cast<int>(length), columns, macs, static_cast<double>(bytes) / seconds);
}

// Whether it is the kernel of that name, which it then measures.
template <typename Block>
bool MeasureNamed(const KernelOf<Block>* kernel, const std::string& name, bool is_short) {
  if (kernel == nullptr || name != kernel->name) return false;
  const int rounds = is_short ? 1 : 7;
  const size_t bytes = size_t{is_short ? 1u : 128u} << 20;
  const double peak = name.rfind("amx-", 0) == 0 ? BrainPeak(rounds) : BytesPeak(rounds);
  std::printf("{\"peak\":%.4g,\"bandwidth\":%.4g}\n", peak, Bandwidth(rounds, bytes));
  for (int64_t length : {1024, 3072}) {
    // As a step reads its matrices: from memory, once each.
    const int64_t row_bytes = static_cast<int64_t>(PanelBytes<Block>(kPanelRows, length / kBlock)) / kPanelRows;
    const int64_t many = static_cast<int64_t>(bytes) / row_bytes / kPanelRows * kPanelRows;
    for (int columns : {1, 2, 4, 8, 16}) Measure(*kernel, many, length, columns, rounds);
    for (int columns : {32, 131, 512}) Measure(*kernel, is_short ? 32 : 2048, length, columns, rounds);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  const bool is_short = argc > 2 && std::string(argv[2]) == "short";
  for (const Kernel* kernel : {Amx(), Avx512Vnni(), AvxVnni(), Avx2()}) {
    if (MeasureNamed(kernel, name, is_short)) return 0;
  }
  if (MeasureNamed(AmxBrain(), name, is_short) || MeasureNamed(AmxHalf(), name, is_short)) return 0;
  std::fprintf(stderr, "kernels: no kernel '%s' was compiled in\n", name.c_str());
  return 1;
}
