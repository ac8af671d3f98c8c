#include "core/cpu-features.h"

#include <cstdint>

#if defined(_M_X64)  // clang-cl defines both
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
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
#if defined(_MSC_VER) && !defined(__clang__)  // clang's wants the whole file compiled for xsave
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
#endif
}

constexpr uint64_t kSse = 0;          // part of x86-64
constexpr uint64_t kAvx = 0x6;        // XMM and YMM
constexpr uint64_t kAvx512 = 0xe6;    // and opmask, ZMM
constexpr uint64_t kTiles = 0x60000;  // tile configuration and data

// Linux saves tiles for processes that have asked for it. Asks, for this process: it may be refused, by a
// sandbox or for a thread whose stack for signals is too small to hold them.
bool TilesPermitted() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool permitted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return permitted;
#else
  return false;  // the kernels ask nobody but Linux
#endif
}

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
    {"amx_bf16", 7, 0, kEdx, 22, kTiles},
    {"amx_tile", 7, 0, kEdx, 24, kTiles},
    {"amx_int8", 7, 0, kEdx, 25, kTiles},
};

}  // namespace

std::vector<std::string> CpuFeatures() {
  const uint64_t saved = SavedState();
  std::vector<std::string> names;
  for (const Feature& feature : kFeatures) {
    const uint32_t bits = Cpuid(feature.leaf, feature.subleaf).registers[feature.reg];
    if ((bits >> feature.bit & 1u) == 0 || (saved & feature.state) != feature.state) continue;
    if (feature.state == kTiles && !TilesPermitted()) continue;
    names.push_back(feature.name);
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

#else

std::vector<std::string> CpuFeatures() {
  return {};
}

#endif

}  // namespace guard
