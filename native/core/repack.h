#pragma once

#include <ggml.h>

namespace guard {

// Whether llama.cpp stores weight matrices of this type rearranged for this CPU's kernels, in memory of its
// own instead of the mapped file. Asks ggml as llama.cpp's loader does. StartBackend must have been called.
bool RepacksWeights(ggml_type type);

}  // namespace guard
