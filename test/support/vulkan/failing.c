// Stands between the addon and the Vulkan loader (LD_PRELOAD), to fail on demand as hardware does:
//   while the file $DEVICE_LOST exists every submission returns VK_ERROR_DEVICE_LOST,
//   while the file $DEVICE_FULL exists every allocation returns VK_ERROR_OUT_OF_DEVICE_MEMORY.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vulkan/vulkan.h>

static PFN_vkGetInstanceProcAddr next_instance;
static PFN_vkGetDeviceProcAddr next_device;
static PFN_vkQueueSubmit next_submit;
static PFN_vkAllocateMemory next_allocate;

static int asked(const char *variable) {
  const char *file = getenv(variable);
  return file != NULL && access(file, F_OK) == 0;
}

static VkResult submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence) {
  return asked("DEVICE_LOST") ? VK_ERROR_DEVICE_LOST : next_submit(queue, count, infos, fence);
}

static VkResult allocate(VkDevice device, const VkMemoryAllocateInfo *info, const VkAllocationCallbacks *callbacks,
                         VkDeviceMemory *memory) {
  return asked("DEVICE_FULL") ? VK_ERROR_OUT_OF_DEVICE_MEMORY : next_allocate(device, info, callbacks, memory);
}

static PFN_vkVoidFunction device_address(VkDevice device, const char *name);

static PFN_vkVoidFunction instead(const char *name, PFN_vkVoidFunction found) {
  if (found == NULL) return NULL;
  if (strcmp(name, "vkQueueSubmit") == 0) {
    next_submit = (PFN_vkQueueSubmit)found;
    return (PFN_vkVoidFunction)submit;
  }
  if (strcmp(name, "vkAllocateMemory") == 0) {
    next_allocate = (PFN_vkAllocateMemory)found;
    return (PFN_vkVoidFunction)allocate;
  }
  if (strcmp(name, "vkGetDeviceProcAddr") == 0) {
    next_device = (PFN_vkGetDeviceProcAddr)found;
    return (PFN_vkVoidFunction)device_address;
  }
  return found;
}

static PFN_vkVoidFunction device_address(VkDevice device, const char *name) {
  return instead(name, next_device(device, name));
}

PFN_vkVoidFunction vkGetInstanceProcAddr(VkInstance instance, const char *name) {
  if (next_instance == NULL) {
    void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_GLOBAL);
    next_instance = (PFN_vkGetInstanceProcAddr)dlsym(loader, "vkGetInstanceProcAddr");
  }
  return instead(name, next_instance(instance, name));
}
