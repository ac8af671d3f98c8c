/** A ggml tensor type: `blockSize` values take `blockBytes` bytes. */
export interface GgmlTypeInfo {
  readonly name: string
  readonly blockSize: number
  readonly blockBytes: number
}

function type(name: string, blockSize: number, blockBytes: number): GgmlTypeInfo {
  return { name, blockSize, blockBytes }
}

/**
 * ggml's tensor types by the number a GGUF stores. Numbers not listed were removed from GGUF or are
 * younger than the pinned llama.cpp. Source: `enum ggml_type` and `type_traits` in llama.cpp v0.5.0.
 */
export const GGML_TYPES: ReadonlyMap<number, GgmlTypeInfo> = new Map([
  [0, type('f32', 1, 4)],
  [1, type('f16', 1, 2)],
  [2, type('q4_0', 32, 18)],
  [3, type('q4_1', 32, 20)],
  [6, type('q5_0', 32, 22)],
  [7, type('q5_1', 32, 24)],
  [8, type('q8_0', 32, 34)],
  [9, type('q8_1', 32, 36)],
  [10, type('q2_K', 256, 84)],
  [11, type('q3_K', 256, 110)],
  [12, type('q4_K', 256, 144)],
  [13, type('q5_K', 256, 176)],
  [14, type('q6_K', 256, 210)],
  [15, type('q8_K', 256, 292)],
  [16, type('iq2_xxs', 256, 66)],
  [17, type('iq2_xs', 256, 74)],
  [18, type('iq3_xxs', 256, 98)],
  [19, type('iq1_s', 256, 50)],
  [20, type('iq4_nl', 32, 18)],
  [21, type('iq3_s', 256, 110)],
  [22, type('iq2_s', 256, 82)],
  [23, type('iq4_xs', 256, 136)],
  [24, type('i8', 1, 1)],
  [25, type('i16', 1, 2)],
  [26, type('i32', 1, 4)],
  [27, type('i64', 1, 8)],
  [28, type('f64', 1, 8)],
  [29, type('iq1_m', 256, 56)],
  [30, type('bf16', 1, 2)],
  [34, type('tq1_0', 256, 54)],
  [35, type('tq2_0', 256, 66)],
  [39, type('mxfp4', 32, 17)],
  [40, type('nvfp4', 64, 36)],
  [41, type('q1_0', 128, 18)],
  [42, type('q2_0', 64, 18)],
])

/**
 * Types a weight matrix may have. The others are integers, doubles and ggml's intermediate types:
 * llama.cpp has no row look-up or dot product for them and ends the process when it meets one.
 */
export const WEIGHT_TYPES: ReadonlySet<string> = new Set(
  [...GGML_TYPES.values()]
    .map((info) => info.name)
    .filter((name) => !['q8_1', 'q8_K', 'i8', 'i16', 'i32', 'i64', 'f64', 'nvfp4'].includes(name)),
)

/** Names of `general.file_type`. Source: `enum llama_ftype` in llama.cpp v0.5.0. */
export const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'f32'],
  [1, 'f16'],
  [2, 'q4_0'],
  [3, 'q4_1'],
  [7, 'q8_0'],
  [8, 'q5_0'],
  [9, 'q5_1'],
  [10, 'q2_K'],
  [11, 'q3_K_S'],
  [12, 'q3_K_M'],
  [13, 'q3_K_L'],
  [14, 'q4_K_S'],
  [15, 'q4_K_M'],
  [16, 'q5_K_S'],
  [17, 'q5_K_M'],
  [18, 'q6_K'],
  [19, 'iq2_xxs'],
  [20, 'iq2_xs'],
  [21, 'q2_K_S'],
  [22, 'iq3_xs'],
  [23, 'iq3_xxs'],
  [24, 'iq1_s'],
  [25, 'iq4_nl'],
  [26, 'iq3_s'],
  [27, 'iq3_m'],
  [28, 'iq2_s'],
  [29, 'iq2_m'],
  [30, 'iq4_xs'],
  [31, 'iq1_m'],
  [32, 'bf16'],
  [36, 'tq1_0'],
  [37, 'tq2_0'],
  [38, 'mxfp4'],
  [39, 'nvfp4'],
  [40, 'q1_0'],
  [41, 'q2_0'],
])

/** Block sizes of a ggml type by its name. */
export function typeInfo(name: string): { number: number; blockSize: number; blockBytes: number } {
  for (const [number, info] of GGML_TYPES) if (info.name === name) return { number, ...info }
  throw new TypeError(`ggml has no type ${name}`)
}
