#include <initializer_list>

#include "kernels/kernel.h"

namespace guard::kernels {

const Kernel* Fastest() {
  for (const Kernel* kernel : {Avx512Vnni(), AvxVnni(), Avx2()}) {
    if (kernel != nullptr) return kernel;
  }
  return nullptr;
}

}  // namespace guard::kernels
