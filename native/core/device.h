#pragma once

#include <ggml-backend.h>

#include <cstddef>
#include <string>
#include <vector>

namespace guard {

// A device of one of this build's GPU back ends. Nothing of the CPU's is one.
struct DeviceInfo {
  std::string backend;  // "cuda", "metal", "vulkan"
  std::string name;     // ggml's: "CUDA0"
  std::string description;
  size_t free_bytes = 0;
  size_t total_bytes = 0;
};

// ggml's name of a back end in this package's spelling: "cpu", "cuda", "metal", "vulkan".
std::string BackendName(ggml_backend_reg_t reg);

// Asks the drivers: the first call starts them.
std::vector<DeviceInfo> Devices();

// Null if there is none of that name.
ggml_backend_dev_t FindDevice(const std::string& name);

// "CUDA0 (NVIDIA H100)".
std::string DeviceLabel(ggml_backend_dev_t device);

}  // namespace guard
