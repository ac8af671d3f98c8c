// The kernels as ggml knows them: a type of buffer of its CPU back end, in which llama.cpp puts the weights
// that it can multiply. Compiled into ggml's CPU library (native/patches/0002-own-kernels.patch), for whose
// flavour the kernels are.
#include <ggml-backend-impl.h>
#include <ggml-cpu-impl.h>
#include <ggml-cpu.h>
#include <traits.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels/attention.h"
#include "kernels/f32-products.h"
#include "kernels/kernel.h"

ggml_backend_buffer_type_t ggml_backend_cpu_qwen3guard_buffer_type();

namespace guard::kernels {

namespace {

int64_t Blocks(const ggml_tensor* weights) {
  return weights->ne[0] / kBlock;
}

// What matrices of a type are to us.
struct Matrices : ggml::cpu::tensor_traits {
  virtual size_t Bytes(const ggml_tensor* weights) const = 0;
  virtual void Set(const ggml_tensor* weights, const void* data) const = 0;
};

// By what a panel's blocks are, those of ggml's rows, and the kernel for so many columns.
template <typename Block, typename Source, auto KernelFor>
struct MatricesOf final : Matrices {
  size_t Bytes(const ggml_tensor* weights) const override {
    return PanelBytes<Block>(weights->ne[1], Blocks(weights));
  }

  void Set(const ggml_tensor* weights, const void* data) const override {
    Rearrange(static_cast<const Source*>(data), weights->ne[1], Blocks(weights),
              static_cast<Block*>(weights->data));
  }

  bool work_size(int, const ggml_tensor* op, size_t& size) override {
    if (op->op != GGML_OP_MUL_MAT) return false;
    const int64_t columns = ggml_nrows(op->src[1]);
    size = PackedBytes(*KernelFor(columns), Blocks(op->src[0]), columns);
    return true;
  }

