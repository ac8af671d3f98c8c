// Products of every type of weights by each kind of kernels, as the addon checks them on a machine: here linked with our
// kernels in plain C++ in place of those that the library was built with. Prints a line of JSON for each.
#include <ggml-backend.h>
#include <ggml.h>

#include <cstdio>

#include "core/products.h"

int main() {
  ggml_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  for (const guard::ProductCheck& check : guard::CheckProducts()) {
    std::printf("{\"type\":\"%s\",\"kernel\":\"%s\",\"worst\":%g}\n", check.type.c_str(), check.kernel.c_str(),
                check.worst);
  }
}
