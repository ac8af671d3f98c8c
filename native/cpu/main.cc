#include <cstdio>

#include "core/cpu-features.h"

int main() {
  for (const std::string& name : guard::CpuFeatures()) std::puts(name.c_str());
}