  bool compute_forward(ggml_compute_params* params, ggml_tensor* op) override {
    if (op->op != GGML_OP_MUL_MAT) return false;
    const KernelOf<Block>& kernel = *KernelFor(ggml_nrows(op->src[1]));
    const ggml_tensor *weights = op->src[0], *input = op->src[1];
    const WeightsOf<Block> matrix{static_cast<const Block*>(weights->data), weights->ne[1], Blocks(weights)};
    const int count = static_cast<int>(ggml_nrows(input));
    const int threads = params->nth, thread = params->ith;

    PackColumns(kernel, matrix.blocks, count, static_cast<int>(int64_t{count} * thread / threads),
                static_cast<int>(int64_t{count} * (thread + 1) / threads), params->wdata, [&](int column) {
                  const int64_t row = column % input->ne[1], rest = column / input->ne[1];
                  const auto at = static_cast<size_t>(row) * input->nb[1] +
                                  static_cast<size_t>(rest % input->ne[2]) * input->nb[2] +
                                  static_cast<size_t>(rest / input->ne[2]) * input->nb[3];
                  return reinterpret_cast<const float*>(static_cast<const char*>(input->data) + at);
                });

    // In pieces that the threads take as they come to it: one that has lost its CPU does not hold the others
    // up.
    const int64_t panels = Panels(matrix.rows);
    const int64_t piece = std::max<int64_t>(1, panels / (threads * 8));
    if (thread == 0) ggml_threadpool_chunk_set(params->threadpool, threads);
    ggml_barrier(params->threadpool);
    for (int64_t first = thread * piece; first < panels;
         first = ggml_threadpool_chunk_add(params->threadpool, 1) * piece) {
      kernel.multiply(matrix, first, std::min(first + piece, panels), params->wdata, count,
                      static_cast<float*>(op->data), op->nb[1] / sizeof(float));
    }
    return true;
  }
};

const KernelOf<BrainBlock>* ForBrain(int64_t) {
  return AmxBrain();
}
const KernelOf<HalfBlock>* ForHalf(int64_t) {
  return AmxHalf();
}

// Of whole blocks, in a type that we have a kernel for; null for what is left to ggml's.
Matrices* MatricesLike(const ggml_tensor* weights) {
  // Never destroyed: threads may still compute when the process exits.
  static auto* const q8 = new MatricesOf<PanelBlock, Q8Block, Fastest>();
  static auto* const brain = new MatricesOf<BrainBlock, uint16_t, ForBrain>();
  static auto* const half = new MatricesOf<HalfBlock, uint16_t, ForHalf>();
  if (ggml_n_dims(weights) != 2 || !ggml_is_contiguous(weights) || weights->ne[0] % kBlock != 0)
    return nullptr;
  switch (weights->type) {
    case GGML_TYPE_Q8_0:
      return Fastest(1) != nullptr ? q8 : nullptr;
    case GGML_TYPE_BF16:
      return AmxBrain() != nullptr ? brain : nullptr;
    case GGML_TYPE_F16:
      return AmxHalf() != nullptr ? half : nullptr;
    default:
      return nullptr;
  }
}

// The attention that an operation of ggml's asks for; whether it is one that we compute.
bool ReadAttention(const ggml_tensor* op, Attention& attention) {
  const ggml_tensor *query = op->src[0], *key = op->src[1], *value = op->src[2], *mask = op->src[3];
  float params[3];  // scale, bias, cap
  std::memcpy(params, op->op_params, sizeof(params));
  const auto vectors = [](const ggml_tensor* tensor) {
    return Attention::Vectors{static_cast<const char*>(tensor->data), tensor->nb[1], tensor->nb[2],
                              tensor->nb[3]};
  };
  if (!HasAttention() || mask == nullptr || op->src[4] != nullptr || params[1] != 0 || params[2] != 0 ||
      query->type != GGML_TYPE_F32 || key->type != GGML_TYPE_F16 || value->type != GGML_TYPE_F16 ||
      mask->type != GGML_TYPE_F16 || query->nb[0] != sizeof(float) || key->nb[0] != 2 || value->nb[0] != 2 ||
      key->ne[0] % 16 != 0 || value->ne[0] != key->ne[0] || key->ne[1] % kCells != 0 || mask->ne[2] != 1 ||
      query->ne[2] % key->ne[2] != 0 || value->ne[2] != key->ne[2] || query->ne[3] != key->ne[3] ||
      !ggml_is_contiguous(op)) {
    return false;
  }
  attention.length = static_cast<int>(key->ne[0]);
  attention.queries = static_cast<int>(query->ne[1]);
  attention.heads = static_cast<int>(query->ne[2]);
  attention.key_heads = static_cast<int>(key->ne[2]);
  attention.streams = static_cast<int>(query->ne[3]);
  attention.cells = static_cast<int>(key->ne[1]);
  attention.scale = params[0];
  attention.query = vectors(query);
  attention.key = vectors(key);
  attention.value = vectors(value);
  attention.mask = static_cast<const char*>(mask->data);
  attention.mask_row = mask->nb[1];
  attention.mask_stream = mask->ne[3] > 1 ? mask->nb[3] : 0;
  // In two rows behind those of the queries, where our patch of llama.cpp wrote the mask.
  attention.positions =
      mask->ne[1] == query->ne[1] + 2 ? attention.mask + query->ne[1] * mask->nb[1] : nullptr;
  attention.output = static_cast<float*>(op->data);
  return true;
}

struct AttentionOp : ggml::cpu::tensor_traits {
  bool work_size(int threads, const ggml_tensor* op, size_t& size) override {
    Attention attention{};
    if (!ReadAttention(op, attention)) return false;
    size = Scratch(attention) * static_cast<size_t>(threads) * sizeof(float);
    return true;
  }

  bool compute_forward(ggml_compute_params* params, ggml_tensor* op) override {
    Attention attention{};
    if (!ReadAttention(op, attention)) return false;
    attention.threads = params->nth;
    if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, params->nth);
    ggml_barrier(params->threadpool);
    float* scratch =
        static_cast<float*>(params->wdata) + Scratch(attention) * static_cast<size_t>(params->ith);
    const int pieces = AttentionPieces(attention);
    for (int piece = params->ith; piece < pieces; piece = ggml_threadpool_chunk_add(params->threadpool, 1)) {
      Attend(attention, piece, scratch);
    }
    return true;
  }

 private:
  // No two threads' share a cache line.
  static size_t Scratch(const Attention& attention) {
    return (AttentionScratch(attention) + kLine) / kLine * kLine;
  }
};

// Of the guard heads: ggml multiplies one column in another order than several.
struct HeadProduct : ggml::cpu::tensor_traits {
  static bool Computes(const ggml_tensor* op) {
    const ggml_tensor *weights = op->src[0], *input = op->src[1];
    return HasF32Products() && std::strncmp(weights->name, "cls", 3) == 0 && weights->type == GGML_TYPE_F32 &&
           input->type == GGML_TYPE_F32 && ggml_n_dims(weights) <= 2 && ggml_is_contiguous(weights) &&
           weights->ne[0] % 16 == 0 && ggml_is_matrix(input) && input->nb[0] == sizeof(float) &&
           ggml_is_contiguous(op) && weights->buffer != nullptr &&
           ggml_backend_buffer_is_host(weights->buffer);
  }

