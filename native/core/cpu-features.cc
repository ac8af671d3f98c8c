#include "core/cpu-features.h"

#include <ggml-cpu.h>

#include <cstdint>

#if defined(_M_X64)  // clang-cl defines both
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace guard {

#if defined(__x86_64__) || defined(_M_X64)

namespace {

enum Register { kEax, kEbx, kEcx, kEdx };

struct Leaf {
  uint32_t registers[4] = {0, 0, 0, 0};
};

Leaf Cpuid(uint32_t leaf, uint32_t subleaf) {
  Leaf found;
  uint32_t* r = found.registers;
#if defined(_M_X64)
  int values[4];
  __cpuid(values, 0);
  if (leaf > static_cast<uint32_t>(values[0])) return found;
  __cpuidex(values, static_cast<int>(leaf), static_cast<int>(subleaf));
  for (int i = 0; i < 4; ++i) r[i] = static_cast<uint32_t>(values[i]);
#else
  __get_cpuid_count(leaf, subleaf, &r[kEax], &r[kEbx], &r[kEcx], &r[kEdx]);
#endif
  return found;
}

// XCR0: the registers that the operating system saves when it switches threads.
uint64_t SavedState() {
  constexpr uint32_t kOsXsave = 1u << 27;
  if ((Cpuid(1, 0).registers[kEcx] & kOsXsave) == 0) return 0;
#if defined(_M_X64)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
#endif
}

constexpr uint64_t kSse = 0;        // part of x86-64
constexpr uint64_t kAvx = 0x6;      // XMM and YMM
constexpr uint64_t kAvx512 = 0xe6;  // and opmask, ZMM

struct Feature {
  const char* name;
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  uint64_t state;
};

// Intel SDM volume 2A, CPUID.
constexpr Feature kFeatures[] = {
    {"ssse3", 1, 0, kEcx, 9, kSse},
    {"sse4_1", 1, 0, kEcx, 19, kSse},
    {"sse4_2", 1, 0, kEcx, 20, kSse},
    {"popcnt", 1, 0, kEcx, 23, kSse},
    {"avx", 1, 0, kEcx, 28, kAvx},
    {"f16c", 1, 0, kEcx, 29, kAvx},
    {"fma", 1, 0, kEcx, 12, kAvx},
    {"avx2", 7, 0, kEbx, 5, kAvx},
    {"bmi2", 7, 0, kEbx, 8, kSse},
    {"avx_vnni", 7, 1, kEax, 4, kAvx},
    {"avx512f", 7, 0, kEbx, 16, kAvx512},
    {"avx512dq", 7, 0, kEbx, 17, kAvx512},
    {"avx512cd", 7, 0, kEbx, 28, kAvx512},
    {"avx512bw", 7, 0, kEbx, 30, kAvx512},
    {"avx512vl", 7, 0, kEbx, 31, kAvx512},
    {"avx512vbmi", 7, 0, kEcx, 1, kAvx512},
    {"avx512_vnni", 7, 0, kEcx, 11, kAvx512},
    {"avx512_bf16", 7, 1, kEax, 5, kAvx512},
};

}  // namespace

std::vector<std::string> CpuFeatures() {
  const uint64_t saved = SavedState();
  std::vector<std::string> names;
  for (const Feature& feature : kFeatures) {
    const uint32_t bits = Cpuid(feature.leaf, feature.subleaf).registers[feature.reg];
    if ((bits >> feature.bit & 1u) != 0 && (saved & feature.state) == feature.state) {
      names.push_back(feature.name);
    }
  }
  return names;
}

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
  std::vector<std::string> names;
  for (const auto& [name, compiled] : features) {
    if (compiled != 0) names.push_back(name);
  }
  return names;
}

#elif defined(__aarch64__) && defined(__linux__)

std::vector<std::string> CpuFeatures() {
  // asm/hwcap.h; its older versions lack the last.
  constexpr unsigned long kAsimdHp = 1ul << 10, kAsimdDp = 1ul << 20, kSve = 1ul << 22;
  constexpr unsigned long kSve2 = 1ul << 1, kI8mm = 1ul << 13;
  std::vector<std::string> names;
  if ((getauxval(AT_HWCAP) & kAsimdHp) != 0) names.push_back("asimdhp");
  if ((getauxval(AT_HWCAP) & kAsimdDp) != 0) names.push_back("asimddp");
  if ((getauxval(AT_HWCAP) & kSve) != 0) names.push_back("sve");
  if ((getauxval(AT_HWCAP2) & kSve2) != 0) names.push_back("sve2");
  if ((getauxval(AT_HWCAP2) & kI8mm) != 0) names.push_back("i8mm");
  return names;
}

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

std::vector<std::string> CpuFeatures() {
  return {};
}

std::vector<std::string> BuildFeatures() {
  return {};
}

#endif

}  // namespace guard
