#include "core/device.h"

#include <algorithm>
#include <cctype>
#include <mutex>
#include <set>

#include "core/failure.h"

namespace guard {

namespace {

struct LostDevices {
  std::mutex mutex;
  std::set<ggml_backend_dev_t> devices;
};

LostDevices& Lost() {
  static auto* lost = new LostDevices();  // never destroyed: contexts may outlive statics
  return *lost;
}

bool IsGpu(const std::string& backend) {
  return backend == "cuda" || backend == "metal" || backend == "vulkan";
}

}  // namespace

std::string BackendName(ggml_backend_reg_t reg) {
  std::string name = ggml_backend_reg_name(reg);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name == "mtl" ? "metal" : name;
}

std::vector<DeviceInfo> Devices() {
  std::vector<DeviceInfo> devices;
  for (size_t i = 0; i < ggml_backend_reg_count(); ++i) {
    ggml_backend_reg_t reg = ggml_backend_reg_get(i);
    const std::string backend = BackendName(reg);
    if (!IsGpu(backend)) continue;
    for (size_t k = 0; k < ggml_backend_reg_dev_count(reg); ++k) {
      ggml_backend_dev_t device = ggml_backend_reg_dev_get(reg, k);
      DeviceInfo info;
      info.backend = backend;
      info.name = ggml_backend_dev_name(device);
      info.description = ggml_backend_dev_description(device);
      ggml_backend_dev_memory(device, &info.free_bytes, &info.total_bytes);
      // ggml calls Apple's a GPU like one with memory of its own.
      info.unified = backend == "metal" || ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_IGPU;
      devices.push_back(std::move(info));
    }
  }
  return devices;
}

ggml_backend_dev_t FindDevice(const std::string& name) {
  return ggml_backend_dev_by_name(name.c_str());
}

void MarkLost(ggml_backend_dev_t device) {
  std::lock_guard<std::mutex> lock(Lost().mutex);
  Lost().devices.insert(device);
}

bool IsLost(ggml_backend_dev_t device) {
  if (device == nullptr) return false;
  std::lock_guard<std::mutex> lock(Lost().mutex);
  return Lost().devices.count(device) > 0;
}

void RequireNotLost(ggml_backend_dev_t device) {
  if (!IsLost(device)) return;
  throw Failure("ERR_BACKEND_FAILED",
                DeviceLabel(device) +
                    " failed earlier and is lost to this process: restart it, or use gpu: false or "
                    "another device");
}

std::string DeviceLabel(ggml_backend_dev_t device) {
  return std::string(ggml_backend_dev_name(device)) + " (" + ggml_backend_dev_description(device) + ")";
}

}  // namespace guard