  bool work_size(int, const ggml_tensor* op, size_t& size) override {
    size = 0;
    return Computes(op);
  }

  bool compute_forward(ggml_compute_params* params, ggml_tensor* op) override {
    if (!Computes(op)) return false;
    const ggml_tensor *weights = op->src[0], *input = op->src[1];
    const int64_t rows = weights->ne[1], depth = weights->ne[0];
    const int64_t first = rows * params->ith / params->nth, last = rows * (params->ith + 1) / params->nth;
    MultiplyF32(static_cast<const float*>(weights->data), first, last, depth,
                static_cast<const float*>(input->data), input->nb[1] / sizeof(float), input->ne[1],
                static_cast<float*>(op->data), op->nb[1] / sizeof(float));
    return true;
  }
};

struct BufferType : ggml::cpu::extra_buffer_type {
  bool supports_op(ggml_backend_dev_t, const ggml_tensor* op) override {
    const ggml_tensor *weights = op->src[0], *input = op->src[1];
    return op->op == GGML_OP_MUL_MAT && InOurs(weights) && MatricesLike(weights) != nullptr &&
           input->type == GGML_TYPE_F32 && input->nb[0] == sizeof(float) && ggml_is_contiguous(op) &&
           (input->buffer == nullptr || ggml_backend_buft_is_host(input->buffer->buft));
  }

  // ggml asks this for every operation, whatever buffers it is of.
  ggml::cpu::tensor_traits* get_tensor_traits(const ggml_tensor* op) override {
    // Never destroyed: threads may still compute when the process exits.
    static auto* const attention = new AttentionOp();
    static auto* const head = new HeadProduct();
    if (op->op == GGML_OP_FLASH_ATTN_EXT) return attention;
    if (op->op == GGML_OP_MUL_MAT && HeadProduct::Computes(op)) return head;
    if (op->op != GGML_OP_MUL_MAT || !InOurs(op->src[0])) return nullptr;
    return static_cast<ggml::cpu::tensor_traits*>(op->src[0]->extra);
  }

 private:
  static bool InOurs(const ggml_tensor* weights) {
    return weights->buffer != nullptr && weights->buffer->buft == ggml_backend_cpu_qwen3guard_buffer_type();
  }
};

ggml_status InitTensor(ggml_backend_buffer_t, ggml_tensor* tensor) {
  tensor->extra = static_cast<ggml::cpu::tensor_traits*>(MatricesLike(tensor));
  return GGML_STATUS_SUCCESS;
}

void SetTensor(ggml_backend_buffer_t, ggml_tensor* tensor, const void* data, size_t offset, size_t size) {
  GGML_ASSERT(tensor->extra != nullptr && offset == 0 && size == ggml_nbytes(tensor));
  MatricesLike(tensor)->Set(tensor, data);
}

// Named after the kernel for many columns.
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
const char* Name(ggml_backend_buffer_type_t) {
  return Fastest(kMost)->name;
}

ggml_backend_buffer_t Allocate(ggml_backend_buffer_type_t type, size_t size) {
  ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
  if (buffer == nullptr) return nullptr;
  buffer->buft = type;
  buffer->iface.init_tensor = InitTensor;
  buffer->iface.set_tensor = SetTensor;
  buffer->iface.get_tensor = nullptr;  // nobody reads rearranged weights back
  buffer->iface.cpy_tensor = nullptr;
  return buffer;
}

size_t Alignment(ggml_backend_buffer_type_t) {
  return kLine;
}

size_t BytesFor(ggml_backend_buffer_type_t, const ggml_tensor* tensor) {
  const Matrices* matrices = MatricesLike(tensor);
  return matrices != nullptr ? matrices->Bytes(tensor) : ggml_nbytes(tensor);
}

}  // namespace

}  // namespace guard::kernels

// Null where this flavour has no kernel of ours.
ggml_backend_buffer_type_t ggml_backend_cpu_qwen3guard_buffer_type() {
  using namespace guard::kernels;
  if (Fastest(1) == nullptr) return nullptr;
  static ggml_backend_buffer_type type{
      {Name, Allocate, Alignment, nullptr, BytesFor, nullptr},
      ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0),
      static_cast<ggml::cpu::extra_buffer_type*>(new BufferType()),
  };
  return &type;
}
