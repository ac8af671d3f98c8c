{
  # node-gyp only starts the CMake build: `node-gyp rebuild`, and node-gyp-build's own install command, end in the same
  # build/Release/qwen3guard.node as `npm run build:native`. Not at the top level: `npm install` runs scripts/install.mjs.
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
