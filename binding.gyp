{
  # node-gyp only starts the CMake build: prebuildify, `node-gyp rebuild` and node-gyp-build's source
  # fallback all end in the same build/Release/qwen3guard.node as `npm run build:native`.
  "targets": [
    {
      "target_name": "qwen3guard",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/qwen3guard.node"],
          "action": ["node", "scripts/build.mjs"]
        }
      ]
    }
  ]
}
