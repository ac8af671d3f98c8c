#pragma once

#include <string>
#include <vector>

namespace guard {

// The products of one type of weights by one kind of kernels.
struct ProductCheck {
  std::string type;  // ggml's name of the weights' type
  // ggml's name of how they are laid out: CPU, CPU_REPACK, AMX, or the name of a kernel of native/kernels.
  std::string kernel;
  // Largest distance of a value from plain C++'s, over the lengths of row and column that were multiplied.
  // Not a number where a product is none.
  double worst;
};

// Multiplies matrices of every type with 1 to 61 columns, by each kind of kernels that this build has for the
// type on this CPU, and in plain C++. Runs kernels: in a binary for other CPUs it may end the process. Throws
// Failure(ERR_INTERNAL). StartBackend must have been called.
std::vector<ProductCheck> CheckProducts();

}  // namespace guard
