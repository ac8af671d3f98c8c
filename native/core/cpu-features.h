#pragma once

#include <string>
#include <vector>

namespace guard {

// Instruction sets in the spelling of Linux's /proc/cpuinfo, those that flavours differ in. Empty where there
// is nothing to choose: other than on x86-64 and 64-bit ARM Linux.

// Those that this CPU has and whose registers this operating system saves: what may be executed here.
std::vector<std::string> CpuFeatures();

// Those that ggml's kernels in this binary were compiled for. Executes none of them.
std::vector<std::string> BuildFeatures();

}  // namespace guard
