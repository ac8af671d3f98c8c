"""What Qwen's tokenizer makes of texts that the Node running normaliser_probes.mjs normalises otherwise.

node scripts/golden/normaliser_probes.mjs | python scripts/golden/make_normaliser.py TOKENIZER_JSON > test/fixtures/golden/normaliser.json
"""

import json
import sys

from tokenizers import Tokenizer

normaliser = Tokenizer.from_file(sys.argv[1]).normalizer
lines = []
for text, by_node in json.load(sys.stdin):
    expected = normaliser.normalize_str(text)
    if expected != by_node:
        lines.append(json.dumps([text, expected]))
print("[\n  " + ",\n  ".join(lines) + "\n]")
