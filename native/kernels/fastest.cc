#include <initializer_list>

#include "kernels/kernel.h"

namespace guard::kernels {

namespace {

// From here on tiles make up for the expanding of weights. Computed from what Intel says of its units: about
// five cycles for 32 weights expanded, and as many for their products with 16 columns by VPDPBUSD, scales
// included. Not measured.
constexpr int64_t kManyColumns = 17;

}  // namespace

const Kernel* Fastest(int64_t columns) {
  const Kernel* tiles = columns >= kManyColumns ? Amx() : nullptr;
  for (const Kernel* kernel : {tiles, Avx512Vnni(), AvxVnni(), Avx2()}) {
    if (kernel != nullptr) return kernel;
  }
  return nullptr;
}

}  // namespace guard::kernels
