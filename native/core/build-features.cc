#include <ggml-cpu.h>

#include "core/cpu-features.h"

namespace guard {

#if defined(__x86_64__) || defined(_M_X64)

std::vector<std::string> BuildFeatures() {
  const struct {
    const char* name;
    int compiled;
  } features[] = {
      {"ssse3", ggml_cpu_has_ssse3()},
      {"avx", ggml_cpu_has_avx()},
      {"f16c", ggml_cpu_has_f16c()},
      {"fma", ggml_cpu_has_fma()},
      {"avx2", ggml_cpu_has_avx2()},
      {"bmi2", ggml_cpu_has_bmi2()},
      {"avx_vnni", ggml_cpu_has_avx_vnni()},
      {"avx512f", ggml_cpu_has_avx512()},
      {"avx512vbmi", ggml_cpu_has_avx512_vbmi()},
      {"avx512_vnni", ggml_cpu_has_avx512_vnni()},
      {"avx512_bf16", ggml_cpu_has_avx512_bf16()},
  };
  // Not AMX: its kernels ask for permission themselves, and others take their place where there is none.
  std::vector<std::string> names;
  for (const auto& [name, compiled] : features) {
    if (compiled != 0) names.push_back(name);
  }
  return names;
}

#elif defined(__aarch64__) && defined(__linux__)

std::vector<std::string> BuildFeatures() {
  std::vector<std::string> names;
  if (ggml_cpu_has_fp16_va() != 0) names.push_back("asimdhp");
  if (ggml_cpu_has_dotprod() != 0) names.push_back("asimddp");
  if (ggml_cpu_has_matmul_int8() != 0) names.push_back("i8mm");
  if (ggml_cpu_has_sve() != 0) names.push_back("sve");
#ifdef __ARM_FEATURE_SVE2
  names.push_back("sve2");
#endif
  return names;
}

#else

std::vector<std::string> BuildFeatures() {
  return {};
}

#endif

}  // namespace guard
