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
  bool unified = false;  // its memory is the machine's
};

// ggml's name of a back end in this package's spelling: "cpu", "cuda", "metal", "vulkan".
std::string BackendName(ggml_backend_reg_t reg);

// Asks the drivers: the first call starts them.
std::vector<DeviceInfo> Devices();

// Null if there is none of that name.
ggml_backend_dev_t FindDevice(const std::string& name);

// [any thread] A device whose driver has failed is lost for the rest of the process: drivers give it back to
// a new one only. Nothing on it is freed, since that would call the driver, and nothing is loaded on it.
void MarkLost(ggml_backend_dev_t device);
bool IsLost(ggml_backend_dev_t device);
// Throws Failure(ERR_BACKEND_FAILED) for a lost device.
void RequireNotLost(ggml_backend_dev_t device);

// "CUDA0 (NVIDIA H100)".
std::string DeviceLabel(ggml_backend_dev_t device);

}  // namespace guard
